-- One row per metric and competitor of a scope: the models (last layer), the layers of all models, or the single heads of all
-- models; frozen weights and each model's default method. rank 1 is best by the metric's direction, equal values share the
-- mean of their ranks. Thresholded metrics stand at percentile 90. A metric that fewer than half of the competitors have is
-- left out, and then a competitor that lacks one of the others. follows: the metric that says the same in other units.
CREATE OR REPLACE VIEW scope_ranks AS
WITH shown AS (
    SELECT s.* EXCLUDE (layer), s.layer AS last_layer
    FROM series AS s
    JOIN models AS m USING (model, variant)
    WHERE s.variant = 'frozen' AND s.baseline = '' AND s.method = m.default_method
),
valued AS (
    SELECT
        scope.scope, a.dataset, a.view, a.model, a.variant, a.method, a.input_size, a.params_id, a.layer, a.head, a.metric, t.follows,
        a.mean AS value, towards_better(t.direction) * a.mean AS merit
    FROM aggregates AS a
    JOIN shown AS s USING (dataset, model, variant, method, view, input_size, params_id)
    JOIN metrics AS t USING (metric)
    JOIN (VALUES ('models'), ('layers'), ('heads')) AS scope(scope) ON CASE scope.scope
        WHEN 'models' THEN a.head = -1 AND a.layer = s.last_layer
        WHEN 'layers' THEN a.head = -1
        ELSE a.head >= 0
    END
    WHERE a.group_kind = 'all' AND a.percentile IN (-1, 90) AND t.direction != 'neither' AND a.mean IS NOT NULL
),
common AS (
    SELECT scope, dataset, view, metric
    FROM valued
    GROUP BY scope, dataset, view, metric
    QUALIFY 2 * count(*) >= max(count(*)) OVER (PARTITION BY scope, dataset, view)
),
needed AS (
    SELECT scope, dataset, view, count(*) AS metrics FROM common GROUP BY ALL
),
complete AS (
    SELECT v.*
    FROM valued AS v
    JOIN common AS c USING (scope, dataset, view, metric)
    JOIN needed AS n USING (scope, dataset, view)
    QUALIFY n.metrics = count(*) OVER (
        PARTITION BY v.scope, v.dataset, v.view, v.model, v.variant, v.method, v.input_size, v.params_id, v.layer, v.head
    )
)
SELECT
    * EXCLUDE (merit),
    rank() OVER (PARTITION BY scope, dataset, view, metric ORDER BY merit DESC)
        + (count(*) OVER (PARTITION BY scope, dataset, view, metric, merit) - 1) / 2 AS rank
FROM complete;
