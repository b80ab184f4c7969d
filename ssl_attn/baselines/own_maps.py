"""Baselines made of a model's own maps of other images: does it look at this image, or always at the same places?"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from ssl_attn.baselines import SEED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def scaled(maps: NDArray[np.floating]) -> Floats:
    """Maps `(n, cells)` scaled so that their positive parts sum to 1, so that no map outweighs another in a mean.

    A map that is not finite or has no positive value becomes zero: it is in no mean.
    """
    values = maps.astype(np.float64)
    finite = np.isfinite(values).all(axis=1, keepdims=True)
    sums = np.where(finite, values, 0.0).clip(min=0.0).sum(axis=1, keepdims=True)
    shares: Floats = np.divide(values, sums, out=np.zeros_like(values), where=finite & (sums > 0))
    return shares


def mean_map(total: Floats, count: int, same_source: Floats, same_count: int) -> Floats:
    """Mean of the maps of other sources, `(cells,)`; zero when there is none.

    Args:
        total: sum of all `scaled` maps, one after the other.
        count: maps in it that are not zero.
        same_source: that sum over the maps that are left out, in the same order: rounding then cancels, and a cell
            that only these look at has exactly 0.
        same_count: maps in it that are not zero.
    """
    others = count - same_count
    return (total - same_source) / others if others else np.zeros_like(total)


def donors(image_ids: Sequence[str], sources: Sequence[str]) -> list[int | None]:
    """For each image the index of one of another source whose map it is given; None where all are of one source.

    Seeded, and independent of the order in which images come. Every image gives its map once (a derangement of
    sources), unless one source has more than half of all images: then the others' maps serve more than once.
    """
    drawn = [hashlib.sha256(f"{SEED}\0{name}".encode()).digest() for name in image_ids]
    of_source = [hashlib.sha256(f"{SEED}\0source\0{source}".encode()).digest() for source in sources]
    order = sorted(range(len(image_ids)), key=lambda index: (of_source[index], drawn[index]))
    names, sizes = np.unique(np.asarray(sources), return_counts=True)
    # Sources stand together, so a shift by the largest leads out of each; only one that holds over half is met again.
    shift, largest = int(sizes.max()), names[sizes.argmax()]
    outside = [index for index in order if sources[index] != largest]
    given: list[int | None] = [None] * len(order)
    for place, index in enumerate(order):
        other = order[(place + shift) % len(order)]
        if sources[other] != sources[index]:
            given[index] = other
        elif outside:
            given[index] = outside[place % len(outside)]
    return given
