"""Intervals for means of scores, by a bootstrap over clusters (the buildings, say, not their photographs)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from scipy.special import ndtr, ndtri

from ssl_attn.errors import UsageError
from ssl_attn.statistics.moments import moments, ratio

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Singles = NDArray[np.float32]
    Ints = NDArray[np.int64]
    Counts = NDArray[np.uint8] | NDArray[np.uint16]

IntervalKind = Literal["percentile", "bca"]

MIN_CLUSTERS = 8
"""With fewer clusters there is no interval: it would cover far less than it says."""

FEW = 20
"""Below so many units an interval is flagged: one that says 95 % covers about 83 % of skewed scores at n = 10."""

# Bootstrap means in flight at once: 4 MB, about what a core's cache holds.
_CHUNK_MEANS = 1 << 20
# Draws of so many numbers are kept for the next call, which often has as many clusters; larger ones are drawn again.
_KEPT_DRAWS = 1 << 22
# Rounding error of a sum of n float32 numbers of magnitude 1 or less stays below n times this.
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Interval:
    """Mean, its interval and what it rests on, one element per column `(columns,)`.

    `n` counts the values, `n_clusters` the clusters that have one. `sd` is the values' own standard deviation (n - 1),
    NaN for a single one; `low` and `high` are NaN below eight clusters.
    """

    mean: Floats
    sd: Floats
    n: Ints
    n_clusters: Ints
    low: Floats
    high: Floats


def cluster_bootstrap(
    values: NDArray[np.floating],
    clusters: NDArray[np.generic],
    *,
    draws: int = 10_000,
    seed: int = 0,
    level: float = 0.95,
    kind: IntervalKind = "percentile",
) -> Interval:
    """Mean of each column of `values` `(n, columns)` with an interval from resampling whole clusters `(n,)`.

    NaN is a missing value. A draw takes as many clusters as there are, with replacement; its mean is the sum of their
    values over the number of values, so that clusters of unequal size weigh as they do in the mean itself. All columns
    see the same draws. A draw without a value in some column (rare, in sparse columns) is left out of that column's
    interval. Values that are all equal have their value as interval.

    Percentile intervals: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13. BCa: chapter 14, the
    bias from the share of draws below the mean (those equal to it count half), the acceleration from leaving out one
    cluster at a time; it corrects for skewness.

    Draws are computed as deviations from the mean in single precision, so rounding is about 1e-7 of the interval's
    width, far below what the draws themselves leave open. Memory beyond the result grows neither with the columns nor
    with the draws times clusters.

    Raises:
        UsageError: shapes do not match, or draws, level or kind make no sense.
    """
    _check(values, clusters, draws=draws, level=level, kind=kind)
    columns = values.shape[1]
    mean, sd, low, high = np.full((4, columns), np.nan)
    n, n_clusters = np.zeros((2, columns), dtype=np.int64)
    step = max(1, _CHUNK_MEANS // draws)
    for start in range(0, columns if len(values) else 0, step):
        some = slice(start, start + step)
        block = values[:, some].astype(np.float64)
        present = ~np.isnan(block)
        summary = moments(block)
        mean[some], sd[some], n[some] = summary.mean, summary.sd, summary.n
        totals = cluster_sums(np.where(present, block - summary.mean, 0.0), clusters)
        counts = cluster_sums(present.astype(np.float64), clusters)
        n_clusters[some] = (counts > 0).sum(axis=0)
        enough = np.flatnonzero(n_clusters[some] >= MIN_CLUSTERS)
        if len(enough) == 0:
            continue
        deviations = _deviations(totals[:, enough], counts[:, enough], draws=draws, seed=seed, level=level, kind=kind)
        low[start + enough], high[start + enough] = mean[start + enough] + deviations
    return Interval(mean, sd, n, n_clusters, low, high)


def cluster_means(values: NDArray[np.floating], clusters: NDArray[np.generic]) -> Floats:
    """Mean of each cluster's rows, `(clusters, columns)`, NaN where it has no value; clusters in order of their names.

    What a paired test takes when photographs share a building: its unit is the cluster.
    """
    present = ~np.isnan(values)
    return ratio(
        cluster_sums(np.where(present, values, 0.0), clusters), cluster_sums(present.astype(np.float64), clusters)
    )


def cluster_sums(values: NDArray[np.floating], clusters: NDArray[np.generic]) -> Floats:
    """Sum of the rows of each cluster, `(clusters, ...)`, clusters in the order of their names."""
    if len(values) == 0:
        return np.zeros((0, *values.shape[1:]))
    order = np.argsort(clusters, kind="stable")
    _, starts = np.unique(clusters[order], return_index=True)
    sums: Floats = np.add.reduceat(values[order], starts, axis=0, dtype=np.float64)
    return sums


def cluster_draws(clusters: int, *, draws: int, seed: int) -> Counts:
    """How often each draw takes each cluster, `(draws, clusters)`; a row sums to `clusters`."""
    return np.concatenate([*drawn_blocks(clusters, draws=draws, seed=seed)])


def drawn_blocks(clusters: int, *, draws: int, seed: int) -> Iterator[Counts]:
    """The rows of `cluster_draws`, block by block: from memory where they are few, else drawn as they are needed."""
    if clusters * draws <= _KEPT_DRAWS:
        yield _kept_draws(clusters, draws, seed)
        return
    generator = np.random.default_rng(seed)
    step = max(1, _CHUNK_MEANS // clusters)
    for start in range(0, draws, step):
        yield _draw(generator, min(step, draws - start), clusters)


def _check(values: NDArray[np.floating], clusters: NDArray[np.generic], *, draws: int, level: float, kind: str) -> None:
    if values.ndim != 2 or clusters.shape != values.shape[:1]:
        message = (
            f"expected values (n, columns) and clusters (n,), got {values.shape} and {clusters.shape}; "
            "give each row of values its cluster"
        )
        raise UsageError(message)
    if draws < 1 or not 0 < level < 1:
        message = f"expected one draw or more and a level between 0 and 1, got {draws} and {level}; use 10000 and 0.95"
        raise UsageError(message)
    if kind not in get_args(IntervalKind):
        message = f"expected a kind of interval out of {', '.join(get_args(IntervalKind))}, got {kind!r}"
        raise UsageError(message)


def _deviations(totals: Floats, counts: Floats, *, draws: int, seed: int, level: float, kind: IntervalKind) -> Floats:
    """Interval `(2, columns)` around the mean, from each cluster's sum of deviations from it and number of values."""
    scale = np.abs(totals).max(axis=0, initial=0.0)
    scaled = totals / np.where(scale > 0, scale, 1.0)
    means = _drawn_totals(scaled, draws, seed)
    patterns, which = _patterns(counts)
    sizes = _drawn_totals(patterns, draws, seed)
    sizes[sizes == 0] = np.nan
    means /= sizes[which]
    means.sort(axis=1)  # NaN comes last; a whole sort is faster than a partition where it is vectorised
    drawn = draws - np.isnan(means).sum(axis=1)
    tails = np.tile([(1 - level) / 2, (1 + level) / 2], (len(means), 1))
    if kind == "bca":
        tolerance = _ROUNDING * len(totals) / counts.sum(axis=0)
        tails = _bca(tails, _share_below(means, tolerance, drawn), drawn, _acceleration(scaled, counts))
    ends: Floats = scale * _quantiles(means, drawn, tails).T
    return ends


