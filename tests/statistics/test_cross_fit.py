import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssl_attn.errors import UsageError
from ssl_attn.statistics import cross_fit as module
from ssl_attn.statistics.bootstrap import cluster_draws
from ssl_attn.statistics.cross_fit import cross_fit


def by_hand(scores, clusters, weights, deals, higher=True):
    """Cross-fitted score and choices, one deal, fold and layer at a time, each cluster copied as often as weighed."""
    values, choices = [], []
    for deal in deals:
        of_image = []
        for fold in range(max(deal) + 1):
            train = [row for c, w in enumerate(weights) if deal[c] != fold for row in [*scores[clusters == c]] * w]
            held = [row for c, w in enumerate(weights) if deal[c] == fold for row in [*scores[clusters == c]] * w]
            if not train:
                return np.nan, []
            means = np.mean(train, axis=0)
            layer = int(np.argmax(means if higher else -means))
            choices.append(layer)
            of_image += [row[layer] for row in held]
        values.append(np.mean(of_image))
    return np.mean(values), choices


@pytest.mark.parametrize("higher", [True, False])
def test_equals_the_definition_one_deal_at_a_time(higher):
    rng = np.random.default_rng(0)
    clusters = np.concatenate([np.arange(11), rng.integers(0, 11, 20)])
    scores = rng.normal(size=(31, 4))
    deals = module._deals(11, folds=5, splits=3, seed=4)
    result = cross_fit(scores, clusters, splits=3, draws=200, seed=4, level=0.8, higher_is_better=higher)
    value, choices = by_hand(scores, clusters, np.ones(11, dtype=int), deals, higher)
    assert result.value == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(result.picks, np.bincount(choices, minlength=4) / 15)
    drawn = cluster_draws(11, draws=200, seed=4)
    means = [by_hand(scores, clusters, row.astype(int), deals, higher)[0] for row in drawn]
    np.testing.assert_allclose([result.low, result.high], np.quantile(means, [0.1, 0.9]), rtol=1e-9)


@given(st.integers(2, 40), st.integers(2, 6), st.integers(1, 8))
def test_deals_are_even_and_leave_one_out_where_clusters_are_few(clusters, folds, splits):
    deals = module._deals(clusters, folds=folds, splits=splits, seed=1)
    assert deals.shape[0] == (splits if clusters > folds else 1)
    for deal in deals:
        sizes = np.bincount(deal, minlength=min(folds, clusters))
        assert len(sizes) == min(folds, clusters)
        assert np.ptp(sizes) <= 1


def test_a_draw_with_nothing_to_choose_by_is_left_out():
    scores = np.random.default_rng(9).normal(size=(8, 3))
    deals = module._deals(8, folds=2, splits=2, seed=0)
    result = cross_fit(scores, np.arange(8), folds=2, splits=2, draws=400)
    drawn = cluster_draws(8, draws=400, seed=0)
    means = np.array([by_hand(scores, np.arange(8), row.astype(int), deals)[0] for row in drawn])
    assert np.isnan(means).any()
    np.testing.assert_allclose([result.low, result.high], np.nanquantile(means, [0.025, 0.975]), rtol=1e-9)


def test_fewer_clusters_than_folds_leave_one_out():
    scores = np.array([[1.0, 0.0], [0.0, 3.0], [2.0, 1.0]])
    # without the 1st: 1 < 2, layer 1; without the 2nd: layer 0; without the 3rd: layer 1
    result = cross_fit(scores, np.arange(3))
    assert result.value == pytest.approx((0 + 0 + 1) / 3)
    np.testing.assert_allclose(result.picks, [1 / 3, 2 / 3])
    assert (result.best, result.n, result.n_clusters) == (1, 3, 3)
    assert result.best_value == pytest.approx(4 / 3)
    assert np.isnan([result.low, result.high]).all()


def test_images_of_a_cluster_are_never_split():
    # each building has its own best layer and only other buildings choose: the score is that of the wrong layer
    scores = np.repeat(np.eye(2), 10, axis=0)
    result = cross_fit(scores, np.repeat([0, 1], 10))
    assert result.value == 0
    assert cross_fit(scores, np.arange(20)).value > 0.3


@pytest.mark.parametrize("clusters", [1, 0])
def test_one_cluster_cannot_choose_for_another(clusters):
    scores = np.random.default_rng(1).random((5 * clusters, 3))
    result = cross_fit(scores, np.zeros(5 * clusters))
    assert np.isnan(result.value)
    assert np.isnan(result.picks).all()
    assert result.n_clusters == clusters
    assert result.best == (np.argmax(scores.mean(axis=0)) if clusters else -1)


def test_no_interval_below_eight_clusters():
    scores = np.random.default_rng(2).random((8, 3, 2))
    scores[0, 1, 1] = np.nan
    result = cross_fit(scores, np.arange(8), draws=50)
    assert np.isfinite([result.low[0], result.high[0]]).all()
    assert np.isnan([result.low[1], result.high[1]]).all()
    assert np.isfinite(result.value).all()
    assert result.n.tolist() == result.n_clusters.tolist() == [8, 7]


