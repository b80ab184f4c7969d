-- One row per data set, view and scope (models, layers, heads): Kendall's W, corrected for ties, of so many metrics (those that
-- only say another one in other units left out) over so
-- many competitors. 1: all metrics rank them alike; about 1 / metrics: knowing one ranking
-- says nothing of the others.
CREATE OR REPLACE VIEW metric_concordance AS
WITH ties AS (
    SELECT scope, dataset, view, metric, rank, count(*)::DOUBLE AS tied FROM scope_ranks WHERE follows = '' GROUP BY ALL
),
corrections AS (
    SELECT scope, dataset, view, count(DISTINCT metric)::DOUBLE AS metrics, sum(tied ** 3 - tied) AS correction
    FROM ties
    GROUP BY ALL
),
sums AS (
    SELECT scope, dataset, view, sum(rank) AS rank_sum
    FROM scope_ranks
    WHERE follows = ''
    GROUP BY scope, dataset, view, model, variant, method, input_size, params_id, layer, head
),
spread AS (
    SELECT scope, dataset, view, count(*)::DOUBLE AS n, var_pop(rank_sum) * count(*) AS squares FROM sums GROUP BY ALL
)
SELECT
    dataset, view, scope, metrics::INTEGER AS metrics, n::INTEGER AS n,
    12 * squares / nullif(metrics ** 2 * (n ** 3 - n) - metrics * correction, 0) AS w
FROM spread
JOIN corrections USING (scope, dataset, view)
ORDER BY dataset, view, scope;
