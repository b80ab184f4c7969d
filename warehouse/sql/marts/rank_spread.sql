-- One row per model (last layer, default method, frozen), data set and view: its least, median and greatest rank over the
-- metrics, 1 is best; metrics that only say another one in other units are left out. What holds whatever the metric has best_rank = worst_rank; best_metric and worst_metric say who
-- disagrees.
CREATE OR REPLACE VIEW rank_spread AS
SELECT
    dataset, view, model, variant, method, input_size, params_id, layer, count(*) AS metrics,
    min(rank) AS best_rank, median(rank) AS median_rank, max(rank) AS worst_rank,
    arg_min(metric, (rank, metric)) AS best_metric, arg_max(metric, (rank, metric)) AS worst_metric
FROM scope_ranks
WHERE scope = 'models' AND follows = ''
GROUP BY ALL
ORDER BY dataset, view, median_rank, best_rank, model;
