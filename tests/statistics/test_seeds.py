import numpy as np
import pytest
from scipy import stats

from ssl_attn.errors import UsageError
from ssl_attn.statistics import seeds
from ssl_attn.statistics.bootstrap import cluster_draws
from ssl_attn.statistics.seeds import MIN_SEEDS, crossed_bootstrap, seed_summary


def test_t_interval_over_seed_means_equals_scipy():
    values = np.random.default_rng(0).normal(0.2, 0.3, (5, 40))
    result = seed_summary(values, level=0.9)
    means = values.mean(axis=1)
    expected = stats.t.interval(0.9, 4, loc=means.mean(), scale=stats.sem(means))
    np.testing.assert_allclose([result.low, result.high], expected, rtol=1e-12)
    np.testing.assert_allclose(result.seed_means, means, rtol=1e-12)
    np.testing.assert_allclose(result.mean_over_seeds, values.mean(axis=0), rtol=1e-12)
    assert result.mean == pytest.approx(values.mean(), rel=1e-12)


def test_variance_of_one_seed_is_unknown():
    values = np.random.default_rng(1).normal(size=(1, 20))
    result = seed_summary(values)
    assert np.isnan([result.low, result.high]).all()
    assert result.mean == pytest.approx(values.mean(), rel=1e-12)
    assert result.agree


@pytest.mark.parametrize(
    ("seed_means", "agree"),
    [
        ((0.1, 0.2, 0.3), True),
        ((-0.1, -0.2, -0.3), True),
        ((0.1, 0.2, -0.3), False),
        ((0.1, 0.0, 0.2), False),
        ((0.0,), False),
    ],
)
def test_a_verdict_needs_one_sign_in_all_seeds(seed_means, agree):
    result = seed_summary(np.array(seed_means)[:, None] + np.array([-0.05, 0.05]))
    assert result.agree == agree


def test_an_image_that_one_seed_lacks_is_left_out_of_all():
    values = np.array([[[1.0, 2.0], [3.0, np.nan]], [[np.nan, 4.0], [5.0, np.nan]]])
    result = seed_summary(values)
    np.testing.assert_array_equal(result.mean_over_seeds, [[np.nan, 3.0], [4.0, np.nan]])
    np.testing.assert_array_equal(result.seed_means, [[3.0, 2.0], [5.0, 4.0]])
    assert result.mean.tolist() == [4, 3]
    nothing = seed_summary(np.full((3, 2), np.nan))
    assert np.isnan(nothing.mean)
    assert not nothing.agree


def test_crossed_draws_equal_the_same_draws_taken_one_by_one():
    rng = np.random.default_rng(2)
    clusters = rng.integers(0, 12, 30)
    values = rng.normal(size=(9, 30))
    values[2, 4] = np.nan
    result = crossed_bootstrap(values, clusters, draws=300, seed=3, level=0.8)
    images = cluster_draws(12, draws=300, seed=3)
    stream = np.random.default_rng(np.random.SeedSequence(3).spawn(1)[0])
    of_seed = stream.multinomial(9, np.full(9, 1 / 9), size=300)
    kept = ~np.isnan(values).any(axis=0)
    means = [
        np.average(values[:, kept], weights=np.outer(of_seeds, of_clusters[clusters[kept]]))
        for of_seeds, of_clusters in zip(of_seed, images, strict=True)
    ]
    np.testing.assert_allclose([result.low, result.high], np.quantile(means, [0.1, 0.9]), rtol=1e-9)
    assert result.mean == pytest.approx(values[:, kept].mean(), rel=1e-12)
    assert result.sd == pytest.approx(values[:, kept].mean(axis=0).std(ddof=1), rel=1e-12)
    assert (result.n, result.n_clusters) == (29, len(set(clusters[kept])))


def test_columns_share_draws():
    values = np.random.default_rng(4).normal(size=(8, 20, 3))
    values[0, 3, 1] = np.nan
    whole = crossed_bootstrap(values, np.arange(20), draws=200)
    for j in range(3):
        alone = crossed_bootstrap(values[:, :, j], np.arange(20), draws=200)
        assert alone.low.shape == ()
        for name in ("mean", "sd", "n", "n_clusters", "low", "high"):
            np.testing.assert_allclose(getattr(whole, name)[j], getattr(alone, name), rtol=1e-9)


@pytest.mark.parametrize(("trained", "images"), [(MIN_SEEDS - 1, 30), (MIN_SEEDS, 7), (1, 30)])
def test_no_crossed_interval_of_few_seeds_or_clusters(trained, images):
    result = crossed_bootstrap(np.random.default_rng(5).random((trained, images)), np.arange(images), draws=50)
    assert np.isnan([result.low, result.high]).all()
    assert np.isfinite(result.mean)


def seeds_and_images(rng, trained, images, samples):
    """Scores of true mean 0: a seed's own effect, an image's own, and noise."""
    effects = 0.3 * rng.normal(size=(trained, 1, samples)) + rng.normal(size=(1, images, samples))
    return effects + 0.5 * rng.normal(size=(trained, images, samples))


def test_crossed_intervals_of_many_seeds_cover_a_new_seed():
    # 500 samples leave a standard error of 1 point
    rng = np.random.default_rng(6)
    values = seeds_and_images(rng, 16, 60, 500)
    crossed = crossed_bootstrap(values, np.arange(60), draws=1000)
    assert abs(((crossed.low <= 0) & (crossed.high >= 0)).mean() - 0.95) < 0.04


def test_crossed_intervals_of_three_seeds_would_cover_too_little(monkeypatch):
    monkeypatch.setattr(seeds, "MIN_SEEDS", 3)
    values = seeds_and_images(np.random.default_rng(8), 3, 60, 500)
    crossed = crossed_bootstrap(values, np.arange(60), draws=1000)
    assert ((crossed.low <= 0) & (crossed.high >= 0)).mean() < 0.91


def test_t_intervals_of_three_seeds_cover_other_seeds_on_the_same_images():
    rng = np.random.default_rng(7)
    values = 0.3 * rng.normal(size=(3, 1, 4000)) + rng.normal(size=(1, 60, 1)) + 0.5 * rng.normal(size=(3, 60, 4000))
    truth = values.mean()
    result = seed_summary(values)
    # 4,000 samples leave a standard error of 0.34 points
    assert ((result.low <= truth) & (result.high >= truth)).mean() == pytest.approx(0.95, abs=0.011)


@pytest.mark.parametrize(
    ("values", "clusters"),
    [(np.ones((3, 4)), np.arange(3)), (np.ones(4), np.arange(4)), (np.ones((0, 4)), np.arange(4))],
)
def test_wrong_shapes_are_refused(values, clusters):
    with pytest.raises(UsageError, match="seeds, n"):
        crossed_bootstrap(values, clusters)
