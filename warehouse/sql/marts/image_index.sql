-- One row per image with what the experts marked on it: boxes and feature_types are of features, what is marked as to be left
-- alone is counted in distractors and named in distractor_types.
CREATE OR REPLACE VIEW image_index AS
WITH marked AS (
    SELECT
        dataset, image_id, count(*) FILTER (NOT distractor) AS boxes, count(*) FILTER (distractor) AS distractors,
        list(DISTINCT feature_type ORDER BY feature_type) FILTER (NOT distractor) AS feature_types,
        list(DISTINCT feature_type ORDER BY feature_type) FILTER (distractor) AS distractor_types
    FROM boxes
    JOIN feature_types USING (dataset, feature_type)
    GROUP BY ALL
)
SELECT
    i.dataset, i.image_id, i.preview, i.path, i.width, i.height, i.style, i.source_id, i.split, i.licence,
    coalesce(m.boxes, 0) AS boxes,
    coalesce(m.feature_types, []) AS feature_types,
    coalesce(m.distractors, 0) AS distractors,
    coalesce(m.distractor_types, []) AS distractor_types
FROM images AS i
LEFT JOIN marked AS m USING (dataset, image_id);
