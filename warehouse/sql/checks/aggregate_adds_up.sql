-- A summary counts every score once, be there a number or not: those of the union by images, those of boxes over feature types,
-- and those of features, without the distractors, over strata of size.
WITH counted AS (
    SELECT dataset, model, variant, method, view, input_size, params_id, layer, head, 'all' AS group_kind, count(*) AS scores
    FROM scores GROUP BY ALL
    UNION ALL
    SELECT dataset, model, variant, method, view, input_size, params_id, layer, head, 'feature_type', count(*)
    FROM box_scores GROUP BY ALL
    UNION ALL
    SELECT
        dataset, model, variant, method, view, input_size, params_id, layer, head, 'box_size', count(*) FILTER (NOT distractor)
    FROM box_scores JOIN feature_types USING (dataset, feature_type)
    GROUP BY ALL
),
summed AS (
    SELECT
        dataset, model, variant, method, view, input_size, params_id, layer, head, group_kind, metric, percentile,
        sum(n + n_left_out) AS summarised
    FROM aggregates
    WHERE group_kind IN ('all', 'feature_type', 'box_size')
    GROUP BY ALL
)
SELECT a.dataset, a.model, a.variant, a.method, a.layer, a.head, a.group_kind, a.metric, a.percentile, a.summarised, c.scores
FROM summed AS a
JOIN counted AS c USING (dataset, model, variant, method, view, input_size, params_id, layer, head, group_kind)
WHERE a.summarised != c.scores
UNION ALL
SELECT dataset, model, variant, method, layer, head, group_kind, metric, percentile, n, n_images
FROM aggregates
WHERE n_constant > n OR n_images > n OR n_sources > n_images;
