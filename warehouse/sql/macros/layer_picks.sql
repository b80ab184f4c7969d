-- One row per map series and layer: in which share of the folds the layer was chosen by images that it was not scored on. What
-- was chosen scores cross_fitted [ci_low, ci_high]; last_mean is the last layer and best_mean the best one on the same
-- images, the latter optimistic.
CREATE OR REPLACE MACRO layer_picks(of_metric, at_percentile := NULL) AS TABLE
WITH asked AS MATERIALIZED (
    SELECT known_directed_metric(of_metric) AS metric, known_directed_percentile(of_metric, at_percentile) AS percentile
)
SELECT
    c.dataset, c.model, c.variant, c.method, c.view, c.input_size, c.params_id, c.metric, c.percentile,
    unnest(c.layers) AS layer, unnest(c.picks) AS share,
    c.cross_fitted, c.ci_low, c.ci_high, c.last_layer, c.last_mean, c.best_layer, c.best_mean, c.n, c.n_sources
FROM layer_choices AS c
JOIN asked AS q ON c.metric = q.metric AND c.percentile = q.percentile
ORDER BY c.dataset, c.model, c.variant, c.method, c.view, c.input_size, c.params_id, layer;
