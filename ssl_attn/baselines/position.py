"""Baselines that see neither image nor boxes: nothing, the same everywhere, noise, and the centre of the picture."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr

from ssl_attn.baselines import DRAWS, SEED, SIGMA

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ssl_attn.geometry import Placement

    Floats = NDArray[np.float64]


def uniform(visible_share: Floats) -> Floats:
    """One on every cell of `(grid_h, grid_w)` that shows some of the image."""
    return (visible_share > 0).astype(np.float64)


def zero(visible_share: Floats) -> Floats:
    """Zero on every cell."""
    return np.zeros_like(visible_share)


def patch_random(visible_share: Floats, *, image_id: str, frame: str, draws: int = DRAWS) -> Floats:
    """Maps `(draws, grid_h, grid_w)` of independent values from U(0, 1), zero where a cell shows nothing of the image.

    The same image and frame get the same maps in every data set, run and order.
    """
    digest = hashlib.sha256(f"{SEED}\0{image_id}\0{frame}".encode()).digest()
    generator = np.random.default_rng(int.from_bytes(digest[:16]))
    return generator.random((draws, *visible_share.shape)) * uniform(visible_share)


def centre_gaussian(placement: Placement, *, grid_h: int, grid_w: int) -> Floats:
    """The mean of a Gaussian over what each cell shows of the image, `(grid_h, grid_w)`; zero where that is nothing.

    The Gaussian is the product of one on each axis of the original image, with its mean at the middle and a standard
    deviation of a quarter of the side. The means are exact.
    """
    rows = _means(*cell_spans(grid_h, placement.scale_y, placement.offset_y))
    columns = _means(*cell_spans(grid_w, placement.scale_x, placement.offset_x))
    return np.outer(rows, columns)


def cell_spans(cells: int, scale: float, offset: float) -> tuple[Floats, Floats]:
    """Which part of the image each cell of an axis shows: start and end `(cells,)` in image fractions.

    `scale` and `offset` are the placement's on that axis. A cell that shows nothing has start equal to end.
    """
    edges = (np.arange(cells + 1) / cells - offset) / scale
    seen = np.clip(edges, 0.0, 1.0)
    return seen[:-1], seen[1:]


def _means(start: Floats, end: Floats) -> Floats:
    """Mean over each interval of a Gaussian in the middle of the unit interval, with peak 1; 0 over an empty one."""
    integral = (ndtr((end - 0.5) / SIGMA) - ndtr((start - 0.5) / SIGMA)) * SIGMA * np.sqrt(2 * np.pi)
    means: Floats = np.divide(integral, end - start, out=np.zeros_like(integral), where=end > start)
    return means
