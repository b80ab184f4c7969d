-- An accuracy is correct over n, within its interval, of a model that is on record, and one for each data set and readout.
SELECT a.model, a.variant, a.data, a.split, a.readout, a.n, a.correct, a.accuracy, a.ci_low, a.ci_high
FROM (
    SELECT *, count(*) OVER (PARTITION BY model, variant, data, split, readout) AS times FROM accuracies
) AS a
LEFT JOIN models AS m USING (model, variant)
WHERE m.model IS NULL OR a.times > 1 OR a.n < 1 OR a.correct NOT BETWEEN 0 AND a.n
    OR abs(a.accuracy - a.correct / a.n) > 1e-9
    OR NOT coalesce(a.accuracy BETWEEN a.ci_low - 1e-9 AND a.ci_high + 1e-9, false) OR a.ci_low < 0 OR a.ci_high > 1
    OR coalesce(a.untrained_accuracy, 0) NOT BETWEEN 0 AND 1 OR NOT coalesce(a.chance > 0 AND a.chance <= 1, false);
