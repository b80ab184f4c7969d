from itertools import combinations_with_replacement

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from ssl_attn.statistics.effects import effects
from ssl_attn.statistics.paired import paired_test

DIFFERENCES = arrays(np.float64, st.integers(2, 25), elements=st.integers(-9, 9))


@given(DIFFERENCES)
def test_mean_median_and_d_z_are_what_they_are_called(d):
    result = effects(d)
    assert result.n == len(d)
    assert result.mean == pytest.approx(d.mean(), abs=1e-12)
    assert result.median == np.median(d)
    if np.ptp(d):
        assert result.d_z == pytest.approx(d.mean() / d.std(ddof=1), abs=1e-12)
    else:
        assert np.isnan(result.d_z)


@given(DIFFERENCES)
def test_rank_biserial_is_the_share_of_rank_on_one_side(d):
    ranks = stats.rankdata(abs(d))
    assert effects(d).rank_biserial == pytest.approx((ranks[d > 0].sum() - ranks[d < 0].sum()) / ranks.sum(), abs=1e-12)


@given(st.lists(st.integers(1, 1000), min_size=2, max_size=30, unique=True), st.randoms())
def test_rank_biserial_counts_pairs_of_differences(sizes, random):
    d = np.array([size * random.choice((-1, 1)) for size in sizes], dtype=np.float64)
    # without ties, a signed-rank sum counts the pairs (with themselves) whose mean is positive
    means = [np.sign(a + b) for a, b in combinations_with_replacement(d, 2)]
    assert effects(d).rank_biserial == pytest.approx(np.mean(means), abs=1e-12)


@given(DIFFERENCES)
def test_turning_the_difference_round_turns_every_effect_round(d):
    straight, turned = effects(d), effects(-3.0 * d)
    assert turned.rank_biserial == pytest.approx(-float(straight.rank_biserial), abs=1e-12)
    assert turned.d_z == pytest.approx(-float(straight.d_z), abs=1e-12, nan_ok=True)
    assert turned.median == -3 * straight.median


def test_zeros_pull_rank_biserial_to_0():
    d = np.array([1.0, 2.0, 3.0])
    assert effects(d).rank_biserial == 1
    assert effects(np.append(d, np.zeros(3))).rank_biserial == pytest.approx((4 + 5 + 6) / 21)
    assert effects(np.zeros(4)).rank_biserial == 0


def test_a_better_b_everywhere_is_1_and_agrees_with_the_test():
    d = np.random.default_rng(0).random(60) + 0.1
    assert effects(d).rank_biserial == 1
    d[:20] *= -1
    ranks = 60 * 61 / 2
    assert paired_test(d).statistic == pytest.approx((1 - abs(effects(d).rank_biserial)) / 2 * ranks)


def test_columns_with_gaps_are_measured_one_by_one():
    rng = np.random.default_rng(1)
    d = np.where(rng.random((9, 12)) < 0.4, np.nan, rng.integers(-4, 5, (9, 12)))
    d[:, 3] = np.nan
    d[1:, 4] = np.nan
    d[0, 4] = 2.0
    whole = effects(d)
    for j in range(12):
        alone = effects(d[~np.isnan(d[:, j]), j])
        for name in ("n", "mean", "median", "rank_biserial", "d_z"):
            np.testing.assert_array_equal(getattr(whole, name)[j], getattr(alone, name))
    assert np.isnan([whole.mean[3], whole.median[3], whole.rank_biserial[3], whole.d_z[3], whole.d_z[4]]).all()
    assert whole.median[4] == 2
