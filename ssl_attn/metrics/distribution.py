"""Maps and soft targets compared as distributions on the native grid, and how concentrated a map is.

Cells weigh by their visible share, so a letterboxed image is judged by what it shows. All maps are compared with all
targets at once, mostly by one product of `(m, cells)` with `(cells, t)`; logarithms are taken once a map.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial.distance import cdist

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ssl_attn.metrics.soft_target import SoftTargets

    Floats = NDArray[np.float64]

KL_EPSILON = 1e-8
"""What is added to every cell of map and target, each at maximum 1, so that KL is finite."""

UNIFORM_SHARE = 0.05
"""Share of the uniform distribution in the mixture that KL with mixture compares with."""


def soft_scores(maps: Floats, soft: SoftTargets, visible_share: Floats) -> dict[str, Floats]:
    """`cc`, `sim`, `kl`, `kl_mixture` and `mse` `(m, t)` of maps `(m, grid_h, grid_w)`, finite and signed.

    `visible_share` `(grid_h, grid_w)` is the share of each cell that shows the image. Correlation takes the signed
    map, the others its positive part; a map without one has NaN in all but `cc` and `mse`.
    """
    shown = visible_share > 0
    weights = visible_share[shown]
    signed, targets = maps[:, shown], soft.grid[:, shown]
    positive, target = peak_one(signed), peak_one(targets)
    lit = np.where(positive.any(axis=1, keepdims=True), positive, np.nan)
    p, q = _shares(target, weights), _shares(lit, weights)
    mean = (lit @ weights / weights.sum())[:, None]
    return {
        "cc": correlation(signed, targets, weights),
        # Shares sum to 1, so what two of them have in common is 1 less half of what sets them apart.
        "sim": np.clip(1 - cdist(q, p, "cityblock") / 2, 0, 1),
        "kl": Divergence(target + KL_EPSILON, weights).of(lit + KL_EPSILON),
        "kl_mixture": Divergence(target, weights).of((1 - UNIFORM_SHARE) * lit + UNIFORM_SHARE * mean),
        "mse": SquaredError(target, weights).of(positive),
    }


def concentration(maps: Floats, visible_share: Floats) -> dict[str, Floats]:
    """`density`, `entropy` and `peak_density` `(m,)` of the positive part of maps `(m, grid_h, grid_w)`.

    With s the share of the mass in a cell that shows v of itself, and V the sum of v, a cell's density is s V / v: 1
    everywhere in a uniform map, whatever the grid. Entropy is 0 where all mass is in one cell, however little that
    cell shows, and 1 in an image that shows one cell or less of itself. A map without positive mass has NaN.
    """
    shown = visible_share > 0
    weights = visible_share[shown]
    whole = weights.sum()
    positive = peak_one(maps[:, shown])
    shares = _shares(np.where(positive.any(axis=1, keepdims=True), positive, np.nan), weights)
    density = shares * (whole / weights)
    # -sum of s ln(s / v) over ln V is 1 less the divergence from uniform, sum of s ln d, over ln V.
    surplus = (shares * np.log(np.where(density == 0, 1, density))).sum(axis=1)
    return {
        "density": (shares * density).sum(axis=1),
        "entropy": np.clip(1 - surplus / (np.log(whole) if whole > 1 else np.inf), 0, 1),
        "peak_density": density.max(axis=1),
    }


def peak_one(maps: NDArray[np.floating]) -> Floats:
    """Positive part of maps `(n, cells)`, each scaled to maximum 1; all 0 where there is no positive value."""
    positive: Floats = np.maximum(maps, 0.0, dtype=np.float64)
    peak = positive.max(axis=1, keepdims=True)
    positive /= np.where(peak > 0, peak, 1.0)
    return positive


def correlation(maps: Floats, targets: Floats, weights: Floats) -> Floats:
    """Pearson correlation `(m, t)` of maps `(m, cells)` and targets `(t, cells)`, cells by weight.

    A map of one value goes along with nothing and has 0; against a target of one value nothing is defined: NaN.
    """
    standardised = np.nan_to_num(_standardised(maps, weights))
    return np.clip(standardised @ (_standardised(targets, weights) * weights).T, -1, 1)


class Divergence:
    """KL(target || map) in nats, from targets `(t, cells)`, 0 or more in any scale, whose cells weigh `(cells,)`.

    What depends on the targets alone is computed once, for any number of maps.
    """

    def __init__(self, targets: Floats, weights: Floats) -> None:
        self._weights = weights
        self._shares = _shares(targets, weights)
        logarithm = np.log(np.where(targets > 0, targets, 1))
        self._own = (self._shares * logarithm).sum(axis=1) - np.log(targets @ weights)

    def of(self, maps: Floats) -> Floats:
        """Divergence `(m, t)` of positive maps `(m, cells)` in any scale, which are overwritten."""
        # The logarithm of a sum is taken off after the sum over cells, so that nothing is divided cell by cell.
        total = np.log(maps @ self._weights)[:, None]
        cross = np.log(maps, out=maps) @ self._shares.T - total
        divergence: Floats = np.maximum(self._own - cross, 0.0)
        return divergence


class SquaredError:
    """Mean squared difference from targets `(t, cells)` at maximum 1, whose cells weigh `(cells,)`.

    What depends on the targets alone is computed once, for any number of maps.
    """

    def __init__(self, targets: Floats, weights: Floats) -> None:
        self._weights = weights
        self._squares = targets**2 @ weights
        self._doubled = 2 * targets * weights

    def of(self, maps: Floats) -> Floats:
        """Error `(m, t)` of maps `(m, cells)` at maximum 1."""
        squares = (maps**2 @ self._weights)[:, None] + self._squares
        errors: Floats = (squares - maps @ self._doubled.T) / self._weights.sum()
        return errors.clip(0, 1)  # rounding alone could leave that range


def _shares(maps: Floats, weights: Floats) -> Floats:
    """Share of each map's mass in each cell `(n, cells)`: a cell's mass is its value times its weight."""
    mass = maps * weights
    shares: Floats = mass / mass.sum(axis=1, keepdims=True)
    return shares


def _standardised(maps: Floats, weights: Floats) -> Floats:
    """Maps `(n, cells)` with weighted mean 0 and weighted sum of squares 1; NaN where all cells have one value."""
    low, spread = maps.min(axis=1, keepdims=True), np.ptp(maps, axis=1, keepdims=True)
    unit = (maps - low) / np.where(spread > 0, spread, np.nan)
    centred = unit - (unit @ weights)[:, None] / weights.sum()
    standardised: Floats = centred / np.sqrt(centred**2 @ weights)[:, None]
    return standardised
