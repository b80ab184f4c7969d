"""What follows from an IoU curve and the target's area: recall, precision, and IoU as a share of its maximum.

With `k` pixels selected and `G` in the target, `I = IoU (k + G) / (1 + IoU)` of them lie in both. Each function takes
`iou` `(..., 99)` at percentiles 1 to 99, the target's share `area` `(...)` of the visible canvas pixels and their
number `visible_pixels`, and returns `(..., 99)`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ssl_attn.metrics.percentiles import PERCENTILES, selected_pixels

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]


def recall(iou: Floats, area: ArrayLike, visible_pixels: ArrayLike) -> Floats:
    """Share of the target among the pixels that each percentile selects."""
    selected, size = _counts(area, visible_pixels)
    return _inside(iou, selected, size) / size


def precision(iou: Floats, area: ArrayLike, visible_pixels: ArrayLike) -> Floats:
    """Share of the pixels that each percentile selects that lies in the target."""
    selected, size = _counts(area, visible_pixels)
    return _inside(iou, selected, size) / selected


def iou_share(iou: Floats, area: ArrayLike, visible_pixels: ArrayLike) -> Floats:
    """IoU over the most that so many selected pixels can reach: the smaller over the larger of the two areas."""
    selected, size = _counts(area, visible_pixels)
    share: Floats = iou * (np.maximum(selected, size) / np.minimum(selected, size))
    return share


def _counts(area: ArrayLike, visible_pixels: ArrayLike) -> tuple[Floats, Floats]:
    """Pixels selected `(..., 99)` and pixels of the target `(..., 1)`."""
    pixels = np.asarray(visible_pixels, dtype=np.float64)[..., None]
    size: Floats = np.asarray(area, dtype=np.float64)[..., None] * pixels
    return selected_pixels(pixels, np.array(PERCENTILES)).astype(np.float64), size


def _inside(iou: Floats, selected: Floats, size: Floats) -> Floats:
    return iou * (selected + size) / (1 + iou)
