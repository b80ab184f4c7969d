-- No map is of a layer or head that its model does not have.
SELECT m.dataset, m.model, m.variant, m.method, m.layer, m.head, o.layers, o.heads
FROM (SELECT DISTINCT dataset, model, variant, method, layer, head FROM maps) AS m
JOIN models AS o USING (model, variant)
WHERE m.layer < -1 OR m.layer >= o.layers OR m.head < -1 OR (m.head >= o.heads AND m.head >= 0);
