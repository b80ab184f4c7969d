-- One row per map series and stratum of box size, from tiny to large, at one layer (the last by default), all heads fused,
-- scored box by box, distractors left out. With baselines := true the model-free baselines stand beside them.
CREATE OR REPLACE MACRO size_breakdown(of_metric, at_percentile := NULL, at_layer := NULL, baselines := false) AS TABLE
WITH asked AS MATERIALIZED (
    SELECT known_metric(of_metric, 'box_size') AS metric, known_percentile(of_metric, at_percentile, 'box_size') AS percentile,
        known_layer(at_layer) AS layer
)
SELECT p.* RENAME (mean AS value), is_few(p.n_sources) AS few
FROM size_profile AS p
JOIN asked AS q ON p.metric = q.metric AND p.percentile = q.percentile
JOIN series AS s USING (dataset, model, variant, method, view, input_size, params_id)
LEFT JOIN metrics AS t ON t.metric = p.metric
-- said twice, so that what is not asked for is not read
WHERE p.metric = of_metric AND p.percentile = coalesce(at_percentile, p.percentile)
    AND p.layer = CASE WHEN p.baseline = '' THEN coalesce(q.layer, s.layer) ELSE s.layer END
    AND (baselines OR p.baseline = '')
ORDER BY p.dataset, p.size_order, towards_better(t.direction) * p.mean DESC NULLS LAST, p.model, p.variant, p.method, p.view;
