-- Wherever a map has a score whose chance level is drawn, that level is there, for the union and for each box.
WITH targets AS (
    SELECT
        dataset, view, input_size, frame, image_id, '' AS box_id, max(COLUMNS(* EXCLUDE (
            dataset, model, variant, method, run_id, params_id, target_id, view, input_size, frame, image_id, layer, head,
            outcome, boxes, boxes_left_out, visible_pixels, area, area_grid, area_grown, area_mass, area_above_mean,
            iou, recall, precision, iou_share
        )))
    FROM scores
    GROUP BY ALL
    UNION ALL BY NAME
    SELECT
        dataset, view, input_size, frame, image_id, box_id, max(COLUMNS(* EXCLUDE (
            dataset, model, variant, method, run_id, params_id, target_id, view, input_size, frame, image_id, layer, head,
            outcome, box_id, feature_type, visible_fraction, visible_pixels, area, area_grid, area_grown, area_mass,
            area_above_mean, iou, recall, precision, iou_share
        )))
    FROM box_scores
    GROUP BY ALL
)
SELECT s.dataset, s.view, s.input_size, s.frame, s.image_id, s.box_id, s.metric
FROM targets UNPIVOT (value FOR metric IN (COLUMNS(* EXCLUDE (dataset, view, input_size, frame, image_id, box_id)))) AS s
LEFT JOIN nulls AS n USING (dataset, view, input_size, frame, image_id, box_id, metric)
WHERE n.mean IS NULL AND s.metric IN (SELECT metric FROM metrics WHERE null_kind = 'monte_carlo');
