-- A p-value is above 0 and at most 1 and no smaller when it is adjusted; a verdict says what the p-values and the direction say.
SELECT
    c.dataset, c.family, c.a_model, c.a_variant, c.a_method, c.b_model, c.b_variant, c.b_method, c.metric, c.percentile,
    c.difference, c.p, c.p_holm, c.p_equivalence_holm, c.verdict, c.significant
FROM comparisons AS c
LEFT JOIN metrics AS t USING (metric)
WHERE c.p IS NULL OR c.p <= 0 OR c.p > 1 OR c.p_t <= 0 OR c.p_t > 1
    OR c.p_holm IS NULL OR c.p_holm < c.p * (1 - 1e-9) OR c.p_holm > 1
    OR c.p_equivalence_holm < c.p_equivalence * (1 - 1e-9)
    OR c.significant != (c.p_holm < 0.05)
    OR (c.verdict = 'preserved') != coalesce(c.p_equivalence_holm < 0.05, false)
    OR (c.verdict = 'enhanced' AND NOT (c.significant AND towards_better(t.direction) * c.difference > 0
        AND towards_better(t.direction) * c.rank_biserial > 0))
    OR (c.verdict = 'diminished' AND NOT (c.significant AND towards_better(t.direction) * c.difference < 0
        AND towards_better(t.direction) * c.rank_biserial < 0))
    OR c.verdict NOT IN ('preserved', 'enhanced', 'diminished', 'inconclusive')
    OR abs(c.difference - (c.mean_a - c.mean_b)) > 1e-6 * greatest(1, abs(c.mean_a))
    OR c.n < 1 OR c.n_sources > c.n OR c.margin < 0 OR c.ci_low > c.ci_high OR t.direction IS NULL OR t.direction = 'neither';
