-- Every series with scores is compared with each baseline of its own that bounds it from below.
WITH bounds AS (
    SELECT o.*, b.baseline AS bound
    FROM series AS o
    JOIN aggregates AS a USING (dataset, model, variant, method, view, input_size, params_id, layer)
    JOIN baselines AS b ON b.bound = 'lower'
    JOIN series AS k ON k.dataset = o.dataset AND k.view = o.view AND k.input_size = o.input_size AND CASE
        WHEN NOT b.needs_model THEN k.model = 'baseline' AND k.method = b.baseline AND list_contains(o.frames, k.variant)
        ELSE k.model = o.model AND k.variant = o.variant AND k.params_id = o.params_id AND k.method = o.method || '.' || b.baseline
    END
    WHERE o.baseline = '' AND a.group_kind = 'all' AND a.head = -1 AND a.metric = 'mse' AND a.n > 0
)
SELECT DISTINCT o.dataset, o.model, o.variant, o.method, o.view, o.input_size, o.params_id, o.bound
FROM bounds AS o
ANTI JOIN comparisons AS c
    ON c.kind = 'baseline' AND c.metric = 'mse' AND c.dataset = o.dataset AND c.view = o.view AND c.a_model = o.model
    AND c.a_variant = o.variant AND c.a_method = o.method AND c.a_input_size = o.input_size AND c.a_params_id = o.params_id
    AND baseline_of(c.a_method, c.b_model, c.b_variant, c.b_method) = o.bound;
