-- The union of an image's boxes holds every box of a feature that the view shows enough of and no distractor: as many boxes as have
-- a score of their own, and no fewer left out than the image has besides; without any there is nothing to score against.
WITH marked AS (
    SELECT b.dataset, b.image_id, count(*) AS boxes
    FROM boxes AS b
    JOIN feature_types AS f ON f.dataset = b.dataset AND f.feature_type = b.feature_type
    WHERE NOT f.distractor
    GROUP BY ALL
),
seen AS (
    SELECT
        b.dataset, b.model, b.variant, b.method, b.view, b.input_size, b.params_id, b.target_id, b.image_id, b.layer,
        count(*) FILTER (NOT f.distractor AND b.outcome != 'hidden') AS boxes
    FROM box_scores AS b
    JOIN feature_types AS f ON f.dataset = b.dataset AND f.feature_type = b.feature_type
    -- an image's heads are scored against the target of its fused map
    WHERE b.head = -1
    GROUP BY ALL
)
SELECT
    s.dataset, s.model, s.variant, s.method, s.view, s.image_id, s.layer, s.outcome, s.boxes, s.boxes_left_out,
    coalesce(m.boxes, 0) AS marked, coalesce(n.boxes, 0) AS seen
FROM scores AS s
LEFT JOIN marked AS m USING (dataset, image_id)
LEFT JOIN seen AS n USING (dataset, model, variant, method, view, input_size, params_id, target_id, image_id, layer)
WHERE s.head = -1 AND (
    s.boxes != coalesce(n.boxes, 0) OR s.boxes + s.boxes_left_out != coalesce(m.boxes, 0) OR (s.outcome = 'no_box') != (s.boxes = 0)
);
