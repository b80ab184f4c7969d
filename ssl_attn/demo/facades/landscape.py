"""The place: sky and what is in it, hills, ordinary houses, the ground. None of it tells anything of the style."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ssl_attn.demo.facades.elements.part import Part, part
from ssl_attn.demo.facades.palette import GREENS, GROUNDS, ROOFS, WALLS, Mood, blend, tint, tinted
from ssl_attn.demo.facades.shapes import SUPERSAMPLING, Shape, arc, bar, disc, polygon, rectangle

if TYPE_CHECKING:
    from ssl_attn.demo.facades.shapes import Colour


def sky(width: int, height: int, mood: Mood) -> Image.Image:
    """The supersampled canvas, filled with the sky's gradient."""
    share = np.linspace(0, 1, height * SUPERSAMPLING)[:, None] ** 1.1
    column = np.asarray(mood.zenith) * (1 - share) + np.asarray(mood.horizon) * share
    strip = Image.fromarray(column.round().astype(np.uint8)[:, None, :])
    return strip.resize((width * SUPERSAMPLING, height * SUPERSAMPLING), Image.Resampling.NEAREST)


def distance(width: int, edges: tuple[float, float], ground: float, mood: Mood, rng: np.random.Generator) -> list[Part]:
    """Moon and stars after dusk, clouds, birds, and hills from edge to edge."""
    parts = [_night(width, ground, rng)] if mood.lit else []
    for _ in range(rng.integers(1, 6)):
        x, y, size = rng.uniform(-0.2, 1.2) * width, rng.uniform(-0.1, 0.5) * ground, rng.uniform(0.06, 0.15) * width
        parts.append(_cloud(x, y, size, mood, rng))
    if rng.random() < 0.35:
        parts.append(_birds(rng.uniform(0.1, 0.9) * width, rng.uniform(0.06, 0.3) * ground, mood, rng))
    for depth in (0.72, 0.5):
        steps = np.linspace(*edges, 40)
        phase, swing = rng.uniform(0, 6, 3), rng.uniform(0.4, 1.0, 3)
        wave = sum(swing[i] * np.sin((i + 1) * 2.2 * steps / width + phase[i]) for i in range(3))
        crest = ground - (0.14 + 0.05 * np.asarray(wave)) * ground * depth - 2
        hill = np.concatenate(
            [polygon((edges[0], ground + 1)), np.stack([steps, crest], axis=1), polygon((edges[1], ground + 1))]
        )
        green = GREENS[rng.integers(len(GREENS))]
        parts.append(part(Shape(hill, blend(tinted(green, mood), mood.horizon, depth))))
    return parts


def houses(left: float, right: float, ground: float, height: float, mood: Mood, rng: np.random.Generator) -> list[Part]:
    """A row of ordinary houses from `left` to `right`, some gaps between."""
    parts = []
    x = left - rng.uniform(0, 20)
    while x < right:
        wide, tall = rng.uniform(0.16, 0.3) * height, rng.uniform(0.24, 0.42) * height
        if rng.random() < 0.75:
            parts.append(_house(x, ground, wide, tall, mood, rng))
        x += wide * rng.uniform(1.0, 1.25)
    return parts


def pavement(
    edges: tuple[float, float],
    height: float,
    ground: float,
    cx: float,
    door: float,
    mood: Mood,
    rng: np.random.Generator,
) -> list[Part]:
    """The ground from edge to edge and down to `height`, with a path that leads to the door."""
    left, right = edges
    colour = tinted(GROUNDS[rng.integers(len(GROUNDS))], mood)
    parts = [
        part(
            Shape(rectangle(left, ground, right, height), colour),
            Shape(rectangle(left, ground, right, ground + 1.4), tint(colour, 0.8)),
        )
    ]
    path = tint(tinted(GROUNDS[rng.integers(len(GROUNDS))], mood), 1.06)
    spread = rng.uniform(1.4, 2.6)
    outline = polygon(
        (cx - 0.6 * door, ground), (cx + 0.6 * door, ground), (cx + spread * door, height), (cx - spread * door, height)
    )
    joints = []
    y, gap = ground + 3.0, 3.0
    while y < height:
        share = (y - ground) / max(height - ground, 1)
        half = door * (0.6 + (spread - 0.6) * share)
        joints.append(Shape(bar((cx - half, y), (cx + half, y), 0.7), tint(path, 0.88), 0.7))
        gap *= 1.35
        y += gap
    return [*parts, part(Shape(outline, path), *joints)]


