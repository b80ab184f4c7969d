import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ssl_attn.errors import UsageError
from ssl_attn.statistics import bootstrap
from ssl_attn.statistics.bootstrap import MIN_CLUSTERS, cluster_bootstrap, cluster_draws, cluster_means, cluster_sums

KINDS = ("percentile", "bca")
SINGLE = 1e-6
"""Rounding of draws kept in single precision, as a share of their range."""


def column(values):
    return np.asarray(values, dtype=float)[:, None]


def test_mean_sd_and_counts_are_exact():
    values = np.array([[1.0, 2.0], [3.0, np.nan], [5.0, np.nan], [2.0, np.nan]])
    result = cluster_bootstrap(values, np.array(["a", "b", "a", "c"]))
    assert result.mean.tolist() == [2.75, 2.0]
    assert result.sd[0] == pytest.approx(np.std(values[:, 0], ddof=1), rel=1e-15)
    assert np.isnan(result.sd[1])
    assert result.n.tolist() == [4, 1]
    assert result.n_clusters.tolist() == [3, 1]


@given(st.integers(1, 40), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_summary_ignores_what_is_missing(n, columns, seed):
    rng = np.random.default_rng(seed)
    values = np.where(rng.random((n, columns)) < 0.3, np.nan, rng.normal(5, 2, (n, columns)))
    clusters = rng.integers(0, 12, n)
    result = cluster_bootstrap(values, clusters, draws=20)
    for j in range(columns):
        some = ~np.isnan(values[:, j])
        assert result.n[j] == some.sum()
        assert result.n_clusters[j] == len(set(clusters[some]))
        if some.any():
            assert result.mean[j] == pytest.approx(values[some, j].mean(), rel=1e-12)
        if some.sum() > 1:
            assert result.sd[j] == pytest.approx(values[some, j].std(ddof=1), rel=1e-12)
        assert np.isnan(result.low[j]) == np.isnan(result.high[j]) == (result.n_clusters[j] < MIN_CLUSTERS)


@pytest.mark.parametrize("kind", KINDS)
def test_equals_scipy_for_single_images(kind):
    values = np.random.default_rng(0).gamma(2, size=60)
    ours = cluster_bootstrap(column(values), np.arange(60), draws=20_000, kind=kind)
    theirs = stats.bootstrap((values,), np.mean, method=kind, n_resamples=20_000, rng=1).confidence_interval
    assert_interval(ours, theirs)


@pytest.mark.parametrize("kind", KINDS)
def test_equals_scipy_for_clusters_of_unequal_size(kind):
    rng = np.random.default_rng(2)
    clusters = rng.integers(0, 40, 150)
    values = rng.normal(size=40)[clusters] + rng.exponential(size=150)
    names = np.unique(clusters)
    sums = np.array([values[clusters == name].sum() for name in names])
    counts = np.array([(clusters == name).sum() for name in names])
    theirs = stats.bootstrap(
        (np.arange(len(names)),),  # scipy leaves out one value of each sample in turn; a cluster must be one value
        lambda chosen, axis: sums[chosen].sum(axis=axis) / counts[chosen].sum(axis=axis),
        method=kind,
        n_resamples=20_000,
        rng=3,
    ).confidence_interval
    assert_interval(cluster_bootstrap(column(values), clusters, draws=20_000, kind=kind), theirs)


def assert_interval(ours, theirs):
    tolerance = 0.05 * (theirs.high - theirs.low)
    assert ours.low[0] == pytest.approx(theirs.low, abs=tolerance)
    assert ours.high[0] == pytest.approx(theirs.high, abs=tolerance)


def bca_by_hand(values, clusters, drawn, level):
    """The textbook's formula, one draw and one cluster at a time, on means that are not centred first."""
    names = [name for name in np.unique(clusters) if not np.isnan(values[clusters == name]).all()]
    at = {name: place for place, name in enumerate(np.unique(clusters))}

    def mean(times):
        total = sum(times[name] * np.nansum(values[clusters == name]) for name in names)
        return total / sum(times[name] * np.sum(~np.isnan(values[clusters == name])) for name in names)

    every = dict.fromkeys(names, 1)
    centre = mean(every)
    means = np.array([mean({name: int(row[at[name]]) for name in names}) for row in drawn])
    tied = np.isclose(means, centre, rtol=0, atol=1e-9)
    bias = stats.norm.ppf(np.mean(np.where(tied, 0.5, means < centre)))
    left_out = np.array([mean({**every, name: 0}) for name in names])
    influence = left_out.mean() - left_out
    acceleration = (influence**3).sum() / (6 * (influence**2).sum() ** 1.5)
    z = bias + stats.norm.ppf([(1 - level) / 2, (1 + level) / 2])
    return np.quantile(means, stats.norm.cdf(bias + z / (1 - acceleration * z))), np.ptp(means)


@pytest.mark.parametrize("kind", ["skewed", "hits", "thirds"])
def test_bca_equals_the_formula_by_hand(kind):
    rng = np.random.default_rng(11)
    clusters = rng.integers(0, 14, 40)
    values = {
        "skewed": rng.exponential(size=40),
        "hits": (rng.random(40) < 0.2).astype(float),
        "thirds": rng.integers(0, 4, 40) / 3,  # means tie with the mean of all up to rounding
    }[kind]
    values = np.where((rng.random(40) < 0.2) | (clusters < 3), np.nan, values)
    drawn = cluster_draws(len(np.unique(clusters)), draws=400, seed=5)
    expected, spread = bca_by_hand(values, clusters, drawn, 0.9)
    # beside columns with other gaps, whose draws have other sizes
    beside = np.column_stack([rng.random(40), values, np.where(np.arange(40) < 5, np.nan, 1.0 + rng.random(40))])
    result = cluster_bootstrap(beside, clusters, draws=400, seed=5, level=0.9, kind="bca")
    np.testing.assert_allclose([result.low[1], result.high[1]], expected, rtol=0, atol=1e-5 * spread)


def test_bca_moves_toward_the_long_tail():
    values = column(np.random.default_rng(12).exponential(size=60))
    plain, corrected = (cluster_bootstrap(values, np.arange(60), kind=kind) for kind in KINDS)
    assert corrected.low > plain.low
    assert corrected.high > plain.high


@pytest.mark.parametrize("kind", KINDS)
def test_turning_values_round_turns_the_interval_round(kind):
    rng = np.random.default_rng(13)
    values = rng.exponential(size=(30, 4))
    clusters = rng.integers(0, 20, 30)
    straight = cluster_bootstrap(values, clusters, kind=kind)
    turned = cluster_bootstrap(1000 - 2 * values, clusters, kind=kind)
    width = straight.high - straight.low
    np.testing.assert_allclose((1000 - turned.high) / 2, straight.low, rtol=0, atol=1e-4 * width.min())
    np.testing.assert_allclose((1000 - turned.low) / 2, straight.high, rtol=0, atol=1e-4 * width.min())


@pytest.mark.parametrize("kind", KINDS)
@given(value=st.floats(-1e6, 1e6), n=st.integers(8, 40))
def test_equal_values_are_their_interval(kind, value, n):
    result = cluster_bootstrap(np.full((n, 2), value), np.arange(n), draws=50, kind=kind)
    assert result.low.tolist() == result.high.tolist() == result.mean.tolist() == [value, value]
    assert result.sd.tolist() == [0, 0]


def test_equals_the_same_draws_taken_one_by_one():
    rng = np.random.default_rng(4)
    clusters = rng.integers(0, 15, 50)
    values = np.where(rng.random((50, 3)) < 0.5, np.nan, rng.random((50, 3)))
    drawn = cluster_draws(len(np.unique(clusters)), draws=300, seed=7)
    result = cluster_bootstrap(values, clusters, draws=300, seed=7, level=0.8)
    for j in range(3):
        means = []
        for row in drawn:
            picked = [
                values[clusters == name, j]
                for name, times in zip(np.unique(clusters), row, strict=True)
                for _ in range(times)
            ]
            means.append(np.nanmean(np.concatenate(picked)))
        expected = np.quantile(means, [0.1, 0.9])
        np.testing.assert_allclose([result.low[j], result.high[j]], expected, rtol=0, atol=SINGLE * np.ptp(means))


def test_a_draw_without_a_value_is_left_out():
    values = np.full((400, 1), np.nan)
    values[:8, 0] = np.arange(8)
    clusters = np.arange(400)
    drawn = cluster_draws(400, draws=20_000, seed=0)[:, :8].astype(float)
    empty = drawn.sum(axis=1) == 0
    assert empty.any()
    result = cluster_bootstrap(values, clusters, draws=20_000)
    means = drawn[~empty] @ np.arange(8) / drawn[~empty].sum(axis=1)
    expected = np.quantile(means, [0.025, 0.975])
    np.testing.assert_allclose([result.low[0], result.high[0]], expected, rtol=0, atol=SINGLE * np.ptp(means))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [57, 139])