def _patterns(counts: Floats) -> tuple[Floats, Ints]:
    """The distinct columns of `counts` and which of them each column is: their totals need to be drawn only once."""
    if (counts == counts[:, :1]).all():
        return counts[:, :1], np.zeros(1, dtype=np.int64)
    patterns, which = np.unique(counts, axis=1, return_inverse=True)
    return patterns, which


def _drawn_totals(per_cluster: Floats, draws: int, seed: int) -> Singles:
    """Total of each column of `(clusters, columns)` in each draw, `(columns, draws)`."""
    rows = per_cluster.T.astype(np.float32)
    totals = np.empty((len(rows), draws), dtype=np.float32)
    start = 0
    for block in drawn_blocks(per_cluster.shape[0], draws=draws, seed=seed):
        np.matmul(rows, block.T.astype(np.float32), out=totals[:, start : start + len(block)])
        start += len(block)
    return totals


@lru_cache(maxsize=16)
def _kept_draws(clusters: int, draws: int, seed: int) -> Counts:
    drawn = _draw(np.random.default_rng(seed), draws, clusters)
    drawn.setflags(write=False)
    return drawn


def _draw(generator: np.random.Generator, draws: int, clusters: int) -> Counts:
    chosen = generator.integers(clusters, size=(draws, clusters)) + np.arange(draws)[:, None] * clusters
    taken = np.bincount(chosen.ravel(), minlength=draws * clusters).reshape(draws, clusters)
    return taken.astype(np.uint8) if clusters < 256 else taken.astype(np.uint16)


def _share_below(ordered: Singles, tolerance: Floats, drawn: Ints) -> Floats:
    """Share of each row's draws below 0, those within the tolerance of 0 counting half; never quite 0 or 1."""
    limit = tolerance[:, None].astype(np.float32)
    below = (ordered < -limit).sum(axis=1)
    not_above = (ordered <= limit).sum(axis=1)
    drawn = np.maximum(drawn, 1)
    share: Floats = np.clip((below + not_above) / 2, 0.5, drawn - 0.5) / drawn
    return share


def _acceleration(totals: Floats, counts: Floats) -> Floats:
    """Skewness of the means that leave out one cluster, over 6; 0 where they are all equal.

    `totals` are sums of deviations from the mean, so the mean without cluster i is off by -totals_i / (n - counts_i).
    """
    jackknife = ratio(-totals, counts.sum(axis=0) - counts)
    among = counts > 0
    centre = np.where(among, jackknife, 0.0).sum(axis=0) / among.sum(axis=0)
    influence = np.where(among, centre - jackknife, 0.0)
    spread = (influence**2).sum(axis=0)
    skew = (influence**3).sum(axis=0) / (6 * np.where(spread > 0, spread, 1.0) ** 1.5)
    return np.where(spread > 0, skew, 0.0)


def _bca(tails: Floats, below: Floats, drawn: Ints, acceleration: Floats) -> Floats:
    """Corrected shares `(columns, 2)` at which the ordered draws are read."""
    bias = ndtri(below)[:, None]
    shifted = bias + ndtri(tails)
    denominator = 1 - acceleration[:, None] * shifted
    # |acceleration| <= 1/6 by its definition, so that only an extreme level can turn the denominator.
    corrected: Floats = ndtr(bias + shifted / np.maximum(denominator, np.finfo(np.float64).tiny))
    return corrected


def _quantiles(ordered: Singles, drawn: Ints, at: Floats) -> Floats:
    """Quantiles `(n, 2)` of the first `drawn` of each ordered row, linear between order statistics."""
    position = np.maximum(drawn - 1, 0)[:, None] * at
    lower, upper = np.floor(position).astype(np.int64), np.ceil(position).astype(np.int64)
    low = np.take_along_axis(ordered, lower, axis=1).astype(np.float64)
    high = np.take_along_axis(ordered, upper, axis=1).astype(np.float64)
    return low + (position - lower) * (high - low)
