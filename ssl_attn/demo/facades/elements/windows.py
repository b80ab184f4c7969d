"""Windows."""

from __future__ import annotations

import numpy as np

from ssl_attn.demo.facades.elements.part import Builder, Part, cast_shadow, part
from ssl_attn.demo.facades.elements.pediments import broken_pediment, triangular_pediment
from ssl_attn.demo.facades.palette import Look, tint
from ssl_attn.demo.facades.shapes import Head, Shape, arch, arch_head, bar, disc, ellipse, head_rise, polygon, rectangle


def glazing(head: Head, cx: float, base: float, width: float, height: float, look: Look) -> list[Shape]:
    """Glass set back in its reveal, which is dark on the side of the sun, with a glint."""
    depth = min(0.14 * width, 2.2)
    glass_x, glass_width, glass_height = cx - look.sun * depth / 2, width - depth, height - depth
    glint = 0.3 * glass_width
    return [
        Shape(arch(head, cx, base, width, height), look.reveal),
        Shape(arch(head, glass_x, base, glass_width, glass_height), look.glass),
        Shape(
            polygon(
                (glass_x - glint, base),
                (glass_x, base),
                (glass_x + glint, base - 0.55 * height),
                (glass_x, base - 0.55 * height),
            ),
            tint(look.glass, 1.25),
            0.5,
        ),
    ]


def sill(cx: float, base: float, width: float, look: Look) -> list[Shape]:
    """A projecting sill with the shadow under it."""
    half, thick = 0.58 * width, max(1.3, 0.09 * width)
    return [
        cast_shadow(cx - half, base + thick, cx + half, base + 2 * thick),
        Shape(rectangle(cx - half, base, cx + half, base + thick), look.trim_light),
    ]


def plain_window(cx: float, base: float, width: float, height: float, look: Look) -> list[Part]:
    """A rectangular window such as any house has."""
    width, height = 0.8 * width, 0.8 * height
    return [
        part(
            Shape(rectangle(cx - width / 2, base - height, cx + width / 2, base), look.trim),
            *glazing("flat", cx, base, 0.8 * width, 0.92 * height, look),
            Shape(bar((cx, base), (cx, base - 0.88 * height), 1.1), look.trim),
            Shape(
                bar((cx - 0.36 * width, base - 0.5 * height), (cx + 0.36 * width, base - 0.5 * height), 1.1), look.trim
            ),
            *sill(cx, base, width, look),
        )
    ]


def round_arch_window(cx: float, base: float, width: float, height: float, look: Look) -> list[Part]:
    """A round arch on plain jambs."""
    return [
        part(
            Shape(arch("round", cx, base, width, height), look.trim),
            Shape(arch_head("round", cx, base - height + width / 2, width), look.trim_light),
            *glazing("round", cx, base, 0.68 * width, height - 0.16 * width, look),
            *sill(cx, base, width, look),
            feature_type="round_arch_window",
        )
    ]


def twin_window(cx: float, base: float, width: float, height: float, look: Look) -> list[Part]:
    """Two round-arched lights on a shared colonnette under one round arch."""
    light, spring = 0.38 * width, base - height + width / 2
    shapes = [
        Shape(arch("round", cx, base, width, height), look.trim),
        Shape(arch("round", cx, base, 0.86 * width, height - 0.07 * width), look.wall_dark),
    ]
    for side in (-1, 1):
        shapes += glazing("round", cx + side * 0.215 * width, base, light, base - spring + 0.1 * height, look)
    column = max(1.4, 0.08 * width)
    shapes += [
        Shape(rectangle(cx - column / 2, spring + 0.06 * height, cx + column / 2, base), look.trim_light),
        Shape(rectangle(cx - column, spring + 0.03 * height, cx + column, spring + 0.1 * height), look.trim),
        Shape(rectangle(cx - column, base - 0.05 * height, cx + column, base), look.trim),
        Shape(disc(cx, spring - 0.17 * width, 0.09 * width), look.glass),
        *sill(cx, base, width, look),
    ]
    return [part(*shapes, feature_type="twin_window")]


