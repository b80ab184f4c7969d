"""Energy in the boxes: the share of a map's positive mass that lies in a target (Wang et al., Score-CAM, 2020)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

# A target that leaves out less of the visible image than this is all of it: the rest is rounding.
_NOTHING = 1e-12


def energy(maps: NDArray[np.floating], coverages: Floats, visible: Floats) -> Floats:
    """Share of each map's visible positive mass in each target, `(maps, targets)`.

    Computed on the native grid: `maps` `(maps, grid_h, grid_w)`, `coverages` `(targets, grid_h, grid_w)` the share of
    each cell that a target covers, `visible` `(grid_h, grid_w)` the share that shows the image. Interpolating first
    would smear mass over the boxes' borders. A map without visible positive mass has NaN.
    """
    weights = np.concatenate([coverages, visible[None]]).reshape(len(coverages) + 1, -1)
    positive = np.maximum(maps, 0.0, dtype=np.float64).reshape(len(maps), -1)
    mass: Floats = positive @ weights.T
    whole = mass[:, -1:]
    shares = np.full((len(maps), len(coverages)), np.nan)
    np.divide(mass[:, :-1], whole, out=shares, where=whole > 0)
    return shares


def lift(energy: Floats, area_grid: Floats) -> Floats:
    """Energy over what chance gives: `energy` `(maps, targets)` by the targets' shares of the grid `(targets,)`."""
    return energy / area_grid


def energy_normalised(energy: Floats, area_grid: Floats) -> Floats:
    """Energy with chance at 0 and its maximum at 1; NaN against a target that is all of the visible image."""
    outside = 1 - area_grid
    return (energy - area_grid) / np.where(outside > _NOTHING, outside, np.nan)
