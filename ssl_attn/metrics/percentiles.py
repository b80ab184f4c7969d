"""The percentiles at which maps are thresholded, and how many pixels each one selects."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ssl_attn.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

PERCENTILES: tuple[int, ...] = tuple(range(1, 100))
"""Every stored percentile: element `p - 1` of a curve belongs to percentile `p`."""

HEADLINE_PERCENTILES: tuple[int, ...] = (50, 60, 70, 75, 80, 85, 90)
"""Percentiles that tables and pages offer first."""

DEFAULT_PERCENTILE = 90
"""Percentile of the headline IoU: the strongest tenth of the visible pixels."""


def selected_pixels(pixels: ArrayLike, percentile: ArrayLike) -> NDArray[np.int64]:
    """How many of `pixels` pixels a percentile selects: `max(1, round(pixels (100 - percentile) / 100))`.

    Halves round to the even number, as Python's `round` does. Both arguments broadcast.

    Raises:
        UsageError: a percentile lies outside 0..100.
    """
    p = np.asarray(percentile)
    if np.any((p < 0) | (p > 100)):
        message = f"expected percentiles from 0 to 100, got {p}; 90 selects the strongest tenth"
        raise UsageError(message)
    selected: NDArray[np.float64] = np.rint(np.asarray(pixels) * (100 - p) / 100)
    return np.maximum(1, selected).astype(np.int64)
