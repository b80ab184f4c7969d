-- One row per map series, layer and head of one model, best first; equal means share a rank.
CREATE OR REPLACE MACRO head_ranking(of_model, of_metric, at_percentile := NULL) AS TABLE
WITH asked AS MATERIALIZED (
    SELECT
        known_model(of_model) AS model, known_metric(of_metric, 'all') AS metric,
        known_percentile(of_metric, at_percentile, 'all', of_single_heads := true) AS percentile
)
SELECT
    rank() OVER (
        PARTITION BY h.dataset, h.variant, h.method, h.view, h.input_size, h.params_id ORDER BY h.mean DESC
    ) AS rank,
    h.* RENAME (mean AS value)
FROM head_profile AS h
JOIN asked AS q ON h.model = q.model AND h.metric = q.metric AND h.percentile = q.percentile
WHERE h.mean IS NOT NULL
ORDER BY h.dataset, h.variant, h.method, h.view, h.input_size, h.params_id, rank, h.layer, h.head;
