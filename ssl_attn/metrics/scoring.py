"""All scores of many maps of one image: against the union of its boxes and against each box."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from ssl_attn.errors import UsageError
from ssl_attn.metrics.canvas import to_canvas
from ssl_attn.metrics.energy import energy
from ssl_attn.metrics.overlap import overlap_curves
from ssl_attn.metrics.percentiles import PERCENTILES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ssl_attn.metrics.overlap import Partition
    from ssl_attn.metrics.target import Target

    Floats = NDArray[np.float64]

Outcome = Literal["scored", "no_box", "hidden", "not_finite", "zero_map"]
OUTCOMES: dict[Outcome, str] = {
    "scored": "every score has a value",
    "no_box": "the image has no box that the view shows enough of; nothing to score against",
    "hidden": "the view shows less than a quarter of this box",
    "not_finite": "the map holds a NaN or an infinite value",
    "zero_map": "the map has no positive value on the visible image; it points nowhere",
}
"""Why a map has scores or none. Where several reasons hold, the first in this order is given."""

# Canvases in flight at once.
_CHUNK_MAPS = 16


@dataclass(frozen=True, slots=True, eq=False)
class MapScores:
    """Scores of m maps against one target with b boxes. Whatever has another outcome than `scored` is NaN throughout.

    `outcome` `(m,)` with the union's `iou` `(m, 99)` and `energy` `(m,)`; `box_outcome` `(m, b)` with `box_iou` and
    `box_recall` `(m, b, 99)` and `box_energy` `(m, b)`. Element p - 1 of a curve is percentile p.
    """

    outcome: NDArray[np.str_]
    iou: Floats
    energy: Floats
    box_outcome: NDArray[np.str_]
    box_iou: Floats
    box_recall: Floats
    box_energy: Floats


def score_maps(values: NDArray[np.floating], target: Target) -> MapScores:
    """Score maps `(m, grid_h, grid_w)` at their native grid, signed and in any scale.

    IoU and recall rank the signed values, energy takes their positive part. Memory beyond the result does not grow
    with m.

    Raises:
        UsageError: the maps are on another grid than the target.
    """
    grid = target.visible_share.shape
    if values.ndim != 3 or values.shape[1:] != grid:
        message = (
            f"expected maps of shape (n, {grid[0]}, {grid[1]}), got {values.shape}; build the target on the maps' grid"
        )
        raise UsageError(message)
    maps, boxes = len(values), len(target.kept)
    scores = MapScores(
        outcome=np.full(maps, "no_box", dtype="<U10"),
        iou=np.full((maps, len(PERCENTILES)), np.nan),
        energy=np.full(maps, np.nan),
        box_outcome=np.full((maps, boxes), "hidden", dtype="<U10"),
        box_iou=np.full((maps, boxes, len(PERCENTILES)), np.nan),
        box_recall=np.full((maps, boxes, len(PERCENTILES)), np.nan),
        box_energy=np.full((maps, boxes), np.nan),
    )
    if target.masks is not None:
        for start in range(0, maps, _CHUNK_MAPS):
            _score_chunk(values, slice(start, min(start + _CHUNK_MAPS, maps)), target, target.masks, scores)
    return scores


def _score_chunk(
    values: NDArray[np.floating], chunk: slice, target: Target, masks: Partition, scores: MapScores
) -> None:
    """Fill the rows of one chunk of maps into `scores`."""
    maps = values[chunk]
    finite = np.isfinite(maps).all(axis=(1, 2))
    mass = energy(
        np.where(finite[:, None, None], maps, 0),
        np.concatenate([target.union_coverage[None], target.box_coverage[target.kept]]),
        target.visible_share,
    )
    scored = finite & np.isfinite(mass[:, 0])
    outcome = np.where(scored, "scored", np.where(finite, "zero_map", "not_finite"))
    scores.outcome[chunk] = outcome
    scores.box_outcome[chunk, target.kept] = outcome[:, None]

    iou, recall = overlap_curves(target.crop(to_canvas(maps[scored])), masks)
    rows = np.arange(chunk.start, chunk.stop)[scored]
    boxes = np.flatnonzero(target.kept)
    scores.energy[rows], scores.iou[rows] = mass[scored, 0], iou[:, 0]
    scores.box_energy[np.ix_(rows, boxes)] = mass[scored, 1:]
    scores.box_iou[np.ix_(rows, boxes)] = iou[:, 1:]
    scores.box_recall[np.ix_(rows, boxes)] = recall[:, 1:]
