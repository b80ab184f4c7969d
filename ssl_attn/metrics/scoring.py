"""All scores of many maps of one image: against the union of its features and against each box."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np

from ssl_attn.errors import UsageError
from ssl_attn.metrics import BOX_SCALARS, SCALARS
from ssl_attn.metrics.canvas import continued, to_canvas
from ssl_attn.metrics.cells import visible_cells
from ssl_attn.metrics.distribution import concentration, soft_scores
from ssl_attn.metrics.energy import energy, energy_normalised, lift
from ssl_attn.metrics.nss import nss
from ssl_attn.metrics.overlap import Workspace, overlaps
from ssl_attn.metrics.percentiles import PERCENTILES
from ssl_attn.metrics.pointing import pointing
from ssl_attn.metrics.ranking import ranking
from ssl_attn.metrics.transport import emd, emd_native

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ssl_attn.metrics.overlap import Partition
    from ssl_attn.metrics.soft_target import SoftTargets
    from ssl_attn.metrics.target import Target

    Bools = NDArray[np.bool_]
    Floats = NDArray[np.float64]

Outcome = Literal["scored", "constant", "no_box", "hidden", "not_finite", "zero_map"]
OUTCOMES: dict[Outcome, str] = {
    "scored": "the map has scores",
    "constant": "the map has one value on all of the visible image; it scores exactly at chance",
    "no_box": "the image has no feature's box that the view shows enough of; nothing to score against",
    "hidden": "the view shows less than a quarter of this box",
    "not_finite": "the map holds a NaN or an infinite value",
    "zero_map": "the map has no positive value on the visible image; it points nowhere",
}
"""Why a map has scores or none. Of several reasons for having none, the first in this order is given."""

# Cells times targets in flight at once.
_CHUNK_CELLS = 1 << 20


@dataclass(frozen=True, slots=True, eq=False)
class MapScores:
    """Scores of m maps against one target with b boxes; NaN where a score does not exist.

    `outcome` `(m,)` with the union's `iou` `(m, 99)` and `scalars`, every metric of `SCALARS` by name, each `(m,)`;
    `area_mass` and `area_above_mean` `(m,)` are the shares of the visible canvas pixels that `iou_mass` and
    `iou_above_mean` select. `box_outcome` `(m, b)` with `box_iou` `(m, b, 99)` and `box_scalars`, every metric of
    `BOX_SCALARS` by name, each `(m, b)`. Element p - 1 of a curve is percentile p.

    Maps that are `scored` or `constant` have scores; a `zero_map` has its `mse` alone, others have none. Where all
    boxes are of distractors the union is `no_box`, and the boxes have scores all the same. A score that is undefined is
    missing for itself: AUROC, average precision and NSS without a cell outside the boxes, shuffled AUC without another
    image's box there, normalised energy against all of the image.
    """

    outcome: NDArray[np.str_]
    iou: Floats
    scalars: dict[str, Floats]
    area_mass: Floats
    area_above_mean: Floats
    box_outcome: NDArray[np.str_]
    box_iou: Floats
    box_scalars: dict[str, Floats]


def score_maps(values: NDArray[np.floating], target: Target, *, native_emd: bool = False) -> MapScores:
    """Score maps `(m, grid_h, grid_w)` at their native grid, signed and in any scale, on every metric.

    What ranks cells or pixels takes the signed values, what shares out mass their positive part. With `native_emd` the
    earth mover's distance is also computed on the native grid, which takes long. Memory beyond the result does not grow
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
    scores = _no_scores(len(values), len(target.kept))
    masks, pointing_masks, soft = target.masks, target.pointing_masks, target.soft
    if masks is None or pointing_masks is None or soft is None:
        return scores
    kept = np.flatnonzero(target.kept)
    workspace = Workspace(target.visible_pixels, masks)
    fill = partial(_fill, scores, kept=kept, has_union=target.has_union)
    step = max(1, _CHUNK_CELLS // target.coverage.size)
    for start in range(0, len(values), step):
        maps = values[start : start + step].astype(np.float64)
        rows = np.arange(start, start + len(maps))
        outcome = _outcomes(maps, target.visible_share)
        if target.has_union:
            scores.outcome[rows] = outcome
        scores.box_outcome[np.ix_(rows, kept)] = outcome[:, None]

        zero = outcome == "zero_map"
        if zero.any():
            fill(rows[zero], {"mse": soft_scores(maps[zero], soft, target.visible_share)["mse"]})
        has_scores = (outcome == "scored") | (outcome == "constant")
        if has_scores.any():
            rows, maps = rows[has_scores], maps[has_scores]
            # Interpolation reaches across the border of the visible image: what lies there must not count.
            maps = _at_peak_one(continued(maps, target.visible_share))
            fill(rows, _grid_scores(maps, target, soft, native_emd=native_emd))
            fill(rows, _canvas_scores(maps, target, masks, pointing_masks, workspace))
    return scores


def _no_scores(maps: int, boxes: int) -> MapScores:
    def missing(*shape: int) -> Floats:
        return np.full(shape, np.nan)

    return MapScores(
        outcome=np.full(maps, "no_box", dtype="<U10"),
        iou=missing(maps, len(PERCENTILES)),
        scalars={name: missing(maps) for name in SCALARS},
        area_mass=missing(maps),
        area_above_mean=missing(maps),
        box_outcome=np.full((maps, boxes), "hidden", dtype="<U10"),
        box_iou=missing(maps, boxes, len(PERCENTILES)),
        box_scalars={name: missing(maps, boxes) for name in BOX_SCALARS},
    )


def _outcomes(maps: Floats, visible: Floats) -> NDArray[np.str_]:
    """What becomes of each map `(m, grid_h, grid_w)`, `(m,)`, by its values on the visible cells."""
    finite = np.isfinite(maps).all(axis=(1, 2))
    seen = visible_cells(maps, visible)
    low, high = seen.min(axis=1), seen.max(axis=1)
    return np.select([~finite, high <= 0, low == high], ["not_finite", "zero_map", "constant"], default="scored")


def _at_peak_one(maps: Floats) -> Floats:
    """Maps scaled to a largest magnitude of about 1, so that the canvas, of single precision, can hold any map.

    By a power of 2, which is exact: no score changes, and equal values stay equal.
    """
    _, exponent = np.frexp(np.abs(maps).max(axis=(1, 2)))
    scaled: Floats = np.ldexp(maps, -exponent[:, None, None])
    return scaled


def _grid_scores(maps: Floats, target: Target, soft: SoftTargets, *, native_emd: bool) -> dict[str, Floats]:
    """Scores that are computed on the native grid: `(m, t)`, or `(m,)` for those that know no single box."""
    visible, coverage, area = target.visible_share, target.coverage, target.target_area_grid
    held = energy(maps, coverage, visible)
    scores = {
        "energy": held,
        "lift": lift(held, area),
        "energy_normalised": energy_normalised(held, area),
        "nss": nss(maps, coverage, target.outside, visible),
        "emd": emd(maps, soft, visible),
        **ranking(maps, coverage, target.outside, visible, target.others),
        **soft_scores(maps, soft, visible),
        **concentration(maps, visible),
    }
    if native_emd and target.has_union:
        scores["emd_native"] = emd_native(maps, soft, visible)
    return scores


def _canvas_scores(
    maps: Floats, target: Target, masks: Partition, pointing_masks: Bools, workspace: Workspace
) -> dict[str, Floats]:
    """Scores that are computed on the canvas, a few maps at a time: `(m, t)`, the curves `(m, t, 99)`, areas `(m,)`."""
    chunks = []
    for start in range(0, len(maps), workspace.maps):
        canvas = target.crop(to_canvas(maps[start : start + workspace.maps]))
        overlap = overlaps(canvas, masks, workspace)
        pointing_exact, pointing_near = np.split(pointing(canvas, pointing_masks), 2, axis=1)
        chunks.append(
            {
                "iou": overlap.iou,
                "iou_mean": overlap.iou.mean(axis=2),
                "iou_oracle": overlap.iou_oracle,
                "iou_mass": overlap.iou_mass,
                "iou_above_mean": overlap.iou_above_mean,
                "pointing": pointing_exact,
                "pointing_15": pointing_near,
                "area_mass": overlap.mass_pixels / target.visible_pixels,
                "area_above_mean": overlap.above_mean_pixels / target.visible_pixels,
            }
        )
    return {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}


def _fill(
    scores: MapScores, rows: NDArray[np.intp], values: Mapping[str, Floats], *, kept: NDArray[np.intp], has_union: bool
) -> None:
    """Put scores of the maps `rows` into their places: of the union if there is one, and of the boxes `kept`."""
    of_boxes = np.ix_(rows, kept)
    for name, score in values.items():
        match name:
            case "area_mass":
                scores.area_mass[rows] = score
            case "area_above_mean":
                scores.area_above_mean[rows] = score
            case _ if score.ndim == 1:
                if has_union:
                    scores.scalars[name][rows] = score
            case _:
                curve = name == "iou"
                (scores.box_iou if curve else scores.box_scalars[name])[of_boxes] = score[:, int(has_union) :]
                if has_union:
                    (scores.iou if curve else scores.scalars[name])[rows] = score[:, 0]
