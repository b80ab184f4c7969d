"""How much of a box is hidden by what stands nearer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ssl_attn.demo.facades.elements.part import Part

_OPAQUE = 0.9
_SLIGHTEST = 6.0  # pixels: narrower shapes hide next to nothing


def hidden_shares(boxes: NDArray[np.float64], nearer: Sequence[Part], width: int, height: int) -> NDArray[np.float64]:
    """Share of each of `boxes` `(n, 4)`, as left, top, right, bottom in pixels, that opaque shapes of `nearer` cover.

    Counted in whole pixels, by sums over an integral image; a box without area is not hidden.
    """
    if not len(boxes):
        return np.zeros(0)
    mask = Image.new("L", (width, height))
    draw = ImageDraw.Draw(mask)
    for part in nearer:
        for shape in part.shapes:
            if shape.opacity >= _OPAQUE and np.ptp(shape.points, axis=0).min() >= _SLIGHTEST:
                draw.polygon((shape.points - 0.5).ravel().tolist(), fill=1)
    integral = np.zeros((height + 1, width + 1), dtype=np.int32)
    integral[1:, 1:] = np.asarray(mask).cumsum(axis=0, dtype=np.int32).cumsum(axis=1, dtype=np.int32)
    left, top, right, bottom = np.rint(boxes).astype(int).T
    covered = integral[bottom, right] - integral[top, right] - integral[bottom, left] + integral[top, left]
    area = (right - left) * (bottom - top)
    shares: NDArray[np.float64] = covered / np.maximum(area, 1)
    return shares
