-- A model and variant stands for one set of weights.
SELECT model, variant, count(DISTINCT weights_sha256) AS weights
FROM models
GROUP BY ALL
HAVING count(DISTINCT weights_sha256) > 1 OR count(*) > 1;
