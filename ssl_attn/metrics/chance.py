"""What a map that knows nothing scores: every chance level in closed form, for arrays of any shape."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ssl_attn.errors import UsageError
from ssl_attn.metrics.percentiles import PERCENTILES, selected_pixels

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Areas = Mapping[str, ArrayLike]


def chance(metric: str, areas: Areas, percentile: int | None = None) -> Floats:
    """Chance level of a metric whose null is known in closed form, an array of the shape of the areas.

    `areas` holds columns of the warehouse's scores that broadcast: `visible_pixels`, `area`, `area_grid`, `area_grown`,
    `area_mass` and `area_above_mean`, or those of them that the metric needs. A thresholded metric needs its
    `percentile` too. Where an area is NaN, the chance level is.

    Raises:
        UsageError: the metric has no chance level in closed form, or a percentile is missing or of no use.
    """
    if metric in _AT_PERCENTILE and percentile is not None:
        return _AT_PERCENTILE[metric](areas, percentile)
    if metric in _OVERALL and percentile is None:
        return _OVERALL[metric](areas)
    known = [*_AT_PERCENTILE, *_OVERALL]
    if metric not in known:
        message = (
            f"expected a metric with a chance level in closed form, got {metric!r}; those are {', '.join(known)}, "
            "others have a Monte Carlo one in the table nulls, or none"
        )
    else:
        wanted = "a percentile" if metric in _AT_PERCENTILE else "no percentile"
        message = f"expected {wanted} with {metric}, got {percentile}; thresholded metrics have one, others none"
    raise UsageError(message)


def iou_chance(area: ArrayLike, visible_pixels: ArrayLike, percentile: ArrayLike) -> Floats:
    """IoU of a uniform map, and about that of randomly permuted pixels: `a g / (a + g - a g)`.

    `area` g is the target's share of the visible pixels and `a` the selected share at `percentile`, the exact count
    over `visible_pixels`. Arguments broadcast. A target without area has chance 0.
    """
    return selection_chance(area, recall_chance(visible_pixels, percentile))


def selection_chance(area: ArrayLike, selected: ArrayLike) -> Floats:
    """IoU that a share `selected` of the visible pixels has by chance with a target of share `area`; they broadcast."""
    a, g = np.broadcast_arrays(np.asarray(selected, dtype=np.float64), np.asarray(area, dtype=np.float64))
    both: Floats = a + g - a * g
    overlap: Floats = np.divide(a * g, both, out=np.zeros(both.shape), where=both != 0)
    return overlap


def recall_chance(visible_pixels: ArrayLike, percentile: ArrayLike) -> Floats:
    """Share of any target among the pixels that `percentile` selects at random: the selected share itself."""
    return selected_pixels(visible_pixels, percentile) / np.asarray(visible_pixels, dtype=np.float64)


def _iou(areas: Areas, percentile: int) -> Floats:
    return iou_chance(areas["area"], areas["visible_pixels"], percentile)


def _iou_share(areas: Areas, percentile: int) -> Floats:
    g, a = _area(areas, "area"), recall_chance(areas["visible_pixels"], percentile)
    share: Floats = _iou(areas, percentile) * np.maximum(a, g) / np.minimum(a, g)
    return share


def _recall(areas: Areas, percentile: int) -> Floats:
    return recall_chance(areas["visible_pixels"], percentile) + _constant(areas, "area", 0.0)


def _precision(areas: Areas, percentile: int) -> Floats:
    return _area(areas, "area")


def _iou_mean(areas: Areas) -> Floats:
    # one percentile at a time: all at once would take 99 times the memory
    return sum((_iou(areas, percentile) for percentile in PERCENTILES), start=np.zeros(())) / len(PERCENTILES)


def _iou_of(selected: str) -> Callable[[Areas], Floats]:
    return lambda areas: selection_chance(areas["area"], areas[selected])


def _area_of(column: str) -> Callable[[Areas], Floats]:
    return lambda areas: _area(areas, column)


def _always(level: float) -> Callable[[Areas], Floats]:
    return lambda areas: _constant(areas, "area_grid", level)


def _area(areas: Areas, column: str) -> Floats:
    return np.asarray(areas[column], dtype=np.float64)


def _constant(areas: Areas, column: str, level: float) -> Floats:
    """One level in the shape of an area column, NaN where that is."""
    area = _area(areas, column)
    return np.where(np.isnan(area), np.nan, level)


_AT_PERCENTILE: dict[str, Callable[[Areas, int], Floats]] = {
    "iou": _iou,
    "iou_share": _iou_share,
    "recall": _recall,
    "precision": _precision,
}

_OVERALL: dict[str, Callable[[Areas], Floats]] = {
    "iou_mean": _iou_mean,
    "iou_oracle": _iou_of("area"),
    "iou_mass": _iou_of("area_mass"),
    "iou_above_mean": _iou_of("area_above_mean"),
    "pointing": _area_of("area"),
    "pointing_15": _area_of("area_grown"),
    "energy": _area_of("area_grid"),
    "lift": _always(1.0),
    "energy_normalised": _always(0.0),
    "auroc": _always(0.5),
    "shuffled_auc": _always(0.5),
    "nss": _always(0.0),
}
