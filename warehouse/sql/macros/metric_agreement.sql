-- One row per two metrics: Spearman's correlation rho of how they rank n competitors, better being higher in both; scope as in
-- scope_ranks: models, layers or heads. of_model leaves those of one model. NULL where all are equal.
CREATE OR REPLACE MACRO metric_agreement(of_scope := 'models', of_model := NULL) AS TABLE
WITH asked AS MATERIALIZED (
    SELECT
        known_name('scope', of_scope, ['models', 'layers', 'heads']) AS scope,
        CASE WHEN of_model IS NOT NULL THEN known_model(of_model) END AS model
),
ranked AS MATERIALIZED (
    SELECT
        r.* EXCLUDE (rank),
        rank() OVER (PARTITION BY r.dataset, r.view, r.metric ORDER BY r.rank)
            + (count(*) OVER (PARTITION BY r.dataset, r.view, r.metric, r.rank) - 1) / 2 AS rank
    FROM scope_ranks AS r
    JOIN asked AS q ON r.scope = q.scope
    WHERE r.scope = of_scope AND (q.model IS NULL OR r.model = q.model)
)
SELECT
    a.dataset, a.view, a.scope, a.metric AS metric_a, b.metric AS metric_b,
    CASE WHEN stddev_pop(a.rank) > 0 AND stddev_pop(b.rank) > 0 THEN corr(a.rank, b.rank) END AS rho, count(*) AS n
FROM ranked AS a
JOIN ranked AS b USING (dataset, view, scope, model, variant, method, input_size, params_id, layer, head)
WHERE a.metric < b.metric
GROUP BY ALL
ORDER BY ALL;
