"""Training seeds as a second random factor: another seed, like another set of images, gives another mean.

With few seeds neither a bootstrap over them nor pooling seeds with images tells what a new seed would give: crossed
bootstrap intervals of three seeds cover 80 to 89 % where they say 95 %. So below eight seeds two intervals stand side
by side, one over images (of the mean over these very seeds) and one over seeds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import stdtrit

from ssl_attn.errors import UsageError
from ssl_attn.statistics.bootstrap import MIN_CLUSTERS, Interval, cluster_sums, drawn_blocks
from ssl_attn.statistics.moments import moments

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

MIN_SEEDS = 8
"""From so many seeds on, `crossed_bootstrap` gives an interval over both factors."""


@dataclass(frozen=True, slots=True, eq=False)
class SeedSummary:
    """What several seeds agree on; one element per column (0-d for a single column) unless said otherwise.

    `mean_over_seeds` `(n, ...)` is each image's mean, for an interval over images; `seed_means` `(seeds, ...)` each
    seed's. `mean` is the mean of both. `low` and `high` are the t-interval over seed means, NaN for one seed: its
    variance is then unknown. `agree` says whether all seed means have one sign, which a single seed always has unless
    its mean is 0.
    """

    mean_over_seeds: Floats
    seed_means: Floats
    mean: Floats
    low: Floats
    high: Floats
    agree: NDArray[np.bool_]


def seed_summary(values: NDArray[np.floating], *, level: float = 0.95) -> SeedSummary:
    """Summary of `values` `(seeds, n)` or `(seeds, n, columns)`: differences, say, of each seed's scores to a baseline.

    An image that some seed has no score of is left out of all seeds. The t-interval has seeds - 1 degrees of freedom.
    """
    complete = _complete(values)
    seed_means = moments(np.moveaxis(complete, 1, 0)).mean
    over_seeds = moments(seed_means)
    t = stdtrit(len(values) - 1, (1 + level) / 2) if len(values) > 1 else np.nan
    half = t * over_seeds.sd / np.sqrt(len(values))
    sign = np.sign(seed_means)
    agree = (sign[0] != 0) & (sign == sign[0]).all(axis=0)
    return SeedSummary(
        complete.mean(axis=0), seed_means, over_seeds.mean, over_seeds.mean - half, over_seeds.mean + half, agree
    )


def crossed_bootstrap(
    values: NDArray[np.floating],
    clusters: NDArray[np.generic],
    *,
    draws: int = 10_000,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """Mean of `values` `(seeds, n)` or `(seeds, n, columns)`; its interval from resampling seeds and clusters `(n,)`.

    Each draw takes seeds and, independently, clusters, with replacement (Owen, The pigeonhole bootstrap, Annals of
    Applied Statistics 1, 2007). An image that some seed has no score of is left out of all seeds. `sd` is that of the
    images' means over seeds and `n` counts images. There is no interval below eight seeds or eight clusters.

    Raises:
        UsageError: shapes do not match.
    """
    if values.ndim not in (2, 3) or clusters.shape != values.shape[1:2] or len(values) == 0:
        message = (
            "expected values (seeds, n) or (seeds, n, columns) of one seed or more, and clusters (n,), got "
            f"{values.shape} and {clusters.shape}; give each image its cluster"
        )
        raise UsageError(message)
    seeds = len(values)
    shape: tuple[int, ...] = values.shape[2:]
    columns = _complete(values).reshape(seeds, values.shape[1], int(np.prod(shape)))
    images = columns.mean(axis=0)
    summary = moments(images)
    present = ~np.isnan(images)
    counts = cluster_sums(present.astype(np.float64), clusters)
    n_clusters = (counts > 0).sum(axis=0)
    low, high = np.full((2, len(n_clusters)), np.nan)
    enough = np.flatnonzero(n_clusters >= (MIN_CLUSTERS if seeds >= MIN_SEEDS else np.inf))
    if len(enough):
        deviations = np.where(present, columns - summary.mean, 0.0)[:, :, enough]
        totals = cluster_sums(deviations.transpose(1, 0, 2), clusters)
        drawn = _crossed_means(totals, counts[:, enough], draws=draws, seed=seed)
        ends = np.nanquantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=0)
        low[enough], high[enough] = summary.mean[enough] + ends
    return Interval(
        summary.mean.reshape(shape),
        summary.sd.reshape(shape),
        summary.n.reshape(shape),
        n_clusters.reshape(shape),
        low.reshape(shape),
        high.reshape(shape),
    )


def _complete(values: NDArray[np.floating]) -> Floats:
    """The values of images that every seed has, NaN elsewhere."""
    return np.where(np.isnan(values).any(axis=0), np.nan, values.astype(np.float64))


def _crossed_means(totals: Floats, counts: Floats, *, draws: int, seed: int) -> Floats:
    """Mean of each draw, `(draws, columns)`, of cluster sums `(clusters, seeds, columns)` over counts of images."""
    clusters, seeds, columns = totals.shape
    flat = totals.reshape(clusters, seeds * columns)
    own_stream = np.random.default_rng(np.random.SeedSequence(seed).spawn(1)[0])
    means = []
    for block in drawn_blocks(clusters, draws=draws, seed=seed):
        taken = block.astype(np.float64)
        of_seeds = own_stream.multinomial(seeds, np.full(seeds, 1 / seeds), size=len(block))
        sums = np.einsum("ds,dsc->dc", of_seeds, (taken @ flat).reshape(len(block), seeds, columns))
        sizes = taken @ counts
        means.append(sums / np.where(sizes > 0, seeds * sizes, np.nan))
    return np.concatenate(means)
