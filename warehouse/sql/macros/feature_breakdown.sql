-- One row per map series and feature type, at one layer (the last by default), all heads fused, scored box by box.
CREATE OR REPLACE MACRO feature_breakdown(of_metric, at_percentile := NULL, at_layer := NULL) AS TABLE
WITH asked AS MATERIALIZED (
    SELECT known_metric(of_metric, 'feature_type') AS metric, known_percentile(of_metric, at_percentile, 'feature_type') AS percentile,
        known_layer(at_layer) AS layer
)
SELECT f.* RENAME (mean AS value)
FROM feature_profile AS f
JOIN asked AS q ON f.metric = q.metric AND f.percentile = q.percentile
JOIN reported_layers AS r USING (dataset, model, variant, method, view, input_size, params_id)
WHERE f.layer = coalesce(q.layer, r.layer)
ORDER BY f.dataset, f.feature_type, f.mean DESC;
