-- One row per map series and layer, all heads fused: how the score grows with depth.
CREATE OR REPLACE MACRO layer_progression(of_metric, at_percentile := NULL) AS TABLE
WITH asked AS MATERIALIZED (
    SELECT known_metric(of_metric, 'all') AS metric, known_percentile(of_metric, at_percentile, 'all') AS percentile
)
SELECT p.* RENAME (mean AS value)
FROM layer_profile AS p
JOIN asked AS q ON p.metric = q.metric AND p.percentile = q.percentile
ORDER BY p.dataset, p.model, p.variant, p.method, p.view, p.input_size, p.params_id, p.layer;
