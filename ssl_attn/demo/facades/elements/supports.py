"""What divides a front into bays: lesenes, buttresses, pilasters, columns."""

from __future__ import annotations

from ssl_attn.demo.facades.elements.part import Part, cast_shadow, part
from ssl_attn.demo.facades.elements.pediments import fleuron
from ssl_attn.demo.facades.palette import Look, tint
from ssl_attn.demo.facades.shapes import Shape, disc, polygon, rectangle


def no_support(cx: float, base: float, width: float, height: float, look: Look) -> list[Part]:
    """A bare wall."""
    return []


def lesene(cx: float, base: float, width: float, height: float, look: Look) -> list[Part]:
    """A flat strip without base or capital."""
    half = 0.36 * width
    return [
        part(
            _shade(cx, base, half, height, look),
            Shape(rectangle(cx - half, base - height, cx + half, base), look.trim),
            _lit_edge(cx, base, half, height, look),
            feature_type="lesene",
        )
    ]


def buttress(cx: float, base: float, width: float, height: float, look: Look) -> list[Part]:
    """A pier that steps back twice under sloping set-offs and carries a pinnacle."""
    stages = ((0.0, 0.34, 0.62), (0.34, 0.6, 0.5), (0.6, 0.8, 0.38))
    shapes = [_shade(cx, base, 0.62 * width, 0.34 * height, look)]
    for low, high, half in stages:
        bottom, top = base - low * height, base - high * height
        reach, inner = half * width, (half - 0.12) * width
        split = cx + look.sun * 0.34 * reach
        slope = min(0.05 * height, 0.5 * width)
        shapes += [
            Shape(rectangle(cx - reach, top, cx + reach, bottom), look.trim),
            Shape(rectangle(*sorted_span(split, cx + look.sun * reach, top, bottom)), look.trim_light),
            Shape(
                polygon((cx - reach, top), (cx - inner, top - slope), (cx + inner, top - slope), (cx + reach, top)),
                tint(look.trim, 0.62),
            ),
        ]
    return [
        part(*shapes, feature_type="buttress"),
        *pinnacle(cx, base - 0.8 * height, 0.66 * width, 0.42 * height, look),
    ]


def pinnacle(cx: float, base: float, width: float, height: float, look: Look) -> list[Part]:
    """A slender shaft with a crocketed pyramid."""
    height = min(height, 4.6 * width)
    shaft, half = 0.36 * height, width / 2
    tip = base - 0.9 * height
    shapes = [
        Shape(rectangle(cx - half, base - shaft, cx + half, base), look.trim),
        Shape(rectangle(*sorted_span(cx, cx + look.sun * half, base - shaft, base)), look.trim_light),
        Shape(rectangle(cx - 0.2 * width, base - 0.85 * shaft, cx + 0.2 * width, base - 0.12 * shaft), look.reveal),
        Shape(rectangle(cx - 0.66 * width, base - 1.12 * shaft, cx + 0.66 * width, base - shaft), look.trim_dark),
        Shape(polygon((cx - half, base - 1.12 * shaft), (cx, tip), (cx + half, base - 1.12 * shaft)), look.trim),
        Shape(
            polygon((cx, base - 1.12 * shaft), (cx, tip), (cx + look.sun * half, base - 1.12 * shaft)), look.trim_light
        ),
    ]
    for side in (-1, 1):
        for share in (0.25, 0.55):
            x, y = cx + side * half * (1 - share), base - 1.12 * shaft - (base - 1.12 * shaft - tip) * share
            shapes.append(Shape(disc(x + 0.1 * side * width, y, max(0.8, 0.12 * width)), look.trim_dark))
    shapes += [
        piece for crown in fleuron(cx, tip + 0.06 * height, 0.5 * width, 0.16 * height, look) for piece in crown.shapes
    ]
    return [part(*shapes, feature_type="pinnacle")]


