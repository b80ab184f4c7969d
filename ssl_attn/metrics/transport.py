"""Earth mover's distance between maps and soft targets: exact, by network simplex.

The ground distance is a metric, so what map and target have in common stays where it is: only the surplus of the map
over the target has to be moved to where the target has more. That cancelling is exact and makes the problems small.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from ssl_attn.errors import SslAttnError, UsageError
from ssl_attn.metrics.soft_target import COARSE_CELLS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ssl_attn.metrics.soft_target import SoftTargets

    Floats = NDArray[np.float64]

_MOST_PIVOTS = 10_000_000

# The distances between 64 x 64 cells take 134 MB; no patch grid is finer.
_MOST_CELLS = 64 * 64


def emd(maps: Floats, soft: SoftTargets, visible_share: Floats) -> Floats:
    """Earth mover's distance `(m, t)` of the positive part of maps `(m, grid_h, grid_w)` to each soft target.

    Both are pooled by area to 8 x 8 cells; the distance is that between cell centres, in sides of the canvas. A map
    without positive mass has NaN.

    Raises:
        SslAttnError: the solver did not reach the optimum.
    """
    coarse = soft.pool_rows @ _mass(maps, visible_share) @ soft.pool_columns.T
    return _distances(coarse.reshape(-1, COARSE_CELLS**2), soft.coarse, _ground(COARSE_CELLS, COARSE_CELLS))


def emd_native(maps: Floats, soft: SoftTargets, visible_share: Floats) -> Floats:
    """Earth mover's distance `(m,)` of maps `(m, grid_h, grid_w)` to the union's soft target, on the maps' own grid.

    Raises:
        UsageError: the grid has too many cells for an exact distance.
        SslAttnError: the solver did not reach the optimum.
    """
    cells = visible_share.size
    if cells > _MOST_CELLS:
        message = (
            f"expected at most {_MOST_CELLS} cells for the earth mover's distance on the native grid, got {cells}; "
            "leave emd_native out for pixel-level maps, emd on 8 x 8 cells is there for them"
        )
        raise UsageError(message)
    mass = _mass(maps, visible_share).reshape(-1, cells)
    target = (soft.grid[:1] * visible_share).reshape(1, -1)
    return _distances(mass, target / target.sum(), _ground(*visible_share.shape))[:, 0]


def _mass(maps: NDArray[np.floating], visible_share: Floats) -> Floats:
    """Positive visible mass of each cell."""
    mass: Floats = np.maximum(maps, 0.0, dtype=np.float64)
    mass *= visible_share
    return mass


def _distances(mass: Floats, shares: Floats, ground: Floats) -> Floats:
    """Distance `(m, t)` of maps' mass `(m, cells)`, in any scale, to targets' shares `(t, cells)` over one ground."""
    total = mass.sum(axis=1, keepdims=True)
    surplus = (mass / np.where(total > 0, total, np.nan))[:, None] - shares
    supply, demand = np.maximum(surplus, 0.0), np.maximum(-surplus, 0.0)
    moved = np.minimum(supply.sum(axis=2), demand.sum(axis=2))
    distances: Floats = 0.0 * moved
    # An exact solver takes one problem a call: pivots depend on the numbers, so problems cannot advance in step.
    for i, j in np.argwhere(moved > 0):
        distances[i, j] = moved[i, j] * _transport(supply[i, j], demand[i, j], ground)
    return distances


def _transport(supply: Floats, demand: Floats, ground: Floats) -> float:
    """Least mean distance from supply to demand `(cells,)`, which share no cell; each is scaled to sum 1."""
    # Imported where it is used: POT loads every array library that it finds, torch among them.
    from ot.lp import emd2

    sources, sinks = np.flatnonzero(supply), np.flatnonzero(demand)
    a, b = supply[sources], demand[sinks]
    # Neither the duals nor a second look at the sums is needed here, and both cost more than the solver.
    cost, log = emd2(
        a / a.sum(),
        b / b.sum(),
        ground[sources[:, None], sinks],
        numItermax=_MOST_PIVOTS,
        log=True,
        center_dual=False,
        check_marginals=False,
    )
    if log["warning"] is not None:
        message = (
            f"expected an optimal transport plan between {len(a)} and {len(b)} cells, got: {log['warning']}; "
            "check the map for extreme values"
        )
        raise SslAttnError(message)
    return float(cost)


@lru_cache(maxsize=2)  # the coarse grid and one native grid: a large table
def _ground(grid_h: int, grid_w: int) -> Floats:
    """Distances `(cells, cells)` between cell centres, row by row, on a canvas 1 wide and 1 high."""
    y, x = np.divmod(np.arange(grid_h * grid_w), grid_w)
    distances: Floats = np.hypot((y[:, None] - y) / grid_h, (x[:, None] - x) / grid_w)
    distances.flags.writeable = False
    return distances
