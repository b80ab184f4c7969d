"""IoU of many maps and many masks at every percentile and at three other cuts, by exact count, with shared ties.

At a cut the `k` strongest pixels are selected. Pixels that tie there share the places that the stronger ones leave:
each weighs `(k - stronger) / tied`. So the result depends on no order among equals, and a constant map gets exactly
the chance level.

A sort of each map gives the value at every cut. The pixels inside masks are sorted once more by keys that also carry
the region they lie in, a region being the pixels that the same masks cover. Runs between the cuts are then counted by
region, and regions add up to masks. For `n` pixels and `t` masks that cut them into `r` regions the cost is
O(n log n + 200 r t) a map; the number of masks hardly matters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ssl_attn.errors import UsageError
from ssl_attn.metrics.mass import pixels_holding_mass
from ssl_attn.metrics.percentiles import PERCENTILES, selected_pixels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bools = NDArray[np.bool_]
    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Keys = NDArray[np.uint64]
    Values = NDArray[np.float32]

# A pixel's key is, from the top, 16 bits for its map and 32 for its value; inside masks also 16 for its region.
_MAP_SHIFT = np.uint64(32)
_REGION_BITS = np.uint64(16)
_REGION = np.uint64((1 << 16) - 1)
_MOST_PIXELS = 1 << 16
_MOST_MAPS = 1 << 16

# Pixels sorted at once: a few canvases, so that they stay in the processor's cache.
_CHUNK_ELEMENTS = 1 << 18

_SIGN = np.int32(-(1 << 31))


@dataclass(frozen=True, slots=True, eq=False)
class Partition:
    """Masks cut into regions: the `pixels` `(inside,)` that lie in any mask, and the `region` `(inside,)` of each.

    `membership` `(regions, masks)` is 1 where the mask covers the region, else 0; `sizes` `(masks,)` are the pixels of
    each mask.
    """

    pixels: Ints
    region: NDArray[np.uint16]
    membership: Floats
    sizes: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Overlaps:
    """IoU of m maps with t masks; NaN throughout for a mask without a pixel.

    `iou` `(m, t, 99)` is the curve over percentiles. Of shape `(m, t)` are `iou_oracle` (as many pixels as the mask
    has), `iou_mass` (the fewest that hold 60 % of the map's positive mass; NaN where there is none) and
    `iou_above_mean` (those strictly above the map's mean). How many pixels the last two select are `mass_pixels` and
    `above_mean_pixels` `(m,)`.
    """

    iou: Floats
    iou_oracle: Floats
    iou_mass: Floats
    iou_above_mean: Floats
    mass_pixels: Ints
    above_mean_pixels: Ints


class Workspace:
    """Memory in which `maps` maps of so many pixels are sorted and counted at a time, used again for the next ones.

    Memory that is given back to the system comes again as empty pages, and fetching those takes longer than sorting.
    """

    def __init__(self, pixels: int, masks: Partition) -> None:
        self.maps = min(max(1, _CHUNK_ELEMENTS // pixels), _MOST_MAPS)
        whole, inside = (self.maps, pixels), (self.maps, len(masks.pixels))
        self.bits = np.empty(whole, dtype=np.int32)
        self.flip = np.empty(whole, dtype=np.int32)
        self.keys = np.empty(whole, dtype=np.uint64)
        self.inside_bits = np.empty(inside, dtype=np.uint32)
        self.inside_keys = np.empty(inside, dtype=np.uint64)


def partition(masks: Bools) -> Partition:
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
    inside = np.flatnonzero(np.logical_or.reduce(masks, axis=0))
    covering = masks[:, inside]
    region = np.zeros(len(inside), dtype=np.int64)
    for eight_masks in np.packbits(covering, axis=0):
        region = region << 8 | eight_masks
        # numbered anew without gaps, so that a region fits into a key however many masks there are
        region = (np.cumsum(np.bincount(region) > 0) - 1)[region]
    example = np.empty(region.max(initial=-1) + 1, dtype=np.int64)
    example[region] = np.arange(len(inside))
    return Partition(
        pixels=inside,
        region=region.astype(np.uint16),
        membership=covering[:, example].T.astype(np.float64),
        sizes=np.count_nonzero(masks, axis=1),
    )


def overlaps(canvas: Values, masks: Partition, workspace: Workspace | None = None) -> Overlaps:
    """Overlaps of finite maps `(m, pixels)`; a caller with many lots of them may hand over a workspace to reuse."""
    maps, pixels = canvas.shape
    workspace = workspace or Workspace(pixels, masks)
    of_all = np.concatenate([selected_pixels(pixels, np.array(PERCENTILES)), masks.sizes])
    selected = np.empty((maps, len(of_all) + 2), dtype=np.int64)
    selected[:, :-2] = of_all
    inside = np.empty((maps, len(masks.sizes), selected.shape[1]))
    for start in range(0, maps, workspace.maps):
        chunk = slice(start, start + workspace.maps)
        ascending, keys, inside_keys = _sorted(canvas[chunk], masks, workspace)
        selected[chunk, -1] = _count_above(keys, ascending.mean(axis=1, dtype=np.float64))
        selected[chunk, -2] = pixels_holding_mass(np.maximum(ascending, 0, out=ascending))
        cut, share = _cuts(keys, selected[chunk])
        inside[chunk] = _selected_inside(inside_keys, masks, cut, share)

    size = np.where(masks.sizes > 0, masks.sizes, np.nan)[:, None]
    iou = inside / (selected[:, None] + size - inside)
    mass, above_mean = selected[:, -2], selected[:, -1]
    curve, oracle, rules = np.split(iou, [len(PERCENTILES), len(of_all)], axis=2)
    return Overlaps(
        iou=curve,
        iou_oracle=np.diagonal(oracle, axis1=1, axis2=2),
        iou_mass=np.where(mass[:, None] > 0, rules[..., 0], np.nan),
        iou_above_mean=rules[..., 1],
        mass_pixels=mass,
        above_mean_pixels=above_mean,
    )


def _sorted(canvas: Values, masks: Partition, workspace: Workspace) -> tuple[Values, Keys, Keys]:
    """Values and keys of all pixels `(maps, pixels)`, and keys of those inside masks, each in ascending order."""
    maps = len(canvas)
    bits, flip, keys = workspace.bits[:maps], workspace.flip[:maps], workspace.keys[:maps]
    inside_bits, inside_keys = workspace.inside_bits[:maps], workspace.inside_keys[:maps]
    of_map = _of_map(maps)[:, None]

    ordered = _ordered(canvas, bits, flip)
    # mode: with the default one numpy would not write straight into `out`
    np.take(ordered, masks.pixels, axis=1, out=inside_bits, mode="clip")
    np.copyto(inside_keys, inside_bits)
    inside_keys |= of_map
    inside_keys <<= _REGION_BITS
    inside_keys |= masks.region
    inside_keys.sort(axis=1)

    ordered.sort(axis=1)
    np.copyto(keys, ordered)
    keys |= of_map
    return _restored(bits, flip), keys, inside_keys


def _cuts(keys: Keys, selected: Ints) -> tuple[Keys, Floats]:
    """Keys of the values at which `selected` `(maps, cuts)` pixels are cut, and what each pixel tied there weighs."""
    maps, pixels = keys.shape
    # Where none is selected the cut is at the strongest pixel all the same; it then weighs 0.
    cut = np.take_along_axis(keys, pixels - np.maximum(selected, 1), axis=1)
    # All keys in one line are in order, for the map leads them: one search serves every map.
    line = keys.ravel()
    first, last = np.searchsorted(line, cut), np.searchsorted(line, cut, side="right")
    stronger = np.arange(1, maps + 1)[:, None] * pixels - last
    share: Floats = (selected - stronger) / (last - first)
    return cut, share


def _selected_inside(inside_keys: Keys, masks: Partition, cut: Keys, share: Floats) -> Floats:
    """Pixels of each mask that are selected, `(maps, masks, cuts)`, those tied at the `cut` by their `share`.

    The `inside_keys` `(maps, inside)` are used up.
    """
    maps, pixels = inside_keys.shape
    line = inside_keys.ravel()
    first = np.searchsorted(line, cut << _REGION_BITS)
    last = np.searchsorted(line, (cut + np.uint64(1)) << _REGION_BITS)
    end = np.arange(1, maps + 1)[:, None] * pixels

    edges, position = np.unique(np.concatenate([first, last, end], axis=1), return_inverse=True)
    regions = len(masks.membership)
    line &= _REGION
    codes = line.view(np.int64)
    codes += np.repeat(np.arange(len(edges)) * regions, np.diff(edges, prepend=0))
    counts = np.bincount(codes, minlength=len(edges) * regions).reshape(len(edges), regions)
    below = np.cumsum(counts @ masks.membership, axis=0)[position]
    at_first, at_last, at_end = np.split(below, [cut.shape[1], 2 * cut.shape[1]], axis=1)
    inside: Floats = (at_end - at_last) + share[:, :, None] * (at_last - at_first)
    return inside.transpose(0, 2, 1)


def _count_above(keys: Keys, level: Floats) -> Ints:
    """How many pixels of each map lie strictly above its `level` `(maps,)`."""
    # The largest number of single precision that is not above the level: what exceeds it exceeds the level.
    floor = level.astype(np.float32)
    floor = np.where(floor > level, np.nextafter(floor, np.float32(-np.inf)), floor)
    maps, pixels = keys.shape
    ordered = _ordered(floor, np.empty(maps, dtype=np.int32), np.empty(maps, dtype=np.int32))
    above: Ints = np.arange(1, maps + 1) * pixels - np.searchsorted(keys.ravel(), ordered | _of_map(maps), side="right")
    return above


def _of_map(maps: int) -> Keys:
    """What leads the keys of each map, `(maps,)`."""
    return np.arange(maps, dtype=np.uint64) << _MAP_SHIFT


def _ordered(values: Values, bits: NDArray[np.int32], flip: NDArray[np.int32]) -> NDArray[np.uint32]:
    """Numbers in the order of `values`, written into `bits`; `flip` is memory of the same shape to work in.

    Flipping the sign bit of positive numbers and every bit of negative ones turns the order of floats into the order of
    unsigned integers. Adding zero first makes -0 and 0 one value.
    """
    np.add(values, np.float32(0), out=bits.view(np.float32))
    np.right_shift(bits, 31, out=flip)
    flip |= _SIGN
    bits ^= flip
    return bits.view(np.uint32)


def _restored(bits: NDArray[np.int32], flip: NDArray[np.int32]) -> Values:
    """The values whose order is in `bits`, written over it: undoes `_ordered`."""
    np.right_shift(bits, 31, out=flip)
    np.invert(flip, out=flip)
    flip |= _SIGN
    bits ^= flip
    return bits.view(np.float32)