def pilaster(cx: float, base: float, width: float, height: float, look: Look) -> list[Part]:
    """A flat fluted pillar with base and capital."""
    half, foot, cap = 0.4 * width, 0.05 * height, 0.07 * height
    foot, cap = max(foot, 0.35 * width), max(cap, 0.55 * width)
    shapes = [
        _shade(cx, base, half, height, look),
        Shape(rectangle(cx - half, base - height, cx + half, base), look.trim),
        _lit_edge(cx, base, half, height, look),
    ]
    for offset in (-0.45, 0.0, 0.45):
        x = cx + offset * half
        shapes.append(
            Shape(
                rectangle(x - 0.1 * half, base - height + 1.3 * cap, x + 0.1 * half, base - 1.3 * foot), look.trim_dark
            )
        )
    shapes += [
        Shape(rectangle(cx - 1.3 * half, base - foot, cx + 1.3 * half, base), look.trim_light),
        Shape(rectangle(cx - 1.12 * half, base - 1.4 * foot, cx + 1.12 * half, base - foot), look.trim_dark),
        *_capital(cx, base - height, half, cap, look),
    ]
    return [part(*shapes, feature_type="pilaster")]


def column(cx: float, base: float, width: float, height: float, look: Look) -> list[Part]:
    """A round shaft with base and a leafy capital."""
    half, foot, cap = 0.36 * width, max(0.04 * height, 0.3 * width), max(0.07 * height, 0.5 * width)
    shapes = [_shade(cx, base, half, height, look)]
    bands = (0.78, 0.92, 1.06, 1.1, 1.0, 0.84)
    if look.sun < 0:
        bands = bands[::-1]
    for i, factor in enumerate(bands):
        left = cx - half + 2 * half * i / len(bands)
        shapes.append(
            Shape(rectangle(left, base - height, left + 2 * half / len(bands), base), tint(look.trim, factor))
        )
    shapes += [
        Shape(rectangle(cx - 1.3 * half, base - 0.6 * foot, cx + 1.3 * half, base), look.trim),
        Shape(rectangle(cx - 1.15 * half, base - foot, cx + 1.15 * half, base - 0.6 * foot), look.trim_light),
        *_capital(cx, base - height, half, cap, look),
    ]
    return [part(*shapes, feature_type="column")]


def column_pair(cx: float, base: float, width: float, height: float, look: Look) -> list[Part]:
    """Two engaged columns side by side."""
    offset = 0.44 * width
    return [
        *column(cx - offset, base, 0.8 * width, height, look),
        *column(cx + offset, base, 0.8 * width, height, look),
    ]


def sorted_span(x0: float, x1: float, top: float, bottom: float) -> tuple[float, float, float, float]:
    """Corners of a rectangle whose two verticals may come in either order."""
    return min(x0, x1), top, max(x0, x1), bottom


def _capital(cx: float, top: float, half: float, height: float, look: Look) -> list[Shape]:
    scroll = 0.3 * height
    bell = polygon(
        (cx - half, top + height),
        (cx - 1.3 * half, top + 0.3 * height),
        (cx + 1.3 * half, top + 0.3 * height),
        (cx + half, top + height),
    )
    return [
        Shape(bell, look.trim_dark),
        Shape(disc(cx - 1.15 * half, top + 0.45 * height, scroll), look.trim_light),
        Shape(disc(cx + 1.15 * half, top + 0.45 * height, scroll), look.trim_light),
        Shape(rectangle(cx - 1.5 * half, top, cx + 1.5 * half, top + 0.28 * height), look.trim),
    ]


def _shade(cx: float, base: float, half: float, height: float, look: Look) -> Shape:
    away = cx - look.sun * half
    return cast_shadow(*sorted_span(away, away - look.sun * 0.9 * half, base - height, base), 0.22)


def _lit_edge(cx: float, base: float, half: float, height: float, look: Look) -> Shape:
    edge = cx + look.sun * half
    return Shape(rectangle(*sorted_span(edge, edge - look.sun * 0.3 * half, base - height, base)), look.trim_light)
