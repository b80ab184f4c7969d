"""Portals."""

from __future__ import annotations

from ssl_attn.demo.facades.elements.part import Builder, Part, part
from ssl_attn.demo.facades.elements.pediments import broken_pediment, ledge, triangular_pediment, wimperg
from ssl_attn.demo.facades.elements.supports import column
from ssl_attn.demo.facades.palette import Look, tint
from ssl_attn.demo.facades.shapes import Head, Shape, arch, arch_head, bar, disc, head_rise, rectangle


def leaves(head: Head, cx: float, base: float, width: float, height: float, look: Look) -> list[Shape]:
    """Two door leaves with panels, shaded under the lintel."""
    shapes = [Shape(arch(head, cx, base, width, height), look.door)]
    spring = base - height + head_rise(head, width)
    for side in (-1, 1):
        x = cx + side * 0.25 * width
        for low, high in ((0.08, 0.46), (0.54, 0.92)):
            bottom, top = base - low * (base - spring), base - high * (base - spring)
            shapes.append(Shape(rectangle(x - 0.15 * width, top, x + 0.15 * width, bottom), tint(look.door, 0.78)))
            shapes.append(
                Shape(rectangle(x - 0.15 * width, bottom - 0.8, x + 0.15 * width, bottom), tint(look.door, 1.25))
            )
    shapes.append(Shape(bar((cx, base), (cx, spring), 0.9), tint(look.door, 0.5)))
    return shapes


def steps(cx: float, base: float, width: float, height: float, look: Look) -> list[Part]:
    """A flight of steps; every style has them."""
    count = 3
    shapes = []
    for i in range(count):
        half, top = width / 2 * (1 + 0.16 * i), base - height * (count - i) / count
        shapes.append(
            Shape(
                rectangle(cx - half, top, cx + half, base - height * (count - i - 1) / count),
                tint(look.trim, 0.98 - 0.1 * i),
            )
        )
        shapes.append(Shape(rectangle(cx - half, top, cx + half, top + 0.7), tint(look.trim, 1.1)))
    return [part(*shapes, feature_type="steps")]


def plain_door(cx: float, base: float, width: float, height: float, look: Look) -> list[Part]:
    """A rectangular door in a frame such as any house has."""
    width, height = 0.62 * width, 0.72 * height
    return [
        part(
            Shape(rectangle(cx - width / 2, base - height, cx + width / 2, base), look.trim),
            *leaves("flat", cx, base, 0.78 * width, 0.9 * height, look),
            *ledge(cx - 0.58 * width, cx + 0.58 * width, base - height, 0.06 * height, look),
        )
    ]


def stepped_portal(cx: float, base: float, width: float, height: float, look: Look) -> list[Part]:
    """Round arches recessed one behind the other, with colonnettes and a carved tympanum."""
    height = max(height, 1.05 * width)
    shapes = []
    orders = 4
    step = 0.075 * width
    for i in range(orders):
        size = width - 2 * i * step
        fill = (look.trim_light, look.trim_dark, look.wall, look.reveal)[i]
        shapes.append(Shape(arch("round", cx, base, size, height - i * step), fill))
    spring = base - height + width / 2
    for side in (-1, 1):
        for i in (0, 1, 2):
            x = cx + side * (width / 2 - (i + 0.5) * step)
            shapes.append(
                Shape(rectangle(x - 0.3 * step, spring, x + 0.3 * step, base), look.trim_light if i % 2 else look.trim)
            )
            shapes.append(
                Shape(rectangle(x - 0.5 * step, spring, x + 0.5 * step, spring + 0.7 * step), look.trim_light)
            )
    opening = width - 2 * orders * step
    shapes += leaves("flat", cx, base, opening, base - spring, look)
    shapes.append(Shape(arch_head("round", cx, spring, opening), look.trim))
    for x, y, radius in ((0, 0.22, 0.09), (0, 0.34, 0.06), (-0.2, 0.15, 0.055), (0.2, 0.15, 0.055)):
        shapes.append(Shape(disc(cx + x * opening, spring - y * opening, radius * opening), look.trim_dark))
    shapes.append(Shape(rectangle(cx - opening / 2, spring, cx + opening / 2, spring + 0.6 * step), look.trim_light))
    return [part(*shapes, feature_type="stepped_portal")]


