-- Every box lies in a known image, has a known feature type and a positive size.
SELECT b.dataset, b.box_id, b.image_id, b.feature_type, b.x, b.y, b.width, b.height
FROM boxes AS b
LEFT JOIN images AS i ON i.dataset = b.dataset AND i.image_id = b.image_id
LEFT JOIN feature_types AS f ON f.dataset = b.dataset AND f.feature_type = b.feature_type
WHERE i.image_id IS NULL OR f.feature_type IS NULL OR b.width <= 0 OR b.height <= 0
   OR b.x < 0 OR b.y < 0 OR b.x + b.width > 1 + 1e-9 OR b.y + b.height > 1 + 1e-9;
