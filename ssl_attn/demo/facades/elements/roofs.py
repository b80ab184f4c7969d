"""Roofs of towers and drums."""

from __future__ import annotations

import numpy as np

from ssl_attn.demo.facades.elements.part import Part, part
from ssl_attn.demo.facades.palette import Look, tint
from ssl_attn.demo.facades.shapes import Points, Shape, arch, bar, disc, ellipse, mirror, polygon, rectangle


def low_roof(cx: float, base: float, width: float, height: float, look: Look) -> list[Part]:
    """A low hipped roof such as any tower may have."""
    return [part(*_pyramid(cx, base, 1.1 * width, 0.36 * height, look))]


def helm_roof(cx: float, base: float, width: float, height: float, look: Look) -> list[Part]:
    """A pyramid between gables: the helm of the Rhineland."""
    gable = 0.34 * height
    half = width / 2
    tip = base - 0.92 * height
    dark, light = tint(look.roof, 0.78), tint(look.roof, 1.12)
    ridge = polygon(
        (cx - half, base - gable * 0.1),
        (cx - half, base - 0.55 * gable),
        (cx, tip),
        (cx + half, base - 0.55 * gable),
        (cx + half, base - gable * 0.1),
    )
    return [
        part(
            Shape(ridge, dark),
            Shape(
                polygon(
                    (cx, base - gable),
                    (cx, tip),
                    (cx + look.sun * half, base - 0.55 * gable),
                    (cx + look.sun * half, base - 0.1 * gable),
                ),
                light,
            ),
            Shape(polygon((cx - half, base), (cx, base - 1.5 * gable), (cx + half, base)), look.wall),
            *(
                Shape(bar((cx + side * half, base), (cx, base - 1.5 * gable), max(1.4, 0.05 * width)), look.trim)
                for side in (-1, 1)
            ),
            Shape(arch("round", cx, base - 0.18 * gable, 0.2 * width, 0.62 * gable), look.reveal),
            *_ball(cx, tip, 0.05 * width, look),
            feature_type="helm_roof",
        )
    ]


def spire(cx: float, base: float, width: float, height: float, look: Look) -> list[Part]:
    """A steep eight-sided spire with crockets and a cross."""
    half = min(0.46 * width, 0.3 * height)
    tip = base - 0.93 * height
    fills = (0.72, 0.9, 1.14) if look.sun > 0 else (1.14, 0.9, 0.72)
    edges = (-half, -0.42 * half, 0.42 * half, half)
    shapes = [
        Shape(polygon((cx + left, base), (cx, tip), (cx + right, base)), tint(look.roof, fill))
        for left, right, fill in zip(edges[:-1], edges[1:], fills, strict=True)
    ]
    size = float(np.clip(0.05 * half, 0.8, 1.5))
    for side in (-1, 1):
        shapes += [
            Shape(disc(cx + side * half * (1 - share), base - (base - tip) * share, size), look.trim_dark)
            for share in (0.12, 0.26, 0.4, 0.54, 0.68, 0.82)
        ]
    arm = max(1.8, 0.06 * width)
    shapes += [
        Shape(bar((cx, tip + 0.04 * height), (cx, base - height), 1.0), look.trim),
        Shape(bar((cx - arm, base - 0.965 * height), (cx + arm, base - 0.965 * height), 1.0), look.trim),
        Shape(arch("pointed", cx, base - 0.03 * height, 0.2 * width, 0.16 * height), look.trim),
        Shape(arch("pointed", cx, base - 0.03 * height, 0.12 * width, 0.12 * height), look.reveal),
    ]
    return [part(*shapes, feature_type="spire")]


def dome(cx: float, base: float, width: float, height: float, look: Look) -> list[Part]:
    """A ribbed half-dome on a drum, with a lantern."""
    drum, half = 0.24 * height, 0.5 * width
    lantern = 0.24 * height
    shell_base, shell_top = base - drum, base - height + lantern
    shapes = [
        Shape(rectangle(cx - 0.94 * half, shell_base, cx + 0.94 * half, base), look.wall),
        Shape(rectangle(*_side(cx, look.sun, 0.94 * half, shell_base, base)), tint(look.wall, 1.08)),
    ]
    shapes += [
        Shape(arch("round", cx + offset * half, base - 0.1 * drum, 0.2 * half, 0.66 * drum), look.reveal)
        for offset in (-0.62, -0.21, 0.21, 0.62)
    ]
    shapes += [
        Shape(rectangle(cx - half, shell_base - 0.14 * drum, cx + half, shell_base + 0.06 * drum), look.trim),
        Shape(
            _cap(cx, shell_base - 0.14 * drum, 0.92 * half, shell_base - 0.14 * drum - shell_top), tint(look.roof, 0.84)
        ),
    ]
    rise = shell_base - 0.14 * drum - shell_top
    for share, fill in ((0.62, 0.96), (0.24, 1.08)):
        shapes.append(
            Shape(_lune(cx, shell_base - 0.14 * drum, 0.92 * half, rise, share, look.sun), tint(look.roof, fill))
        )
    for share in (-0.62, -0.22, 0.22, 0.62):
        shapes += _rib(cx, shell_base - 0.14 * drum, 0.92 * half, rise, share, look)
    shapes += _lantern(cx, shell_top + 0.04 * height, 0.22 * width, lantern + 0.04 * height, look)
    return [part(*shapes, feature_type="dome")]


