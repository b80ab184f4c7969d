"""Flat polygons, the one primitive that every picture is made of, and how they become pixels.

Coordinates are pixels of the finished picture, x to the right and y down. Curves are polygons with enough corners that
none shows. Anti-aliasing is by supersampling and a box filter.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

Points = NDArray[np.float64]
Colour = tuple[int, int, int]
Head = Literal["flat", "segmental", "round", "pointed"]

SUPERSAMPLING = 3
"""Samples per pixel and axis."""

_RISES: dict[Head, float] = {"flat": 0.0, "segmental": 0.2, "round": 0.5, "pointed": 0.75**0.5}  # over the span
_QUARTER = 10  # corners of a quarter circle


@dataclass(frozen=True, slots=True)
class Shape:
    """A filled polygon of `points` `(n, 2)` with an opacity of 0..1; a `cast` shadow is no part of what casts it."""

    points: Points
    fill: Colour
    opacity: float = 1.0
    cast: bool = False


def extent(shapes: Iterable[Shape]) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of what the shapes draw, cast shadows left out."""
    return _extent([shape.points for shape in shapes if not shape.cast])


def extent_in_frame(shapes: Iterable[Shape], width: float, height: float) -> tuple[float, float, float, float]:
    """The same of what the frame shows of them; a box without area where it shows nothing."""
    inside = [in_frame(shape.points, width, height) for shape in shapes if not shape.cast]
    return _extent([points for points in inside if len(points)] or [np.zeros((1, 2))])


def _extent(outlines: list[Points]) -> tuple[float, float, float, float]:
    corners = np.concatenate(outlines)
    (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
    return float(left), float(top), float(right), float(bottom)


def in_frame(points: Points, width: float, height: float) -> Points:
    """The part of a polygon inside the frame from (0, 0) to (width, height); no corners where there is none.

    By clipping at one side after the other (Sutherland and Hodgman 1974).
    """
    for axis, sign, limit in ((0, 1, 0.0), (0, -1, -width), (1, 1, 0.0), (1, -1, -height)):
        inside = sign * points[:, axis] - limit  # not negative inside
        if (inside >= 0).all():
            continue
        following, further = np.roll(points, -1, axis=0), np.roll(inside, -1)
        crosses = (inside < 0) != (further < 0)
        share = inside / np.where(crosses, inside - further, 1.0)
        crossings = points + share[:, None] * (following - points)
        both = np.stack([points, crossings], axis=1)
        points = both[np.stack([inside >= 0, crosses], axis=1)]
    return points


def moved(shapes: Sequence[Shape], where: Callable[[Points], Points]) -> tuple[Shape, ...]:
    """The shapes with all their corners taken somewhere else, in one call of `where`."""
    corners = where(np.concatenate([shape.points for shape in shapes]))
    ends = np.cumsum([len(shape.points) for shape in shapes]).tolist()
    return tuple(
        Shape(corners[start:end], shape.fill, shape.opacity, shape.cast)
        for start, end, shape in zip([0, *ends], ends, shapes, strict=False)
    )


def paint(shapes: Iterable[Shape], canvas: Image.Image) -> None:
    """Draw the shapes in order on an RGB canvas that is `SUPERSAMPLING` times the finished picture."""
    draw = ImageDraw.Draw(canvas, "RGBA")
    for shape in shapes:
        # Pillow's corners are pixel centres, ours lie on the grid between pixels.
        corners = (shape.points * SUPERSAMPLING - 0.5).ravel().tolist()
        draw.polygon(corners, fill=(*shape.fill, round(255 * shape.opacity)))


def polygon(*corners: tuple[float, float]) -> Points:
    """The corners as an array `(n, 2)`."""
    return np.asarray(corners, dtype=np.float64)


def rectangle(left: float, top: float, right: float, bottom: float) -> Points:
    """An upright rectangle."""
    return polygon((left, top), (right, top), (right, bottom), (left, bottom))


def arc(cx: float, cy: float, rx: float, ry: float, start: float, end: float, corners: int = 2 * _QUARTER) -> Points:
    """A piece of an ellipse from angle `start` to `end` in degrees, clockwise on screen from the positive x axis."""
    placed: Points = np.array([cx, cy]) + _unit_arc(start, end, corners) * np.array([rx, ry])
    return placed


@lru_cache(maxsize=512)
def _unit_arc(start: float, end: float, corners: int) -> Points:
    angles = np.radians(np.linspace(start, end, corners))
    unit = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    unit.setflags(write=False)
    return unit


def ellipse(cx: float, cy: float, rx: float, ry: float) -> Points:
    """A whole ellipse, whose extent is exactly its axes."""
    return arc(cx, cy, rx, ry, 0, 360, 4 * _QUARTER + 1)


def disc(cx: float, cy: float, radius: float) -> Points:
    """A whole circle."""
    return ellipse(cx, cy, radius, radius)


def bar(start: tuple[float, float], end: tuple[float, float], thickness: float) -> Points:
    """A straight bar between two points."""
    along = np.subtract(end, start)
    across = np.array([-along[1], along[0]]) * (thickness / 2 / max(float(np.hypot(*along)), 1e-9))
    return np.stack([start + across, end + across, end - across, start - across])


def head_rise(head: Head, width: float) -> float:
    """Height of an arch head over its springing line; the pointed one is equilateral."""
    return _RISES[head] * width


def arch_head(head: Head, cx: float, spring: float, width: float) -> Points:
    """The curve of an arch from its left to its right springing point."""
    half = width / 2
    match head:
        case "flat":
            return polygon((cx - half, spring), (cx + half, spring))
        case "segmental":
            rise = head_rise(head, width)
            radius = (half**2 + rise**2) / (2 * rise)
            reach = float(np.degrees(np.arcsin(half / radius)))
            return arc(cx, spring - rise + radius, radius, radius, 270 - reach, 270 + reach)
        case "round":
            return arc(cx, spring, half, half, 180, 360)
        case "pointed":
            left = arc(cx + half, spring, width, width, 180, 240, _QUARTER)
            right = arc(cx - half, spring, width, width, 300, 360, _QUARTER)
            return np.concatenate([left, right[1:]])


def arch(head: Head, cx: float, base: float, width: float, height: float) -> Points:
    """An opening with straight jambs under an arch head, `height` from its base to its crown."""
    spring = base - height + head_rise(head, width)
    curve = arch_head(head, cx, spring, width)
    return np.concatenate([polygon((cx - width / 2, base)), curve, polygon((cx + width / 2, base))])


def mirror(points: Points, axis: float) -> Points:
    """The points reflected at the vertical line x = axis."""
    return np.stack([2 * axis - points[:, 0], points[:, 1]], axis=1)


def blank(width: int, height: int, colour: Colour = (0, 0, 0)) -> Image.Image:
    """An empty supersampled canvas for a picture of `width` x `height` pixels."""
    return Image.new("RGB", (width * SUPERSAMPLING, height * SUPERSAMPLING), colour)


def finish(canvas: Image.Image) -> Image.Image:
    """The supersampled canvas at the size of the picture."""
    return canvas.reduce(SUPERSAMPLING)
