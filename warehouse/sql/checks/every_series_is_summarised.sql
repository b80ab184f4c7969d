-- Every scored series has one summary of its images for each layer, head, metric and percentile, and no more than one.
SELECT s.dataset, s.model, s.variant, s.method, s.view, s.input_size, s.params_id, s.layer, s.head, coalesce(a.summaries, 0) AS summaries
FROM (SELECT DISTINCT dataset, model, variant, method, view, input_size, params_id, layer, head FROM scores) AS s
LEFT JOIN (
    SELECT dataset, model, variant, method, view, input_size, params_id, layer, head, count(*) AS summaries
    FROM aggregates
    WHERE group_kind = 'all' AND metric = 'energy'
    GROUP BY ALL
) AS a USING (dataset, model, variant, method, view, input_size, params_id, layer, head)
WHERE a.summaries IS DISTINCT FROM 1;
