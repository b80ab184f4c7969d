from fractions import Fraction
from itertools import product
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import special, stats

from ssl_attn.errors import UsageError
from ssl_attn.statistics.paired import EXACT_UP_TO, SMALLEST_P, mcnemar_exact, paired_test, sign_test, signed_ranks

SMALL_INTEGERS = arrays(np.float64, st.integers(1, 9), elements=st.integers(-3, 3))
"""Differences with many ties and zeros."""


def by_enumeration(d, zeros):
    """Two-sided p over every choice of signs, in fractions."""
    d = d[d != 0] if zeros == "drop" else d
    ranks = stats.rankdata(abs(d))
    kept = d != 0
    observed = ranks[d > 0].sum()
    centre = ranks[kept].sum() / 2
    sums = [np.dot(ranks[kept], signs) for signs in product((0, 1), repeat=int(kept.sum()))]
    return Fraction(sum(abs(s - centre) >= abs(observed - centre) for s in sums), len(sums))


def by_counting(d):
    """Two-sided p under Pratt's rule in whole numbers of any size."""
    ranks = np.rint(2 * stats.rankdata(abs(d)))[d != 0].astype(int)
    smaller = min(np.rint(2 * stats.rankdata(abs(d)))[d > 0].sum(), np.rint(2 * stats.rankdata(abs(d)))[d < 0].sum())
    ways = {0: 1}
    for rank in ranks.tolist():
        more = dict(ways)
        for total, number in ways.items():
            more[total + rank] = more.get(total + rank, 0) + number
        ways = more
    tail = sum(number for total, number in ways.items() if total <= smaller)
    return min(1.0, float(Fraction(2 * tail, 2 ** len(ranks))))


@given(SMALL_INTEGERS, st.sampled_from(["pratt", "drop"]))
def test_exact_p_counts_the_signs_of_tied_ranks(d, zeros):
    result = paired_test(d, zeros=zeros)
    assert result.p == pytest.approx(float(by_enumeration(d, zeros)), rel=1e-12)
    assert result.kind == "wilcoxon_exact"


@given(st.integers(1, 40), st.integers(0, 999))
def test_equals_scipys_exact_test_without_ties(n, seed):
    d = np.random.default_rng(seed).normal(0.3, 1, n)
    theirs = stats.wilcoxon(d, method="exact")
    ours = paired_test(d)
    assert ours.statistic == theirs.statistic
    assert ours.p == pytest.approx(theirs.pvalue, rel=1e-10)


@given(arrays(np.float64, st.integers(20, 60), elements=st.integers(-4, 6)), st.sampled_from(["pratt", "drop"]))
def test_equals_scipys_normal_approximation_with_ties_and_zeros(d, zeros):
    ours = paired_test(d, zeros=zeros, null="normal")
    assert ours.kind == "wilcoxon_normal"
    if (d == 0).all():
        assert ours.p == 1
        return
    theirs = stats.wilcoxon(d, zero_method={"pratt": "pratt", "drop": "wilcox"}[zeros], method="asymptotic")
    assert ours.statistic == theirs.statistic
    assert ours.p == pytest.approx(theirs.pvalue, rel=1e-9)


@pytest.mark.parametrize("shift", [0.0, 0.2, 0.6, 3.0])
@pytest.mark.parametrize("decimals", [1, 8])
def test_small_p_keeps_its_digits(shift, decimals):
    d = np.round(np.random.default_rng(1).normal(shift, 1, 139), decimals)
    assert paired_test(d).p == pytest.approx(by_counting(d), rel=1e-12)


def test_all_signs_equal_is_two_to_the_one_minus_n():
    d = np.random.default_rng(2).random((500, 1)) + 0.01
    for n in (2, 8, 139, 500):
        assert paired_test(d[:n, 0]).p == 2.0 ** (1 - n)
    assert paired_test(d[:139, 0]).p == pytest.approx(2.9e-42, rel=0.02)
    assert paired_test(d[:139, 0], null="normal").p == pytest.approx(1.5e-24, rel=0.05)


def test_normal_null_above_500_pairs_is_labelled_and_near_the_exact_one():
    rng = np.random.default_rng(3)
    d = rng.normal(0.08, 1, EXACT_UP_TO + 1)
    above = paired_test(d)
    at_limit = paired_test(d[1:])
    assert above.kind == "wilcoxon_normal"
    assert at_limit.kind == "wilcoxon_exact"
    assert paired_test(d[1:], null="normal").p == pytest.approx(float(at_limit.p), rel=0.03)
    assert at_limit.p == pytest.approx(stats.wilcoxon(d[1:], method="exact").pvalue, rel=1e-9)


def test_columns_are_tested_one_by_one():
    rng = np.random.default_rng(4)
    d = np.round(rng.normal(0.2, 1, (30, 40)), 1)
    d[rng.random(d.shape) < 0.2] = np.nan
    d[:, 0], d[:, 1] = np.nan, 0.0
    for options in ({}, {"zeros": "drop"}, {"null": "normal"}, {"test": "t"}):
        whole = paired_test(d, **options)
        assert whole.p.shape == whole.statistic.shape == whole.kind.shape == (40,)
        for j in range(40):
            alone = paired_test(d[~np.isnan(d[:, j]), j], **options)
            assert alone.p.shape == ()
            np.testing.assert_allclose(whole.p[j], alone.p, rtol=1e-12)
            np.testing.assert_allclose(whole.statistic[j], alone.statistic, rtol=1e-12)
            assert whole.kind[j] == alone.kind


