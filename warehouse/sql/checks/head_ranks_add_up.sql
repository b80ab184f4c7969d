-- Over all heads of a series the first places add up to 1, the first three to 3 (or to the number of heads if that is less), and
-- the mean rank is that of a list of so many.
SELECT
    dataset, model, variant, method, view, input_size, params_id, metric, percentile, count(*) AS heads,
    sum(top1) AS top1, sum(top3) AS top3, avg(mean_rank) AS mean_rank
FROM head_ranks
GROUP BY ALL
HAVING abs(sum(top1) - 1) > 1e-3 OR abs(sum(top3) - least(3, count(*))) > 3e-3
    OR abs(avg(mean_rank) - (count(*) + 1) / 2) > 1e-3 * count(*);
