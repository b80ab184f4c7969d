-- One row per map series, metric, percentile, layer and single head.
CREATE OR REPLACE VIEW head_profile AS
SELECT * EXCLUDE (group_kind, group_key)
FROM aggregates
WHERE group_kind = 'all' AND head >= 0;
