import numpy as np
import ot
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import wasserstein_distance_nd

from ssl_attn.errors import SslAttnError, UsageError
from ssl_attn.metrics import transport
from ssl_attn.metrics.soft_target import SoftTargets, soft_targets
from ssl_attn.metrics.transport import emd, emd_native

FULL = (slice(0, 224), slice(0, 224))
BARS = (slice(0, 224), slice(37, 190))
BOXES = np.array([[0.1, 0.2, 0.3, 0.4], [0.5, 0.5, 0.2, 0.1]])

patterns = arrays(np.float64, (8, 8), elements=st.floats(0, 10)).filter(lambda pattern: pattern.sum() > 1e-3)
small = arrays(np.float64, (4, 4), elements=st.floats(0, 10)).filter(lambda pattern: pattern.sum() > 1e-3)


def centres(grid_h, grid_w):
    y, x = np.mgrid[:grid_h, :grid_w]
    return np.stack([(y.ravel() + 0.5) / grid_h, (x.ravel() + 0.5) / grid_w], axis=1)


def as_target(pattern):
    """A soft target that is the pattern, on a grid of 8 x 8 or finer cells of equal size."""
    cells = pattern.reshape(8, len(pattern) // 8, 8, len(pattern) // 8).sum(axis=(1, 3)).ravel()
    pool = np.repeat(np.eye(8), len(pattern) // 8, axis=1)
    return SoftTargets(pattern[None], cells[None] / cells.sum(), pool, pool)


def distance(one, other):
    return emd(one[None], as_target(other), np.ones(one.shape))[0, 0]


@pytest.mark.parametrize("window", [FULL, BARS])
@pytest.mark.parametrize("kind", ["noise", "attention", "sparse"])
def test_against_a_linear_programme_and_against_the_uncancelled_problem(window, kind):
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(3, 16, 16))
    maps = {"noise": noise, "attention": np.exp(3 * noise), "sparse": np.maximum(noise - 1.5, 0)}[kind]
    soft = soft_targets(BOXES, window, grid_h=16, grid_w=16)
    visible = np.zeros((16, 16))
    visible[:, 3:13] = 1
    visible[:, 2], visible[:, 13] = 5 / 14, 8 / 14  # columns 37 to 189
    visible = visible if window == BARS else np.ones((16, 16))
    result = emd(maps, soft, visible)

    # every cell painted on the canvas, as far as it shows
    seen = np.zeros((224, 224))
    seen[window] = 1
    canvas = np.maximum(maps, 0).repeat(14, axis=1).repeat(14, axis=2) * seen
    mass = canvas.reshape(3, 8, 28, 8, 28).sum(axis=(2, 4)).reshape(3, 64)
    points = centres(8, 8)
    ground = ot.dist(points, metric="euclidean")
    for i, j in np.ndindex(3, 3):
        whole = ot.emd2(mass[i] / mass[i].sum(), soft.coarse[j], ground)
        assert result[i, j] == pytest.approx(whole, abs=1e-12)
        if j == 0:
            programme = wasserstein_distance_nd(points, points, mass[i], soft.coarse[j])
            assert result[i, j] == pytest.approx(programme, abs=1e-7)


@given(small, st.integers(0, 4), st.integers(0, 4), st.floats(1e-6, 1e6))
def test_a_shift_costs_its_length(pattern, down, right, factor):
    target = np.zeros((8, 8))
    target[:4, :4] = pattern
    moved = factor * np.roll(target, (down, right), axis=(0, 1))
    assert distance(moved, target) == pytest.approx(np.hypot(down, right) / 8, rel=1e-9, abs=1e-12)


@given(small, st.integers(0, 8), st.integers(0, 8))
def test_a_shift_on_the_native_grid_costs_its_length(pattern, down, right):
    target = np.zeros((12, 12))
    target[:4, :4] = pattern
    soft = SoftTargets(target[None], *np.empty((3, 0, 0)))
    moved = np.roll(target, (down, right), axis=(0, 1))
    result = emd_native(moved[None], soft, np.ones((12, 12)))
    assert result == pytest.approx([np.hypot(down, right) / 12], rel=1e-9, abs=1e-12)


@given(patterns, patterns, patterns)
def test_it_is_a_metric(one, two, three):
    assert distance(one, one) == 0
    assert distance(3 * one, one) == pytest.approx(0, abs=1e-15)
    forth = distance(one, two)
    assert forth == pytest.approx(distance(two, one), abs=1e-12)
    assert 0 <= forth <= np.hypot(7, 7) / 8 + 1e-12
    assert forth <= distance(one, three) + distance(three, two) + 1e-12


@given(patterns, patterns)
def test_mirrored_together_nothing_changes(one, two):
    assert distance(one[::-1], two[::-1]) == pytest.approx(distance(one, two), abs=1e-12)
    assert distance(one.T, two.T) == pytest.approx(distance(one, two), abs=1e-12)


@given(patterns, st.floats(1e-18, 1e-6), st.integers(0, 2**32))
@settings(max_examples=50)
def test_a_map_that_is_almost_the_target_is_almost_there(pattern, size, seed):
    noise = np.random.default_rng(seed).uniform(-1, 1, (8, 8))
    assert 0 <= distance(pattern * (1 + size * noise), pattern) <= 2 * size + 1e-15


def test_all_mass_in_one_cell_goes_where_the_target_is():
    soft = soft_targets(BOXES, FULL, grid_h=8, grid_w=8)
    maps = np.zeros((1, 8, 8))
    maps[0, 6, 1] = 0.25
    lengths = np.hypot(*(centres(8, 8) - [6.5 / 8, 1.5 / 8]).T)
    np.testing.assert_allclose(emd(maps, soft, np.ones((8, 8)))[0], soft.coarse @ lengths, rtol=1e-12)


def test_what_is_hidden_or_negative_has_no_mass():
    soft = soft_targets(BOXES, BARS, grid_h=7, grid_w=7)
    visible = np.ones((7, 7))
    visible[:, 0] = visible[:, 6] = 0
    maps = np.random.default_rng(3).normal(size=(2, 7, 7))
    quiet = np.maximum(maps, 0) * (visible > 0)
    for distance_of in (emd, emd_native):
        np.testing.assert_array_equal(distance_of(maps, soft, visible), distance_of(quiet, soft, visible))


def test_mass_stays_off_the_padding():
    # half of the second column shows; a map that is the visible part of one target cell away is one cell away
    soft = soft_targets(np.array([[0.3, 0.3, 0.3, 0.3]]), (slice(0, 224), slice(48, 176)), grid_h=7, grid_w=7)
    maps = np.zeros((1, 7, 7))
    maps[0, :, 1] = 1
    pooled = (soft.pool_rows @ maps[0] @ soft.pool_columns.T).sum(axis=0)
    np.testing.assert_allclose(pooled, 7 * np.array([0, 8, 8, 0, 0, 0, 0, 0]) / 16)


def test_the_native_grid_against_the_uncancelled_problem():
    rng = np.random.default_rng(4)
    maps = rng.exponential(size=(2, 6, 9)) ** 3
    visible = rng.uniform(0.2, 1, (6, 9))
    soft = soft_targets(BOXES, FULL, grid_h=6, grid_w=9)
    target = (soft.grid[0] * visible).ravel()
    mass = (maps * visible).reshape(2, -1)
    ground = ot.dist(centres(6, 9), metric="euclidean")
    expected = [ot.emd2(own / own.sum(), target / target.sum(), ground) for own in mass]
    np.testing.assert_allclose(emd_native(maps, soft, visible), expected, atol=1e-12)


@given(patterns, patterns)
def test_on_8_by_8_cells_native_is_coarse(one, two):
    visible = np.ones((8, 8))
    assert emd_native(one[None], as_target(two), visible)[0] == pytest.approx(distance(one, two), abs=1e-12)


def test_a_fine_grid_agrees_with_the_coarse_one_within_its_cells():
    maps = np.random.default_rng(5).exponential(size=(1, 37, 37)) ** 4
    soft = soft_targets(BOXES, FULL, grid_h=37, grid_w=37)
    visible = np.ones((37, 37))
    fine, coarse = emd_native(maps, soft, visible)[0], emd(maps, soft, visible)[0, 0]
    within = np.hypot(1, 1) / 8  # on either side mass moves by at most half a coarse diagonal
    assert abs(fine - coarse) < within
    assert fine != coarse


@pytest.mark.parametrize("fill", [0.0, -1.0])
def test_a_map_without_mass_has_no_distance_and_harms_no_other(fill):
    soft = soft_targets(BOXES, FULL, grid_h=8, grid_w=8)
    visible = np.ones((8, 8))
    maps = np.stack([np.ones((8, 8)), np.full((8, 8), fill), np.eye(8)])
    result = emd(maps, soft, visible)
    assert np.isnan(result[1]).all()
    np.testing.assert_array_equal(result[[0, 2]], emd(maps[[0, 2]], soft, visible))
    assert np.isnan(emd_native(maps, soft, visible)).tolist() == [False, True, False]


def test_no_map_at_all():
    soft = soft_targets(BOXES, FULL, grid_h=9, grid_w=7)
    assert emd(np.empty((0, 9, 7)), soft, np.ones((9, 7))).shape == (0, 3)
    assert emd_native(np.empty((0, 9, 7)), soft, np.ones((9, 7))).shape == (0,)


def test_a_pixel_level_map_is_too_fine_for_the_native_grid():
    soft = soft_targets(BOXES, FULL, grid_h=65, grid_w=64)
    with pytest.raises(UsageError, match=r"at most 4096 cells .* got 4160; leave emd_native out"):
        emd_native(np.ones((1, 65, 64)), soft, np.ones((65, 64)))


def test_a_solver_that_stops_early_is_not_believed(monkeypatch):
    monkeypatch.setattr(transport, "_MOST_PIVOTS", 1)
    soft = soft_targets(BOXES, FULL, grid_h=8, grid_w=8)
    with pytest.warns(UserWarning, match="numItermax"), pytest.raises(SslAttnError, match="optimal transport plan"):
        emd(np.ones((1, 8, 8)), soft, np.ones((8, 8)))
