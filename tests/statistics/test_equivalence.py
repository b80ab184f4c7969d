import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ssl_attn.errors import UsageError
from ssl_attn.metrics import METRICS
from ssl_attn.statistics.equivalence import default_margin, equivalence, verdict
from ssl_attn.statistics.multiplicity import holm
from ssl_attn.statistics.paired import SMALLEST_P, paired_test

MARGIN = 0.01


def test_is_the_larger_of_two_one_sided_t_tests():
    d = np.random.default_rng(0).normal([0.0, 0.005, -0.02, 0.3], 0.03, (40, 4))
    margins = np.array([0.01, 0.01, 0.05, 0.01])
    above = stats.ttest_1samp(d, -margins, alternative="greater").pvalue
    below = stats.ttest_1samp(d, margins, alternative="less").pvalue
    np.testing.assert_allclose(equivalence(d, margins), np.maximum(above, below), rtol=1e-9)
    assert equivalence(d[:, 0], 0.01) == pytest.approx(equivalence(d, margins)[0], rel=1e-12)


@given(st.integers(2, 30), st.floats(0.001, 1), st.integers(0, 999))
def test_neither_side_nor_unit_matters_and_wider_is_easier(n, margin, seed):
    d = np.random.default_rng(seed).normal(0.1, 0.5, n)
    p = equivalence(d, margin)
    assert 0 < p <= 1
    assert equivalence(-d, margin) == pytest.approx(p, rel=1e-9)
    assert equivalence(100 * d, 100 * margin) == pytest.approx(p, rel=1e-6)
    assert equivalence(d, 2 * margin) <= p


def test_equal_differences_are_within_or_not():
    for value, expected in ((0.0, SMALLEST_P), (0.005, SMALLEST_P), (0.25, 1.0), (0.5, 1.0)):
        margin = 0.01 if value < 0.1 else 0.25
        assert equivalence(np.full(6, value), margin) == expected
    assert equivalence(np.zeros(6), 0.0) == 1


def test_missing_pairs_are_left_out_and_one_is_too_few():
    d = np.random.default_rng(1).normal(0, 0.02, (12, 3))
    d[[0, 4], 0], d[1:, 1], d[:, 2] = np.nan, np.nan, np.nan
    p = equivalence(d, MARGIN)
    assert p[0] == pytest.approx(equivalence(d[[i for i in range(12) if i not in (0, 4)], 0], MARGIN), rel=1e-12)
    assert np.isnan(p[1:]).all()
    assert np.isnan(equivalence(d[:, 0], np.nan))


def test_negative_margins_are_refused():
    with pytest.raises(UsageError, match=r"0 or more, got -0\.1"):
        equivalence(np.ones((4, 2)), np.array([0.1, -0.1]))


def test_at_the_margin_equivalence_is_claimed_as_rarely_as_it_says():
    # 4,000 samples leave a standard error of 0.34 points
    d = np.random.default_rng(2).normal(MARGIN, 0.02, (57, 4000))
    assert (equivalence(d, MARGIN) < 0.05).mean() == pytest.approx(0.05, abs=3 * np.sqrt(0.05 * 0.95 / 4000))
    assert (equivalence(d - MARGIN, MARGIN) < 0.05).mean() > 0.9


def test_default_margins():
    assert default_margin("iou", [0.4, -3.0]).tolist() == [0.01, 0.01]
    np.testing.assert_allclose(default_margin("kl", [0.4, -3.0]), [0.04, 0.3])
    assert default_margin("energy", 0.5).shape == ()
    of_iou = {name for name in METRICS if default_margin(name, 100.0) == 0.01}
    assert {"iou", "iou_mean", "iou_oracle", "iou_mass", "iou_above_mean", "iou_share"} == of_iou


@pytest.mark.parametrize("direction", ["higher", "lower"])
@pytest.mark.parametrize(
    ("difference", "p", "p_equivalence", "word", "significant"),
    [
        (0.2, 0.001, 0.9, "better", True),
        (-0.2, 0.001, 0.9, "worse", True),
        (0.2, 0.2, 0.9, "inconclusive", False),
        (0.005, 0.2, 0.01, "preserved", False),
        (0.005, 0.001, 0.01, "preserved", True),  # significant, but below the margin
        (0.2, 0.05, 0.05, "inconclusive", False),
        (0.2, np.nan, np.nan, "inconclusive", False),
        (0.0, 0.001, 0.9, "inconclusive", True),
    ],
)
def test_precedence(direction, difference, p, p_equivalence, word, significant):
    gain = difference if direction == "higher" else -difference
    words = {"better": "enhanced", "worse": "diminished"}
    result = verdict(gain, p, p_equivalence, direction)
    assert result.verdict == words.get(word, word)
    assert result.significant == significant


def test_verdicts_of_many_comparisons_at_once():
    result = verdict(
        np.array([0.2, 0.2, -0.2, 0.0]),
        np.array([0.01, 0.01, 0.01, 0.5]),
        np.array([0.9, 0.9, 0.9, 0.01]),
        np.array(["higher", "lower", "lower", "higher"]),
        seeds_agree=np.array([True, True, False, True]),
    )
    assert result.verdict.tolist() == ["enhanced", "diminished", "inconclusive", "preserved"]
    assert result.significant.tolist() == [True, True, True, False]


def test_metrics_that_only_describe_have_no_verdict():
    with pytest.raises(UsageError, match="neither"):
        verdict(0.1, 0.01, 0.5, ["higher", "neither"])


def test_planted_differences_are_found():
    rng = np.random.default_rng(3)
    true = np.array([0.0, 0.002, 0.05, -0.05, 0.012])
    d = true + rng.normal(0, 0.02, (139, 5))
    p, equal = holm(paired_test(d).p), holm(equivalence(d, MARGIN))
    found = verdict(d.mean(axis=0), p, equal, "higher").verdict
    assert found.tolist()[:4] == ["preserved", "preserved", "enhanced", "diminished"]
    # a metric that is worse the higher it is tells the opposite story
    assert verdict(d.mean(axis=0), p, equal, "lower").verdict.tolist()[2:4] == ["diminished", "enhanced"]
