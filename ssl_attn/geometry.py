"""Where an image lies on a model's input, exactly, both ways.

Three frames: the oriented image (fractions of its width and height), the model input (pixels), and the canvas
(fractions of the part of the input that the map's grid covers: a patch size that does not divide the input leaves a
margin that no patch sees). Every view is a resize, then a crop or a padding by whole pixels, so each axis is an affine
map with its own scale. Resampling follows Pillow: pixel edges map to pixel edges.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from ssl_attn.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ssl_attn.models.preprocessing import Preprocessing

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

ViewName = Literal["squash", "letterbox", "processor"]
VIEWS: tuple[ViewName, ...] = get_args(ViewName)
VIEW_NOTES: dict[ViewName, str] = {
    "squash": "the whole image, stretched to the model's square input: the default, common to every model",
    "letterbox": "the whole image at its true aspect, padded to the model's square input",
    "processor": "the checkpoint's own resize and crop: what it saw in training, often without the margins",
}

CANVAS_SIZE = 224
"""Side of the scoring canvas in pixels."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the oriented image lies on a canvas: `canvas = scale * image + offset` on each axis, both in fractions."""

    scale_x: float
    offset_x: float
    scale_y: float
    offset_y: float

    def to_canvas(self, boxes: Floats) -> Floats:
        """Boxes `(n, 4)` as x, y, width, height in image fractions, to canvas fractions, unclipped."""
        return boxes * [self.scale_x, self.scale_y, self.scale_x, self.scale_y] + [self.offset_x, self.offset_y, 0, 0]

    def to_image(self, boxes: Floats) -> Floats:
        """The inverse of `to_canvas`."""
        return (boxes - [self.offset_x, self.offset_y, 0, 0]) / [
            self.scale_x,
            self.scale_y,
            self.scale_x,
            self.scale_y,
        ]

    @property
    def visible_canvas(self) -> Floats:
        """The part of the canvas that shows the image, `(4,)` as x, y, width, height in canvas fractions."""
        visible: Floats = clip(self.to_canvas(np.array([[0.0, 0.0, 1.0, 1.0]])))[0]
        return visible

    @property
    def visible_image(self) -> Floats:
        """The part of the image that is on the canvas, `(4,)` as x, y, width, height in image fractions."""
        visible: Floats = clip(self.to_image(np.array([[0.0, 0.0, 1.0, 1.0]])))[0]
        return visible


PLACEMENT_COLUMNS = tuple(field.name for field in fields(Placement))
"""Names of a placement's numbers, in its order; the warehouse's columns bear them."""


@dataclass(frozen=True, slots=True)
class ViewTransform:
    """How one image is laid on a model input: resized to `resized_*`, its top left corner put at `left`, `top`.

    All in pixels; a negative `left` or `top` crops, a positive one pads.
    """

    resized_width: int
    resized_height: int
    left: int
    top: int
    input_width: int
    input_height: int

    def to_input(self, points: Floats) -> Floats:
        """Points `(..., 2)` as x, y in image fractions, to input pixels."""
        return points * [self.resized_width, self.resized_height] + [self.left, self.top]

    def to_image(self, points: Floats) -> Floats:
        """Points `(..., 2)` as x, y in input pixels, to image fractions: the inverse of `to_input`."""
        return (points - [self.left, self.top]) / [self.resized_width, self.resized_height]

    def placement(self, covered_width: int, covered_height: int) -> Placement:
        """The image's place on the canvas of a grid that covers the input's first `covered_*` pixels on each axis."""
        return Placement(
            scale_x=self.resized_width / covered_width,
            offset_x=self.left / covered_width,
            scale_y=self.resized_height / covered_height,
            offset_y=self.top / covered_height,
        )


def view_transform(
    view: ViewName, preprocessing: Preprocessing, width: int, height: int, input_size: int
) -> ViewTransform:
    """The transform of one view for an oriented image of `width` x `height` pixels.

    `input_size` is the side of the square model input for `squash` and `letterbox`; `processor` takes its sizes from
    the checkpoint's own preprocessing, scaled by `input_size` over the checkpoint's input side where they differ.

    Raises:
        UsageError: the view is unknown.
    """
    match view:
        case "squash":
            return ViewTransform(input_size, input_size, 0, 0, input_size, input_size)
        case "letterbox":
            factor = input_size / max(width, height)
            resized_width, resized_height = max(1, round(width * factor)), max(1, round(height * factor))
            left, top = (input_size - resized_width) // 2, (input_size - resized_height) // 2
            return ViewTransform(resized_width, resized_height, left, top, input_size, input_size)
        case "processor":
            return preprocessing.scaled_to(input_size).transform(width, height)
    message = f"expected a view out of {', '.join(VIEWS)}, got {view!r}"
    raise UsageError(message)