def test_pairs_of_different_number_may_need_different_nulls():
    d = np.random.default_rng(5).normal(size=(EXACT_UP_TO + 5, 2))
    d[:10, 1] = np.nan
    assert paired_test(d).kind.tolist() == ["wilcoxon_normal", "wilcoxon_exact"]


@pytest.mark.parametrize("test", ["wilcoxon", "t"])
@given(arrays(np.float64, st.integers(2, 30), elements=st.integers(-50, 50)))
def test_neither_side_nor_unit_matters(test, d):
    straight = paired_test(d, test=test)
    turned = paired_test(-4.0 * d, test=test)
    assert turned.p == pytest.approx(float(straight.p), rel=1e-9, nan_ok=True)
    assert 0 < straight.p <= 1
    if test == "wilcoxon":
        assert turned.statistic == straight.statistic
    else:
        assert turned.statistic == pytest.approx(-float(straight.statistic), rel=1e-9, nan_ok=True)


def test_t_equals_scipy():
    d = np.random.default_rng(6).normal(0.3, 1, (25, 8))
    theirs = stats.ttest_1samp(d, 0)
    ours = paired_test(d, test="t")
    np.testing.assert_allclose(ours.statistic, theirs.statistic, rtol=1e-12)
    np.testing.assert_allclose(ours.p, theirs.pvalue, rtol=1e-10)
    assert set(ours.kind) == {"t"}


def with_t(t, n):
    """Differences of mean 1 whose t statistic is `t`."""
    d = np.random.default_rng(7).normal(size=n)
    d = (d - d.mean()) / d.std(ddof=1)
    return 1 + d * np.sqrt(n) / t


def test_t_of_thirty_five_has_a_p_and_not_0():
    result = paired_test(-with_t(35.1, 139), test="t")
    assert result.statistic == pytest.approx(-35.1, rel=1e-9)
    # the incomplete beta function is another way to the same tail
    other_way = special.betainc(69, 0.5, 138 / (138 + 35.1**2))
    assert result.p == pytest.approx(other_way, rel=1e-6)
    assert result.p == pytest.approx(1.2e-70, rel=0.05)


def test_no_p_is_0():
    assert paired_test(with_t(1e9, 139), test="t").p == SMALLEST_P
    assert paired_test(np.arange(1.0, 4000), null="normal").p == SMALLEST_P
    assert sign_test(np.ones(3000)).p == SMALLEST_P
    assert SMALLEST_P > 0


def test_without_differences_p_is_1():
    for test, statistic in (("wilcoxon", 0), ("t", np.nan)):
        result = paired_test(np.zeros((6, 1)), test=test)
        assert result.p.tolist() == [1]
        np.testing.assert_array_equal(result.statistic, [statistic])
    assert paired_test(np.zeros(600)).p == 1
    assert sign_test(np.zeros(6)).p == 1


def test_equal_differences_are_certain_for_t():
    result = paired_test(np.full(5, 0.1), test="t")
    assert result.statistic == np.inf
    assert result.p == SMALLEST_P


@pytest.mark.parametrize("d", [np.empty((0, 2)), np.full((3, 2), np.nan)])
@pytest.mark.parametrize("test", ["wilcoxon", "t"])
def test_no_pairs_no_p(d, test):
    result = paired_test(d, test=test)
    assert np.isnan(result.p).all()
    assert np.isnan(result.statistic).all()
    assert np.isnan(sign_test(d).p).all()


def test_one_pair_has_no_t_and_says_nothing():
    assert np.isnan(paired_test(np.array([0.3]), test="t").p)
    assert paired_test(np.array([0.3])).p == 1


def test_zeros_are_ranked_and_then_dropped():
    d = np.array([0.0, -0.2, 0.0, 0.5, np.nan, 0.2])
    assert signed_ranks(d[:, None])[:, 0].tolist() == [0, -7, 0, 10, 0, 7]
    assert signed_ranks(d[:, None], zeros="drop")[:, 0].tolist() == [0, -3, 0, 6, 0, 3]
    assert paired_test(d).statistic == 3.5
    assert paired_test(d, zeros="drop").statistic == 1.5


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"test": "z"}, "wilcoxon, t, got 'z'"),
        ({"zeros": "split"}, "pratt, drop, got 'split'"),
        ({"null": "monte_carlo"}, "exact, normal, got 'monte_carlo'"),
    ],
)
def test_unknown_choices_are_refused(arguments, expected):
    with pytest.raises(UsageError, match=expected):
        paired_test(np.ones(3), **arguments)


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 5))
def test_mcnemar_equals_the_binomial_test(only_a, only_b, both):
    a = np.repeat([1.0, 0.0, 1.0, 0.0], [only_a, only_b, both, 2])
    b = np.repeat([0.0, 1.0, 1.0, 0.0], [only_a, only_b, both, 2])
    result = mcnemar_exact(a, b)
    expected = stats.binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1.0
    assert result.p == pytest.approx(expected, rel=1e-10)
    assert result.statistic == min(only_a, only_b)
    assert result.kind == "mcnemar_exact"


