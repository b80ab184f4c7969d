"""Strata of box size: how large a box is decides how hard it is to hit, so scores are also summarised by size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

BOX_SIZES: dict[str, float] = {"tiny": 0.0025, "small": 0.01, "medium": 0.04, "large": float("inf")}
"""Each stratum with the share of the image's area that its boxes stay below, from the smallest to the largest.

A step is a factor of 4 in area, that is of 2 in side: tiny boxes are smaller than one patch in 20 x 20.
"""


def box_sizes(areas: ArrayLike) -> NDArray[np.str_]:
    """Stratum of each box from its share of the image's area, whatever the view shows of it."""
    edges = list(BOX_SIZES.values())[:-1]
    return np.array(list(BOX_SIZES))[np.searchsorted(edges, np.asarray(areas, dtype=np.float64), side="right")]
