"""A baseline that sees the image and no model: edges."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import sobel

from ssl_attn.baselines.position import cell_spans

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ssl_attn.geometry import Placement

    Floats = NDArray[np.float64]


def edges(grey: NDArray[np.generic], placement: Placement, *, grid_h: int, grid_w: int) -> Floats:
    """Mean gradient magnitude of what each cell shows of the image, `(grid_h, grid_w)`; zero where that is nothing.

    `grey` `(height, width)` is the upright image in any resolution, `placement` where it lies on the canvas.
    Gradients are Sobel's, in the image's own pixels, so that a view's stretching does not change them; beyond its
    border the image goes on unchanged, so that the border itself is no edge.
    """
    values = grey.astype(np.float64)
    magnitude = np.hypot(sobel(values, axis=0, mode="nearest"), sobel(values, axis=1, mode="nearest"))
    rows = _pooling(magnitude.shape[0], *cell_spans(grid_h, placement.scale_y, placement.offset_y))
    columns = _pooling(magnitude.shape[1], *cell_spans(grid_w, placement.scale_x, placement.offset_x))
    pooled: Floats = rows @ magnitude @ columns.T
    return pooled


def _pooling(pixels: int, start: Floats, end: Floats) -> Floats:
    """Weights `(cells, pixels)` of a mean over each span of image fractions: shares of its length, 0 for an empty one.

    A pixel that a span holds in part counts in part.
    """
    borders = np.arange(pixels + 1) / pixels
    held = np.minimum(end[:, None], borders[1:]) - np.maximum(start[:, None], borders[:-1])
    length = (end - start)[:, None]
    weights: Floats = np.divide(np.maximum(held, 0.0), length, out=np.zeros_like(held), where=length > 0)
    return weights
