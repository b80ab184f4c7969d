-- Every map has one value a cell, scaled to at most 1 in magnitude unless it is not finite (then it has no peak).
SELECT dataset, model, variant, method, image_id, layer, head, grid_h, grid_w, len("values") AS cells
FROM maps
WHERE len("values") != grid_h * grid_w OR (peak IS NOT NULL AND list_max(list_transform("values", lambda v: abs(v))) > 1.001);
