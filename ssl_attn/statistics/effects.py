"""Size of a paired difference, in the units of the score and without any."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ssl_attn.statistics.moments import moments, ratio
from ssl_attn.statistics.paired import signed_ranks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Effects:
    """Effect sizes of the differences of `n` pairs, one element per column (0-d for a single column)."""

    n: Ints
    mean: Floats
    median: Floats
    rank_biserial: Floats
    d_z: Floats


def effects(d: NDArray[np.floating]) -> Effects:
    """Effect sizes of differences `d` `(n,)` or `(n, columns)`; NaN is a missing pair.

    `rank_biserial` is the matched-pairs rank-biserial correlation (Kerby, Comprehensive Psychology 3, 2014): the sum of
    the ranks of positive differences minus that of negative ones, over the sum of all ranks. Zeros are ranked lowest
    (Pratt) and count in the denominator, so that pairs without a difference pull it to 0. `d_z` is the mean over the
    standard deviation (Cohen, Statistical Power Analysis, 1988), NaN where all differences are equal or n is 1.
    """
    columns = d.astype(np.float64).reshape(len(d), int(np.prod(d.shape[1:])))
    sample = moments(columns)
    ranks = signed_ranks(columns)
    shape: tuple[int, ...] = d.shape[1:]
    return Effects(
        n=sample.n.reshape(shape),
        mean=sample.mean.reshape(shape),
        median=_median(columns, sample.n).reshape(shape),
        rank_biserial=ratio(ranks.sum(axis=0), sample.n * (sample.n + 1)).reshape(shape),
        d_z=ratio(sample.mean, sample.sd).reshape(shape),
    )


def _median(columns: Floats, n: Ints) -> Floats:
    """Median of each column, NaN left out and NaN where nothing is left."""
    if len(columns) == 0:
        return np.full(columns.shape[1], np.nan)
    ordered = np.sort(columns, axis=0)  # NaN comes last
    lower, upper = np.maximum(n - 1, 0) // 2, np.minimum(n // 2, len(columns) - 1)
    middle: Floats = np.take_along_axis(ordered, np.stack([lower, upper]), axis=0).mean(axis=0)
    return middle
