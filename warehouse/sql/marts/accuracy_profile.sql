-- One row per model, variant, data set and readout: how often it told the style of held-out images, with its 95 % Wilson
-- interval, what the same model untrained and guessing reach, and how it was trained.
CREATE OR REPLACE VIEW accuracy_profile AS
SELECT
    a.model, a.variant, m.strategy, m.train_seed, m.family, m.paradigm, a.data, a.split, a.readout,
    a.n, a.correct, a.accuracy, a.ci_low, a.ci_high, a.untrained_accuracy, a.accuracy - a.untrained_accuracy AS gain, a.chance
FROM accuracies AS a
JOIN models AS m USING (model, variant);
