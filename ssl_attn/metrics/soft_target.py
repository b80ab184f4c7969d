"""The soft target of saliency metrics: a Gaussian in each box, the strongest one at each pixel, pooled to cells.

Experts draw a box around what matters, and its middle matters more than its corners. So a box becomes a Gaussian with a
quarter of the box's side as its standard deviation, peak 1, and boxes join by the maximum: overlaps do not add up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ssl_attn.geometry import CANVAS_SIZE

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Bools = NDArray[np.bool_]
    Floats = NDArray[np.float64]

COARSE_CELLS = 8
"""Cells on each side of the coarse grid on which the earth mover's distance is computed."""

_SIDE_IN_SIGMAS = 4.0
_LEAST_SIGMA = 1.0  # canvas pixels


@dataclass(frozen=True, slots=True, eq=False)
class SoftTargets:
    """Soft targets of one image, the union of its features first and then each box, pooled by area from the canvas.

    `grid` `(targets, grid_h, grid_w)` is the mean over the visible part of each cell, 0 where nothing is visible.
    `coarse` `(targets, 64)` is the share of the target's mass in each of 8 x 8 cells, row by row, and sums to 1.
    `pool_rows` `(8, grid_h)` and `pool_columns` `(8, grid_w)` pool a map's mass as the target's was: the share of the
    visible part of each row or column of the grid that lies in each coarse one.
    """

    grid: Floats
    coarse: Floats
    pool_rows: Floats
    pool_columns: Floats


def soft_targets(
    boxes: Floats, window: tuple[slice, slice], *, grid_h: int, grid_w: int, in_union: Bools | None = None
) -> SoftTargets:
    """Soft targets of boxes `(k, 4)`, k >= 1, as x, y, width, height in canvas fractions, clipped to what is visible.

    `window` holds the canvas rows and columns that show the image; what lies outside has no part in a target.
    `in_union` `(k,)` says which boxes the union is of, all by default; where it is of none there is no union.
    """
    rows = _gaussians(boxes[:, 1], boxes[:, 3], window[0])
    columns = _gaussians(boxes[:, 0], boxes[:, 2], window[1])
    chosen = np.ones(len(boxes), dtype=bool) if in_union is None else in_union
    union = _maximum(rows[chosen], columns[chosen]) if chosen.any() else None

    to_rows, to_columns = _lengths_in(window[0], grid_h), _lengths_in(window[1], grid_w)
    mass = _pooled(rows, columns, union, to_rows, to_columns)
    visible = np.outer(to_rows.sum(axis=1), to_columns.sum(axis=1))
    coarse = _pooled(
        rows, columns, union, _lengths_in(window[0], COARSE_CELLS), _lengths_in(window[1], COARSE_CELLS)
    ).reshape(len(mass), -1)
    return SoftTargets(
        grid=np.divide(mass, visible, out=np.zeros_like(mass), where=visible > 0),
        coarse=coarse / coarse.sum(axis=1, keepdims=True),
        pool_rows=_coarsening(window[0], grid_h),
        pool_columns=_coarsening(window[1], grid_w),
    )


def _gaussians(start: Floats, extent: Floats, window: slice) -> Floats:
    """Profiles `(k, visible)` of boxes along one axis at the pixel centres of the window, each with maximum 1."""
    centre = (start + extent / 2) * CANVAS_SIZE
    sigma = np.maximum(extent * CANVAS_SIZE / _SIDE_IN_SIGMAS, _LEAST_SIGMA)
    pixels = np.arange(window.start, window.stop) + 0.5
    profiles = np.exp(-0.5 * ((pixels - centre[:, None]) / sigma[:, None]) ** 2)
    peak_one: Floats = profiles / profiles.max(axis=1, keepdims=True)
    return peak_one


def _maximum(rows: Floats, columns: Floats) -> Floats:
    """The strongest Gaussian at each visible pixel, from profiles `(k, visible)` along either axis.

    This alone has to be made pixel by pixel, for a maximum is no product of profiles; box by box, in place, since an
    image may have a hundred boxes.
    """
    strongest = np.zeros((rows.shape[1], columns.shape[1]))
    for row, column in zip(rows, columns, strict=True):
        np.maximum(strongest, row[:, None] * column, out=strongest)
    return strongest


def _pooled(rows: Floats, columns: Floats, union: Floats | None, to_rows: Floats, to_columns: Floats) -> Floats:
    """Mass of the union, if there is one, and of each box's Gaussian in each cell, `(1 + k, cells_h, cells_w)`."""
    of_boxes: Floats = (rows @ to_rows.T)[:, :, None] * (columns @ to_columns.T)[:, None, :]
    return of_boxes if union is None else np.concatenate([(to_rows @ union @ to_columns.T)[None], of_boxes])


def _lengths_in(window: slice, cells: int) -> Floats:
    """Length of each pixel of the window in each of the canvas's `cells` cells, `(cells, visible)`, in pixels."""
    pixels = np.arange(window.start, window.stop)
    edges = np.arange(cells + 1) * (CANVAS_SIZE / cells)
    return _common(edges[:-1, None], edges[1:, None], pixels, pixels + 1)


def _coarsening(window: slice, cells: int) -> Floats:
    """Share of the visible part of each cell that lies in each coarse cell, `(8, cells)`; columns sum to 1."""
    fine = np.arange(cells + 1) * (CANVAS_SIZE / cells)
    coarse = np.arange(COARSE_CELLS + 1)[:, None] * (CANVAS_SIZE / COARSE_CELLS)
    low, high = np.maximum(coarse[:-1], window.start), np.minimum(coarse[1:], window.stop)
    seen = _common(low, high, fine[:-1], fine[1:])
    # A cell that shows less of the image than up to the first pixel centre has no visible pixel: take it whole.
    whole = _common(coarse[:-1], coarse[1:], fine[:-1], fine[1:])
    lengths = np.where(seen.any(axis=0), seen, whole)
    shares: Floats = lengths / lengths.sum(axis=0)
    return shares


def _common(low: ArrayLike, high: ArrayLike, other_low: ArrayLike, other_high: ArrayLike) -> Floats:
    """Length that the intervals `low` to `high` and `other_low` to `other_high` have in common; they broadcast."""
    length: Floats = np.maximum(np.minimum(high, other_high) - np.maximum(low, other_low), 0.0)
    return length
