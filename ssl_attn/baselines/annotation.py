"""Baselines that see boxes: the other images' (what habit is worth) and the image's own (what is left to gain)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ssl_attn.baselines.position import uniform

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ssl_attn.metrics.cells import Outside

    Floats = NDArray[np.float64]


def box_prior(total: Floats, same_source: Floats, others: int, visible_share: Floats) -> Floats:
    """Mean coverage of each cell by the boxes of `others` images of other sources, `(grid_h, grid_w)`.

    Args:
        total: sum over all images of the share of each cell that their boxes cover.
        same_source: that sum over the images that are left out: the image itself and those of its source. Both sums
            must be taken in the same order, so that what is left out leaves no rounding behind.
        others: images in the difference, at least 1.
        visible_share: share of each cell that shows the image; cells that show nothing of it get 0.
    """
    return np.maximum(total - same_source, 0.0) / others * uniform(visible_share)


def ceiling(coverages: Floats, visible_share: Floats) -> Floats:
    """Share of each cell's visible part that each target covers, `(targets, grid_h, grid_w)`: the answer itself."""
    return _shares(coverages, np.broadcast_to(visible_share, coverages.shape))


def ceiling_of_ranks(coverages: Floats, outside: Outside) -> Floats:
    """The answer to metrics that leave out what other features cover: AUROC, average precision and NSS.

    A cell is positive with the weight that the target covers, `coverages` `(targets, grid_h, grid_w)`, and negative
    with the share that the target is told from. The share of the first in both is the best map there is for AUROC
    (Neyman and Pearson's lemma) and for NSS (Cauchy and Schwarz). For the union it is `ceiling`.
    """
    return _shares(coverages, coverages + outside.shares[outside.of_target])


def _shares(parts: Floats, wholes: Floats) -> Floats:
    return np.divide(parts, wholes, out=np.zeros_like(parts), where=wholes > 0)