def pointed_arch_window(cx: float, base: float, width: float, height: float, look: Look) -> list[Part]:
    """An equilateral pointed arch with mullion, and tracery in its head."""
    height = max(height, 1.5 * width)
    inner, spring = 0.76 * width, base - height + head_rise("pointed", width)
    light, mullion = 0.5 * inner, max(1.2, 0.09 * width)
    window = part(
        Shape(arch("pointed", cx, base, width, height), look.trim),
        *glazing("pointed", cx, base, inner, height - 0.2 * width, look),
        Shape(rectangle(cx - mullion / 2, spring, cx + mullion / 2, base), look.trim),
        *sill(cx, base, width, look),
        feature_type="pointed_arch_window",
    )
    lancet = light - mullion
    foil = 0.09 * width
    centre = spring - 0.39 * width
    petals = [(centre + foil * dy, cx + foil * dx) for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1))]
    tracery = part(
        Shape(arch_head("pointed", cx, spring, inner), look.trim),
        *(Shape(arch_head("pointed", cx + side * light / 2, spring, lancet), look.glass) for side in (-1, 1)),
        *(Shape(disc(x, y, 0.9 * foil), look.stained[1]) for y, x in petals),
        feature_type="tracery",
    )
    return [window, tracery]


def rose_window(cx: float, base: float, width: float, height: float, look: Look) -> list[Part]:
    """A wheel of petals around a hub."""
    radius = min(width, height) / 2
    cy = base - height / 2
    petals = 12 if radius > 16 else 8
    turns = 2 * np.pi * np.arange(petals) / petals
    rim, hub = 0.84 * radius, 0.2 * radius
    shapes = [
        Shape(disc(cx, cy, radius), look.trim),
        Shape(disc(cx, cy, 0.93 * radius), look.trim_dark),
        Shape(disc(cx, cy, 0.89 * radius), look.trim_light),
        Shape(disc(cx, cy, rim), look.glass),
    ]
    petal = 0.62 * radius * np.sin(np.pi / petals)
    for i, turn in enumerate(turns):
        x, y = cx + 0.64 * radius * np.cos(turn), cy + 0.64 * radius * np.sin(turn)
        shapes.append(Shape(disc(x, y, 0.86 * petal), look.stained[i % 2]))
        spoke = turn + np.pi / petals
        end = (cx + rim * np.cos(spoke), cy + rim * np.sin(spoke))
        shapes.append(Shape(bar((cx, cy), end, max(0.9, 0.055 * radius)), look.trim))
    shapes += [Shape(disc(cx, cy, 1.4 * hub), look.trim), Shape(disc(cx, cy, 0.85 * hub), look.stained[0])]
    return [part(*shapes, feature_type="rose_window")]


def oculus(cx: float, base: float, width: float, height: float, look: Look) -> list[Part]:
    """A plain round window in a moulded ring."""
    radius = 0.4 * min(width, height)
    cy = base - height / 2
    return [
        part(
            Shape(disc(cx, cy, radius), look.trim),
            Shape(disc(cx, cy, 0.84 * radius), look.trim_dark),
            Shape(disc(cx, cy, 0.74 * radius), look.trim_light),
            Shape(disc(cx, cy, 0.64 * radius), look.reveal),
            Shape(disc(cx - look.sun * 0.05 * radius, cy, 0.57 * radius), look.glass),
            Shape(bar((cx - 0.57 * radius, cy), (cx + 0.57 * radius, cy), 1.0), look.trim),
            Shape(bar((cx, cy - 0.57 * radius), (cx, cy + 0.57 * radius), 1.0), look.trim),
            feature_type="oculus",
        )
    ]


def pedimented_window(cx: float, base: float, width: float, height: float, look: Look) -> list[Part]:
    """An aedicule: a rectangular window between small pilasters under a triangular pediment."""
    body = 0.72 * height
    return _aedicule(triangular_pediment, cx, base, width, height, body, look)


def segmental_window(cx: float, base: float, width: float, height: float, look: Look) -> list[Part]:
    """A window under a flat curve with ears, keystone and apron."""
    half, rise = 0.42 * width, head_rise("segmental", 0.84 * width)
    top = base - height
    ears = polygon(
        (cx - 0.5 * width, top + rise + 0.16 * height),
        (cx - 0.5 * width, top + rise),
        (cx + 0.5 * width, top + rise),
        (cx + 0.5 * width, top + rise + 0.16 * height),
    )
    key = 0.1 * width
    apron = arch("segmental", cx, base, 0.7 * width, 0.3 * width)
    apron[:, 1] = 2 * base - apron[:, 1]
    return [
        part(
            Shape(apron, look.trim_dark),
            Shape(ears, look.trim),
            Shape(arch("segmental", cx, base, 2 * half, height), look.trim),
            *glazing("segmental", cx, base, 0.6 * width, height - 0.14 * width, look),
            Shape(bar((cx, base), (cx, top + 0.18 * width), 1.1), look.trim),
            Shape(
                bar((cx - 0.3 * width, base - 0.55 * height), (cx + 0.3 * width, base - 0.55 * height), 1.1), look.trim
            ),
            Shape(
                polygon(
                    (cx - key, top - 0.05 * height),
                    (cx + key, top - 0.05 * height),
                    (cx + 0.6 * key, top + 0.2 * width),
                    (cx - 0.6 * key, top + 0.2 * width),
                ),
                look.trim_light,
            ),
            *sill(cx, base, width, look),
            feature_type="segmental_window",
        )
    ]


