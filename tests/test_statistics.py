import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ssl_attn import statistics
from ssl_attn.errors import UsageError
from ssl_attn.statistics import MIN_CLUSTERS, cluster_bootstrap, cluster_draws


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


def test_equals_scipy_for_single_images():
    values = np.random.default_rng(0).gamma(2, size=60)
    ours = cluster_bootstrap(column(values), np.arange(60), draws=20_000)
    theirs = stats.bootstrap((values,), np.mean, method="percentile", n_resamples=20_000, rng=1).confidence_interval
    tolerance = 0.05 * (theirs.high - theirs.low)
    assert ours.low[0] == pytest.approx(theirs.low, abs=tolerance)
    assert ours.high[0] == pytest.approx(theirs.high, abs=tolerance)


def test_equals_scipy_for_clusters_of_unequal_size():
    rng = np.random.default_rng(2)
    clusters = rng.integers(0, 40, 150)
    values = rng.normal(size=40)[clusters] + rng.normal(size=150)
    names = np.unique(clusters)
    sums = np.array([values[clusters == name].sum() for name in names])
    counts = np.array([(clusters == name).sum() for name in names])
    theirs = stats.bootstrap(
        (sums, counts),
        lambda s, c, axis: s.sum(axis=axis) / c.sum(axis=axis),
        paired=True,
        method="percentile",
        n_resamples=20_000,
        rng=3,
    ).confidence_interval
    ours = cluster_bootstrap(column(values), clusters, draws=20_000)
    tolerance = 0.05 * (theirs.high - theirs.low)
    assert ours.low[0] == pytest.approx(theirs.low, abs=tolerance)
    assert ours.high[0] == pytest.approx(theirs.high, abs=tolerance)


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
        np.testing.assert_allclose([result.low[j], result.high[j]], np.quantile(means, [0.1, 0.9]), rtol=1e-12)


def test_a_draw_without_a_value_is_left_out():
    values = np.full((400, 1), np.nan)
    values[:8, 0] = np.arange(8)
    clusters = np.arange(400)
    drawn = cluster_draws(400, draws=20_000, seed=0)[:, :8].astype(float)
    empty = drawn.sum(axis=1) == 0
    assert empty.any()
    result = cluster_bootstrap(values, clusters, draws=20_000)
    means = drawn[~empty] @ np.arange(8) / drawn[~empty].sum(axis=1)
    np.testing.assert_allclose([result.low[0], result.high[0]], np.quantile(means, [0.025, 0.975]), rtol=1e-12)


def test_intervals_of_normal_data_cover_what_they_say():
    values = np.random.default_rng(5).normal(size=(50, 2000))
    result = cluster_bootstrap(values, np.arange(50), draws=2000)
    covered = ((result.low <= 0) & (result.high >= 0)).mean()
    assert abs(covered - 0.95) < 0.02


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
    assert again.low[0] == pytest.approx(first.low[0], rel=1e-12)
    assert again.low[1] == pytest.approx(2 * first.low[0], rel=1e-12)
    assert other.low[0] != first.low[0]


def test_chunks_do_not_change_the_result(monkeypatch):
    rng = np.random.default_rng(9)
    values = np.where(rng.random((40, 30)) < 0.2, np.nan, rng.random((40, 30)))
    clusters = rng.integers(0, 20, 40)
    whole = cluster_bootstrap(values, clusters, draws=500)
    monkeypatch.setattr(statistics, "_CHUNK_MEANS", 1500)
    parts = cluster_bootstrap(values, clusters, draws=500)
    np.testing.assert_allclose(parts.low, whole.low, rtol=1e-12)
    np.testing.assert_allclose(parts.high, whole.high, rtol=1e-12)


def test_clusters_may_be_named_and_in_any_order():
    rng = np.random.default_rng(10)
    values, clusters = column(rng.random(40)), np.array([f"building {i % 11:02}" for i in range(40)])
    order = rng.permutation(40)
    straight = cluster_bootstrap(values, clusters, draws=500)
    shuffled = cluster_bootstrap(values[order], clusters[order], draws=500)
    assert shuffled.low[0] == pytest.approx(straight.low[0], rel=1e-12)


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
        ({"kind": "basic"}, "percentile, got 'basic'"),
    ],
)
def test_wrong_requests_are_refused(arguments, expected):
    with pytest.raises(UsageError, match=expected):
        cluster_bootstrap(**{"values": np.ones((5, 1)), "clusters": np.arange(5), **arguments})
