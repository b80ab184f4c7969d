-- One row per map series (data set, model, variant, method, view, input size, parameters): its last layer, which is the one
-- that the leaderboard reports. Methods of the whole model have only layer -1. Baselines are not among them.
CREATE OR REPLACE VIEW reported_layers AS
SELECT dataset, model, variant, method, view, input_size, params_id, layer
FROM series
WHERE baseline = '';
