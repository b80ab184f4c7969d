-- Every map, score, null and feature names a run that is on record.
SELECT t.run_id, t.what
FROM (
    SELECT DISTINCT run_id, 'maps' AS what FROM maps
    UNION ALL SELECT DISTINCT run_id, 'scores' FROM scores
    UNION ALL SELECT DISTINCT run_id, 'box_scores' FROM box_scores
    UNION ALL SELECT DISTINCT run_id, 'nulls' FROM nulls
    UNION ALL SELECT DISTINCT run_id, 'patch_features' FROM patch_features
    UNION ALL SELECT DISTINCT run_id, 'image_features' FROM image_features
) AS t
LEFT JOIN runs AS r USING (run_id)
WHERE r.run_id IS NULL;
