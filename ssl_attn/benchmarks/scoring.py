"""Cost of scoring a map, and beside it that of five metrics computed the straightforward way; both must agree.

The full set is every metric that is computed unasked, on the map's own grid. The five are those of
`ssl_attn.benchmarks.five_metrics`, on 224 x 224 pixels. All are against the union of an image's boxes and each box.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from threadpoolctl import threadpool_limits

from ssl_attn.benchmarks import straightforward
from ssl_attn.benchmarks.five_metrics import (
    TOLERANCES,
    FiveScores,
    deviations,
    five_emd,
    five_scores,
    pixel_target,
    require_agreement,
)
from ssl_attn.geometry import Placement, union_coverage
from ssl_attn.metrics.canvas import to_canvas
from ssl_attn.metrics.scoring import score_maps
from ssl_attn.metrics.target import build_target

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Maps = NDArray[np.float32]

GRIDS = (14, 37)
"""Sides of the grids on which the full set is timed: 224 pixels in patches of 16, 518 in patches of 14."""

MOST_MS = 1.5
"""Target: milliseconds that the full set may take for a map on the first of the grids."""

LEAST_SPEEDUP = 60.0
"""Target: how many times faster than the straightforward implementation the five must be."""

_BOXES = 5
_WHOLE_IMAGE = Placement(1.0, 0.0, 1.0, 0.0)

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Measurement:
    """Milliseconds a map on one core, medians over images, and the largest deviation of each of the five.

    `full_ms` is by side of the grid; the five are of maps on the first of the grids.
    """

    full_ms: dict[int, float]
    five_ms: float
    five_emd_ms: float
    straightforward_ms: float
    straightforward_emd_ms: float
    deviations: dict[str, float]

    @property
    def speedup(self) -> float:
        """How many times faster the product computes the five."""
        return self.straightforward_ms / self.five_ms

    @property
    def speedup_without_emd(self) -> float:
        """The same for the four that need no linear program."""
        return (self.straightforward_ms - self.straightforward_emd_ms) / (self.five_ms - self.five_emd_ms)


def measure(*, images: int, maps: int = 144, sampled: int = 12, seed: int = 0) -> Measurement:
    """Time all of it, image by image in turns, on `maps` maps each: 144 are the heads of a ViT-B.

    The straightforward implementation scores `sampled` of them, of every kind. What a target costs is shared by all
    maps of an image, on either side.

    Raises:
        SslAttnError: the two implementations of the five do not agree.
    """
    rng = np.random.default_rng(seed)
    boxes = [make_boxes(rng) for _ in range(images)]
    values = [{side: make_maps(rng, maps, side) for side in GRIDS} for _ in range(images)]
    covered = {side: np.sum([union_coverage(own, side, side) for own in boxes], axis=0) for side in GRIDS}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(limits=1):
            _measure_image(boxes[0], values[0], covered, sampled)  # warms up
            turns = [_measure_image(*image, covered, sampled) for image in zip(boxes, values, strict=True)]
    finally:
        torch.set_num_threads(threads)
    found = {name: max(turn.deviations[name] for turn in turns) for name in TOLERANCES}
    require_agreement(found)
    return Measurement(
        full_ms={side: statistics.median(turn.full_ms[side] for turn in turns) for side in GRIDS},
        five_ms=statistics.median(turn.five_ms for turn in turns),
        five_emd_ms=statistics.median(turn.five_emd_ms for turn in turns),
        straightforward_ms=statistics.median(turn.straightforward_ms for turn in turns),
        straightforward_emd_ms=statistics.median(turn.straightforward_emd_ms for turn in turns),
        deviations=found,
    )


def make_boxes(rng: np.random.Generator) -> Floats:
    """Boxes `(5, 4)` as x, y, width, height in fractions of the image, sides of 5 to 40 %."""
    size = rng.uniform(0.05, 0.4, (_BOXES, 2))
    return np.concatenate([rng.uniform(0, 1 - size), size], axis=1)


def make_maps(rng: np.random.Generator, count: int, side: int) -> Maps:
    """Maps `(count, side, side)` as a store holds them, a third each peaked like attention, smooth, and sparse."""
    attention, smooth, sparse = np.array_split(rng.normal(size=(count, side, side)), 3)
    patchy = _blurred(sparse, side / 14)
    kinds = (
        np.exp(2 * _blurred(attention, side / 14)),
        np.exp(_blurred(smooth, side / 5)),
        np.maximum(patchy - np.quantile(patchy, 0.85, axis=(1, 2), keepdims=True), 0),
    )
    maps = np.concatenate(kinds)
    stored: NDArray[np.float16] = (maps / maps.max(axis=(1, 2), keepdims=True)).astype(np.float16)
    return stored.astype(np.float32)


def _blurred(noise: Floats, width: float) -> Floats:
    """Noise `(n, side, side)` with structures of about `width` cells and standard deviation 1."""
    blurred = gaussian_filter(noise, (0, width, width))
    unit: Floats = blurred / blurred.std(axis=(1, 2), keepdims=True)
    return unit


def _measure_image(boxes: Floats, values: dict[int, Maps], covered: dict[int, Floats], sampled: int) -> Measurement:
    """Costs and deviations for one image with maps by side of the grid, and what all images' boxes cover there."""
    full_ms = {}
    for side, maps in values.items():
        others = np.maximum(covered[side] - union_coverage(boxes, side, side), 0)
        target_ms, target = _timed(build_target, boxes, _WHOLE_IMAGE, grid_h=side, grid_w=side, others=others)
        maps_ms, _ = _timed(score_maps, maps, target)
        full_ms[side] = (target_ms + maps_ms) / len(maps)

    maps = values[GRIDS[0]]
    target_ms, target_five = _timed(pixel_target, boxes)
    maps_ms, scores = _timed(five_scores, maps, target_five)
    five_ms = (target_ms + maps_ms) / len(maps)
    # A few canvases at a time, as five_scores has them.
    canvases = np.array_split(to_canvas(maps).astype(np.float64), max(1, len(maps) // 4))
    emd_ms = sum(_timed(five_emd, canvas, target_five)[0] for canvas in canvases)

    chosen = np.linspace(0, len(maps) - 1, sampled).astype(int)
    plain_target_ms, plain_target = _timed(straightforward.build_targets, boxes)
    plain_ms, plain_scores = _timed(straightforward.score_maps, maps[chosen], plain_target)
    attention = [straightforward.upsample(one) for one in maps[chosen]]
    plain_emd_ms, _ = _timed(
        lambda: [straightforward.emd(one, soft) for one in attention for soft in plain_target.soft]
    )
    return Measurement(
        full_ms=full_ms,
        five_ms=five_ms,
        five_emd_ms=emd_ms / len(maps),
        straightforward_ms=plain_target_ms / len(maps) + plain_ms / sampled,
        straightforward_emd_ms=plain_emd_ms / sampled,
        deviations=deviations(_of(scores, chosen), stacked(plain_scores), maps[chosen], target_five),
    )


def _timed(action: Callable[..., _Result], *arguments: object, **options: object) -> tuple[float, _Result]:
    """Milliseconds of the processor that an action takes, and what it returns.

    Time of all threads together: a second core gains nothing, and what else the machine does takes nothing.
    """
    start = time.process_time()
    result = action(*arguments, **options)
    return (time.process_time() - start) * 1e3, result


def _of(scores: FiveScores, chosen: NDArray[np.int64]) -> FiveScores:
    """Scores of some of the maps."""
    return FiveScores(*(getattr(scores, field.name)[chosen] for field in fields(FiveScores)))


def stacked(scores: list[list[straightforward.Scores]]) -> FiveScores:
    """Scores of maps, each a list over targets, as arrays."""
    return FiveScores(
        *(
            np.array([[getattr(score, field.name) for score in of_map] for of_map in scores])
            for field in fields(FiveScores)
        )
    )
