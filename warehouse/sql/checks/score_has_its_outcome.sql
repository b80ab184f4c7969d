-- A map that is scored or constant has scores, a zero map its mean squared error alone, and any other none.
WITH numbers AS (
    SELECT
        *, coalesce(*COLUMNS(* EXCLUDE (
            dataset, model, variant, method, run_id, params_id, target_id, view, input_size, frame, image_id, layer, head,
            outcome, boxes, boxes_left_out, area_mass, area_above_mean, visible_pixels, area, area_grid, area_grown,
            iou, recall, precision, iou_share, mse
        ))) AS any_but_mse
    FROM scores
)
SELECT dataset, model, variant, method, image_id, layer, head, outcome, energy, mse
FROM numbers
WHERE outcome NOT IN ('scored', 'constant', 'no_box', 'zero_map', 'not_finite')
    OR (outcome IN ('scored', 'constant')) != (energy IS NOT NULL AND iou IS NOT NULL)
    OR (outcome IN ('scored', 'constant', 'zero_map')) != (mse IS NOT NULL)
    OR (outcome NOT IN ('scored', 'constant') AND any_but_mse IS NOT NULL);