def onion_dome(cx: float, base: float, width: float, height: float, look: Look) -> list[Part]:
    """A bulb that swells over its foot and ends in a thin neck with ball and cross."""
    skirt = 0.16 * height
    profile = np.array(
        [
            (0.52, 0.0),
            (0.44, 0.1),
            (0.36, 0.16),
            (0.34, 0.2),
            (0.5, 0.3),
            (0.56, 0.4),
            (0.5, 0.5),
            (0.34, 0.6),
            (0.18, 0.68),
            (0.09, 0.76),
            (0.05, 0.84),
        ]
    )
    fine = np.linspace(0, len(profile) - 1, 40)
    x = np.interp(fine, np.arange(len(profile)), profile[:, 0]) * width
    y = base - np.interp(fine, np.arange(len(profile)), profile[:, 1]) * height
    right = np.stack([cx + x, y], axis=1)
    left = mirror(right, cx)

    def slice_of(start: float, end: float) -> Points:
        outer, inner = right.copy(), right.copy()
        outer[:, 0], inner[:, 0] = cx + look.sun * end * x, cx + look.sun * start * x
        return np.concatenate([outer, inner[::-1]])

    shapes = [
        Shape(np.concatenate([right, left[::-1]]), tint(look.roof, 0.8)),
        Shape(slice_of(-0.3, 1.0), look.roof),
        Shape(slice_of(0.25, 0.75), tint(look.roof, 1.18)),
        Shape(rectangle(cx - 0.54 * width, base - 0.03 * height, cx + 0.54 * width, base), look.trim),
        Shape(
            rectangle(cx - 0.36 * width, base - skirt - 0.05 * height, cx + 0.36 * width, base - skirt - 0.01 * height),
            look.trim,
        ),
        *_ball(cx, base - 0.83 * height, 0.06 * width, look),
        Shape(bar((cx, base - 0.84 * height), (cx, base - height), 1.1), look.trim),
        Shape(
            bar((cx - 0.07 * width, base - 0.94 * height), (cx + 0.07 * width, base - 0.94 * height), 1.1), look.trim
        ),
    ]
    return [part(*shapes, feature_type="onion_dome")]


def _pyramid(cx: float, base: float, width: float, height: float, look: Look) -> list[Shape]:
    half = width / 2
    return [
        Shape(polygon((cx - half, base), (cx, base - height), (cx + half, base)), tint(look.roof, 0.84)),
        Shape(
            polygon((cx + 0.2 * look.sun * half, base), (cx, base - height), (cx + look.sun * half, base)),
            tint(look.roof, 1.1),
        ),
    ]


def _cap(cx: float, base: float, half: float, rise: float) -> Points:
    angles = np.linspace(np.pi, 2 * np.pi, 41)
    return np.stack([cx + half * np.cos(angles), base + rise * np.sin(angles)], axis=1)


def _lune(cx: float, base: float, half: float, rise: float, share: float, sun: int) -> Points:
    angles = np.linspace(0, np.pi / 2, 20)
    outer = np.stack([cx + sun * half * np.cos(angles), base - rise * np.sin(angles)], axis=1)
    inner = np.stack([cx + sun * (1 - 2 * share) * half * np.cos(angles), base - rise * np.sin(angles)], axis=1)
    return np.concatenate([outer, inner[::-1]])


def _rib(cx: float, base: float, half: float, rise: float, share: float, look: Look) -> list[Shape]:
    angles = np.linspace(0, np.pi / 2, 14)
    x, y = cx + share * half * np.cos(angles), base - rise * np.sin(angles)
    line = np.stack([x - 0.5, y], axis=1)
    return [Shape(np.concatenate([line, np.add(line, (1.0, 0.0))[::-1]]), tint(look.roof, 0.66))]


def _lantern(cx: float, base: float, width: float, height: float, look: Look) -> list[Shape]:
    body, half = 0.5 * height, width / 2
    return [
        Shape(rectangle(cx - half, base - body, cx + half, base), look.trim),
        Shape(arch("round", cx, base, 0.9 * half, 0.82 * body), look.reveal),
        Shape(rectangle(cx - 1.25 * half, base - body - 0.06 * height, cx + 1.25 * half, base - body), look.trim_light),
        Shape(_cap(cx, base - body - 0.06 * height, half, 0.22 * height), tint(look.roof, 0.9)),
        Shape(bar((cx, base - 0.74 * height), (cx, base - height), 1.0), look.trim),
        Shape(disc(cx, base - 0.82 * height, max(1.0, 0.05 * height)), look.trim_light),
    ]


def _ball(cx: float, tip: float, radius: float, look: Look) -> list[Shape]:
    return [Shape(ellipse(cx, tip, max(1.1, radius), max(1.1, radius)), look.trim_light)]


def _side(cx: float, sun: int, half: float, top: float, bottom: float) -> tuple[float, float, float, float]:
    return (cx, top, cx + half, bottom) if sun > 0 else (cx - half, top, cx, bottom)
