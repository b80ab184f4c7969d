-- No two maps of one data set, model, variant, method, view, input size, parameters, target, image, layer and head.
SELECT dataset, model, variant, method, view, input_size, params_id, target_id, image_id, layer, head, count(*) AS maps
FROM maps
GROUP BY ALL
HAVING count(*) > 1;
