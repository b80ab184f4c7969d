-- Shares of choices add up to 1 over the layers of the series, of which the reported layer is the last; no layer is better on
-- all images than the best.
SELECT c.dataset, c.model, c.variant, c.method, c.metric, c.percentile, c.layers, c.picks, c.last_layer, c.best_layer
FROM layer_choices AS c
LEFT JOIN metrics AS t USING (metric)
LEFT JOIN series AS s USING (dataset, model, variant, method, view, input_size, params_id)
WHERE abs(list_sum(c.picks) - 1) > 1e-4 OR len(c.picks) != len(c.layers)
    OR c.last_layer != list_max(c.layers) OR c.last_layer IS DISTINCT FROM s.layer OR NOT list_contains(c.layers, c.best_layer)
    OR towards_better(t.direction) * (c.last_mean - c.best_mean) > 1e-5 * greatest(1, abs(c.best_mean));