def test_intervals_of_skewed_scores_cover_what_they_say(kind, n):
    # 4,000 samples leave a standard error of 0.3 points; scores are as skewed as IoU (skewness 1)
    values = np.random.default_rng(5).beta(1, 4, size=(n, 4000))
    result = cluster_bootstrap(values, np.arange(n), draws=2000, kind=kind)
    covered = ((result.low <= 0.2) & (result.high >= 0.2)).mean()
    assert abs(covered - 0.95) < 0.02


def test_few_units_cover_less_which_is_why_they_are_flagged():
    values = np.random.default_rng(14).exponential(size=(10, 4000))
    result = cluster_bootstrap(values, np.arange(10), draws=2000)
    assert ((result.low <= 1) & (result.high >= 1)).mean() < 0.9
    assert MIN_CLUSTERS <= 10 < bootstrap.FEW


def test_intervals_cover_when_photographs_share_a_building():
    rng = np.random.default_rng(6)
    buildings = np.repeat(np.arange(60), 4)
    values = rng.normal(size=(60, 1000))[buildings] + 0.5 * rng.normal(size=(240, 1000))

    def covered(clusters):
        result = cluster_bootstrap(values, clusters, draws=2000)
        return ((result.low <= 0) & (result.high >= 0)).mean()

    assert abs(covered(buildings) - 0.95) < 0.025
    assert covered(np.arange(240)) < 0.8  # taking photographs for independent promises too much