def test_mcnemar_of_139_hits_to_none_is_not_0():
    result = mcnemar_exact(np.ones((139, 2), dtype=bool), np.zeros((139, 2), dtype=bool))
    np.testing.assert_allclose(result.p, 2.0**-138, rtol=1e-12)
    few = mcnemar_exact(np.repeat([1.0, 0.0], [136, 3]), np.repeat([0.0, 1.0], [136, 3]))
    assert few.p == pytest.approx(float(Fraction(2 * sum(comb(139, k) for k in range(4)), 2**139)), rel=1e-12)


def test_a_cluster_has_one_vote():
    clusters = np.array(["a", "a", "a", "b", "b", "c", "d"])
    a = np.array([1, 1, 1, 1, 0, 1, np.nan])
    b = np.array([0, 0, 0, 0, 1, 0, 1.0])
    # a and c are won; b's hits cancel; d has no pair
    assert mcnemar_exact(a, b, clusters).p == sign_test(np.array([3.0, 0.0, 1.0, np.nan])).p == 0.5
    assert mcnemar_exact(a, b).p == pytest.approx(stats.binomtest(5, 6).pvalue, rel=1e-12)


def test_a_cluster_of_one_image_is_the_image():
    rng = np.random.default_rng(8)
    a, b = rng.integers(0, 2, (2, 50, 3)).astype(float)
    np.testing.assert_array_equal(mcnemar_exact(a, b, np.arange(50)).p, mcnemar_exact(a, b).p)


def test_means_over_seeds_that_cancel_but_for_rounding_are_no_win():
    a, b = np.array([[0.1, 1.0], [0.2, 0.4]]), np.array([[0.3, 0.0], [0.0, 0.2]])
    net = (a - b).sum(axis=0)
    assert net[0] != 0  # 0.1 + 0.2 - 0.3 in floating point
    result = mcnemar_exact(a, b, np.array(["x", "x"]))
    assert result.statistic.tolist() == [0, 0]


@pytest.mark.parametrize("hit", [-0.5, 2.0])
def test_what_is_no_hit_is_refused(hit):
    with pytest.raises(UsageError, match="from 0 to 1"):
        mcnemar_exact(np.array([hit, np.nan, 1.0]), np.array([0.0, 1.0, 1.0]))


def rejections(p, alpha=0.05):
    return (p < alpha).mean()


NULLS = {
    "normal": lambda rng, shape: rng.normal(size=shape),
    "heavy tails": lambda rng, shape: rng.standard_t(3, size=shape),
    "ties and zeros": lambda rng, shape: rng.integers(-3, 4, size=shape).astype(float),
    "mostly zeros": lambda rng, shape: np.round(rng.normal(0, 0.4, size=shape)),
}


@pytest.mark.parametrize("null", NULLS)
@pytest.mark.parametrize("n", [12, 57, 139])
def test_under_the_null_tests_reject_at_their_level(null, n):
    # 4,000 samples leave a standard error of 0.34 points at 5 %: three of them either way
    samples = 4000
    error = 3 * np.sqrt(0.05 * 0.95 / samples)
    d = NULLS[null](np.random.default_rng(n), (n, samples))
    for options in ({}, {"zeros": "drop"}, {"test": "t"}):
        assert rejections(paired_test(d, **options).p) < 0.05 + error
    if null == "normal":
        # exact p-values are discrete: a test at n = 12 rejects 4.3 % at most
        assert rejections(paired_test(d).p) > 0.05 - error - (0.01 if n == 12 else 0.0)
        assert rejections(paired_test(d, test="t").p) > 0.05 - error


def test_exact_p_is_small_as_often_as_it_says():
    d = np.random.default_rng(9).normal(size=(57, 20_000))
    p = paired_test(d).p
    for alpha in (0.5, 0.1, 0.01, 0.001):
        assert rejections(p, alpha) == pytest.approx(alpha, abs=4 * np.sqrt(alpha / 20_000) + alpha / 50)


def test_mcnemar_does_not_reject_too_often():
    rng = np.random.default_rng(10)
    a, b = rng.random((2, 139, 4000)) < 0.4
    rate = rejections(mcnemar_exact(a, b).p)
    assert 0.02 < rate < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 4000)


def test_images_of_one_building_are_no_evidence_twice():
    rng = np.random.default_rng(11)
    buildings = np.repeat(np.arange(30), 4)
    d = rng.normal(size=(30, 2000))[buildings] + 0.3 * rng.normal(size=(120, 2000))
    by_building = d.reshape(30, 4, 2000).mean(axis=1)
    assert rejections(paired_test(d).p) > 0.25
    assert rejections(paired_test(by_building).p) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 2000)
