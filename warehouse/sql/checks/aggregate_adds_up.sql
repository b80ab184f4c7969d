-- An aggregate of the union counts every image once: scored ones and ones without a score.
SELECT a.dataset, a.model, a.variant, a.method, a.view, a.layer, a.head, a.metric, a.percentile, a.n, a.n_left_out, s.images
FROM aggregates AS a
JOIN (
    SELECT dataset, model, variant, method, view, input_size, params_id, layer, head, count(*) AS images
    FROM scores
    GROUP BY ALL
) AS s USING (dataset, model, variant, method, view, input_size, params_id, layer, head)
WHERE a.group_kind = 'all' AND a.n + a.n_left_out != s.images;
