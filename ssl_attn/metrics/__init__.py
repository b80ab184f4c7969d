"""The metrics: one registry that scoring, store, pages, command line and documents read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Metric:
    """What one number means: its formula, its range, what a map that knows nothing gets, who proposed it."""

    name: str
    label: str
    formula: str
    direction: Literal["higher", "lower"]
    low: float
    high: float
    unit: str
    chance: str
    thresholded: bool
    source: str


_METRICS = (
    Metric(
        name="iou",
        label="IoU",
        formula="I / (k + G - I): k strongest visible canvas pixels at percentile p, G target pixels, I in both; "
        "pixels tied at the cut share the places that are left",
        direction="higher",
        low=0.0,
        high=1.0,
        unit="ratio",
        chance="a g / (a + g - a g) with a = k / n and g = G / n of n visible pixels; null: the pixels permuted",
        thresholded=True,
        source="Jaccard, Bulletin de la Société vaudoise des sciences naturelles 37, 1901",
    ),
    Metric(
        name="recall",
        label="Recall",
        formula="I / G, with I and G as for IoU: the share of the box among the k strongest pixels",
        direction="higher",
        low=0.0,
        high=1.0,
        unit="share",
        chance="a = k / n; null: the pixels permuted",
        thresholded=True,
        source="van Rijsbergen, Information Retrieval, 1979",
    ),
    Metric(
        name="energy",
        label="Energy in boxes",
        formula="sum(A m) / sum(A v): A positive part of the map on its own grid, m share of each cell in the target, "
        "v share of each cell that shows the image; also known as coverage",
        direction="higher",
        low=0.0,
        high=1.0,
        unit="share",
        chance="sum(m) / sum(v), the target's share of the visible area; null: the cells permuted",
        thresholded=False,
        source="Wang et al., Score-CAM, CVPR Workshops 2020",
    ),
)

METRICS: dict[str, Metric] = {metric.name: metric for metric in _METRICS}
"""Every metric by name."""
