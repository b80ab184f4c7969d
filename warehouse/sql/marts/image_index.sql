-- One row per image with what the experts marked on it.
CREATE OR REPLACE VIEW image_index AS
WITH marked AS (
    SELECT dataset, image_id, count(*) AS boxes, list(DISTINCT feature_type ORDER BY feature_type) AS feature_types
    FROM boxes
    GROUP BY ALL
)
SELECT
    i.dataset, i.image_id, i.preview, i.path, i.width, i.height, i.style, i.source_id, i.split, i.licence,
    coalesce(m.boxes, 0) AS boxes,
    coalesce(m.feature_types, []) AS feature_types
FROM images AS i
LEFT JOIN marked AS m USING (dataset, image_id);
