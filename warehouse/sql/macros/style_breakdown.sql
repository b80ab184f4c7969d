-- One row per map series and style, at one layer (the last by default), all heads fused.
CREATE OR REPLACE MACRO style_breakdown(of_metric, at_percentile := NULL, at_layer := NULL) AS TABLE
WITH asked AS MATERIALIZED (
    SELECT known_metric(of_metric, 'style') AS metric, known_percentile(of_metric, at_percentile, 'style') AS percentile,
        known_layer(at_layer) AS layer
)
SELECT s.* RENAME (mean AS value)
FROM style_profile AS s
JOIN asked AS q ON s.metric = q.metric AND s.percentile = q.percentile
JOIN reported_layers AS r USING (dataset, model, variant, method, view, input_size, params_id)
WHERE s.layer = coalesce(q.layer, r.layer)
ORDER BY s.dataset, s.style, s.mean DESC;
