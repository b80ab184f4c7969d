-- One row per map series, metric, percentile, layer and feature type, scored box by box; `distractor` tells what a model should
-- look at from what it should not.
CREATE OR REPLACE VIEW feature_profile AS
SELECT
    a.* EXCLUDE (group_kind, group_key, head), a.group_key AS feature_type, f.name AS feature_name, f.parent, f.distractor, s.baseline
FROM aggregates AS a
JOIN series AS s USING (dataset, model, variant, method, view, input_size, params_id)
LEFT JOIN feature_types AS f ON f.dataset = a.dataset AND f.feature_type = a.group_key
WHERE a.group_kind = 'feature_type' AND a.head = -1;
