-- Every image has the model-free baselines in each frame that a map of it lies in, and every series those of its own maps.
-- Where all boxes that are laid alike, or all maps on one grid, are of one source there is no other to make some of them of.
WITH of_models AS (
    SELECT DISTINCT
        s.dataset, s.model, s.variant, s.method, s.view, s.input_size, s.params_id, s.frame, s.image_id,
        coalesce(nullif(i.source_id, ''), i.image_id) AS source, s.boxes > 0 OR s.boxes_left_out > 0 AS marked
    FROM scores AS s
    JOIN images AS i USING (dataset, image_id)
    WHERE s.head = -1 AND s.method IN (SELECT method FROM methods)
),
framings AS (
    SELECT dataset, view, input_size, regexp_replace(frame, '^[^_]*_', '') AS framing, count(DISTINCT source) FILTER (marked) AS marked
    FROM of_models
    GROUP BY ALL
),
of_frames AS (
    SELECT DISTINCT m.dataset, m.view, m.input_size, m.frame, m.image_id, f.marked
    FROM of_models AS m
    JOIN framings AS f
        ON f.dataset = m.dataset AND f.view = m.view AND f.input_size = m.input_size
        AND f.framing = regexp_replace(m.frame, '^[^_]*_', '')
),
of_baselines AS (
    SELECT DISTINCT dataset, view, input_size, variant AS frame, image_id, method FROM scores WHERE model = 'baseline'
),
with_others AS (
    SELECT DISTINCT dataset, model, variant, method, view, input_size, params_id
    FROM (
        SELECT dataset, model, variant, method, view, input_size, params_id, frame
        FROM of_models
        GROUP BY ALL
        HAVING count(DISTINCT source) > 1
    )
)
SELECT m.dataset, m.view, m.input_size, m.frame, m.image_id, b.baseline
FROM of_frames AS m
JOIN baselines AS b ON NOT b.needs_model AND (b.baseline != 'box_prior' OR m.marked > 1)
ANTI JOIN of_baselines AS k
    ON k.dataset = m.dataset AND k.view = m.view AND k.input_size = m.input_size AND k.frame = m.frame
    AND k.image_id = m.image_id AND k.method = b.baseline
UNION ALL
SELECT o.dataset, o.view, o.input_size, o.model, o.variant, o.method || '.' || b.baseline
FROM with_others AS o
JOIN baselines AS b ON b.needs_model AND b.baseline != 'random_weights'
ANTI JOIN series AS k
    ON k.dataset = o.dataset AND k.model = o.model AND k.variant = o.variant AND k.view = o.view
    AND k.input_size = o.input_size AND k.params_id = o.params_id AND k.method = o.method || '.' || b.baseline;
