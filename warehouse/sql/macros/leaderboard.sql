-- One row per data set, model, variant, method and view: the last layer, all heads fused, best first.
-- value [ci_low, ci_high]: mean over images and its 95 % interval over sources; chance: what a map that knows nothing is
-- expected to score on the same images; lift: value over chance; best_layer, best_value: the best of all layers picked on
-- these same images, and so optimistic; verdict: how far the method may be trusted on this kind of model.
CREATE OR REPLACE MACRO leaderboard(of_metric, at_percentile := NULL) AS TABLE
WITH asked AS MATERIALIZED (
    SELECT known_metric(of_metric, 'all') AS metric, known_percentile(of_metric, at_percentile, 'all') AS percentile
),
profile AS (
    SELECT p.* FROM layer_profile AS p JOIN asked AS q ON p.metric = q.metric AND p.percentile = q.percentile
),
best AS (
    SELECT
        dataset, model, variant, method, view, input_size, params_id,
        arg_max(layer, mean) AS best_layer, max(mean) AS best_value
    FROM profile
    WHERE mean IS NOT NULL
    GROUP BY ALL
)
SELECT
    p.dataset, p.model, p.variant, p.method, p.view, p.input_size, p.params_id, p.metric, p.percentile, p.layer,
    p.mean AS value, p.ci_low, p.ci_high, p.chance, p.mean / p.chance AS lift,
    p.n, p.n_sources, p.n_left_out, b.best_layer, b.best_value, v.verdict
FROM profile AS p
JOIN reported_layers AS r USING (dataset, model, variant, method, view, input_size, params_id, layer)
LEFT JOIN best AS b USING (dataset, model, variant, method, view, input_size, params_id)
LEFT JOIN verdicts AS v ON v.model = p.model AND v.variant = p.variant AND v.method = p.method
ORDER BY p.dataset, p.mean DESC NULLS LAST, p.model, p.variant, p.method, p.view;
