"""The pointing game: does a map's maximum lie in the target? (Zhang et al., Excitation Backprop, ECCV 2016)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ssl_attn.geometry import CANVAS_SIZE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bools = NDArray[np.bool_]
    Floats = NDArray[np.float64]

TOLERANCE = 15
"""Canvas pixels by which targets are grown for the pointing game with tolerance."""


def pointing(canvas: NDArray[np.float32], masks: Bools) -> Floats:
    """Share of the pixels tied at each map's maximum that lie in each mask, `(maps, masks)`.

    For maps `(maps, pixels)` and masks `(masks, pixels)`. Tied pixels share the credit, so a flat map hits at chance.
    """
    row, pixel = np.nonzero(canvas == canvas.max(axis=1, keepdims=True))
    tied = np.bincount(row)
    hits = np.add.reduceat(masks[:, pixel], np.cumsum(tied) - tied, axis=1, dtype=np.float64)
    credit: Floats = (hits / tied).T
    return credit


def grown(masks: Bools) -> Bools:
    """Rectangular masks `(n, 224, 224)`, each grown by all pixels within 15 of it; an empty mask stays empty.

    Distance is Euclidean, from pixel centre to pixel centre. From a rectangle it has a part along each axis, so the two
    sides suffice and no distance transform is needed.
    """
    down = _distance(np.logical_or.reduce(masks, axis=2))
    across = _distance(np.logical_or.reduce(masks, axis=1))
    near: Bools = down[:, :, None] ** 2 + across[:, None, :] ** 2 <= TOLERANCE**2
    return near


def _distance(inside: Bools) -> NDArray[np.int32]:
    """Distance of each pixel of an axis from the one run of pixels inside, `(n, 224)`; out of reach of an empty run."""
    first = np.argmax(inside, axis=1)[:, None]
    last = CANVAS_SIZE - 1 - np.argmax(inside[:, ::-1], axis=1)[:, None]
    pixel = np.arange(CANVAS_SIZE)
    distance = np.maximum(np.maximum(first - pixel, pixel - last), 0)
    return np.where(np.logical_or.reduce(inside, axis=1)[:, None], distance, CANVAS_SIZE).astype(np.int32)
