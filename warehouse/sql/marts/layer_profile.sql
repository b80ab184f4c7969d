-- One row per map series, metric, percentile and layer, all heads fused: where in depth a model looks at the boxes.
CREATE OR REPLACE VIEW layer_profile AS
SELECT * EXCLUDE (group_kind, group_key, head)
FROM aggregates
WHERE group_kind = 'all' AND head = -1;