def test_ties_go_to_the_lower_layer():
    column = np.random.default_rng(3).random(40)
    scores = np.stack([column * 0.5, column, column, column], axis=1)
    result = cross_fit(scores, np.arange(40) // 2, draws=50)
    assert result.picks.tolist() == [0, 1, 0, 0]
    assert result.best == 1
    turned = cross_fit(-scores, np.arange(40) // 2, draws=50, higher_is_better=False)
    assert turned.picks.tolist() == [0, 1, 0, 0]
    # every building's scores add up to 0.3 in both layers, but 0.1 + 0.2 is more than that in floating point
    rounded = cross_fit(np.tile([[0.3, 0.1], [0.0, 0.2]], (20, 1)), np.arange(40) // 2, draws=50)
    assert rounded.picks.tolist() == [1, 0]
    assert rounded.best == 0


def test_lower_is_better_is_the_mirror():
    scores = np.random.default_rng(4).normal(size=(30, 5))
    up = cross_fit(scores, np.arange(30), draws=300)
    down = cross_fit(-scores, np.arange(30), draws=300, higher_is_better=False)
    np.testing.assert_array_equal(down.picks, up.picks)
    for ours, theirs in ((down.value, up.value), (down.low, up.high), (down.high, up.low)):
        assert ours == pytest.approx(-float(theirs), rel=1e-9)
    assert (down.best, down.best_value) == (up.best, pytest.approx(-float(up.best_value)))


def test_columns_do_not_depend_on_each_other(monkeypatch):
    rng = np.random.default_rng(5)
    scores = rng.normal(size=(40, 6, 9))
    clusters = rng.integers(0, 25, 40)
    scores[rng.random(scores.shape) < 0.02] = np.nan
    higher = np.arange(9) % 2 == 0
    whole = cross_fit(scores, clusters, draws=100, higher_is_better=higher)
    monkeypatch.setattr(module, "_CHUNK_SUMS", 1)
    for j in range(9):
        alone = cross_fit(scores[:, :, j], clusters, draws=100, higher_is_better=bool(higher[j]))
        complete = ~np.isnan(scores[:, :, j]).any(axis=1)
        assert alone.n == whole.n[j] == complete.sum()
        assert alone.n_clusters == whole.n_clusters[j] == len(set(clusters[complete]))
        np.testing.assert_array_equal(alone.picks, whole.picks[:, j])
        for name in ("value", "low", "high", "best", "best_value"):
            np.testing.assert_allclose(getattr(alone, name), getattr(whole, name)[j], rtol=1e-9)
        without_gaps = cross_fit(
            scores[complete, :, j], clusters[complete], draws=100, higher_is_better=bool(higher[j])
        )
        assert without_gaps.value == pytest.approx(float(alone.value), rel=1e-12)
        assert without_gaps.low == pytest.approx(float(alone.low), rel=1e-9)


def test_choices_and_draws_are_seeded():
    scores = np.random.default_rng(6).normal(size=(30, 6))
    first, again, other = (cross_fit(scores, np.arange(30), draws=100, seed=seed) for seed in (1, 1, 2))
    assert (first.value, first.low) == (again.value, again.low)
    assert first.value != other.value


def test_where_all_layers_are_equal_only_the_cross_fitted_score_is_unbiased():
    # 300 samples of 40 images, 12 layers that are equal in truth: correlated scores of mean 0.3
    rng = np.random.default_rng(7)
    scores = 0.3 + 0.1 * rng.normal(size=(40, 1, 300)) + 0.1 * rng.normal(size=(40, 12, 300))
    result = cross_fit(scores, np.arange(40), draws=200)
    error = result.value.std() / np.sqrt(300)
    assert result.value.mean() == pytest.approx(0.3, abs=3 * error)
    assert result.best_value.mean() > 0.3 + 10 * error
    assert ((result.low <= 0.3) & (result.high >= 0.3)).mean() > 0.93
    np.testing.assert_allclose(result.picks.mean(axis=1), 1 / 12, atol=0.04)


def test_where_one_layer_is_best_it_is_found_and_its_score_covered():
    rng = np.random.default_rng(8)
    truth = np.array([0.2, 0.25, 0.4, 0.3])
    scores = truth[:, None] + 0.1 * rng.normal(size=(60, 4, 400))
    result = cross_fit(scores, np.arange(60), draws=500)
    assert (result.picks[2] > 0.99).all()
    np.testing.assert_allclose(result.value, result.best_value, rtol=1e-12)
    # 400 samples leave a standard error of 1.1 points
    covered = ((result.low <= 0.4) & (result.high >= 0.4)).mean()
    assert abs(covered - 0.95) < 0.035


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"scores": np.ones(6)}, "images, layers"),
        ({"scores": np.ones((6, 0))}, "one layer or more"),
        ({"clusters": np.arange(5)}, "its cluster"),
        ({"folds": 1}, "two folds or more"),
        ({"splits": 0}, "one split"),
        ({"draws": 0}, "draw or more"),
        ({"level": 1.5}, "level between"),
    ],
)
def test_wrong_requests_are_refused(arguments, expected):
    with pytest.raises(UsageError, match=expected):
        cross_fit(**{"scores": np.ones((6, 2)), "clusters": np.arange(6), **arguments})
