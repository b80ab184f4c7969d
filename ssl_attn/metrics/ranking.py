"""How well a map's cells rank those in the target first: AUROC, shuffled AUC and average precision.

On the native grid a cell is seldom wholly in or out. It is positive with the weight that the target covers, and
negative with the weight that shows the image and no box. So against one box, what the image's other boxes cover is
left out, and the negatives are the same for every target of an image: one sort of a map serves all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ssl_attn.metrics.cells import outside_boxes, visible_cells

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def ranking(maps: Floats, coverages: Floats, visible: Floats, others: Floats | None) -> dict[str, Floats]:
    """`auroc`, `shuffled_auc` and `average_precision` `(m, t)` of finite signed maps `(m, grid_h, grid_w)`.

    `coverages` `(t, grid_h, grid_w)` is the share of each cell in the union of the image's boxes and then in each box,
    `visible` `(grid_h, grid_w)` the share that shows the image. `others` `(grid_h, grid_w)` is the sum over other
    images of the share that their boxes cover; it multiplies the negatives of the shuffled AUC, which without it is
    NaN. A score without negatives is NaN.

    Cells of one value stand together: for AUROC half of their negatives count as above their positives (Fawcett,
    2006), and precision and recall are taken where the value ends (scikit-learn's average precision).
    """
    negative = outside_boxes(visible, coverages[0])
    shuffled = negative * (np.nan if others is None else others)
    weights = visible_cells(np.concatenate([coverages, negative[None], shuffled[None]]), visible)
    held, first = _held(visible_cells(maps, visible), weights)
    gain = np.diff(held, axis=1, prepend=0.0)
    gain[:, first] = held[:, first]

    targets = len(coverages)
    positives, negatives = np.split(weights.sum(axis=1), [targets])
    negatives[negatives == 0] = np.nan
    hits, false_alarms = held[:targets], held[targets]
    selected = hits + false_alarms
    precision = np.divide(hits, selected, out=np.zeros_like(hits), where=selected > 0)
    precise = np.add.reduceat(gain[:targets] * precision, first, axis=1) / positives[:, None]
    above = held[targets:] - gain[targets:] / 2
    passed = np.add.reduceat(gain[:targets] * above[:, None], first, axis=2) / positives[:, None]
    auroc, shuffled_auc = np.clip(1 - passed / negatives[:, None, None], 0, 1).transpose(0, 2, 1)
    return {
        "auroc": auroc,
        "shuffled_auc": shuffled_auc,
        "average_precision": np.where(np.isnan(negatives[0]), np.nan, np.minimum(precise, 1)).T,
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
