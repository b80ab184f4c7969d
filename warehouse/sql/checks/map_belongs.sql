-- Every map is of a known image, model, method and parameter set.
SELECT m.dataset, m.model, m.variant, m.method, m.image_id, m.params_id
FROM maps AS m
LEFT JOIN images AS i ON i.dataset = m.dataset AND i.image_id = m.image_id
LEFT JOIN models AS o ON o.model = m.model AND o.variant = m.variant
LEFT JOIN methods AS t ON t.method = m.method
LEFT JOIN params AS p ON p.params_id = m.params_id AND p.method = m.method
WHERE i.image_id IS NULL OR o.model IS NULL OR t.method IS NULL OR p.params_id IS NULL;