def clip(boxes: Floats) -> Floats:
    """Boxes `(n, 4)` as x, y, width, height, cut at the unit square; a box outside has width or height 0."""
    low = np.clip(boxes[:, :2], 0.0, 1.0)
    high = np.clip(boxes[:, :2] + boxes[:, 2:], 0.0, 1.0)
    return np.concatenate([low, np.maximum(high - low, 0.0)], axis=1)


def visible_fraction(boxes: Floats, placement: Placement) -> Floats:
    """Share of each box's area that the canvas shows, `(n,)`, for boxes `(n, 4)` in image fractions.

    What is cut off is taken from 1, so that a box that is shown whole has exactly 1 however thin it is.
    """
    mapped = placement.to_canvas(boxes)
    start, extent = mapped[:, :2], mapped[:, 2:]
    cut = np.maximum(-start, 0.0) + np.maximum(start + extent - 1.0, 0.0)
    lost = np.divide(np.minimum(cut, extent), extent, out=np.ones_like(cut), where=extent > 0)
    shares: Floats = (1.0 - lost).prod(axis=1)
    return shares


def rasterise(boxes: Floats, height: int, width: int) -> Bools:
    """Boxes `(n, 4)` in canvas fractions to masks `(n, height, width)`: a pixel is inside when its centre is.

    A box with visible area that holds no pixel centre gets the one pixel that its own centre lies in.
    """
    seen = clip(boxes)
    columns = _inside(seen[:, 0], seen[:, 2], width)
    rows = _inside(seen[:, 1], seen[:, 3], height)
    return np.asarray(rows[:, :, None] & columns[:, None, :], dtype=bool)


def _inside(start: Floats, extent: Floats, size: int) -> Bools:
    centres = (np.arange(size) + 0.5) / size
    inside = (centres >= start[:, None]) & (centres < (start + extent)[:, None])
    missed = ~inside.any(axis=1) & (extent > 0)
    middle = np.minimum(((start + extent / 2) * size).astype(int), size - 1)
    inside[missed, middle[missed]] = True
    return inside


def coverage(boxes: Floats, grid_h: int, grid_w: int) -> Floats:
    """Share of each grid cell that each box covers, `(n, grid_h, grid_w)`, for boxes `(n, 4)` in canvas fractions."""
    seen = clip(boxes)
    columns = _overlap(seen[:, 0], seen[:, 2], grid_w)
    rows = _overlap(seen[:, 1], seen[:, 3], grid_h)
    return rows[:, :, None] * columns[:, None, :]


def _overlap(start: Floats, extent: Floats, cells: int) -> Floats:
    edges = np.arange(cells + 1) / cells
    low = np.maximum(start[:, None], edges[:-1])
    high = np.minimum((start + extent)[:, None], edges[1:])
    share: Floats = np.maximum(high - low, 0.0) * cells
    return share


def union_coverage(boxes: Floats, grid_h: int, grid_w: int) -> Floats:
    """Share of each grid cell that the union of the boxes covers, `(grid_h, grid_w)`: exact, overlaps counted once.

    Every box edge and every cell edge cuts the canvas; a piece between cuts is either wholly in a box or wholly out.
    """
    seen = clip(boxes)
    xs = np.unique(np.concatenate([np.arange(grid_w + 1) / grid_w, seen[:, 0], seen[:, 0] + seen[:, 2]]).clip(0, 1))
    ys = np.unique(np.concatenate([np.arange(grid_h + 1) / grid_h, seen[:, 1], seen[:, 1] + seen[:, 3]]).clip(0, 1))
    x_mid, y_mid = (xs[1:] + xs[:-1]) / 2, (ys[1:] + ys[:-1]) / 2
    in_x = (x_mid >= seen[:, 0, None]) & (x_mid < (seen[:, 0] + seen[:, 2])[:, None])
    in_y = (y_mid >= seen[:, 1, None]) & (y_mid < (seen[:, 1] + seen[:, 3])[:, None])
    covered = (in_y.T.astype(np.int64) @ in_x.astype(np.int64)) > 0
    areas = covered * np.diff(ys)[:, None] * np.diff(xs)[None, :]
    cells = np.zeros((grid_h, grid_w))
    rows = np.minimum((y_mid * grid_h).astype(int), grid_h - 1)
    columns = np.minimum((x_mid * grid_w).astype(int), grid_w - 1)
    np.add.at(cells, (rows[:, None], columns[None, :]), areas)
    return cells * (grid_h * grid_w)
