import numpy as np
import pytest
from scipy import stats

from ssl_attn.errors import UsageError
from ssl_attn.statistics.change import deming, oldham

SAMPLES = 400
ERROR = 1 / np.sqrt(SAMPLES)
"""Standard error of a mean over the samples, in units of what is averaged."""


def naive(before, after):
    """What nobody should report alone."""
    return stats.pearsonr(before, after - before).statistic


def study(rng, n=139, *, gain=0.1, slope=1.0, noise=0.1, area_effect=0.0):
    """True scores, and measurements before and after; change depends on the start only by `slope`."""
    area = rng.random(n)
    true = 0.5 + 0.1 * rng.normal(size=n) + area_effect * area
    tuned = gain + slope * true + area_effect * area
    return true + noise * rng.normal(size=n), tuned + noise * rng.normal(size=n), area


def test_only_the_naive_correlation_sees_a_dependence_that_is_not_there():
    rng = np.random.default_rng(0)
    naives, ours, rejected, slopes, covered, shrunk = [], [], [], [], [], []
    for _ in range(SAMPLES):
        before, after, _ = study(rng)
        naives.append(naive(before, after))
        found = oldham(before, after)
        ours.append(found.r)
        rejected.append(found.p < 0.05)
        line = deming(before, after)
        slopes.append(line.slope)
        covered.append(line.low <= 1 <= line.high)
        shrunk.append(stats.linregress(before, after).slope)
    assert np.mean(naives) == pytest.approx(-0.5, abs=0.02)
    assert np.mean(ours) == pytest.approx(0, abs=3 * ERROR * np.std(ours))
    assert np.mean(rejected) < 0.05 + 3 * np.sqrt(0.05 * 0.95) * ERROR
    assert np.mean(shrunk) == pytest.approx(0.5, abs=0.02)
    assert np.median(slopes) == pytest.approx(1, abs=4 * ERROR * np.std(slopes))
    # 400 samples leave a standard error of 1.1 points
    assert abs(np.mean(covered) - 0.95) < 0.035


@pytest.mark.parametrize("slope", [0.5, 1.6])
def test_a_true_dependence_is_found(slope):
    rng = np.random.default_rng(1)
    before, after, _ = study(rng, 4000, slope=slope, noise=0.05)
    found, line = oldham(before, after), deming(before, after)
    assert np.sign(found.r) == np.sign(slope - 1)
    assert found.p < 1e-6
    assert line.low <= slope <= line.high
    assert line.slope == pytest.approx(slope, abs=0.1)


def test_area_of_the_boxes_can_be_controlled_for():
    # large boxes score higher and gain more: without control, the score seems to decide the gain
    before, after, area = study(np.random.default_rng(2), 3000, area_effect=0.4)
    assert oldham(before, after).r > 0.3
    assert deming(before, after).low > 1.2
    controlled = oldham(before, after, control=area)
    assert controlled.low <= 0 <= controlled.high
    line = deming(before, after, control=area)
    assert line.low <= 1 <= line.high


def test_oldham_equals_scipy_with_and_without_control():
    before, after, area = study(np.random.default_rng(3), 40, area_effect=0.3)
    difference, average = after - before, (before + after) / 2
    theirs = stats.pearsonr(difference, average)
    interval = theirs.confidence_interval(0.9)
    ours = oldham(before, after, level=0.9)
    assert (ours.n, ours.r, ours.p) == (40, pytest.approx(theirs.statistic), pytest.approx(theirs.pvalue))
    assert (ours.low, ours.high) == (pytest.approx(interval.low), pytest.approx(interval.high))

    def cleared(y):
        line = stats.linregress(area, y)
        return y - line.intercept - line.slope * area

    partial = oldham(before, after, control=area)
    r = stats.pearsonr(cleared(difference), cleared(average)).statistic
    assert partial.r == pytest.approx(r, rel=1e-9)
    assert partial.p == pytest.approx(2 * stats.t.sf(abs(r) * np.sqrt(37 / (1 - r * r)), 37), rel=1e-9)


def test_deming_with_equal_noise_is_the_long_axis_of_the_cloud():
    before, after, area = study(np.random.default_rng(4), 30, slope=1.3)
    _, axes = np.linalg.eigh(np.cov(before, after))
    line = deming(before, after)
    assert line.slope == pytest.approx(axes[1, 1] / axes[0, 1], rel=1e-9)
    # with all the noise in after it is ordinary regression, with all of it in before the inverse of the reverse one
    assert deming(before, after, error_ratio=1e9).slope == pytest.approx(
        stats.linregress(before, after).slope, rel=1e-6
    )
    assert deming(before, after, error_ratio=1e-9).slope == pytest.approx(
        1 / stats.linregress(after, before).slope, rel=1e-6
    )
    assert deming(after, before).slope == pytest.approx(1 / line.slope, rel=1e-9)
    for control in (None, area):
        jackknife = [
            30 * deming(before, after, control=control).slope
            - 29 * deming(*(x[np.arange(30) != i] for x in (before, after)), control=left).slope
            for i, left in ((i, None if control is None else control[np.arange(30) != i]) for i in range(30))
        ]
        whole = deming(before, after, control=control)
        df = 28 if control is None else 27
        half = stats.t.ppf(0.975, df) * np.std(jackknife, ddof=1) / np.sqrt(30)
        assert (whole.low, whole.high) == (pytest.approx(whole.slope - half), pytest.approx(whole.slope + half))


def test_a_control_of_one_value_changes_nothing():
    before, after, _ = study(np.random.default_rng(5), 20)
    assert oldham(before, after, control=np.full(20, 0.3)).r == pytest.approx(oldham(before, after).r, rel=1e-12)
    assert deming(before, after, control=np.ones(20)).slope == pytest.approx(deming(before, after).slope, rel=1e-12)


def test_missing_rows_are_left_out():
    before, after, area = study(np.random.default_rng(6), 20)
    before[2], after[7], area[11] = np.nan, np.nan, np.nan
    kept = ~np.isnan(before + after + area)
    assert oldham(before, after, control=area) == oldham(before[kept], after[kept], control=area[kept])
    assert deming(before, after, control=area) == deming(before[kept], after[kept], control=area[kept])
    assert oldham(before, after).n == deming(before, after).n == 18


@pytest.mark.parametrize("n", [0, 1, 2])
def test_too_few_rows_have_no_answer(n):
    found, line = oldham(np.arange(n) * 1.0, np.ones(n)), deming(np.arange(n) * 1.0, np.ones(n))
    assert (found.n, line.n) == (n, n)
    assert np.isnan([found.r, found.p, found.low, found.high, line.slope, line.low, line.high]).all()


def test_one_change_for_all_has_no_correlation():
    before = np.random.default_rng(7).random(50)
    assert np.isnan(oldham(before, before + 0.1).r)
    assert np.isnan(oldham(np.ones(5), np.ones(5)).r)
    assert deming(before, before + 0.1).slope == pytest.approx(1, rel=1e-9)
    assert np.isnan(deming(np.ones(5), np.arange(5.0)).slope)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"after": np.ones(3)}, "one shape"),
        ({"control": np.ones((4, 1))}, "one shape"),
        ({"error_ratio": 0.0}, "positive ratio"),
    ],
)
def test_wrong_requests_are_refused(arguments, expected):
    with pytest.raises(UsageError, match=expected):
        deming(**{"before": np.ones(4), "after": np.ones(4), **arguments})
