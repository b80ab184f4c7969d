-- Pixels that a percentile selects out of n (at least one).
CREATE OR REPLACE MACRO selected_pixels(n, at_percentile) AS greatest(1, round_even(n * (100 - at_percentile) / 100.0, 0));

-- IoU expected of a map that knows nothing: a selection of share a against a target of share g (null: pixel permutation).
CREATE OR REPLACE MACRO iou_chance(area, visible_pixels, at_percentile) AS (
    (selected_pixels(visible_pixels, at_percentile) / visible_pixels) * area
    / ((selected_pixels(visible_pixels, at_percentile) / visible_pixels) + area
       - (selected_pixels(visible_pixels, at_percentile) / visible_pixels) * area)
);
