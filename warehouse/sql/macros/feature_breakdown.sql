-- One row per map series and feature type, at one layer (the last by default), all heads fused, scored box by box, best first
-- in each type; features first, then distractors, which a model should not look at. With baselines := true the model-free
-- baselines stand beside them. few: fewer than 20 sources, an interval to be wary of.
CREATE OR REPLACE MACRO feature_breakdown(of_metric, at_percentile := NULL, at_layer := NULL, baselines := false) AS TABLE
WITH asked AS MATERIALIZED (
    SELECT known_metric(of_metric, 'feature_type') AS metric, known_percentile(of_metric, at_percentile, 'feature_type') AS percentile,
        known_layer(at_layer) AS layer
)
SELECT p.* RENAME (mean AS value), is_few(p.n_sources) AS few
FROM feature_profile AS p
JOIN asked AS q ON p.metric = q.metric AND p.percentile = q.percentile
JOIN series AS s USING (dataset, model, variant, method, view, input_size, params_id)
LEFT JOIN metrics AS t ON t.metric = p.metric
-- said twice, so that what is not asked for is not read
WHERE p.metric = of_metric AND p.percentile = coalesce(at_percentile, p.percentile)
    AND p.layer = CASE WHEN p.baseline = '' THEN coalesce(q.layer, s.layer) ELSE s.layer END
    AND (baselines OR p.baseline = '')
ORDER BY p.dataset, p.distractor, p.feature_type, towards_better(t.direction) * p.mean DESC NULLS LAST, p.model, p.variant, p.method, p.view;
