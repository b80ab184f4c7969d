-- Every score lies in the range that the registry gives its metric, up to rounding, and is a number; IoU is a curve over 99 percentiles.
WITH numbers AS (
    SELECT * EXCLUDE (
        run_id, params_id, target_id, view, input_size, frame, image_id, layer, head, outcome, boxes, boxes_left_out,
        visible_pixels, area, area_grid, area_grown, area_mass, area_above_mean, iou, recall, precision, iou_share
    )
    FROM scores
),
least AS (
    SELECT dataset, model, variant, method, min(COLUMNS(* EXCLUDE (dataset, model, variant, method))) FROM numbers GROUP BY ALL
),
most AS (
    SELECT dataset, model, variant, method, max(COLUMNS(* EXCLUDE (dataset, model, variant, method))) FROM numbers GROUP BY ALL
),
ranges AS (
    SELECT l.*, m.most
    FROM least UNPIVOT (least FOR metric IN (COLUMNS(* EXCLUDE (dataset, model, variant, method)))) AS l
    JOIN (FROM most UNPIVOT (most FOR metric IN (COLUMNS(* EXCLUDE (dataset, model, variant, method))))) AS m
        USING (dataset, model, variant, method, metric)
)
SELECT r.dataset, r.model, r.variant, r.method, r.metric, r.least, r.most
FROM ranges AS r
JOIN metrics AS t USING (metric)
WHERE isnan(r.most) OR r.least < t.low - 1e-5 OR r.most > t.high + 1e-5
UNION ALL
SELECT dataset, model, variant, method, 'iou', min(list_min(iou)), max(list_max(iou))
FROM scores
WHERE len(iou) != 99 OR list_min(iou) < 0 OR list_max(iou) > 1.001 OR list_bool_or(list_transform(iou, lambda x: isnan(x)))
GROUP BY ALL;