@given(st.integers(1, 300), st.integers(1, 50), st.integers(0, 99))
def test_a_draw_takes_as_many_clusters_as_there_are(clusters, draws, seed):
    taken = cluster_draws(clusters, draws=draws, seed=seed)
    assert taken.shape == (draws, clusters)
    assert (taken.sum(axis=1) == clusters).all()


def test_draws_are_seeded_and_shared_by_all_columns():
    rng = np.random.default_rng(8)
    values = column(rng.random(30))
    clusters = np.arange(30)
    first = cluster_bootstrap(values, clusters, seed=1)
    again = cluster_bootstrap(np.hstack([values, values * 2, rng.random((30, 5))]), clusters, seed=1)
    other = cluster_bootstrap(values, clusters, seed=2)
    assert again.low[0] == pytest.approx(first.low[0], rel=SINGLE)
    assert again.low[1] == pytest.approx(2 * first.low[0], rel=SINGLE)
    assert other.low[0] != first.low[0]


@pytest.mark.parametrize("kind", KINDS)
def test_chunks_do_not_change_the_result(monkeypatch, kind):
    rng = np.random.default_rng(9)
    values = np.where(rng.random((40, 30)) < 0.2, np.nan, rng.random((40, 30)))
    clusters = rng.integers(0, 20, 40)
    whole = cluster_bootstrap(values, clusters, draws=500, kind=kind)
    monkeypatch.setattr(bootstrap, "_CHUNK_MEANS", 1500)
    monkeypatch.setattr(bootstrap, "_KEPT_DRAWS", 0)
    parts = cluster_bootstrap(values, clusters, draws=500, kind=kind)
    np.testing.assert_allclose(parts.low, whole.low, rtol=SINGLE)
    np.testing.assert_allclose(parts.high, whole.high, rtol=SINGLE)


def test_draws_are_the_same_kept_or_drawn_again(monkeypatch):
    kept = cluster_draws(300, draws=70, seed=3)
    monkeypatch.setattr(bootstrap, "_KEPT_DRAWS", 0)
    monkeypatch.setattr(bootstrap, "_CHUNK_MEANS", 1000)
    assert (cluster_draws(300, draws=70, seed=3) == kept).all()


def test_clusters_may_be_named_and_in_any_order():
    rng = np.random.default_rng(10)
    values, clusters = column(rng.random(40)), np.array([f"building {i % 11:02}" for i in range(40)])
    order = rng.permutation(40)
    straight = cluster_bootstrap(values, clusters, draws=500)
    shuffled = cluster_bootstrap(values[order], clusters[order], draws=500)
    assert shuffled.low[0] == pytest.approx(straight.low[0], rel=SINGLE)


def test_means_of_clusters():
    values = np.array([[1.0, np.nan], [3.0, np.nan], [5.0, 2.0], [2.0, np.nan]])
    clusters = np.array(["b", "a", "b", "c"])
    np.testing.assert_array_equal(cluster_means(values, clusters), [[3.0, np.nan], [3.0, 2.0], [2.0, np.nan]])
    assert cluster_sums(np.ones((4, 1)), clusters).ravel().tolist() == [1, 2, 1]
    assert cluster_means(np.empty((0, 2)), np.empty(0)).shape == (0, 2)


@pytest.mark.parametrize("shape", [(0, 3), (9, 0), (0, 0)])
def test_nothing_in_nothing_out(shape):
    result = cluster_bootstrap(np.empty(shape), np.arange(shape[0]))
    assert result.mean.shape == result.low.shape == (shape[1],)
    assert (result.n == 0).all()
    assert np.isnan(result.mean).all()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"clusters": np.arange(4)}, "its cluster"),
        ({"draws": 0}, "one draw or more"),
        ({"level": 1.0}, "level between"),
        ({"kind": "basic"}, "percentile, bca, got 'basic'"),
    ],
)
def test_wrong_requests_are_refused(arguments, expected):
    with pytest.raises(UsageError, match=expected):
        cluster_bootstrap(**{"values": np.ones((5, 1)), "clusters": np.arange(5), **arguments})
