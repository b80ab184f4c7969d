import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import entropy

from ssl_attn.metrics.distribution import concentration, soft_scores
from ssl_attn.metrics.soft_target import SoftTargets, soft_targets

FULL = (slice(0, 224), slice(0, 224))
BOXES = np.array([[0.1, 0.2, 0.3, 0.4], [0.5, 0.5, 0.2, 0.1], [0.3, 0.1, 0.5, 0.3]])
SOFT = ("cc", "sim", "kl", "kl_mixture", "mse")


def cells(count, high):
    """Grids of 5 x 6 cells, each with some mass, in numbers of half precision: as maps are stored."""
    values = st.floats(0, high, width=16)
    return arrays(np.float64, (count, 5, 6), elements=values).map(
        lambda grids: grids + ~grids.any(axis=(1, 2), keepdims=True)
    )


positive_maps, targets = cells(3, 100), cells(2, 1)
shares = arrays(np.float64, (5, 6), elements=st.floats(0.05, 1))


def soft_of(grid):
    """Soft targets of which only the grid matters."""
    return SoftTargets(grid, *np.empty((3, 0, 0)))


def cropped(rng, hidden_columns):
    visible = np.ones((14, 14))
    visible[:, :hidden_columns] = 0
    visible[:, hidden_columns] = 0.3
    maps = rng.normal(size=(4, 14, 14)) + 0.5
    return maps, visible


@pytest.mark.parametrize("hidden", [0, 3])
def test_against_scipy_and_numpy(hidden):
    maps, visible = cropped(np.random.default_rng(0), hidden)
    soft = soft_targets(BOXES, FULL, grid_h=14, grid_w=14)
    scores = soft_scores(maps, soft, visible)
    shown = visible > 0
    v = visible[shown]
    for i, j in np.ndindex(4, 4):
        signed, target = maps[i][shown], soft.grid[j][shown] / soft.grid[j][shown].max()
        positive = np.maximum(signed, 0) / signed.max()
        covariance = np.cov(signed, target, aweights=v)
        expected = {
            "cc": covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1]),
            "sim": np.minimum(v * positive / (v @ positive), v * target / (v @ target)).sum(),
            "kl": entropy(v * (target + 1e-8), v * (positive + 1e-8)),
            "kl_mixture": entropy(v * target, 0.95 * v * positive / (v @ positive) + 0.05 * v / v.sum()),
            "mse": np.average((positive - target) ** 2, weights=v),
        }
        assert {name: scores[name][i, j] for name in SOFT} == pytest.approx(expected, rel=1e-10)


def test_a_correlation_of_whole_cells_is_numpys():
    maps = np.random.default_rng(1).normal(size=(5, 9, 7))
    soft = soft_targets(BOXES, FULL, grid_h=9, grid_w=7)
    expected = np.corrcoef(maps.reshape(5, -1), soft.grid.reshape(4, -1))[:5, 5:]
    np.testing.assert_allclose(soft_scores(maps, soft, np.ones((9, 7)))["cc"], expected, rtol=1e-12)


def test_the_target_itself_is_the_ceiling():
    soft = soft_targets(BOXES, FULL, grid_h=14, grid_w=14)
    scores = soft_scores(7 * soft.grid, soft, np.ones((14, 14)))
    for name, best in {"cc": 1, "sim": 1, "kl": 0, "kl_mixture": 0, "mse": 0}.items():
        bound = scores[name].diagonal()
        if name == "kl_mixture":  # a share of 0.05 that is uniform costs at most -ln 0.95
            assert (bound > 0).all()
            assert (bound < -np.log(0.95)).all()
        else:
            np.testing.assert_allclose(bound, best, atol=1e-12)


