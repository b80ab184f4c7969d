"""Horizontal bands between storeys and under eaves; `width` runs along the wall."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ssl_attn.demo.facades.elements.part import Part, cast_shadow, part
from ssl_attn.demo.facades.elements.pediments import ledge
from ssl_attn.demo.facades.shapes import Shape, arch, disc, mirror, polygon, rectangle

if TYPE_CHECKING:
    from ssl_attn.demo.facades.palette import Look


def string_course(cx: float, base: float, width: float, height: float, look: Look) -> list[Part]:
    """A plain projecting course."""
    return [part(*ledge(cx - width / 2, cx + width / 2, base - 0.55 * height, 0.3 * height, look))]


def lombard_band(cx: float, base: float, width: float, height: float, look: Look) -> list[Part]:
    """A row of little blind round arches under a course."""
    left, right, top = cx - width / 2, cx + width / 2, base - height
    course = 0.26 * height
    count = max(3, round(width / (0.92 * height)))
    pitch = width / count
    shapes = [Shape(rectangle(left, top + course, right, base - 0.1 * height), look.trim)]
    for i in range(count):
        x = left + (i + 0.5) * pitch
        shapes.append(Shape(arch("round", x, base, 0.74 * pitch, 0.64 * height), look.reveal))
    shapes += [
        Shape(rectangle(left, top, right, top + 0.5 * course), look.trim_light),
        Shape(rectangle(left, top + 0.5 * course, right, top + course), look.trim_dark),
    ]
    return [part(*shapes, feature_type="lombard_band")]


def quatrefoil_frieze(cx: float, base: float, width: float, height: float, look: Look) -> list[Part]:
    """A parapet pierced by quatrefoils."""
    left, right, top = cx - width / 2, cx + width / 2, base - height
    count = max(3, round(width / (1.02 * height)))
    pitch = width / count
    cy, foil = base - 0.47 * height, 0.155 * height
    shapes = [
        cast_shadow(left, base, right, base + 0.2 * height),
        Shape(rectangle(left, top, right, base), look.trim),
        Shape(rectangle(left, top, right, top + 0.14 * height), look.trim_light),
        Shape(rectangle(left, base - 0.12 * height, right, base), look.trim_dark),
    ]
    for i in range(count):
        x = left + (i + 0.5) * pitch
        shapes += [
            Shape(disc(x + dx * foil, cy + dy * foil, 0.92 * foil), look.reveal)
            for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1))
        ]
    return [part(*shapes, feature_type="quatrefoil_frieze")]


def dentil_cornice(cx: float, base: float, width: float, height: float, look: Look) -> list[Part]:
    """A deep moulded cornice over a row of dentils."""
    left, right, top = cx - width / 2 - 0.3 * height, cx + width / 2 + 0.3 * height, base - height
    shapes = [
        cast_shadow(left, base, right, base + 0.35 * height),
        Shape(rectangle(left + 0.3 * height, top + 0.5 * height, right - 0.3 * height, base), look.reveal),
        Shape(
            polygon(
                (left, top),
                (right, top),
                (right - 0.3 * height, top + 0.56 * height),
                (left + 0.3 * height, top + 0.56 * height),
            ),
            look.trim,
        ),
        Shape(rectangle(left, top, right, top + 0.16 * height), look.trim_light),
        Shape(
            rectangle(left + 0.12 * height, top + 0.3 * height, right - 0.12 * height, top + 0.4 * height),
            look.trim_dark,
        ),
    ]
    inner_left, inner_width = left + 0.3 * height, width
    count = max(4, round(inner_width / (0.62 * height)))
    pitch = inner_width / count
    for i in range(count):
        x = inner_left + (i + 0.5) * pitch
        shapes.append(
            Shape(
                rectangle(x - 0.3 * pitch, top + 0.56 * height, x + 0.3 * pitch, base - 0.08 * height), look.trim_light
            )
        )
    return [part(*shapes, feature_type="dentil_cornice")]


def balustrade(cx: float, base: float, width: float, height: float, look: Look) -> list[Part]:
    """A row of bulging balusters between two rails."""
    left, right, top = cx - width / 2, cx + width / 2, base - height
    rail = 0.18 * height
    shapes = [Shape(rectangle(left, top + rail, right, base - rail), look.reveal)]
    count = max(4, round(width / (0.46 * height)))
    pitch = width / count
    for i in range(count):
        x = left + (i + 0.5) * pitch
        belly, neck = 0.36 * pitch, 0.14 * pitch
        outline = polygon(
            (x + neck, top + rail),
            (x + neck, top + 0.4 * height),
            (x + belly, base - 0.34 * height),
            (x + neck, base - rail),
        )
        outline = np.concatenate([outline, mirror(outline, x)[::-1]])
        shapes.append(Shape(outline, look.trim_light))
    shapes += [
        Shape(rectangle(left - 0.1 * height, top, right + 0.1 * height, top + rail), look.trim),
        Shape(rectangle(left - 0.1 * height, base - rail, right + 0.1 * height, base), look.trim_dark),
    ]
    return [part(*shapes, feature_type="balustrade")]
