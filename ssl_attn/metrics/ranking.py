"""How well a map's cells rank those in the target first: AUROC, shuffled AUC and average precision.

On the native grid a cell is seldom wholly in or out. It is positive with the weight that the target covers, and
negative with the weight that shows the image, no feature and not the target. So against one box, what the boxes of the
image's other features cover is left out; distractors are negatives, against one of them the others. One sort of a map
serves all targets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ssl_attn.metrics.cells import visible_cells

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ssl_attn.metrics.cells import Outside

    Floats = NDArray[np.float64]


def ranking(
    maps: Floats, coverages: Floats, outside: Outside, visible: Floats, others: Floats | None
) -> dict[str, Floats]:
    """`auroc`, `shuffled_auc` and `average_precision` `(m, t)` of finite signed maps `(m, grid_h, grid_w)`.

    `coverages` `(t, grid_h, grid_w)` is the share of each cell in each target, `outside` what the targets are told
    from, `visible` `(grid_h, grid_w)` the share that shows the image. `others` `(grid_h, grid_w)` is the sum over other
    images of the share that their features cover; it multiplies the negatives of the shuffled AUC, which without it is
    NaN. A score without negatives is NaN.

    Cells of one value stand together: for AUROC half of their negatives count as above their positives (Fawcett,
    2006), and precision and recall are taken where the value ends (scikit-learn's average precision).
    """
    shuffled = outside.shares * (np.nan if others is None else others)
    weights = visible_cells(np.concatenate([coverages, outside.shares, shuffled]), visible)
    held, first = _held(visible_cells(maps, visible), weights)
    gain = np.diff(held, axis=1, prepend=0.0)
    gain[:, first] = held[:, first]

    targets, kinds = len(coverages), len(outside.shares)
    positives, negatives = np.split(weights.sum(axis=1), [targets])
    negatives[negatives == 0] = np.nan
    negatives = negatives.reshape(2, kinds)[:, outside.of_target]
    # Where all targets have the same negatives there is nothing to copy: one row serves them all.
    of_target = outside.of_target if kinds > 1 else slice(None)
    hits, false_alarms = held[:targets], held[targets : targets + kinds][of_target]
    selected = hits + false_alarms
    precision = np.divide(hits, selected, out=np.zeros_like(hits), where=selected > 0)
    precise = np.add.reduceat(gain[:targets] * precision, first, axis=1) / positives[:, None]
    above = (held[targets:] - gain[targets:] / 2).reshape(2, kinds, -1)[:, of_target]
    passed = np.add.reduceat(gain[:targets] * above, first, axis=2) / positives[:, None]
    auroc, shuffled_auc = np.clip(1 - passed / negatives[:, :, None], 0, 1).transpose(0, 2, 1)
    return {
        "auroc": auroc,
        "shuffled_auc": shuffled_auc,
        "average_precision": np.where(np.isnan(negatives[0])[:, None], np.nan, np.minimum(precise, 1)).T,
    }


def _held(values: Floats, weights: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """Weight held by all cells of a value or above, `(k, steps)`, and which steps are the first of each map `(m,)`.

    For maps `(m, cells)` and weights `(k, cells)`. A step is a distinct value of a map, the strongest first; the steps
    of all maps stand in one line.
    """
    order = np.argsort(-values, axis=1)
    ranked = np.take_along_axis(values, order, axis=1)
    last = np.ones(values.shape, dtype=bool)
    np.not_equal(ranked[:, 1:], ranked[:, :-1], out=last[:, :-1])
    cumulative = np.cumsum(np.take(weights, order, axis=1), axis=2).reshape(len(weights), -1)
    steps = np.count_nonzero(last, axis=1)
    return np.take(cumulative, np.flatnonzero(last), axis=1), np.cumsum(steps) - steps