@given(positive_maps, targets, shares)
def test_bounds(maps, grid, visible):
    scores = soft_scores(maps, soft_of(grid), visible)
    assert (scores["sim"] >= 0).all()
    assert (scores["sim"] <= 1).all()
    assert (scores["kl"] >= 0).all()
    assert (scores["kl_mixture"] >= 0).all()
    assert (scores["kl_mixture"] <= -np.log(0.05 * visible.min() / visible.sum()) + 1e-12).all()
    assert (scores["mse"] >= 0).all()
    assert (scores["mse"] <= 1).all()
    assert (np.abs(scores["cc"][np.isfinite(scores["cc"])]) <= 1).all()


@given(positive_maps, targets, shares, st.floats(1e-3, 1e3))
def test_only_proportions_count(maps, grid, visible, factor):
    one, other = (soft_scores(scaled, soft_of(grid), visible) for scaled in (maps, factor * maps))
    for name in SOFT:
        np.testing.assert_allclose(one[name], other[name], rtol=1e-6, atol=1e-9)


@given(positive_maps, targets, shares)
def test_a_finer_grid_that_says_the_same_scores_the_same(maps, grid, visible):
    def finer(cells):
        return np.repeat(np.repeat(cells, 3, axis=-2), 2, axis=-1)

    coarse = soft_scores(maps, soft_of(grid), visible)
    fine = soft_scores(finer(maps), soft_of(finer(grid)), finer(visible))
    for name in SOFT:
        np.testing.assert_allclose(fine[name], coarse[name], rtol=1e-6, atol=1e-9)
    coarse, fine = concentration(maps, visible), concentration(finer(maps), finer(visible))
    for name in ("density", "peak_density"):
        np.testing.assert_allclose(fine[name], coarse[name], rtol=1e-9)


@given(positive_maps, targets)
def test_hidden_cells_have_no_say(maps, grid):
    visible = np.ones((5, 6))
    visible[:2] = 0
    maps[:, 2] += 1
    grid[:, 2] += 1
    loud = maps.copy()
    loud[:, :2] = 1e6
    seen = soft_scores(maps[:, 2:], soft_of(grid[:, 2:]), visible[2:])
    for name, values in soft_scores(loud, soft_of(grid), visible).items():
        np.testing.assert_array_equal(values, seen[name])
    seen = concentration(maps[:, 2:], visible[2:])
    for name, values in concentration(loud, visible).items():
        np.testing.assert_array_equal(values, seen[name])


def test_negative_values_count_in_the_correlation_alone():
    maps, visible = cropped(np.random.default_rng(2), 0)
    soft = soft_targets(BOXES, FULL, grid_h=14, grid_w=14)
    signed, clipped = (soft_scores(values, soft, visible) for values in (maps, np.maximum(maps, 0)))
    for name in ("sim", "kl", "kl_mixture", "mse"):
        np.testing.assert_array_equal(signed[name], clipped[name])
    assert (np.abs(signed["cc"] - clipped["cc"]) > 1e-3).any()


@pytest.mark.parametrize("fill", [0.0, -2.0])
def test_a_map_without_mass_has_a_squared_error_and_nothing_else(fill):
    soft = soft_targets(BOXES, FULL, grid_h=14, grid_w=14)
    visible = cropped(np.random.default_rng(0), 3)[1]
    maps = np.stack([np.full((14, 14), fill), np.ones((14, 14))])
    scores = soft_scores(maps, soft, visible)
    peak = soft.grid[:, visible > 0].max(axis=1)
    expected = (visible * soft.grid**2).sum(axis=(1, 2)) / visible.sum() / peak**2
    np.testing.assert_allclose(scores["mse"][0], expected, rtol=1e-12)
    for name in ("sim", "kl", "kl_mixture"):
        assert np.isnan(scores[name][0]).all()
        assert np.isfinite(scores[name][1]).all()
    for values in concentration(maps, visible).values():
        assert np.isnan(values[0])
        assert np.isfinite(values[1])


