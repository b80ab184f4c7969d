-- The map of one image at one layer and head, one row per series that has it. values are scaled to a peak of 1; multiply by
-- peak for the method's own scale. density is the share of the positive part in each cell times the number of cells: 1 is
-- uniform on any grid, so that maps of different grids compare; NULL for a map without a positive value.
CREATE OR REPLACE MACRO map_of(of_image, of_model, of_method, at_layer, at_head := -1, of_variant := 'frozen', in_view := 'squash') AS TABLE
WITH asked AS MATERIALIZED (SELECT known_model(of_model) AS model, known_method(of_method) AS method, known_layer(at_layer) AS layer)
SELECT
    m.*,
    CASE WHEN m.total > 0 THEN
        list_transform(m."values", lambda v: (greatest(v, 0) * m.peak / m.total * len(m."values"))::FLOAT)
    END AS density
FROM maps AS m
JOIN asked AS q ON m.model = q.model AND m.method = q.method AND m.layer = q.layer
WHERE m.image_id = of_image AND m.head = at_head AND m.variant = of_variant AND m.view = in_view;
