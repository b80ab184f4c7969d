-- No mean stands without its chance level, and no interval excludes its own mean.
SELECT dataset, model, variant, method, view, layer, head, group_kind, group_key, metric, percentile, mean, chance, ci_low, ci_high
FROM aggregates
WHERE (n > 0 AND (mean IS NULL OR chance IS NULL))
   OR (ci_low IS NOT NULL AND (mean < ci_low - 1e-9 OR mean > ci_high + 1e-9));
