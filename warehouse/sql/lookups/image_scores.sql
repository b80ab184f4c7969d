-- One row per map of one image: every metric against the union of its features, thresholded ones at a percentile, with the chance
-- levels of IoU and energy. image_metrics has those of all metrics, one a row.
CREATE OR REPLACE MACRO image_scores(of_image, at_percentile := 90) AS TABLE
SELECT
    s.* EXCLUDE (run_id, visible_pixels, area, area_grid, area_grown, area_mass, area_above_mean)
        REPLACE (
            s.iou[at_percentile] AS iou, s.recall[at_percentile] AS recall, s.precision[at_percentile] AS precision,
            s.iou_share[at_percentile] AS iou_share
        ),
    iou_chance(s.area, s.visible_pixels, at_percentile) AS iou_chance, s.area_grid AS energy_chance
FROM scores AS s
WHERE s.image_id = of_image
ORDER BY s.dataset, s.model, s.variant, s.method, s.view, s.input_size, s.params_id, s.target_id, s.layer, s.head;
