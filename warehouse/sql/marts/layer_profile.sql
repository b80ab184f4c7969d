-- One row per map series, metric, percentile and layer, all heads fused: where in depth a model looks at the boxes. Baselines
-- bear their name in `baseline`; it is empty for a model's own maps.
CREATE OR REPLACE VIEW layer_profile AS
SELECT a.* EXCLUDE (group_kind, group_key, head), s.baseline
FROM aggregates AS a
JOIN series AS s USING (dataset, model, variant, method, view, input_size, params_id)
WHERE a.group_kind = 'all' AND a.head = -1;
