"""The five metrics of `ssl-attn bench score` from the product's functions, and how far another's numbers lie off."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from ssl_attn.errors import SslAttnError
from ssl_attn.geometry import CANVAS_SIZE, rasterise
from ssl_attn.metrics.canvas import to_canvas
from ssl_attn.metrics.distribution import KL_EPSILON, Divergence, SquaredError, peak_one
from ssl_attn.metrics.energy import energy
from ssl_attn.metrics.overlap import Partition, Workspace, overlaps, partition
from ssl_attn.metrics.percentiles import HEADLINE_PERCENTILES, selected_pixels
from ssl_attn.metrics.soft_target import SoftTargets, soft_targets
from ssl_attn.metrics.transport import emd

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Maps = NDArray[np.float32]

TOLERANCES = {"iou": 1e-6, "energy": 1e-6, "mse": 1e-6, "kl": 1e-5, "emd": 1e-6}
"""How far apart two implementations may lie."""

_HEADLINE = np.array(HEADLINE_PERCENTILES) - 1
_EVERYWHERE = np.ones((CANVAS_SIZE, CANVAS_SIZE))
_PIXELS = CANVAS_SIZE**2
_WINDOW = (slice(0, CANVAS_SIZE), slice(0, CANVAS_SIZE))


@dataclass(frozen=True, slots=True, eq=False)
class PixelTarget:
    """What maps of 224 x 224 pixels are scored against: the union first, then each box.

    `coverage` `(t, 224, 224)` is 1 inside and 0 outside, `regions` are the same masks cut up; the `soft` targets come
    with what the metrics need of them.
    """

    coverage: Floats
    regions: Partition
    soft: SoftTargets
    divergence: Divergence
    squared_error: SquaredError


@dataclass(frozen=True, slots=True, eq=False)
class FiveScores:
    """The five of m maps against t targets: `iou` `(m, t, 7)` at `HEADLINE_PERCENTILES`, the others `(m, t)`."""

    iou: Floats
    energy: Floats
    mse: Floats
    kl: Floats
    emd: Floats


def pixel_target(boxes: Floats) -> PixelTarget:
    """Target of boxes `(n, 4)` as x, y, width, height in fractions of an image that fills the canvas."""
    of_boxes = rasterise(boxes, CANVAS_SIZE, CANVAS_SIZE)
    masks = np.concatenate([of_boxes.any(axis=0, keepdims=True), of_boxes])
    soft = soft_targets(boxes, _WINDOW, grid_h=CANVAS_SIZE, grid_w=CANVAS_SIZE)
    pixels, weights = soft.grid.reshape(-1, _PIXELS), np.ones(_PIXELS)
    return PixelTarget(
        coverage=masks.astype(np.float64),
        regions=partition(masks.reshape(-1, _PIXELS)),
        soft=soft,
        divergence=Divergence(pixels + KL_EPSILON, weights),
        squared_error=SquaredError(pixels, weights),
    )


def five_scores(values: Maps, target: PixelTarget) -> FiveScores:
    """Scores of non-negative maps `(m, grid_h, grid_w)`, upsampled and taken for maps of 224 x 224 pixels."""
    workspace = Workspace(_PIXELS, target.regions)
    starts = range(0, len(values), workspace.maps)
    chunks = [_score_chunk(values[start : start + workspace.maps], target, workspace) for start in starts]
    return FiveScores(*(np.concatenate([getattr(chunk, each.name) for chunk in chunks]) for each in fields(FiveScores)))


def _score_chunk(values: Maps, target: PixelTarget, workspace: Workspace) -> FiveScores:
    canvas = to_canvas(values)
    pixels = canvas.reshape(-1, _PIXELS)
    positive = peak_one(pixels)
    return FiveScores(
        iou=overlaps(pixels, target.regions, workspace).iou[:, :, _HEADLINE],
        energy=energy(canvas, target.coverage, _EVERYWHERE),
        mse=target.squared_error.of(positive),
        kl=target.divergence.of(positive + KL_EPSILON),
        emd=five_emd(positive.reshape(canvas.shape), target),
    )


def five_emd(canvas: Floats, target: PixelTarget) -> Floats:
    """The earth mover's distance alone, of maps `(m, 224, 224)`."""
    return emd(canvas, target.soft, _EVERYWHERE)


def deviations(scores: FiveScores, others: FiveScores, values: Maps, target: PixelTarget) -> dict[str, float]:
    """Largest absolute difference of each of the five, for the maps `(m, grid_h, grid_w)` that both scored.

    IoU depends on which of the pixels that tie at the cut are selected. Any choice gives a value in an interval, a
    point where nothing ties; what counts is how far either score lies outside.
    """
    low, high = _iou_bounds(values, target)
    outside = [np.maximum(low - each.iou, each.iou - high).max() for each in (scores, others)]
    differences = {
        name: np.abs(getattr(scores, name) - getattr(others, name)).max() for name in TOLERANCES if name != "iou"
    }
    return {name: float(found) for name, found in {"iou": np.max([0, *outside]), **differences}.items()}


def require_agreement(found: dict[str, float]) -> None:
    """Accept deviations within the tolerances.

    Raises:
        SslAttnError: a deviation is too large, or not a number.
    """
    wrong = [
        f"{name} by {found[name]:.1e} (at most {limit:.0e})"
        for name, limit in TOLERANCES.items()
        if not found[name] <= limit
    ]
    if wrong:
        message = (
            f"expected the metrics and their straightforward implementation to agree, but they differ in "
            f"{', '.join(wrong)}; the speed of wrong numbers means nothing, mend the metric first"
        )
        raise SslAttnError(message)


def _iou_bounds(values: Maps, target: PixelTarget) -> tuple[Floats, Floats]:
    """Least and greatest IoU `(m, t, 7)` that any choice among the pixels tied at the cut can give."""
    pixels = to_canvas(values).reshape(-1, 1, _PIXELS)
    masks = target.coverage.reshape(1, -1, _PIXELS) > 0
    size = masks.sum(axis=2)
    ascending = np.sort(pixels, axis=2)
    bounds = np.empty((2, len(values), size.shape[1], len(_HEADLINE)))
    for i, count in enumerate(selected_pixels(_PIXELS, HEADLINE_PERCENTILES)):
        cut = ascending[:, :, -count, None]
        stronger, tied = pixels > cut, pixels == cut
        surely, tied_inside = (stronger & masks).sum(axis=2), (tied & masks).sum(axis=2)
        places, tied_outside = count - stronger.sum(axis=2), (tied & ~masks).sum(axis=2)
        inside = surely + np.stack([np.maximum(places - tied_outside, 0), np.minimum(places, tied_inside)])
        bounds[..., i] = inside / (count + size - inside)
    return bounds[0], bounds[1]
