"""The cells of a grid that show the image, and what of them no box covers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

# What is left of a cell that boxes cover whole comes from rounding.
_NOTHING = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Outside:
    """What targets are told from: the share of each cell that shows the image, no feature and not the target itself.

    Most targets of an image share it, so each is there once: `shares` `(k, grid_h, grid_w)`, and `of_target` `(t,)`,
    the place of each target's own among them.
    """

    shares: Floats
    of_target: NDArray[np.intp]


def visible_cells(maps: Floats, visible: Floats) -> Floats:
    """Maps `(n, grid_h, grid_w)` to `(n, cells)`: those of which the `visible` `(grid_h, grid_w)` share is above 0."""
    # not maps[:, visible > 0]: numpy lays its result out cell by cell, and every later step is slow on large grids
    return np.compress(visible.ravel() > 0, maps.reshape(len(maps), visible.size), axis=1)


def outside_boxes(visible: Floats, union: Floats) -> Floats:
    """Share of each cell that shows the image and no box, from the `visible` share and that in the boxes' `union`."""
    outside = visible - union
    return np.where(outside > _NOTHING, outside, 0.0)
