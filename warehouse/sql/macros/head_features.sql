-- One row per map series, layer, head and feature type of one model: which head looks at what; features first, then distractors.
-- value and sd over n boxes of so many images and sources, without an interval; few where there are fewer than 20 sources. For
-- IoU and recall at percentile 90, energy and AUROC.
CREATE OR REPLACE MACRO head_features(of_model, of_metric, at_percentile := NULL) AS TABLE
WITH asked AS MATERIALIZED (
    SELECT
        known_model(of_model) AS model, known_metric(of_metric, 'feature_type', of_single_heads := true) AS metric,
        known_percentile(of_metric, at_percentile, 'feature_type', of_single_heads := true) AS percentile
)
SELECT
    a.dataset, a.model, a.variant, a.method, a.view, a.input_size, a.params_id, a.metric, a.percentile, a.layer, a.head,
    a.group_key AS feature_type, f.name AS feature_name, f.distractor, a.mean AS value, a.sd, a.chance, a.n, a.n_images, a.n_sources,
    is_few(a.n_sources) AS few
FROM aggregates AS a
JOIN asked AS q ON a.model = q.model AND a.metric = q.metric AND a.percentile = q.percentile
LEFT JOIN feature_types AS f ON f.dataset = a.dataset AND f.feature_type = a.group_key
WHERE a.group_kind = 'feature_type' AND a.head >= 0
ORDER BY a.dataset, a.variant, a.method, a.view, a.input_size, a.params_id, a.layer, a.head, f.distractor, a.group_key;
