-- One row per image that both of two series have a score of, largest gain of a over b first: value_a, value_b, difference a
-- minus b, and gain, which is the difference where higher is better and its negative where lower is. A method is the model's
-- default one and a layer the last one unless they are given; b_model may be baseline, with a method and a frame as
-- b_variant, at the input size of a. Where a
-- method explains several targets of an image, its value is their mean.
CREATE OR REPLACE MACRO image_deltas(
    of_metric, a_model, b_model, a_method := NULL, b_method := NULL, a_variant := 'frozen', b_variant := 'frozen',
    at_percentile := NULL, a_layer := NULL, b_layer := NULL, a_head := -1, b_head := -1, in_view := 'squash'
) AS TABLE
WITH asked AS MATERIALIZED (
    SELECT
        known_metric(of_metric, 'all') AS metric, known_percentile(of_metric, at_percentile, 'all') AS percentile,
        known_name('model', a_model, names) AS model_a, known_name('model', b_model, names) AS model_b
    FROM (SELECT list(DISTINCT model ORDER BY model) AS names FROM series)
),
sides AS MATERIALIZED (
    SELECT 'a' AS side, model_a AS model, a_variant AS variant, a_method AS method, a_layer AS layer, a_head AS head FROM asked
    UNION ALL SELECT 'b', model_b, b_variant, b_method, b_layer, b_head FROM asked
),
chosen AS (
    SELECT d.side, s.* EXCLUDE (layer), coalesce(d.layer, s.layer) AS layer, d.head
    FROM sides AS d
    JOIN series AS s ON s.model = d.model AND s.variant = d.variant AND s.view = in_view
    LEFT JOIN models AS m ON m.model = d.model AND m.variant = d.variant
    WHERE s.method = coalesce(d.method, m.default_method)
),
wide AS (
    SELECT
        c.side, c.metric, s.* EXCLUDE (run_id, boxes, boxes_left_out, outcome, visible_pixels, area, area_grid, area_grown,
            area_mass, area_above_mean, frame)
            REPLACE (
                s.iou[c.percentile] AS iou, s.recall[c.percentile] AS recall, s.precision[c.percentile] AS precision,
                s.iou_share[c.percentile] AS iou_share
            ),
        c.percentile
    FROM scores AS s
    JOIN (SELECT * FROM chosen, asked) AS c USING (dataset, model, variant, method, view, input_size, params_id, layer, head)
    -- said twice, so that other series and heads are not read
    WHERE s.model IN (a_model, b_model) AND s.variant IN (a_variant, b_variant) AND s.view = in_view AND s.head IN (a_head, b_head)
),
long AS (
    SELECT side, metric, percentile, dataset, image_id, method, input_size, params_id, layer, avg(value) AS value
    FROM wide UNPIVOT (value FOR name IN (COLUMNS(* EXCLUDE (
        side, metric, percentile, dataset, model, variant, method, params_id, target_id, view, input_size, image_id, layer, head
    ))))
    WHERE name = metric
    GROUP BY ALL
)
SELECT
    a.dataset, a.image_id, a.metric, a.percentile,
    a.method AS a_method, a.input_size AS a_input_size, a.params_id AS a_params_id, a.layer AS a_layer,
    b.method AS b_method, b.input_size AS b_input_size, b.params_id AS b_params_id, b.layer AS b_layer,
    a.value AS value_a, b.value AS value_b, a.value - b.value AS difference,
    towards_better(t.direction) * (a.value - b.value) AS gain
FROM long AS a
JOIN long AS b ON a.dataset = b.dataset AND a.image_id = b.image_id
JOIN metrics AS t ON t.metric = a.metric
WHERE a.side = 'a' AND b.side = 'b' AND (b_model != 'baseline' OR b.input_size = a.input_size)
ORDER BY gain DESC, a.dataset, a.image_id;
