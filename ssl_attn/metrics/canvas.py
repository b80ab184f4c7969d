"""Maps on the scoring canvas: bilinear interpolation from the native grid."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from ssl_attn.geometry import CANVAS_SIZE

if TYPE_CHECKING:
    from numpy.typing import NDArray


def to_canvas(maps: NDArray[np.floating]) -> NDArray[np.float32]:
    """Maps `(n, grid_h, grid_w)` to `(n, 224, 224)`, bilinear, cell centres kept in place (`align_corners=False`).

    The arithmetic is in double precision and rounded once, so that a flat part of a map stays flat to the last bit:
    ties on the grid are ties on the canvas. A grid finer than the canvas is sampled, not averaged.
    """
    rows = _weights(maps.shape[1])
    columns = _weights(maps.shape[2])
    return (rows @ (maps.astype(np.float64) @ columns.T)).astype(np.float32)


def continued(maps: NDArray[np.float64], visible_share: NDArray[np.float64]) -> NDArray[np.float64]:
    """Maps `(n, grid_h, grid_w)` with each cell that shows nothing of the image set to the nearest one that does.

    The visible cells are a rectangle. Without this, what a map holds on padding would leak over the image's border.
    """
    rows, columns = (_nearest(visible_share.max(axis=axis) > 0) for axis in (1, 0))
    return maps[:, rows[:, None], columns]


def _nearest(visible: NDArray[np.bool_]) -> NDArray[np.intp]:
    """For each place along an axis, the nearest visible one, `(cells,)`."""
    shown = np.flatnonzero(visible)
    nearest: NDArray[np.intp] = np.clip(np.arange(len(visible)), shown[0], shown[-1])
    return nearest


@lru_cache(maxsize=16)
def _weights(cells: int) -> NDArray[np.float64]:
    weights = bilinear_weights((np.arange(CANVAS_SIZE) + 0.5) / CANVAS_SIZE, cells)
    weights.flags.writeable = False
    return weights


def bilinear_weights(position: NDArray[np.float64], cells: int) -> NDArray[np.float64]:
    """Interpolation matrix `(n, cells)` at canvas fractions `(n,)`: two cells a row, one beyond the outer centres."""
    centre = np.clip(position * cells - 0.5, 0, cells - 1)
    lower = centre.astype(np.int64)
    share = centre - lower
    weights = np.zeros((len(position), cells))
    row = np.arange(len(position))
    weights[row, lower] = 1 - share
    weights[row, np.minimum(lower + 1, cells - 1)] += share
    return weights
