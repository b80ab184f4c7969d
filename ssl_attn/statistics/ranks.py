"""Heads ranked image by image: which head is best most often, whatever the image makes easy or hard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import rankdata

from ssl_attn.statistics.moments import ratio

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class HeadRanks:
    """Over `n` images `(...)`: each head's mean rank, 1 is best, and its share of first and of first three places.

    `mean_rank`, `top1` and `top3` are `(heads, ...)`, NaN without images. Over all heads top1 sums to 1, and top3 to 3
    or to the number of heads if that is less.
    """

    n: Ints
    mean_rank: Floats
    top1: Floats
    top3: Floats


def head_ranks(scores: NDArray[np.floating], higher_is_better: ArrayLike = True) -> HeadRanks:
    """Ranks of `scores` `(images, heads)` or `(images, heads, columns)` within each image.

    Equal scores share the mean of their ranks, and share the places they tie for: three heads tied for the first two
    places among the best three, say, get two thirds of a place each. An image in which any head lacks a score is left
    out of that column. `higher_is_better` may differ between columns.
    """
    complete = ~np.isnan(scores).any(axis=1)
    losses = np.where(complete[:, None], np.where(higher_is_better, -scores, scores), 0.0)
    first, last = (rankdata(losses, axis=1, method=method) for method in ("min", "max"))
    n = complete.sum(axis=0)

    def over_images(credit: Floats) -> Floats:
        return ratio(np.where(complete[:, None], credit, 0.0).sum(axis=0), n)

    top1, top3 = (over_images(np.clip((places - first + 1) / (last - first + 1), 0.0, 1.0)) for places in (1, 3))
    return HeadRanks(n, over_images((first + last) / 2), top1, top3)