def pointed_portal(cx: float, base: float, width: float, height: float, look: Look) -> list[Part]:
    """Pointed archivolts around a tympanum and a door divided by a pier."""
    return [_pointed_portal(cx, base, width, max(height, 1.35 * width), look)]


def wimperg_portal(cx: float, base: float, width: float, height: float, look: Look) -> list[Part]:
    """A pointed portal under a steep gable."""
    portal_height = max(0.72 * height, 1.2 * width)
    gable_base = base - portal_height + 0.7 * head_rise("pointed", 0.86 * width)
    gable = wimperg(cx, gable_base, 1.04 * width, 1.06 * height - (base - gable_base) + 0.12 * width, look)
    return [*gable, _pointed_portal(cx, base, 0.86 * width, portal_height, look)]


def _pointed_portal(cx: float, base: float, width: float, height: float, look: Look) -> Part:
    shapes = []
    step = 0.065 * width
    fills = (look.trim, look.trim_dark, look.trim_light, look.wall_dark, look.reveal)
    for i, fill in enumerate(fills):
        shapes.append(Shape(arch("pointed", cx, base, width - 2 * i * step, height - 1.4 * i * step), fill))
    spring = base - height + head_rise("pointed", width)
    opening = width - 2 * len(fills) * step
    shapes += leaves("flat", cx, base, opening, base - spring, look)
    shapes.append(Shape(arch_head("pointed", cx, spring, opening), look.trim))
    for x, y, radius in ((0, 0.42, 0.1), (-0.17, 0.17, 0.08), (0.17, 0.17, 0.08), (0, 0.15, 0.08)):
        shapes.append(Shape(disc(cx + x * opening, spring - y * opening, radius * opening), look.trim_dark))
    shapes.append(
        Shape(rectangle(cx - opening / 2, spring - 0.3 * step, cx + opening / 2, spring + 0.5 * step), look.trim_light)
    )
    shapes.append(Shape(rectangle(cx - 0.05 * opening, spring, cx + 0.05 * opening, base), look.trim))
    return part(*shapes, feature_type="pointed_portal")


def temple_portal(cx: float, base: float, width: float, height: float, look: Look) -> list[Part]:
    """A door between columns under an entablature and a triangular pediment."""
    return _columned(triangular_pediment, "flat", cx, base, width, height, look)


def baroque_portal(cx: float, base: float, width: float, height: float, look: Look) -> list[Part]:
    """A segmental door between columns under a broken pediment."""
    return _columned(broken_pediment, "segmental", cx, base, width, height, look)


def _columned(
    pediment: Builder, head: Head, cx: float, base: float, width: float, height: float, look: Look
) -> list[Part]:
    crown = 0.24 * height
    beam = 0.07 * height
    shaft = height - crown - beam
    shapes = [
        Shape(rectangle(cx - 0.46 * width, base - shaft, cx + 0.46 * width, base), look.wall_dark),
        Shape(arch(head, cx, base, 0.56 * width, 0.92 * shaft), look.trim),
        *leaves(head, cx, base, 0.44 * width, 0.82 * shaft, look),
    ]
    columns = []
    for side in (-1, 1):
        columns += column(cx + side * 0.385 * width, base, 0.15 * width, shaft, look)
    shapes += [shape for piece in columns for shape in piece.shapes]
    shapes += ledge(cx - 0.49 * width, cx + 0.49 * width, base - shaft, beam, look)
    top = pediment(cx, base - shaft - beam, width, crown, look)
    whole = [*shapes, *(shape for piece in top for shape in piece.shapes)]
    return [part(*whole, feature_type="columned_portal"), *columns, *top]
