"""Which patches of an image look like a box to a model: cosine similarity of stored patch features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ssl_attn.errors import SslAttnError
from ssl_attn.geometry import coverage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ssl_attn.geometry import Placement

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class SimilarityMap:
    """Cosine similarity of every patch to a query, `values` `(grid_h, grid_w)`, and each cell's `weight` in the query.

    `low` and `high` are the least and the greatest similarity found, the ends of an honest legend.
    """

    values: Floats
    weight: Floats

    @property
    def low(self) -> float:
        """Least similarity."""
        return float(self.values.min())

    @property
    def high(self) -> float:
        """Greatest similarity."""
        return float(self.values.max())


def box_similarity(features: NDArray[np.floating], box: Floats, placement: Placement) -> SimilarityMap:
    """Similarity of every patch to the patches under a box.

    The query is the mean direction of the box: vectors are made unit length first, then weighted by the share of their
    cell that the box covers, then averaged. A patch without a direction (a zero vector) has similarity 0.

    Args:
        features: patch features `(grid_h, grid_w, d)`.
        box: `(4,)` as x, y, width, height in image fractions.
        placement: where the image lies on the grid's canvas.

    Raises:
        SslAttnError: the view shows nothing of the box, or its features cancel out.
    """
    grid_h, grid_w, _ = features.shape
    weight = coverage(placement.to_canvas(np.asarray(box, dtype=np.float64)[None]), grid_h, grid_w)[0]
    total = weight.sum()
    if total == 0:
        message = (
            "expected a box that the view shows, got one outside of it; choose the squash view to see the whole image"
        )
        raise SslAttnError(message)
    units = _unit(features.astype(np.float64))
    query = np.einsum("hw,hwd->d", weight / total, units)
    if not np.linalg.norm(query) > 0:
        message = (
            "expected features with a common direction under the box, got ones that cancel out; choose another box"
        )
        raise SslAttnError(message)
    return SimilarityMap(values=units @ _unit(query), weight=weight)


def _unit(vectors: Floats) -> Floats:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    units: Floats = np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)
    return units
