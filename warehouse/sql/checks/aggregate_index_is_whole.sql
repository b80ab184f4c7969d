-- The table aggregate_index lists what there are aggregates of, once, and nothing else.
SELECT dataset, group_kind, single_heads, metric, percentile, count(*) AS times
FROM (
    SELECT DISTINCT dataset, group_kind, head >= 0 AS single_heads, metric, percentile FROM aggregates
    UNION ALL
    SELECT dataset, group_kind, single_heads, metric, percentile FROM aggregate_index
)
GROUP BY ALL
HAVING count(*) != 2;
