"""Pediments and gables: what crowns a front, a portal or a window."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ssl_attn.demo.facades.elements.part import Part, cast_shadow, part
from ssl_attn.demo.facades.shapes import (
    Points,
    Shape,
    arc,
    arch_head,
    bar,
    disc,
    ellipse,
    head_rise,
    mirror,
    polygon,
    rectangle,
)

if TYPE_CHECKING:
    from ssl_attn.demo.facades.palette import Look


def ledge(left: float, right: float, bottom: float, thickness: float, look: Look) -> list[Shape]:
    """A moulded ledge: a light upper half over a darker lower one, with its shadow."""
    middle = bottom - 0.5 * thickness
    return [
        cast_shadow(left, bottom, right, bottom + 0.8 * thickness),
        Shape(rectangle(left, middle, right, bottom), look.trim_dark),
        Shape(rectangle(left, bottom - thickness, right, middle), look.trim_light),
    ]


def triangular_pediment(cx: float, base: float, width: float, height: float, look: Look) -> list[Part]:
    """A low triangle framed by raking cornices over a ledge."""
    half, thick = width / 2, max(1.6, 0.13 * height)
    foot = base - thick
    inset = 0.2 * height
    tympanum = polygon(
        (cx - half + 2.4 * inset, foot), (cx, base - height + 1.5 * inset), (cx + half - 2.4 * inset, foot)
    )
    sunny = polygon(
        (cx + look.sun * half, foot),
        (cx, base - height),
        (cx, base - height + inset),
        (cx + look.sun * (half - 2 * inset), foot),
    )
    return [
        part(
            *ledge(cx - half, cx + half, base, thick, look),
            Shape(polygon((cx - half, foot), (cx, base - height), (cx + half, foot)), look.trim),
            Shape(sunny, look.trim_light),
            Shape(tympanum, look.wall_dark),
            feature_type="triangular_pediment",
        )
    ]


def segmental_pediment(cx: float, base: float, width: float, height: float, look: Look) -> list[Part]:
    """A low arc over a ledge."""
    thick = max(1.6, 0.13 * height)
    foot = base - thick
    rise = height - thick

    def lens(share: float, lift: float) -> Points:
        span = arch_head("segmental", cx, foot, share * width)
        span[:, 1] = foot - (foot - span[:, 1]) * (lift * rise / head_rise("segmental", share * width))
        return span

    return [
        part(
            *ledge(cx - width / 2, cx + width / 2, base, thick, look),
            Shape(lens(1.0, 1.0), look.trim),
            Shape(lens(0.92, 0.86), look.trim_light),
            Shape(lens(0.8, 0.7), look.wall_dark),
            feature_type="segmental_pediment",
        )
    ]


def broken_pediment(cx: float, base: float, width: float, height: float, look: Look) -> list[Part]:
    """Two curved halves that do not meet, with a cartouche in the gap."""
    thick = max(1.6, 0.13 * height)
    foot = base - thick
    half, gap, rise = width / 2, 0.17 * width, 0.86 * (height - thick)
    outer = arc(cx - gap, foot, half - gap, rise, 180, 270)
    inner = arc(cx - gap, foot, 0.62 * (half - gap), 0.62 * rise, 270, 180)
    scroll = 0.16 * rise
    pieces = []
    for flip in (False, True):
        horn = np.concatenate([outer, inner])
        shade = look.trim_dark if flip == (look.sun < 0) else look.trim_light
        pieces.append(Shape(mirror(horn, cx) if flip else horn, shade))
        x = cx + (gap if flip else -gap)
        pieces += [
            Shape(disc(x, foot - 0.8 * rise, scroll), look.trim),
            Shape(disc(x, foot - 0.8 * rise, 0.45 * scroll), look.trim_dark),
        ]
    cartouche = foot - 0.52 * (height - thick)
    return [
        part(
            *ledge(cx - half, cx + half, base, thick, look),
            *pieces,
            Shape(ellipse(cx, cartouche, 0.62 * gap, foot - cartouche), look.trim),
            Shape(ellipse(cx, cartouche, 0.4 * gap, 0.66 * (foot - cartouche)), look.stained[1]),
            feature_type="broken_pediment",
        )
    ]


def plain_gable(cx: float, base: float, width: float, height: float, look: Look) -> list[Part]:
    """A gable with verges and nothing else."""
    return [_gable(cx, base, width, 0.8 * height, look)]


def lombard_gable(cx: float, base: float, width: float, height: float, look: Look) -> list[Part]:
    """A gable whose verges carry a rising frieze of little round arches."""
    height = min(height, 0.55 * width)
    half = width / 2
    frieze = []
    arches = max(4, round(half / 7))
    for side in (-1, 1):
        for i in range(arches):
            share = (i + 0.5) / arches
            x, y = cx + side * half * (0.94 - 0.88 * share), base - height * (0.02 + 0.9 * share)
            drop, radius = 0.12 * width, 0.34 * half / arches
            frieze += [
                Shape(
                    polygon(
                        (x - 1.6 * radius, y + 0.5 * drop),
                        (x - 1.6 * radius, y),
                        (x + 1.6 * radius, y),
                        (x + 1.6 * radius, y + 0.5 * drop),
                    ),
                    look.trim,
                ),
                Shape(disc(x, y + 0.5 * drop, radius), look.reveal),
            ]
    gable = _gable(cx, base, width, height, look)
    bounded = [shape for shape in frieze if shape.points[:, 1].max() < base]
    rise = Part((*bounded, *_verges(cx, base, width, height, look)), "lombard_band")
    return [gable, rise]


def wimperg(cx: float, base: float, width: float, height: float, look: Look) -> list[Part]:
    """A steep ornamental gable with crockets, a blind foil in its field and a fleuron on its tip."""
    fleuron_height = 0.2 * height
    tip = base - height + fleuron_height
    half = width / 2
    crockets = []
    size = float(np.clip(0.03 * width, 0.9, 1.9))
    for side in (-1, 1):
        for share in (0.14, 0.32, 0.5, 0.68, 0.86):
            x, y = cx + side * half * (1 - share), base - (base - tip) * share
            crockets.append(Shape(disc(x + side * 0.6 * size, y - 0.5 * size, size), look.trim_light))
    foil, cy = 0.075 * width, base - 0.34 * (base - tip)
    field = [Shape(disc(cx, cy, 2.3 * foil), look.trim_dark), Shape(disc(cx, cy, 2.0 * foil), look.trim)]
    field += [
        Shape(disc(cx + dx * foil, cy + dy * foil, 0.8 * foil), look.reveal)
        for dx, dy in ((0, -1), (-0.87, 0.5), (0.87, 0.5))
    ]
    sunny = polygon(
        (cx + look.sun * half, base), (cx, tip), (cx, tip + 0.16 * height), (cx + look.sun * 0.78 * half, base)
    )
    gable = part(
        *crockets,
        Shape(polygon((cx - half, base), (cx, tip), (cx + half, base)), look.trim),
        Shape(sunny, look.trim_light),
        Shape(polygon((cx - 0.76 * half, base), (cx, tip + 0.2 * (base - tip)), (cx + 0.76 * half, base)), look.wall),
        *field,
        feature_type="wimperg",
    )
    return [gable, *fleuron(cx, tip + 0.04 * height, 0.11 * width, fleuron_height, look)]


def fleuron(cx: float, base: float, width: float, height: float, look: Look) -> list[Part]:
    """A stem with two tiers of leaves and a bud."""
    stem = max(1.0, 0.2 * width)
    width = max(width, 4.0)
    leaf = 0.3 * width
    shapes = [Shape(rectangle(cx - stem / 2, base - 0.85 * height, cx + stem / 2, base), look.trim)]
    leaves = [(side, level, reach) for level, reach in ((0.42, 1.0), (0.7, 0.72)) for side in (-1, 1)]
    shapes += [
        Shape(
            ellipse(cx + side * reach * 0.36 * width, base - level * height, reach * leaf * 0.8, 0.1 * height),
            look.trim_light if side == look.sun else look.trim_dark,
        )
        for side, level, reach in leaves
    ]
    shapes.append(Shape(disc(cx, base - 0.88 * height, min(0.12 * height, leaf)), look.trim))
    return [part(*shapes, feature_type="fleuron")]


def pediment_front(cx: float, base: float, width: float, height: float, look: Look) -> list[Part]:
    """A temple front's pediment with a roundel in its field."""
    height = min(height, 0.36 * width)
    pediment = triangular_pediment(cx, base, width, height, look)
    radius = 0.16 * height
    roundel = part(
        Shape(disc(cx, base - 0.4 * height, radius), look.trim_light),
        Shape(disc(cx, base - 0.4 * height, 0.7 * radius), look.reveal),
    )
    return [*pediment, roundel]


