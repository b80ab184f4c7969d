-- The table series lists every series that has scores, once, and no other.
SELECT dataset, model, variant, method, view, input_size, params_id, count(*) AS times
FROM (
    SELECT DISTINCT dataset, model, variant, method, view, input_size, params_id FROM scores
    UNION ALL
    SELECT dataset, model, variant, method, view, input_size, params_id FROM series
)
GROUP BY ALL
HAVING count(*) != 2;