def broken_pediment_window(cx: float, base: float, width: float, height: float, look: Look) -> list[Part]:
    """A window between small pilasters whose pediment is open at the top."""
    return _aedicule(broken_pediment, cx, base, width, height, 0.7 * height, look)


def oval_window(cx: float, base: float, width: float, height: float, look: Look) -> list[Part]:
    """An upright oval in a frame with four keystones."""
    ry = 0.42 * height
    rx = min(0.36 * width, 0.72 * ry)
    cy = base - height / 2
    block = 0.2 * rx
    stones = [
        Shape(rectangle(x - block, y - block, x + block, y + block), look.trim_dark)
        for x, y in ((cx - rx, cy), (cx + rx, cy), (cx, cy - ry), (cx, cy + ry))
    ]
    return [
        part(
            Shape(ellipse(cx, cy, rx, ry), look.trim),
            *stones,
            Shape(ellipse(cx, cy, 0.72 * rx, 0.78 * ry), look.reveal),
            Shape(ellipse(cx - look.sun * 0.05 * rx, cy, 0.64 * rx, 0.72 * ry), look.glass),
            Shape(bar((cx, cy - 0.72 * ry), (cx, cy + 0.72 * ry), 1.0), look.trim),
            Shape(bar((cx - 0.64 * rx, cy), (cx + 0.64 * rx, cy), 1.0), look.trim),
            feature_type="oval_window",
        )
    ]


def venetian_window(cx: float, base: float, width: float, height: float, look: Look) -> list[Part]:
    """Three lights, the middle one wider and arched (a serliana)."""
    middle, side = 0.42 * width, 0.2 * width
    spring = base - height + middle / 2 + 0.06 * width
    shapes = [
        Shape(rectangle(cx - width / 2, spring - 0.08 * height, cx + width / 2, base), look.trim),
        Shape(arch("round", cx, base, middle + 0.14 * width, height), look.trim),
        *glazing("round", cx, base, middle, height - 0.07 * width, look),
    ]
    for direction in (-1, 1):
        shapes += glazing("flat", cx + direction * 0.365 * width, base, side, base - spring - 0.02 * height, look)
        shapes.append(
            Shape(
                rectangle(
                    cx + direction * 0.5 * width - 0.6,
                    spring - 0.08 * height,
                    cx + direction * 0.5 * width + 0.6,
                    spring,
                ),
                look.trim_light,
            )
        )
    shapes += [
        Shape(bar((cx, base), (cx, base - height + 0.1 * width), 1.0), look.trim),
        *sill(cx, base, 1.0 * width, look),
    ]
    return [part(*shapes, feature_type="venetian_window")]


def _aedicule(
    pediment: Builder, cx: float, base: float, width: float, height: float, body: float, look: Look
) -> list[Part]:
    frame = 0.8 * width
    jamb = 0.12 * width
    shapes = [
        Shape(rectangle(cx - frame / 2, base - body, cx + frame / 2, base), look.trim),
        *glazing("flat", cx, base, frame - 2 * jamb, body - 0.6 * jamb, look),
        Shape(bar((cx, base), (cx, base - body + jamb), 1.1), look.trim),
        Shape(
            bar((cx - frame / 2 + jamb, base - 0.62 * body), (cx + frame / 2 - jamb, base - 0.62 * body), 1.1),
            look.trim,
        ),
    ]
    crown = pediment(cx, base - body, width, height - body, look)
    window_shapes = [*shapes, *sill(cx, base, frame, look), *(shape for piece in crown for shape in piece.shapes)]
    return [part(*window_shapes, feature_type="pedimented_window"), *crown]
