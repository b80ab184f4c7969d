-- Pixels that a percentile selects out of n (at least one).
CREATE OR REPLACE MACRO selected_pixels(n, at_percentile) AS greatest(1, round_even(n * (100 - at_percentile) / 100.0, 0));

-- IoU that a selection of share `selected` has by chance with a target of share `area` (null: pixels permuted).
CREATE OR REPLACE MACRO selection_chance(area, selected) AS (
    selected * area / nullif(selected + area - selected * area, 0)
);

-- IoU expected of a map that knows nothing, at a percentile.
CREATE OR REPLACE MACRO iou_chance(area, visible_pixels, at_percentile) AS (
    selection_chance(area, selected_pixels(visible_pixels, at_percentile) / visible_pixels)
);

-- Chance level of one score, from the areas that stand beside it, for every metric whose null_kind is closed_form; NULL for
-- the others. A percentile is used by thresholded metrics alone.
CREATE OR REPLACE MACRO closed_form_chance(
    of_metric, at_percentile, visible_pixels, area, area_grid, area_grown, area_mass, area_above_mean
) AS (
    CASE of_metric
        WHEN 'iou' THEN iou_chance(area, visible_pixels, at_percentile)
        WHEN 'iou_share' THEN iou_chance(area, visible_pixels, at_percentile)
            * greatest(area, selected_pixels(visible_pixels, at_percentile) / visible_pixels)
            / nullif(least(area, selected_pixels(visible_pixels, at_percentile) / visible_pixels), 0)
        WHEN 'recall' THEN selected_pixels(visible_pixels, at_percentile) / visible_pixels
        WHEN 'precision' THEN area
        WHEN 'iou_mean' THEN list_avg(list_transform(range(1, 100), lambda p: iou_chance(area, visible_pixels, p)))
        WHEN 'iou_oracle' THEN area / (2 - area)
        WHEN 'iou_mass' THEN selection_chance(area, area_mass)
        WHEN 'iou_above_mean' THEN selection_chance(area, area_above_mean)
        WHEN 'pointing' THEN area
        WHEN 'pointing_15' THEN area_grown
        WHEN 'energy' THEN area_grid
        WHEN 'lift' THEN 1
        WHEN 'energy_normalised' THEN 0
        WHEN 'auroc' THEN 0.5
        WHEN 'shuffled_auc' THEN 0.5
        WHEN 'nss' THEN 0
    END
);
