-- One row per data set, model, variant, method and view: the last layer, all heads fused, best first by the metric's
-- direction; with baselines := true the baselines stand among them, under their name in `baseline`.
-- value [ci_low, ci_high]: mean over images and its 95 % interval over sources (ci_kind: bca, percentile or none), few when
-- there are fewer than 20 of them. chance: what a map that knows nothing is expected to score on the same images. lift: value
-- over chance, for metrics that start at 0 and grow with agreement. n images have a score, n_left_out have none, n_constant are of constant maps.
-- cross_fitted [cross_fitted_low, cross_fitted_high]: score of layers chosen on other images than they are scored on.
-- best_layer, best_value: the best of all layers picked on these same images, and so optimistic; both rest on the
-- n_every_layer images that every layer has a score of. zero_map: what predicting nothing scores (mse alone). best_baseline and
-- best_baseline_value: the best baseline that a model should beat, on the images that both have; beats_best_baseline: whether
-- it does, significantly (best_baseline_p_holm, of a two-sided test, below 0.05, and on the better side). ceiling: what the answer itself scores on these grids. verdict:
-- how far the method may be trusted on this kind of model. Choices of layer and baselines are known for metrics with a
-- direction, at the headline percentiles. What to beware of in a metric is in metrics.warning.
CREATE OR REPLACE MACRO leaderboard(of_metric, at_percentile := NULL, baselines := false) AS TABLE
WITH asked AS MATERIALIZED (
    SELECT known_metric(of_metric, 'all') AS metric, known_percentile(of_metric, at_percentile, 'all') AS percentile
),
profile AS MATERIALIZED (
    SELECT
        p.*, s.frames, p.layer = s.last_layer AS reported, t.low AS least, towards_better(t.direction) AS sign,
        t.direction IS DISTINCT FROM 'neither' AS directed
    FROM layer_profile AS p
    JOIN asked AS q ON p.metric = q.metric AND p.percentile = q.percentile
    JOIN (SELECT * EXCLUDE (baseline) RENAME (layer AS last_layer) FROM series) AS s
        USING (dataset, model, variant, method, view, input_size, params_id)
    LEFT JOIN metrics AS t ON t.metric = p.metric
    -- said twice, so that what is not asked for is not read
    WHERE p.metric = of_metric AND p.percentile = coalesce(at_percentile, p.percentile)
),
best AS (
    SELECT
        dataset, model, variant, method, view, input_size, params_id,
        arg_max(layer, sign * mean) AS best_layer, arg_max(mean, sign * mean) AS best_value
    FROM profile
    WHERE mean IS NOT NULL AND directed
    GROUP BY ALL
),
bounds AS (
    SELECT
        c.dataset, c.a_model AS model, c.a_variant AS variant, c.a_method AS method, c.view,
        c.a_input_size AS input_size, c.a_params_id AS params_id,
        arg_max({
            'name': baseline_of(c.a_method, c.b_model, c.b_variant, c.b_method), 'value': c.mean_b, 'p_holm': c.p_holm,
            'beaten': is_won(c.significant, t.direction, c.difference, c.rank_biserial)
        }, towards_better(t.direction) * c.mean_b) AS bound,
        any_value(c.mean_b) FILTER (c.b_model = 'baseline' AND c.b_method = 'zero') AS zero_map
    FROM comparisons AS c
    JOIN asked AS q ON c.metric = q.metric AND c.percentile = q.percentile
    JOIN metrics AS t ON t.metric = c.metric
    WHERE c.kind = 'baseline'
    GROUP BY ALL
),
ceilings AS (
    SELECT
        p.dataset, p.model, p.variant, p.method, p.view, p.input_size, p.params_id,
        sum(c.mean * c.n) / sum(c.n) AS ceiling
    FROM (SELECT DISTINCT * EXCLUDE (frames), unnest(frames) AS frame FROM profile WHERE reported) AS p
    JOIN profile AS c ON c.model = 'baseline' AND c.method = 'ceiling' AND c.variant = p.frame
        AND c.dataset = p.dataset AND c.view = p.view AND c.input_size = p.input_size
    WHERE c.n > 0
    GROUP BY ALL
)
SELECT
    p.dataset, p.model, p.variant, p.method, p.view, p.input_size, p.params_id, p.baseline, p.metric, p.percentile, p.layer,
    p.mean AS value, p.ci_low, p.ci_high, p.ci_kind, p.chance,
    CASE WHEN p.least = 0 AND p.sign > 0 THEN p.mean / nullif(p.chance, 0) END AS lift,
    u.bound.name AS best_baseline, u.bound.value AS best_baseline_value, u.bound.p_holm AS best_baseline_p_holm,
    u.bound.beaten AS beats_best_baseline, u.zero_map, CASE WHEN p.directed THEN c.ceiling END AS ceiling,
    p.n, p.n_sources, is_few(p.n_sources) AS few, p.n_left_out, p.n_constant,
    l.cross_fitted, l.ci_low AS cross_fitted_low, l.ci_high AS cross_fitted_high,
    coalesce(l.best_layer, b.best_layer) AS best_layer, coalesce(l.best_mean, b.best_value) AS best_value,
    l.n AS n_every_layer, v.verdict
FROM profile AS p
LEFT JOIN best AS b USING (dataset, model, variant, method, view, input_size, params_id)
LEFT JOIN layer_choices AS l USING (dataset, model, variant, method, view, input_size, params_id, metric, percentile)
LEFT JOIN bounds AS u USING (dataset, model, variant, method, view, input_size, params_id)
LEFT JOIN ceilings AS c USING (dataset, model, variant, method, view, input_size, params_id)
LEFT JOIN verdicts AS v ON v.model = p.model AND v.variant = p.variant AND v.method = p.method
WHERE p.reported AND (baselines OR p.baseline = '')
ORDER BY p.dataset, p.sign * p.mean DESC NULLS LAST, p.model, p.variant, p.method, p.view;
