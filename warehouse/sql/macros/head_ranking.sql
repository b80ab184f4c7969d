-- One row per map series, layer and head of one model, best first. Heads are ranked image by image, and rank orders their mean
-- ranks; equal ones share it. top1 and top3: share of images in which the head is the best, or among the best three, of all
-- heads and layers; ties share. value [ci_low, ci_high]: its mean score.
CREATE OR REPLACE MACRO head_ranking(of_model, of_metric, at_percentile := NULL) AS TABLE
WITH asked AS MATERIALIZED (
    SELECT
        known_model(of_model) AS model, known_directed_metric(of_metric) AS metric,
        known_percentile(of_metric, at_percentile, 'all', of_single_heads := true) AS percentile
)
SELECT
    rank() OVER (
        PARTITION BY h.dataset, h.variant, h.method, h.view, h.input_size, h.params_id ORDER BY r.mean_rank
    ) AS rank,
    r.mean_rank, r.top1, r.top3, h.* RENAME (mean AS value)
FROM head_profile AS h
JOIN head_ranks AS r USING (dataset, model, variant, method, view, input_size, params_id, metric, percentile, layer, head)
JOIN asked AS q ON h.model = q.model AND h.metric = q.metric AND h.percentile = q.percentile
ORDER BY h.dataset, h.variant, h.method, h.view, h.input_size, h.params_id, rank, h.layer, h.head;
