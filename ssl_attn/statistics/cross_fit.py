"""The score of the best layer without peeking: the layer is chosen on other images than it is scored on.

The best mean of twelve layers on the images that chose it is too good, and the more so the more layers there are and
the fewer images. Here each image is scored by a layer that neither it nor its cluster had a say in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ssl_attn.errors import UsageError
from ssl_attn.statistics.bootstrap import MIN_CLUSTERS, cluster_sums, drawn_blocks
from ssl_attn.statistics.moments import ratio

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from ssl_attn.statistics.bootstrap import Counts

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

# Sums of scores in flight at once: 2 MB, so that a fold's stay in a core's cache.
_CHUNK_SUMS = 1 << 18
# Layers whose sums differ by less than this share of the largest are tied; only rounding keeps them apart.
_TIED = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class CrossFit:
    """Cross-fitted score with its interval, and what was chosen; one element per column (0-d for a single column).

    `picks` `(layers, ...)` is the share of (split, fold) choices that fell on each layer. `best` is the place of the
    layer with the best mean over all images and `best_value` that mean, which is optimistic; -1 and NaN without images.
    `n` counts the images with a score in every layer, `n_clusters` their clusters. `low` and `high` are NaN below eight
    clusters; `value` and `picks` below two.
    """

    value: Floats
    low: Floats
    high: Floats
    picks: Floats
    best: Ints
    best_value: Floats
    n: Ints
    n_clusters: Ints


def cross_fit(
    scores: NDArray[np.floating],
    clusters: NDArray[np.generic],
    *,
    higher_is_better: ArrayLike = True,
    folds: int = 5,
    splits: int = 20,
    draws: int = 2_000,
    seed: int = 0,
    level: float = 0.95,
) -> CrossFit:
    """Cross-fitted score of `scores` `(images, layers)` or `(images, layers, columns)`; `clusters` is `(images,)`.

    Clusters are dealt into folds of as equal numbers as can be. The layer with the best mean over the images of all
    other folds scores the images of a fold; ties go to the lower layer. The mean over all images is averaged over
    `splits` seeded deals. With fewer clusters than folds, each cluster is a fold.

    The interval is a percentile bootstrap over clusters: all copies of a cluster stay in its fold, and every draw
    chooses its layers anew. A column does not depend on the others, but those whose images lie in the same clusters
    share deals and draws. An image without a score in some layer is left out of that column. `higher_is_better` may
    differ between columns.

    Raises:
        UsageError: shapes do not match, or there are fewer than two folds, or no split or draw.
    """
    _check(scores, clusters, folds=folds, splits=splits, draws=draws, level=level)
    images, layers = scores.shape[:2]
    shape: tuple[int, ...] = scores.shape[2:]
    columns = scores.reshape(images, layers, int(np.prod(shape))).astype(np.float64)
    sign: Floats = np.broadcast_to(np.where(higher_is_better, 1.0, -1.0), shape).ravel()
    complete: NDArray[np.bool_] = np.isnan(columns).sum(axis=1) == 0  # (images, columns)
    sums = cluster_sums(np.where(complete[:, None], sign * columns, 0.0), clusters)
    counts = cluster_sums(complete.astype(np.float64), clusters)

    value, low, high = np.full((3, columns.shape[2]), np.nan)
    picks = np.full((layers, columns.shape[2]), np.nan)
    patterns, which = np.unique(counts.T > 0, axis=0, return_inverse=True)
    for number, present in enumerate(patterns):
        same = np.flatnonzero(which == number)
        of_clusters = int(present.sum())
        if of_clusters < 2:
            continue
        deals = _deals(of_clusters, folds=folds, splits=splits, seed=seed)
        step = max(1, _CHUNK_SUMS // (draws * layers))
        for start in range(0, len(same), step):
            some = same[start : start + step]
            # layers and columns before clusters, so that a layer's sums of all draws lie side by side
            totals, sizes = sums[present][:, :, some].transpose(1, 2, 0), counts[present][:, some].T
            fitted, choices = _fit(totals, sizes, np.ones((1, of_clusters)), deals)
            value[some] = fitted[:, 0]
            picks[:, some] = (choices[None] == np.arange(layers)[:, None, None]).mean(axis=1)
            if of_clusters >= MIN_CLUSTERS:
                blocks = drawn_blocks(of_clusters, draws=draws, seed=seed)
                resampled = np.concatenate([_fit(totals, sizes, block, deals)[0] for block in blocks], axis=1)
                low[some], high[some] = np.nanquantile(resampled, [(1 - level) / 2, (1 + level) / 2], axis=1)

    n = complete.sum(axis=0)
    means = ratio(sums.sum(axis=0), n)
    best = _first_best(means, _TIED * np.abs(means).max(axis=0))
    best_value = np.take_along_axis(means, best[None], axis=0)[0]
    ends = np.sort(sign * np.stack([low, high]), axis=0)
    per_column = (sign * value, *ends, picks, np.where(n > 0, best, -1), sign * best_value, n, (counts > 0).sum(axis=0))
    return CrossFit(*(each.reshape(each.shape[:-1] + shape) for each in per_column))


def _check(
    scores: NDArray[np.floating], clusters: NDArray[np.generic], *, folds: int, splits: int, draws: int, level: float
) -> None:
    if scores.ndim not in (2, 3) or clusters.shape != scores.shape[:1] or scores.shape[1] == 0:
        message = (
            "expected scores (images, layers) or (images, layers, columns) of one layer or more, and clusters "
            f"(images,), got {scores.shape} and {clusters.shape}; give each image its cluster"
        )
        raise UsageError(message)
    if folds < 2 or splits < 1 or draws < 1 or not 0 < level < 1:
        message = (
            "expected two folds or more, one split and draw or more and a level between 0 and 1, "
            f"got {folds}, {splits}, {draws} and {level}; use 5, 20, 2000 and 0.95"
        )
        raise UsageError(message)


def _deals(clusters: int, *, folds: int, splits: int, seed: int) -> Ints:
    """Fold of each cluster in each deal, `(splits, clusters)`; one deal where each cluster is a fold of its own."""
    if clusters <= folds:
        return np.arange(clusters)[None]
    in_turn = np.tile(np.arange(clusters) % folds, (splits, 1))
    own_stream = np.random.SeedSequence(seed).spawn(1)[0]
    return np.random.default_rng(own_stream).permuted(in_turn, axis=1)


def _fit(totals: Floats, sizes: Floats, weights: Floats | Counts, deals: Ints) -> tuple[Floats, Ints]:
    """Cross-fitted score of each draw `(columns, draws)`, and the layers chosen in the first draw `(choices, columns)`.

    `totals` `(layers, columns, clusters)` are sums over each cluster's images, `sizes` `(columns, clusters)` their
    number, `weights` `(draws, clusters)` how often a draw takes each cluster. All layers of a column have the same
    images, so the largest sum is the largest mean. A draw that leaves nothing to choose by for some fold is NaN.
    """
    layers, columns, clusters = totals.shape
    drawn = weights.astype(np.float64)
    flat = totals.reshape(layers * columns, clusters)
    sums = (flat @ drawn.T).reshape(layers, columns, len(drawn))
    number = sizes @ drawn.T
    tolerance = _TIED * np.abs(totals).sum(axis=2).max(axis=0)[:, None]
    scores = np.zeros_like(number)
    choices = []
    for deal in deals:
        for fold in range(int(deal.max()) + 1):
            inside = np.flatnonzero(deal == fold)
            taken = drawn[:, inside].T
            held = (flat[:, inside] @ taken).reshape(sums.shape)
            layer = _first_best(sums - held, tolerance)
            scores += np.take_along_axis(held, layer[None], axis=0)[0]
            scores[sizes[:, inside] @ taken == number] = np.nan
            choices.append(layer[:, 0])
    return scores / len(deals) / number, np.stack(choices)


def _first_best(values: Floats, tolerance: Floats) -> Ints:
    """Place on the first axis of the largest value, the first of those within `tolerance` of it."""
    first: Ints = (values >= values.max(axis=0) - tolerance).argmax(axis=0)
    return first
