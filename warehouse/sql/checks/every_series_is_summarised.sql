-- Every layer of every scored series is summarised: heads fused in each metric with a chance level, at all 99 percentiles of a
-- thresholded one; each single head in each of them, too.
WITH places AS (
    SELECT DISTINCT dataset, model, variant, method, view, input_size, params_id, layer, head FROM scores
),
summaries AS (
    SELECT dataset, model, variant, method, view, input_size, params_id, layer, head, metric, count(*) AS summaries
    FROM aggregates
    WHERE group_kind = 'all'
    GROUP BY ALL
)
SELECT
    p.dataset, p.model, p.variant, p.method, p.view, p.input_size, p.params_id, p.layer, p.head, t.metric,
    coalesce(s.summaries, 0) AS summaries
FROM places AS p
CROSS JOIN metrics AS t
LEFT JOIN summaries AS s USING (dataset, model, variant, method, view, input_size, params_id, layer, head, metric)
WHERE t.null_kind != 'none' AND CASE
    WHEN s.summaries IS NULL THEN true
    WHEN NOT t.thresholded THEN s.summaries != 1
    WHEN p.head = -1 THEN s.summaries != 99
    ELSE false
END;
