-- No two scores of one map.
SELECT dataset, model, variant, method, view, input_size, params_id, target_id, image_id, layer, head, count(*) AS scores
FROM scores
GROUP BY ALL
HAVING count(*) > 1;
