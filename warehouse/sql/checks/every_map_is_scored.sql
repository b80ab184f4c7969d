-- Maps and scores of models are the same set: every map has a score (or a stated outcome), every score a map.
SELECT dataset, model, variant, method, view, input_size, params_id, target_id, image_id, layer, head
FROM (
    (SELECT dataset, model, variant, method, view, input_size, params_id, target_id, image_id, layer, head FROM maps
     EXCEPT
     SELECT dataset, model, variant, method, view, input_size, params_id, target_id, image_id, layer, head FROM scores)
    UNION ALL
    (SELECT dataset, model, variant, method, view, input_size, params_id, target_id, image_id, layer, head FROM scores
     WHERE method IN (SELECT method FROM methods)
     EXCEPT
     SELECT dataset, model, variant, method, view, input_size, params_id, target_id, image_id, layer, head FROM maps)
);
