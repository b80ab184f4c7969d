-- One row per map of one image, target and metric that has a number: its value and chance level. box_id is empty for the union
-- of the image's features; then come its features and its distractors. of_model leaves the maps of one model; thresholded metrics
-- stand at one percentile.
CREATE OR REPLACE MACRO image_metrics(of_image, of_model := NULL, at_percentile := 90) AS TABLE
WITH wide AS (
    SELECT
        '' AS box_id, '' AS feature_type, s.* EXCLUDE (run_id, boxes, boxes_left_out)
            REPLACE (
                s.iou[at_percentile] AS iou, s.recall[at_percentile] AS recall, s.precision[at_percentile] AS precision,
                s.iou_share[at_percentile] AS iou_share
            )
    FROM scores AS s
    WHERE s.image_id = of_image AND (of_model IS NULL OR s.model = of_model)
    UNION ALL BY NAME
    SELECT
        b.* EXCLUDE (run_id, visible_fraction)
            REPLACE (
                b.iou[at_percentile] AS iou, b.recall[at_percentile] AS recall, b.precision[at_percentile] AS precision,
                b.iou_share[at_percentile] AS iou_share
            )
    FROM box_scores AS b
    WHERE b.image_id = of_image AND (of_model IS NULL OR b.model = of_model)
),
long AS (
    SELECT *
    FROM wide UNPIVOT (value FOR metric IN (COLUMNS(* EXCLUDE (
        dataset, model, variant, method, params_id, target_id, view, input_size, frame, image_id, layer, head, box_id,
        feature_type, outcome, visible_pixels, area, area_grid, area_grown, area_mass, area_above_mean
    ))))
)
SELECT
    l.* EXCLUDE (frame, visible_pixels, area, area_grid, area_grown, area_mass, area_above_mean),
    CASE WHEN t.thresholded THEN at_percentile ELSE -1 END::SMALLINT AS percentile,
    coalesce(closed_form_chance(
        l.metric, at_percentile, l.visible_pixels, l.area, l.area_grid, l.area_grown, l.area_mass, l.area_above_mean
    ), n.mean) AS chance,
    coalesce(f.distractor, false) AS distractor
FROM long AS l
JOIN metrics AS t USING (metric)
LEFT JOIN nulls AS n USING (dataset, view, input_size, frame, image_id, box_id, metric)
LEFT JOIN feature_types AS f ON f.dataset = l.dataset AND f.feature_type = l.feature_type
ORDER BY
    l.dataset, l.model, l.variant, l.method, l.view, l.input_size, l.params_id, l.target_id, l.layer, l.head,
    coalesce(f.distractor, false), l.box_id, l.metric;
