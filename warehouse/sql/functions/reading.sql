-- 1 where a higher value is better and -1 where a lower one is, so that a product with it is best when it is largest. A
-- metric that only describes the map is ordered by its value.
CREATE OR REPLACE MACRO towards_better(direction) AS CASE direction WHEN 'lower' THEN -1 ELSE 1 END;

-- Whether so few sources stand behind a number that its interval promises too much: below 20.
CREATE OR REPLACE MACRO is_few(n_sources) AS n_sources < 20;

-- The baseline that series b is to series a: a model-free one, one made of a's own maps, or random weights.
CREATE OR REPLACE MACRO baseline_of(a_method, b_model, b_variant, b_method) AS (
    CASE
        WHEN b_model = 'baseline' THEN b_method
        WHEN b_method = a_method THEN b_variant
        ELSE b_method[len(a_method) + 2:]
    END
);

-- Whether side a of a comparison has won: significantly, and both in the mean and in most sources.
CREATE OR REPLACE MACRO is_won(significant, direction, difference, rank_biserial) AS
    significant AND towards_better(direction) * difference > 0 AND towards_better(direction) * rank_biserial > 0;
