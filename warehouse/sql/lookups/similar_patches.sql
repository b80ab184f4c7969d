-- Patches of the whole data set nearest to one patch by cosine similarity, best first, with the place of each in its image.
CREATE OR REPLACE MACRO similar_patches(of_image, of_patch, of_model, of_variant := 'frozen', in_view := 'squash', top := 50) AS TABLE
WITH asked AS MATERIALIZED (SELECT known_model(of_model) AS model),
candidates AS (
    SELECT p.* FROM patch_features AS p JOIN asked AS q ON p.model = q.model
    WHERE p.variant = of_variant AND p.view = in_view AND p.model = of_model
),
query AS (
    SELECT dataset, layer, input_size, vector FROM candidates WHERE image_id = of_image AND patch = of_patch
)
SELECT
    c.dataset, c.model, c.variant, c.layer, c.image_id, c.patch,
    (c.patch // c.grid_w)::SMALLINT AS patch_row, (c.patch % c.grid_w)::SMALLINT AS patch_column,
    list_cosine_similarity(c.vector, q.vector) AS similarity
FROM candidates AS c
JOIN query AS q ON c.dataset = q.dataset AND c.layer = q.layer AND c.input_size = q.input_size
ORDER BY similarity DESC
LIMIT top;
