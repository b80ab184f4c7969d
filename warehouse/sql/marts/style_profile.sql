-- One row per map series, metric, percentile, layer and style; an image with two styles counts in both.
CREATE OR REPLACE VIEW style_profile AS
SELECT * EXCLUDE (group_kind, group_key, head), group_key AS style
FROM aggregates
WHERE group_kind = 'style' AND head = -1;
