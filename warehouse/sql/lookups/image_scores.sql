-- One row per map of one image: IoU at a percentile and energy against the union of its boxes, with their chance levels.
CREATE OR REPLACE MACRO image_scores(of_image, at_percentile := 90) AS TABLE
SELECT
    dataset, model, variant, method, view, input_size, params_id, target_id, layer, head, outcome, boxes,
    iou[at_percentile] AS iou, iou_chance(area, visible_pixels, at_percentile) AS iou_chance,
    energy, area_grid AS energy_chance
FROM scores
WHERE image_id = of_image
ORDER BY ALL;