def volute_gable(cx: float, base: float, width: float, height: float, look: Look) -> list[Part]:
    """A narrower attic flanked by two scrolls under a segmental pediment."""
    attic, top = 0.5 * width, base - 0.66 * height
    wall = part(
        Shape(rectangle(cx - attic / 2, top, cx + attic / 2, base), look.wall),
        Shape(rectangle(cx - attic / 2, top, cx - attic / 2 + 0.06 * width, base), look.trim),
        Shape(rectangle(cx + attic / 2 - 0.06 * width, top, cx + attic / 2, base), look.trim),
    )
    scroll_width, scroll_height = (width - attic) / 2, 0.94 * (base - top)
    scrolls = [_volute(cx + side * attic / 2, base, scroll_width, scroll_height, side, look) for side in (-1, 1)]
    return [*scrolls, wall, *segmental_pediment(cx, top, 1.14 * attic, 0.34 * height, look)]


def broken_gable(cx: float, base: float, width: float, height: float, look: Look) -> list[Part]:
    """An attic between scrolls under a broken pediment."""
    parts = volute_gable(cx, base, width, height, look)
    return [*parts[:-1], *broken_pediment(cx, base - 0.66 * height, 0.57 * width, 0.34 * height, look)]


def _volute(inner: float, base: float, width: float, height: float, side: int, look: Look) -> Part:
    """A scroll that leans on the vertical x = `inner`, large spiral at its foot."""
    big, small = 0.3 * width + 0.1 * height, 0.13 * height
    big = min(big, 0.36 * height, 0.5 * width)
    sweep = arc(width, 0.0, width - 0.35 * big, height - small, 180, 90)  # concave flank, in a frame with x outwards
    flank = np.stack([inner + side * (width - sweep[:, 0]), base - height + small + sweep[:, 1]], axis=1)
    flank[:, 1] = np.minimum(flank[:, 1], base)
    body = np.concatenate([polygon((inner, base)), polygon((inner, base - height + small)), flank])
    spirals = []
    for x, y, radius in (
        (inner + side * (width - big), base - big, big),
        (inner + side * small, base - height + small, small),
    ):
        spirals += [
            Shape(disc(x, y, radius), look.trim),
            Shape(disc(x, y, 0.74 * radius), look.trim_dark),
            Shape(disc(x + 0.08 * radius * side, y + 0.06 * radius, 0.56 * radius), look.trim_light),
            Shape(disc(x, y, 0.26 * radius), look.trim_dark),
        ]
    return part(Shape(body, look.trim), *spirals, feature_type="volute")


def _gable(cx: float, base: float, width: float, height: float, look: Look) -> Part:
    half = width / 2
    return part(
        Shape(polygon((cx - half, base), (cx, base - height), (cx + half, base)), look.wall),
        *_verges(cx, base, width, height, look),
    )


def _verges(cx: float, base: float, width: float, height: float, look: Look) -> tuple[Shape, ...]:
    half = width / 2
    thick = max(2.0, 0.035 * width)
    return tuple(
        Shape(
            bar((cx + side * half, base), (cx, base - height), thick),
            look.trim_light if side == look.sun else look.trim,
        )
        for side in (-1, 1)
    )