@pytest.mark.parametrize("area", [0.05, 0.1, 0.2, 0.3])
def test_the_zero_map_errs_little_on_a_small_box(area):
    # the mean of a squared Gaussian of a quarter of the side is pi / 16 of the box: why mse carries a warning
    side = area**0.5
    soft = soft_targets(np.array([[0.5 - side / 2, 0.5 - side / 2, side, side]]), FULL, grid_h=224, grid_w=224)
    error = soft_scores(np.zeros((1, 224, 224)), soft, np.ones((224, 224)))["mse"][0, 0]
    assert error == pytest.approx(np.pi / 16 * area, rel=5e-3)


def test_a_constant_map_goes_along_with_nothing():
    soft = soft_targets(BOXES, FULL, grid_h=14, grid_w=14)
    maps = np.full((1, 14, 14), 0.1)
    maps[:, :, 0] = 5  # hidden
    visible = np.ones((14, 14))
    visible[:, 0] = 0
    scores = soft_scores(maps, soft, visible)
    np.testing.assert_array_equal(scores["cc"], 0)
    p = soft.grid[:, visible > 0]
    np.testing.assert_allclose(scores["kl_mixture"][0], entropy(p, np.ones_like(p), axis=1), rtol=1e-9)


def test_no_correlation_is_defined_over_one_cell():
    scores = soft_scores(np.ones((1, 1, 1)), soft_of(np.ones((1, 1, 1))), np.ones((1, 1)))
    assert np.isnan(scores["cc"]).all()
    assert scores["sim"] == 1
    assert scores["kl"] == 0


@given(shares, st.floats(1e-6, 1e6))
def test_a_uniform_map_is_as_concentrated_as_nothing(visible, value):
    for values in concentration(np.full((2, 5, 6), value), visible).values():
        np.testing.assert_allclose(values, 1, rtol=1e-12)


@given(positive_maps, shares)
def test_concentration_against_the_formulas(maps, visible):
    result = concentration(maps, visible)
    mass = (maps * visible).reshape(3, -1)
    s, v = mass / mass.sum(axis=1, keepdims=True), visible.ravel()
    divergence = entropy(s, v, axis=1)  # from the uniform distribution over what is visible
    np.testing.assert_allclose(result["density"], (s**2 / v).sum(axis=1) * v.sum(), rtol=1e-9)
    np.testing.assert_allclose(result["peak_density"], (s / v).max(axis=1) * v.sum(), rtol=1e-9)
    if v.sum() > 1.01:
        expected = np.clip(1 - divergence / np.log(v.sum()), 0, 1)
        np.testing.assert_allclose(result["entropy"], expected, rtol=1e-9, atol=1e-9)
    assert (result["density"] >= 1 - 1e-12).all()
    assert (result["peak_density"] >= result["density"] - 1e-9).all()


def test_one_cell_holds_all():
    maps = np.zeros((1, 14, 14))
    maps[0, 3, 4] = 2
    visible = np.ones((14, 14))
    assert concentration(maps, visible) == {"density": 196, "entropy": 0, "peak_density": 196}
    # a cell that shows half of itself is denser still, and no map has less entropy than one cell
    visible[3, 4] = 0.5
    result = concentration(maps, visible)
    assert result["density"] == pytest.approx(391)
    assert result["entropy"] == 0


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_an_image_of_one_cell_is_uniform(share):
    result = concentration(np.array([[[3.0, 1.0]], [[0.0, 0.0]]]), np.array([[share, 0.0]]))
    for values in result.values():
        assert values[0] == 1
        assert np.isnan(values[1])


def test_no_map_at_all():
    soft = soft_targets(BOXES, FULL, grid_h=14, grid_w=14)
    nothing, visible = np.empty((0, 14, 14)), np.ones((14, 14))
    assert {name: values.shape for name, values in soft_scores(nothing, soft, visible).items()} == dict.fromkeys(
        SOFT, (0, 4)
    )
    assert [values.shape for values in concentration(nothing, visible).values()] == [(0,)] * 3
