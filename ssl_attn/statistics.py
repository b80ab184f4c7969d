"""Intervals for means of scores, by a bootstrap over clusters (the buildings, say, not their photographs)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from ssl_attn.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

IntervalKind = Literal["percentile"]

MIN_CLUSTERS = 8
"""With fewer clusters there is no interval: it would cover far less than it says."""

# Bootstrap means in flight at once.
_CHUNK_MEANS = 1 << 22


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
    values: Floats,
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
    interval. Percentile intervals: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13. Memory
    beyond the result does not grow with the columns.

    Raises:
        UsageError: shapes do not match, or draws, level or kind make no sense.
    """
    _check(values, clusters, draws=draws, level=level, kind=kind)
    columns = values.shape[1]
    if len(values) == 0:
        nothing, none = np.full(columns, np.nan), np.zeros(columns, dtype=np.int64)
        return Interval(nothing, nothing, none, none, nothing, nothing)

    present = ~np.isnan(values)
    sums = _per_cluster(np.where(present, values, 0.0), clusters)
    counts = _per_cluster(present.astype(np.float64), clusters)
    n = present.sum(axis=0)
    n_clusters = (counts > 0).sum(axis=0)
    mean = _ratio(sums.sum(axis=0), n)
    squares = np.where(present, (values - mean) ** 2, 0.0).sum(axis=0)

    drawn = cluster_draws(len(sums), draws=draws, seed=seed)
    tails = np.array([(1 - level) / 2, (1 + level) / 2])
    limits = np.full((columns, 2), np.nan)
    with_interval = np.flatnonzero(n_clusters >= MIN_CLUSTERS)
    step = max(1, _CHUNK_MEANS // draws)
    for start in range(0, len(with_interval), step):
        some = with_interval[start : start + step]
        means = _ratio(_drawn_totals(sums[:, some], drawn), _drawn_totals(counts[:, some], drawn))
        limits[some] = _quantiles(means, tails)
    return Interval(mean, np.sqrt(_ratio(squares, n - 1)), n, n_clusters, limits[:, 0], limits[:, 1])


def cluster_draws(clusters: int, *, draws: int, seed: int) -> NDArray[np.uint16]:
    """How often each draw takes each cluster, `(draws, clusters)`; a row sums to `clusters`."""
    generator = np.random.default_rng(seed)
    taken = np.empty((draws, clusters), dtype=np.uint16)
    step = max(1, _CHUNK_MEANS // clusters)
    for start in range(0, draws, step):
        rows = min(step, draws - start)
        chosen = generator.integers(clusters, size=(rows, clusters)) + np.arange(rows)[:, None] * clusters
        taken[start : start + rows] = np.bincount(chosen.ravel(), minlength=rows * clusters).reshape(rows, clusters)
    return taken


def _check(values: Floats, clusters: NDArray[np.generic], *, draws: int, level: float, kind: str) -> None:
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


def _per_cluster(values: Floats, clusters: NDArray[np.generic]) -> Floats:
    """Sums over the rows of each cluster, `(clusters, columns)`, clusters in the order of their names."""
    order = np.argsort(clusters, kind="stable")
    _, starts = np.unique(clusters[order], return_index=True)
    return np.add.reduceat(values[order], starts, axis=0)


def _drawn_totals(per_cluster: Floats, drawn: NDArray[np.uint16]) -> Floats:
    """Total of each column in each draw, `(columns, draws)`; one row for all when the columns are equal."""
    if (per_cluster == per_cluster[:, :1]).all():
        per_cluster = per_cluster[:, :1]
    draws, clusters = drawn.shape
    totals = np.empty((per_cluster.shape[1], draws))
    step = max(1, _CHUNK_MEANS // clusters)
    for start in range(0, draws, step):
        block = drawn[start : start + step].astype(np.float64)
        totals[:, start : start + step] = per_cluster.T @ block.T
    return totals


def _ratio(numerator: Floats, denominator: Floats | Ints) -> Floats:
    """Quotient, NaN where there is nothing to divide by."""
    divisor: Floats = np.where(denominator > 0, denominator, np.nan)
    return numerator / divisor


def _quantiles(rows: Floats, at: Floats) -> Floats:
    """Quantiles `(n, len(at))` of each row, NaN left out, linear between order statistics."""
    ordered = np.sort(rows, axis=1)  # NaN comes last
    last = np.maximum((~np.isnan(ordered)).sum(axis=1, keepdims=True) - 1, 0)
    position = last * at
    lower, upper = np.floor(position).astype(np.int64), np.ceil(position).astype(np.int64)
    low: Floats = np.take_along_axis(ordered, lower, axis=1)
    high: Floats = np.take_along_axis(ordered, upper, axis=1)
    quantiles: Floats = low + (position - lower) * (high - low)
    return quantiles
