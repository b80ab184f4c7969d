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


@lru_cache(maxsize=16)
def _weights(cells: int) -> NDArray[np.float64]:
    """Interpolation matrix `(224, cells)`: two weights a row; before the first and past the last centre, one cell."""
    position = np.clip((np.arange(CANVAS_SIZE) + 0.5) * cells / CANVAS_SIZE - 0.5, 0, cells - 1)
    lower = position.astype(np.int64)
    upper = np.minimum(lower + 1, cells - 1)
    share = position - lower
    weights = np.zeros((CANVAS_SIZE, cells))
    pixel = np.arange(CANVAS_SIZE)
    weights[pixel, lower] = 1 - share
    weights[pixel, upper] += share
    weights.flags.writeable = False
    return weights
