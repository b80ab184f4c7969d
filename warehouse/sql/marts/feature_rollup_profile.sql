-- One row per map series, metric, percentile, layer and feature type, each type with all its narrower ones, box by box; a box
-- counts once. Features and distractors are kept apart: neither counts as a narrower type of the other. A type without narrower
-- ones has the numbers of feature_profile. `narrower` says whether it has any.
CREATE OR REPLACE VIEW feature_rollup_profile AS
WITH broader AS (
    SELECT DISTINCT p.dataset, p.feature_type
    FROM (SELECT dataset, unnest(parent) AS parent, distractor FROM feature_types) AS n
    JOIN feature_types AS p ON p.dataset = n.dataset AND p.feature_type = n.parent AND p.distractor = n.distractor
)
SELECT
    a.* EXCLUDE (group_kind, group_key, head), a.group_key AS feature_type, f.name AS feature_name, f.parent, f.distractor, s.baseline,
    a.group_kind = 'feature_rollup' AS narrower
FROM aggregates AS a
JOIN series AS s USING (dataset, model, variant, method, view, input_size, params_id)
LEFT JOIN feature_types AS f ON f.dataset = a.dataset AND f.feature_type = a.group_key
LEFT JOIN broader AS b ON b.dataset = a.dataset AND b.feature_type = a.group_key
WHERE a.group_kind IN ('feature_type', 'feature_rollup') AND a.head = -1
    AND (a.group_kind = 'feature_rollup' OR b.feature_type IS NULL);
