import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssl_attn.metrics.soft_target import soft_targets

FULL = (slice(0, 224), slice(0, 224))
BARS = (slice(0, 224), slice(37, 190))  # a portrait image whose edges fall inside cells

boxes_on_canvas = st.lists(
    st.tuples(*[st.floats(0.2, 0.7)] * 2, *[st.floats(0.0, 0.14)] * 2), min_size=1, max_size=5
).map(np.array)


def painted(boxes, window):
    """Soft targets `(1 + k, 224, 224)` pixel by pixel, as the definition has it."""
    targets = np.zeros((len(boxes) + 1, 224, 224))
    for target, (x, y, width, height) in zip(targets[1:], boxes * 224, strict=True):
        sigma_x, sigma_y = max(width / 4, 1), max(height / 4, 1)
        for i in range(window[0].start, window[0].stop):
            for j in range(window[1].start, window[1].stop):
                across, down = (j + 0.5 - x - width / 2) / sigma_x, (i + 0.5 - y - height / 2) / sigma_y
                target[i, j] = math.exp(-(across**2 + down**2) / 2)
        target /= target.max()
    targets[0] = targets[1:].max(axis=0)
    return targets


def block_sums(canvases, cells_h, cells_w):
    """Sums over cells `(n, cells_h, cells_w)`: every pixel is cut so fine that each piece lies in one cell."""
    fine = canvases.repeat(cells_h, axis=1).repeat(cells_w, axis=2) / (cells_h * cells_w)
    return fine.reshape(len(canvases), cells_h, 224, cells_w, 224).sum(axis=(2, 4))


@pytest.mark.parametrize("window", [FULL, BARS])
@pytest.mark.parametrize("grid", [(14, 14), (5, 9), (37, 3)])
def test_against_pixels_painted_one_by_one(window, grid):
    boxes = np.array([[0.2, 0.1, 0.3, 0.4], [0.4, 0.35, 0.31, 0.2], [0.7, 0.9, 0.001, 0.003]])
    pixels = painted(boxes, window)
    soft = soft_targets(boxes, window, grid_h=grid[0], grid_w=grid[1])

    seen = np.zeros((1, 224, 224))
    seen[:, window[0], window[1]] = 1
    shown, mass = block_sums(seen, *grid)[0], block_sums(pixels, *grid)
    np.testing.assert_allclose(soft.grid[:, shown > 0], mass[:, shown > 0] / shown[shown > 0], rtol=1e-9)
    assert not soft.grid[:, shown == 0].any()
    coarse = block_sums(pixels, 8, 8).reshape(4, 64)
    np.testing.assert_allclose(soft.coarse, coarse / coarse.sum(axis=1, keepdims=True), rtol=1e-9)


@given(boxes_on_canvas)
def test_every_target_peaks_at_one_pixel_of_height_one(boxes):
    soft = soft_targets(boxes, BARS, grid_h=224, grid_w=224)
    np.testing.assert_array_equal(soft.grid.max(axis=(1, 2)), 1)
    assert not soft.grid[:, :, :37].any()
    assert not soft.grid[:, :, 190:].any()
    np.testing.assert_allclose(soft.coarse.sum(axis=1), 1, rtol=1e-12)


def test_a_grid_finer_than_the_canvas_repeats_its_pixels():
    boxes = np.array([[0.2, 0.1, 0.3, 0.4], [0.4, 0.35, 0.31, 0.2]])
    pixels, fine = (soft_targets(boxes, BARS, grid_h=side, grid_w=side).grid for side in (224, 448))
    np.testing.assert_allclose(fine, pixels.repeat(2, axis=1).repeat(2, axis=2), rtol=1e-12)


@given(boxes_on_canvas)
def test_the_union_is_the_strongest_box_and_the_order_of_boxes_is_nothing(boxes):
    soft = soft_targets(boxes, FULL, grid_h=224, grid_w=224)
    np.testing.assert_allclose(soft.grid[0], soft.grid[1:].max(axis=0), rtol=1e-12, atol=1e-300)
    turned = soft_targets(np.concatenate([boxes, boxes])[::-1], FULL, grid_h=224, grid_w=224)
    np.testing.assert_array_equal(turned.grid[0], soft.grid[0])


@given(boxes_on_canvas, st.integers(-2, 2), st.integers(-2, 2))
def test_boxes_and_target_move_together(boxes, down, right):
    here = soft_targets(boxes, FULL, grid_h=14, grid_w=14).grid
    moved = boxes + np.array([right / 14, down / 14, 0, 0])
    there = soft_targets(moved, FULL, grid_h=14, grid_w=14).grid
    np.testing.assert_allclose(there[:, 2:12, 2:12], np.roll(here, (down, right), (1, 2))[:, 2:12, 2:12], atol=1e-9)


@given(boxes_on_canvas)
def test_rows_and_columns_are_treated_alike(boxes):
    upright = soft_targets(boxes, BARS, grid_h=6, grid_w=14)
    lying = soft_targets(boxes[:, [1, 0, 3, 2]], BARS[::-1], grid_h=14, grid_w=6)
    np.testing.assert_allclose(lying.grid, upright.grid.transpose(0, 2, 1), rtol=1e-12)
    np.testing.assert_allclose(lying.coarse, upright.coarse.reshape(-1, 8, 8).transpose(0, 2, 1).reshape(-1, 64))
    np.testing.assert_array_equal(lying.pool_rows, upright.pool_columns)
    np.testing.assert_array_equal(lying.pool_columns, upright.pool_rows)


def test_a_gaussian_holds_nine_tenths_of_its_mass_in_its_box():
    box = np.array([[0.25, 0.375, 0.5, 0.25]])
    soft = soft_targets(box, FULL, grid_h=224, grid_w=224).grid[1]
    inside = soft[84:140, 56:168].sum() / soft.sum()
    assert inside == pytest.approx(math.erf(2**0.5) ** 2, abs=2e-3)


@pytest.mark.parametrize("cells", [1, 5, 8, 14, 37, 224, 300])
def test_pooling_spreads_each_cell_over_what_it_shows(cells):
    soft = soft_targets(np.array([[0.3, 0.3, 0.2, 0.2]]), BARS, grid_h=cells, grid_w=cells)
    for pool, window in zip((soft.pool_rows, soft.pool_columns), BARS, strict=True):
        # painted on pieces so fine that each lies in one pixel, one cell and one coarse cell
        piece = (np.arange(224 * cells * 8) + 0.5) / (cells * 8)
        seen = (piece > window.start) & (piece < window.stop)
        cell, coarse = (piece / 224 * cells).astype(int), (piece / 28).astype(int)
        counts = np.zeros((8, cells))
        np.add.at(counts, (coarse[seen], cell[seen]), 1)
        shown = counts.sum(axis=0) > 0
        np.testing.assert_allclose(pool[:, shown], (counts / np.maximum(counts.sum(axis=0), 1))[:, shown], atol=1e-9)
        np.testing.assert_allclose(pool.sum(axis=0), 1, rtol=1e-12)
