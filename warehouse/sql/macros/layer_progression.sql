-- One row per map series and layer, all heads fused: how the score changes with depth. With baselines := true those of the
-- models' own maps, which have the same layers, and the model-free ones, at layer -1, stand beside them.
CREATE OR REPLACE MACRO layer_progression(of_metric, at_percentile := NULL, baselines := false) AS TABLE
WITH asked AS MATERIALIZED (
    SELECT known_metric(of_metric, 'all') AS metric, known_percentile(of_metric, at_percentile, 'all') AS percentile
)
SELECT p.* RENAME (mean AS value)
FROM layer_profile AS p
JOIN asked AS q ON p.metric = q.metric AND p.percentile = q.percentile
-- said twice, so that what is not asked for is not read
WHERE p.metric = of_metric AND p.percentile = coalesce(at_percentile, p.percentile) AND (baselines OR p.baseline = '')
ORDER BY p.dataset, p.model, p.variant, p.method, p.view, p.input_size, p.params_id, p.layer;
