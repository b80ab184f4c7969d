"""What a map that knows nothing scores: every chance level in closed form, for arrays of any shape."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ssl_attn.metrics.percentiles import selected_pixels

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]


def iou_chance(area: ArrayLike, visible_pixels: ArrayLike, percentile: ArrayLike) -> Floats:
    """IoU of a uniform map, and about that of randomly permuted pixels: `a g / (a + g - a g)`.

    `area` g is the target's share of the visible pixels and `a` the selected share at `percentile`, the exact count
    over `visible_pixels`. Arguments broadcast. A target without area has chance 0.
    """
    g = np.asarray(area, dtype=np.float64)
    a = recall_chance(visible_pixels, percentile)
    return a * g / (a + g - a * g)


def recall_chance(visible_pixels: ArrayLike, percentile: ArrayLike) -> Floats:
    """Share of any target among the pixels that `percentile` selects at random: the selected share itself."""
    return selected_pixels(visible_pixels, percentile) / np.asarray(visible_pixels, dtype=np.float64)


def energy_chance(area_grid: ArrayLike) -> Floats:
    """Energy of a uniform map, and mean energy under permuted cells: the target's share of the visible grid."""
    return np.asarray(area_grid, dtype=np.float64)