def _house(x: float, ground: float, width: float, height: float, mood: Mood, rng: np.random.Generator) -> Part:
    wall = blend(tinted(WALLS[rng.integers(len(WALLS))], mood), mood.horizon, 0.28)
    roof = blend(tinted(ROOFS[rng.integers(len(ROOFS))], mood), mood.horizon, 0.25)
    eaves, ridge = ground - 0.68 * height, ground - height
    shapes = [Shape(rectangle(x, eaves, x + width, ground), wall)]
    if rng.random() < 0.5:
        shapes.append(Shape(polygon((x - 1.5, eaves), (x + width / 2, ridge), (x + width + 1.5, eaves)), roof))
    else:
        shapes.append(
            Shape(
                polygon(
                    (x - 1.5, eaves), (x + 0.14 * width, ridge), (x + 0.86 * width, ridge), (x + width + 1.5, eaves)
                ),
                roof,
            )
        )
        shapes.append(
            Shape(
                rectangle(x + 0.64 * width, ridge - 0.1 * height, x + 0.74 * width, ridge + 0.1 * height),
                tint(wall, 0.8),
            )
        )
    columns, rows = max(2, round(width / 15)), max(2, round(0.68 * height / 20))
    pane = (width / columns, 0.68 * height / rows)
    for row in range(rows):
        for column in range(columns):
            cx, cy = x + (column + 0.5) * pane[0], eaves + (row + 0.48) * pane[1]
            glass = mood.glass if not mood.lit or rng.random() < 0.45 else (52, 54, 72)
            shapes += [
                Shape(
                    rectangle(cx - 0.24 * pane[0], cy - 0.26 * pane[1], cx + 0.24 * pane[0], cy + 0.3 * pane[1]),
                    tint(wall, 1.12),
                ),
                Shape(
                    rectangle(cx - 0.17 * pane[0], cy - 0.2 * pane[1], cx + 0.17 * pane[0], cy + 0.24 * pane[1]),
                    blend(glass, mood.horizon, 0.15),
                ),
            ]
    return part(*shapes)


def _night(width: int, ground: float, rng: np.random.Generator) -> Part:
    points = rng.uniform(0, 1, (rng.integers(12, 30), 2)) * [width, 0.55 * ground]
    stars = [Shape(disc(x, y, rng.uniform(0.4, 0.8)), (250, 244, 226), rng.uniform(0.4, 0.9)) for x, y in points]
    x, y, radius = rng.uniform(0.08, 0.92) * width, rng.uniform(0.08, 0.25) * ground, rng.uniform(6, 9)
    return part(
        *stars, Shape(disc(x, y, 1.7 * radius), (250, 240, 210), 0.12), Shape(disc(x, y, radius), (250, 242, 216))
    )


def _cloud(x: float, y: float, size: float, mood: Mood, rng: np.random.Generator) -> Part:
    """A heap of puffs on a flat foot, paler towards the horizon; underneath, the same heap in shade."""
    air = blend(mood.zenith, mood.horizon, 0.5)
    light, shade = blend(mood.cloud, air, 0.25), blend(mood.cloud, air, 0.5)
    plan = ((-0.95, 0.0, 0.3), (-0.5, -0.1, 0.46), (0.05, -0.2, 0.6), (0.55, -0.08, 0.44), (1.0, 0.0, 0.28))
    puffs = [(dx + rng.normal(0, 0.06), dy, share * rng.uniform(0.85, 1.15)) for dx, dy, share in plan]

    def heap(lift: float, shrink: float, colour: Colour) -> list[Shape]:
        return [
            Shape(
                arc(
                    x + dx * size,
                    y + (0.2 - lift) * size,
                    shrink * share * size,
                    (0.75 * shrink * share - dy) * size,
                    180,
                    360,
                ),
                colour,
            )
            for dx, dy, share in puffs
        ]

    return part(*heap(0.0, 1.0, shade), *heap(0.07, 0.94, light))


def _birds(x: float, y: float, mood: Mood, rng: np.random.Generator) -> Part:
    ink = tint(mood.zenith, 0.5)
    shapes = []
    for _ in range(rng.integers(2, 6)):
        bx, by, span = x + rng.normal(0, 14), y + rng.normal(0, 7), rng.uniform(2.0, 3.4)
        shapes += [Shape(bar((bx, by), (bx + side * span, by - 0.5 * span), 0.8), ink) for side in (-1, 1)]
    return part(*shapes)
