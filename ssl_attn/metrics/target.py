"""What maps of one image are scored against: its boxes on the canvas and on the grid, built once per image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from ssl_attn.errors import UsageError
from ssl_attn.geometry import CANVAS_SIZE, clip, coverage, rasterise, union_coverage, visible_fraction
from ssl_attn.metrics.cells import Outside, outside_boxes
from ssl_attn.metrics.overlap import Partition, partition
from ssl_attn.metrics.pointing import grown
from ssl_attn.metrics.soft_target import SoftTargets, soft_targets

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ssl_attn.geometry import Placement

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

_Pixel = TypeVar("_Pixel", bound=np.generic)

MIN_VISIBLE_FRACTION = 0.25
"""A box of which the view shows a smaller share is stored but not scored, and is in no union."""


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """The boxes of one image in one view, and the union of its features, as masks on the canvas and shares of cells.

    Only visible pixels count: padding and what a crop hides are in no mask and no area. Boxes keep the order in which
    they came; `kept` `(boxes,)` tells which are scored, `distractor` `(boxes,)` which are of distractors. The union
    holds the kept boxes of features alone, overlaps counted once. So distractors change nothing but their own scores.

    On the canvas: `window`, the rows and columns that show the image, and the masks `union` `(224, 224)` and `boxes`
    `(boxes, 224, 224)`. On the grid, shares of a cell's area: `visible_share` and `union_coverage` `(grid_h, grid_w)`,
    `box_coverage` `(boxes, grid_h, grid_w)`; `others` `(grid_h, grid_w)` sums the coverage of other images' unions.
    Areas are shares of the visible part: `area` and `box_area` of its pixels, `area_grid` and `box_area_grid` of its
    grid, `area_grown` and `box_area_grown` of its pixels with targets grown by the tolerance of the pointing game.

    What maps are compared with has the t targets that are scored: the union, if it holds a box, and then the kept
    boxes. `outside` is what they are told from on the grid; `masks` cuts the visible pixels into regions,
    `pointing_masks` `(2 t, visible_pixels)` are the masks and then the grown ones, `soft` the soft targets. The last
    three are None when no box is kept.
    """

    window: tuple[slice, slice]
    union: Bools
    boxes: Bools
    visible_share: Floats
    union_coverage: Floats
    box_coverage: Floats
    others: Floats | None
    visible_fraction: Floats
    kept: Bools
    distractor: Bools
    area: float
    area_grid: float
    area_grown: float
    box_area: Floats
    box_area_grid: Floats
    box_area_grown: Floats
    outside: Outside
    masks: Partition | None
    pointing_masks: Bools | None
    soft: SoftTargets | None

    @property
    def visible_pixels(self) -> int:
        """Canvas pixels that show the image: the n that percentiles are taken of."""
        rows, columns = self.window
        return int((rows.stop - rows.start) * (columns.stop - columns.start))

    @property
    def in_union(self) -> Bools:
        """Which boxes `(boxes,)` the union holds."""
        return self.kept & ~self.distractor

    @property
    def has_union(self) -> bool:
        """Whether the union holds a box, and so is the first target."""
        return bool(self.in_union.any())

    @property
    def coverage(self) -> Floats:
        """Share of each cell in each target that is scored, `(t, grid_h, grid_w)`."""
        return _targets(self.union_coverage, self.box_coverage[self.kept], has_union=self.has_union)

    @property
    def target_area_grid(self) -> Floats:
        """Share of the visible grid's area in each target that is scored, `(t,)`."""
        return _targets(np.array(self.area_grid), self.box_area_grid[self.kept], has_union=self.has_union)

    def crop(self, canvases: NDArray[_Pixel]) -> NDArray[_Pixel]:
        """The visible pixels of `(n, 224, 224)`, row by row, `(n, visible_pixels)`."""
        return _crop(canvases, self.window)


