-- One row per comparison of two series, a against b, image by image at their last layers: of_kind is baseline, model, method
-- or variant (what differs), of_model a model on either side; both are all by default. difference [ci_low, ci_high] is a minus
-- b; test and p_holm the declared test, adjusted over the family; verdict in favour of a is enhanced, and preserved says that
-- the difference lies within the margin, be it significant or not. Smallest p first.
CREATE OR REPLACE MACRO delta(of_metric, at_percentile := NULL, of_kind := NULL, of_model := NULL) AS TABLE
WITH asked AS MATERIALIZED (
    SELECT
        known_directed_metric(of_metric) AS metric, known_directed_percentile(of_metric, at_percentile) AS percentile,
        CASE WHEN of_model IS NOT NULL THEN known_model(of_model) END AS model,
        CASE WHEN of_kind IS NOT NULL
            THEN known_name('kind', of_kind, ['baseline', 'method', 'model', 'variant']) END AS kind
)
SELECT c.* EXCLUDE (family), t.direction, is_few(c.n_sources) AS few, c.family
FROM comparisons AS c
JOIN asked AS q ON c.metric = q.metric AND c.percentile = q.percentile
JOIN metrics AS t ON t.metric = c.metric
WHERE c.kind = coalesce(q.kind, c.kind) AND (q.model IS NULL OR q.model IN (c.a_model, c.b_model))
ORDER BY c.dataset, c.kind, c.view, c.p_holm, c.p, c.a_model, c.a_variant, c.a_method, c.b_model, c.b_variant, c.b_method;
