-- One row per map series, metric, percentile, layer and stratum of box size, scored box by box: features below 0.25 % of the
-- image's area are tiny (size_order 1), below 1 % small (2), below 4 % medium (3), the others large (4).
CREATE OR REPLACE VIEW size_profile AS
SELECT
    a.* EXCLUDE (group_kind, group_key, head), a.group_key AS size,
    list_position(['tiny', 'small', 'medium', 'large'], a.group_key) AS size_order, s.baseline
FROM aggregates AS a
JOIN series AS s USING (dataset, model, variant, method, view, input_size, params_id)
WHERE a.group_kind = 'box_size' AND a.head = -1;
