-- A box scored against a map that is scored or constant has scores, against a zero map its mean squared error alone, else none.
WITH numbers AS (
    SELECT
        *, coalesce(*COLUMNS(* EXCLUDE (
            dataset, model, variant, method, run_id, params_id, target_id, view, input_size, frame, image_id, layer, head,
            outcome, box_id, feature_type, visible_fraction, area_mass, area_above_mean, visible_pixels, area, area_grid, area_grown,
            iou, recall, precision, iou_share, mse
        ))) AS any_but_mse
    FROM box_scores
)
SELECT dataset, model, variant, method, image_id, layer, head, box_id, outcome, energy, mse
FROM numbers
WHERE outcome NOT IN ('scored', 'constant', 'hidden', 'zero_map', 'not_finite')
    OR (outcome IN ('scored', 'constant')) != (energy IS NOT NULL AND iou IS NOT NULL)
    OR (outcome IN ('scored', 'constant', 'zero_map')) != (mse IS NOT NULL)
    OR (outcome NOT IN ('scored', 'constant') AND any_but_mse IS NOT NULL);
