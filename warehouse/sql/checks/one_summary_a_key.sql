-- No two summaries of one series, layer, head, group, metric and percentile.
SELECT dataset, model, variant, method, view, input_size, params_id, layer, head, group_kind, group_key, metric, percentile, count(*) AS summaries
FROM aggregates
GROUP BY ALL
HAVING count(*) > 1;
