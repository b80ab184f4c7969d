"""What the functions that draw elements return."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ssl_attn.demo.facades.palette import Look
from ssl_attn.demo.facades.shapes import Shape, rectangle


@dataclass(frozen=True, slots=True)
class Part:
    """Shapes that belong together; `feature_type` is empty where no expert would mark them."""

    shapes: tuple[Shape, ...]
    feature_type: str = ""


Builder = Callable[[float, float, float, float, Look], list[Part]]
"""Draws one element: `(cx, base, width, height, look)`."""


def part(*shapes: Shape, feature_type: str = "") -> Part:
    """The shapes as one part."""
    return Part(shapes, feature_type)


def cast_shadow(left: float, top: float, right: float, bottom: float, opacity: float = 0.28) -> Shape:
    """The shadow that something casts on the wall behind or under it."""
    return Shape(rectangle(left, top, right, bottom), (30, 26, 44), opacity, cast=True)