def build_target(
    boxes: Floats,
    placement: Placement,
    *,
    grid_h: int,
    grid_w: int,
    distractor: Bools | None = None,
    others: Floats | None = None,
) -> Target:
    """The target of an image with `boxes` `(n, 4)` as x, y, width, height in image fractions; n may be 0.

    `distractor` `(n,)` says which boxes are of distractors, by default none. `others` `(grid_h, grid_w)` is the sum
    over the other images of the data set of the share of each cell that their unions cover; without it there is no
    shuffled AUC.

    Raises:
        UsageError: `others` is on another grid, or `distractor` is of another number of boxes.
    """
    if others is not None and others.shape != (grid_h, grid_w):
        message = f"expected the other images' coverage on the grid ({grid_h}, {grid_w}), got {others.shape}"
        raise UsageError(message)
    if distractor is None:
        distractor = np.zeros(len(boxes), dtype=bool)
    elif distractor.shape != (len(boxes),):
        message = f"expected the role of each of {len(boxes)} boxes, got those of {distractor.shape}"
        raise UsageError(message)
    shown = placement.visible_canvas[None]
    window = _window(rasterise(shown, CANVAS_SIZE, CANVAS_SIZE)[0])
    visible_share = coverage(shown, grid_h, grid_w)[0]

    on_canvas = placement.to_canvas(boxes)
    fraction = visible_fraction(boxes, placement)
    kept = fraction >= MIN_VISIBLE_FRACTION
    in_union = kept & ~distractor
    has_union = bool(in_union.any())
    masks = _visible_masks(on_canvas, window, needed=kept)
    near = grown(masks)
    union, union_near = (np.logical_or.reduce(canvases[in_union], axis=0) for canvases in (masks, near))
    box_coverage = coverage(on_canvas, grid_h, grid_w)
    covered = union_coverage(on_canvas[in_union], grid_h, grid_w)

    def targets(of_union: Bools, of_boxes: Bools) -> Bools:
        return _crop(_targets(of_union, of_boxes[kept], has_union=has_union), window)

    def share(canvases: Bools) -> Floats:
        shares: Floats = _crop(canvases, window).mean(axis=1)
        return shares

    any_kept = bool(kept.any())
    exact, tolerant = targets(union, masks), targets(union_near, near)
    cells = visible_share.sum()
    return Target(
        window=window,
        union=union,
        boxes=masks,
        visible_share=visible_share,
        union_coverage=covered,
        box_coverage=box_coverage,
        others=others,
        visible_fraction=fraction,
        kept=kept,
        distractor=distractor,
        area=float(share(union[None])[0]),
        area_grid=float(covered.sum() / cells),
        area_grown=float(share(union_near[None])[0]),
        box_area=share(masks),
        box_area_grid=box_coverage.sum(axis=(1, 2)) / cells,
        box_area_grown=share(near),
        outside=_outside(on_canvas, visible_share, covered, kept=kept, distractor=distractor),
        masks=partition(exact) if any_kept else None,
        pointing_masks=np.concatenate([exact, tolerant]) if any_kept else None,
        soft=soft_targets(clip(on_canvas[kept]), window, grid_h=grid_h, grid_w=grid_w, in_union=in_union[kept])
        if any_kept
        else None,
    )


def _targets(of_union: NDArray[_Pixel], of_boxes: NDArray[_Pixel], *, has_union: bool) -> NDArray[_Pixel]:
    """What is said of each target: of the union, if it is one, and then of each box."""
    return np.concatenate([of_union[None], of_boxes]) if has_union else of_boxes


def _outside(boxes: Floats, visible_share: Floats, features: Floats, *, kept: Bools, distractor: Bools) -> Outside:
    """What the targets are told from: for the union and the boxes in it all but the features, which are `features`.

    For a distractor it is all but the features and itself: as it would be if that box alone were a feature as well.
    """
    unions = [features]
    of_target = [0] if (kept & ~distractor).any() else []
    for box in np.flatnonzero(kept):
        of_target.append(len(unions) if distractor[box] else 0)
        if distractor[box]:
            among = kept & ~distractor
            among[box] = True
            unions.append(union_coverage(boxes[among], *visible_share.shape))
    return Outside(outside_boxes(visible_share, np.stack(unions)), np.array(of_target, dtype=np.intp))


def _window(visible: Bools) -> tuple[slice, slice]:
    """Rows and columns of the rectangle that a mask `(224, 224)` holds."""
    rows, columns = np.flatnonzero(visible.any(axis=1)), np.flatnonzero(visible.any(axis=0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _crop(canvases: NDArray[_Pixel], window: tuple[slice, slice]) -> NDArray[_Pixel]:
    seen = canvases[:, window[0], window[1]]
    return seen.reshape(len(seen), seen.shape[1] * seen.shape[2])


def _visible_masks(boxes: Floats, window: tuple[slice, slice], *, needed: Bools) -> Bools:
    """Masks `(n, 224, 224)` of boxes in canvas fractions, visible pixels only.

    A needed box so small that its one pixel lies just outside the visible ones gets the visible pixel nearest to it.
    """
    rows, columns = window
    masks = np.zeros((len(boxes), CANVAS_SIZE, CANVAS_SIZE), dtype=bool)
    masks[:, rows, columns] = rasterise(boxes, CANVAS_SIZE, CANVAS_SIZE)[:, rows, columns]
    lost = np.flatnonzero(needed & ~masks.any(axis=(1, 2)))
    centres = ((boxes[lost, :2] + boxes[lost, 2:] / 2) * CANVAS_SIZE).astype(np.int64)
    y = np.clip(centres[:, 1], rows.start, rows.stop - 1)
    x = np.clip(centres[:, 0], columns.start, columns.stop - 1)
    masks[lost, y, x] = True
    return masks
