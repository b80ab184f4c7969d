-- One row per map series, metric, percentile, layer and style; an image with two styles counts in both.
CREATE OR REPLACE VIEW style_profile AS
SELECT a.* EXCLUDE (group_kind, group_key, head), a.group_key AS style, s.baseline
FROM aggregates AS a
JOIN series AS s USING (dataset, model, variant, method, view, input_size, params_id)
WHERE a.group_kind = 'style' AND a.head = -1;
