"""Normalised scanpath saliency: the standardised map's mean in the target (Peters et al., Vision Research 45, 2005)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ssl_attn.metrics.cells import visible_cells

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ssl_attn.metrics.cells import Outside

    Floats = NDArray[np.float64]


def nss(maps: Floats, coverages: Floats, outside: Outside, visible: Floats) -> Floats:
    """NSS `(m, t)` of finite signed maps `(m, grid_h, grid_w)`.

    `coverages` `(t, grid_h, grid_w)` is the share of each cell in each target, `outside` what the targets are told
    from, `visible` `(grid_h, grid_w)` the share that shows the image. Mean and standard deviation are taken over the
    target and what it is told from: the image without its other features. A map of one value there has 0; where the
    target is all there is, NaN.
    """
    values, inside = visible_cells(maps, visible), visible_cells(coverages, visible)
    around = visible_cells(outside.shares, visible)
    weights = inside + around[outside.of_target]
    # Values relative to one cell of the target: all exactly 0 where the map has one value alone.
    relative = values[:, None] - values[:, np.argmax(inside, axis=1)][:, :, None]
    relative -= (np.einsum("mtc,tc->mt", relative, weights) / weights.sum(axis=1))[:, :, None]
    mean = np.einsum("mtc,tc->mt", relative, inside) / inside.sum(axis=1)
    deviation = np.sqrt(np.einsum("mtc,tc->mt", np.square(relative, out=relative), weights) / weights.sum(axis=1))
    scores = np.divide(mean, deviation, out=np.zeros_like(mean), where=deviation > 0)
    told: NDArray[np.bool_] = np.logical_or.reduce(around, axis=1)
    return np.where(told[outside.of_target], scores, np.nan)
