-- No mean stands without its chance level where its metric has one, and no interval excludes its own mean or has no kind.
SELECT
    a.dataset, a.model, a.variant, a.method, a.view, a.layer, a.head, a.group_kind, a.group_key, a.metric, a.percentile, a.mean,
    a.chance, a.ci_low, a.ci_high, a.ci_kind
FROM aggregates AS a
LEFT JOIN metrics AS t USING (metric)
WHERE (a.n > 0) != (a.mean IS NOT NULL)
    OR (a.n > 0 AND t.null_kind IS DISTINCT FROM 'none' AND a.chance IS NULL)
    OR (a.ci_kind = 'none') != (a.ci_low IS NULL) OR (a.ci_low IS NULL) != (a.ci_high IS NULL)
    OR a.mean < a.ci_low - 1e-6 * greatest(1, abs(a.mean)) OR a.mean > a.ci_high + 1e-6 * greatest(1, abs(a.mean));
