"""The fewest strongest pixels that hold a share of a map's mass: the mask of DINO (Caron et al., ICCV 2021)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

MASS_SHARE = 0.6
"""Share of the positive mass that is held."""

# The mass above a pixel is wanted at one pixel only: blocks are summed, and one of them is added up pixel by pixel.
_BLOCK = 256

# Sums are rounded: so near to the share of the mass, it is reached.
_ROUNDING = 1e-12


def pixels_holding_mass(ascending: NDArray[np.float32]) -> Ints:
    """How many pixels hold 60 % of each map's mass, `(maps,)`; 0 for a map without mass.

    `ascending` `(maps, pixels)` holds the positive part of each map, its values in ascending order.
    """
    maps, pixels = ascending.shape
    rest = pixels % _BLOCK
    blocks = ascending[:, rest:].reshape(maps, -1, _BLOCK)[:, ::-1].sum(axis=2, dtype=np.float64)
    weakest = ascending[:, :rest].sum(axis=1, dtype=np.float64)
    held = np.cumsum(np.column_stack([blocks, weakest]), axis=1)
    wanted = held[:, -1:] * (MASS_SHARE * (1 - _ROUNDING))

    whole = (held < wanted).sum(axis=1, keepdims=True)
    before = np.where(whole > 0, np.take_along_axis(held, np.maximum(whole - 1, 0), axis=1), 0.0)
    rank = np.minimum(whole * _BLOCK + np.arange(_BLOCK), pixels - 1)
    block = np.take_along_axis(ascending, pixels - 1 - rank, axis=1)
    within = before + np.cumsum(block, axis=1, dtype=np.float64)
    fewest: Ints = whole[:, 0] * _BLOCK + (within < wanted).sum(axis=1) + 1
    return np.where(held[:, -1] > 0, fewest, 0)
