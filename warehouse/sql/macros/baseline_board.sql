-- One row per map series and baseline that it should beat, the best baseline first: value of the series and baseline_value on
-- the images that both have, difference [ci_low, ci_high], and whether the baseline is beaten: p_holm below 0.05 and the
-- difference in the right direction. frame is the grid and view of a model-free baseline.
CREATE OR REPLACE MACRO baseline_board(of_metric, at_percentile := NULL) AS TABLE
WITH asked AS MATERIALIZED (
    SELECT known_directed_metric(of_metric) AS metric, known_directed_percentile(of_metric, at_percentile) AS percentile
)
SELECT
    c.dataset, c.a_model AS model, c.a_variant AS variant, c.a_method AS method, c.view, c.a_input_size AS input_size,
    c.a_params_id AS params_id, c.a_layer AS layer, c.metric, c.percentile,
    baseline_of(c.a_method, c.b_model, c.b_variant, c.b_method) AS baseline,
    CASE WHEN c.b_model = 'baseline' THEN c.b_variant END AS frame,
    c.n, c.n_sources, c.mean_a AS value, c.mean_b AS baseline_value, c.difference, c.ci_low, c.ci_high, c.test, c.p, c.p_holm,
    is_won(c.significant, t.direction, c.difference, c.rank_biserial) AS beaten, c.verdict
FROM comparisons AS c
JOIN asked AS q ON c.metric = q.metric AND c.percentile = q.percentile
JOIN metrics AS t ON t.metric = c.metric
WHERE c.kind = 'baseline'
ORDER BY
    c.dataset, c.a_model, c.a_variant, c.a_method, c.view, c.a_input_size, c.a_params_id,
    towards_better(t.direction) * c.mean_b DESC, baseline;
