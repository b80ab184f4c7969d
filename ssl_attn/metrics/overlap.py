"""IoU and recall of many maps against many masks at every percentile, by exact count, with shared ties.

At a percentile the `k` strongest pixels are selected. Pixels that tie at the cut share the places that the stronger
ones leave: each weighs `(k - stronger) / tied`. So the result depends on no order among equals, and a constant map gets
exactly the chance level.

Each map is sorted once. A pixel's sort key carries its map, its value and the region it lies in, a region being the
pixels that the same masks cover. Runs between the cuts are then counted by region, and regions add up to masks. For `n`
pixels and `t` masks that cut them into `r` regions the cost is O(n log n + 200 r t) a map; the number of masks hardly
matters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ssl_attn.errors import UsageError
from ssl_attn.metrics.percentiles import PERCENTILES, selected_pixels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

# A key is, from the top: 16 bits for the map in its chunk, 32 for the value, 16 for the region.
_REGION_BITS = np.uint64(16)
_MAP_SHIFT = np.uint64(48)
_MOST_PIXELS = 1 << 16

# Elements in flight at once: a few canvases, so that they stay in the processor's cache.
_CHUNK_ELEMENTS = 1 << 18


@dataclass(frozen=True, slots=True, eq=False)
class Partition:
    """Masks cut into regions: each pixel's `region` `(pixels,)`, and `membership` `(regions, masks)` of 0 and 1."""

    region: NDArray[np.uint64]
    membership: Floats

    @property
    def sizes(self) -> Floats:
        """Pixels of each mask, `(masks,)`."""
        return np.bincount(self.region.astype(np.int64), minlength=len(self.membership)) @ self.membership


def partition(masks: NDArray[np.bool_]) -> Partition:
    """Cut masks `(masks, pixels)` into regions.

    Raises:
        UsageError: there is no mask, or more pixels than a key can number.
    """
    count, pixels = masks.shape
    if count == 0 or not 0 < pixels <= _MOST_PIXELS:
        message = (
            f"expected at least one mask of 1 to {_MOST_PIXELS} pixels, got {count} of {pixels}; score on the canvas"
        )
        raise UsageError(message)
    packed = np.packbits(masks, axis=0)
    region = np.zeros(pixels, dtype=np.int64)
    example = np.zeros(1, dtype=np.int64)
    for eight_masks in packed:
        _, example, region = np.unique(region << 8 | eight_masks, return_index=True, return_inverse=True)
    return Partition(region.astype(np.uint64), masks[:, example].T.astype(np.float64))


def overlap_curves(canvas: NDArray[np.float32], masks: Partition) -> tuple[Floats, Floats]:
    """IoU and recall, each `(maps, masks, 99)`, of finite maps `(maps, pixels)`; a mask without a pixel has NaN."""
    maps, pixels = canvas.shape
    regions, count = masks.membership.shape
    selected = selected_pixels(pixels, np.array(PERCENTILES))
    inside = np.empty((maps, count, len(selected)))
    step = max(1, _CHUNK_ELEMENTS // (pixels + 2 * len(selected) * regions))
    for start in range(0, maps, step):
        inside[start : start + step] = _selected_inside(canvas[start : start + step], masks, selected)
    size = np.where(masks.sizes > 0, masks.sizes, np.nan)[:, None]
    return inside / (selected + size - inside), inside / size


def _selected_inside(canvas: NDArray[np.float32], masks: Partition, selected: NDArray[np.int64]) -> Floats:
    """Selected pixels inside each mask, ties by their share, `(maps, masks, cuts)`."""
    maps, pixels = canvas.shape
    keys = _sorted_keys(canvas, masks.region)
    cut = keys[:, pixels - selected] >> _REGION_BITS
    # All keys in one line are in order, for the map leads them: one search serves every map.
    line = keys.ravel()
    first = np.searchsorted(line, cut << _REGION_BITS)
    last = np.searchsorted(line, (cut + np.uint64(1)) << _REGION_BITS)
    end = np.arange(1, maps + 1)[:, None] * pixels

    edges, position = np.unique(np.concatenate([first, last, end], axis=1), return_inverse=True)
    regions = len(masks.membership)
    line &= np.uint64((1 << int(_REGION_BITS)) - 1)
    codes = line.view(np.int64)
    codes += np.repeat(np.arange(len(edges)) * regions, np.diff(edges, prepend=0))
    counts = np.bincount(codes, minlength=len(edges) * regions).reshape(len(edges), regions)
    below = np.cumsum(counts @ masks.membership, axis=0)[position]
    at_first, at_last, at_end = np.split(below, [len(selected), 2 * len(selected)], axis=1)

    share = (selected - (end - last)) / (last - first)
    inside: Floats = (at_end - at_last) + share[:, :, None] * (at_last - at_first)
    return inside.transpose(0, 2, 1)


def _sorted_keys(canvas: NDArray[np.float32], region: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Keys `(maps, pixels)` whose order as integers is map, then value, then region; sorted along the last axis."""
    # Adding zero makes -0 and 0 one value. Flipping the sign bit of positive numbers and every bit of negative ones
    # turns the order of floats into the order of unsigned integers.
    bits = (canvas + np.float32(0)).view(np.int32)
    bits ^= (bits >> 31) | np.int32(-(1 << 31))
    keys = bits.view(np.uint32).astype(np.uint64)
    keys <<= _REGION_BITS
    keys |= region
    keys |= (np.arange(len(canvas), dtype=np.uint64) << _MAP_SHIFT)[:, None]
    keys.sort(axis=1)
    return keys
