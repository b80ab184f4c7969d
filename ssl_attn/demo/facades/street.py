"""What stands before and beside a building: trees, passers-by, cars, lamps. None of it tells anything of the style."""

from __future__ import annotations

import numpy as np

from ssl_attn.demo.facades.elements.part import Part, part
from ssl_attn.demo.facades.palette import CARS, CLOTHES, GREENS, Mood, tint, tinted
from ssl_attn.demo.facades.shapes import Shape, arc, bar, disc, ellipse, polygon, rectangle


def tree(x: float, ground: float, height: float, mood: Mood, rng: np.random.Generator) -> Part:
    """A leafy tree, a poplar or a conifer."""
    green = tinted(GREENS[rng.integers(len(GREENS))], mood)
    trunk = Shape(
        polygon(
            (x - 0.035 * height, ground),
            (x - 0.018 * height, ground - 0.5 * height),
            (x + 0.018 * height, ground - 0.5 * height),
            (x + 0.035 * height, ground),
        ),
        tinted((96, 76, 60), mood),
    )
    match rng.integers(3):
        case 0:
            crown = []
            for dx, dy, radius, shade in (
                (0.0, 0.6, 0.26, 0.78),
                (-0.16, 0.52, 0.2, 0.86),
                (0.17, 0.54, 0.2, 0.8),
                (-0.05, 0.74, 0.2, 1.0),
                (-0.13, 0.64, 0.15, 1.1),
                (0.1, 0.68, 0.14, 1.04),
                (-0.06, 0.8, 0.1, 1.2),
            ):
                jitter = rng.normal(0, 0.012, 2)
                crown.append(
                    Shape(
                        disc(x + (dx + jitter[0]) * height, ground - (dy + jitter[1]) * height, radius * height),
                        tint(green, shade),
                    )
                )
            return part(trunk, *crown, feature_type="tree")
        case 1:
            return part(
                trunk,
                Shape(ellipse(x, ground - 0.56 * height, 0.13 * height, 0.44 * height), tint(green, 0.8)),
                Shape(ellipse(x - 0.03 * height, ground - 0.58 * height, 0.09 * height, 0.38 * height), green),
                Shape(
                    ellipse(x - 0.05 * height, ground - 0.62 * height, 0.04 * height, 0.28 * height), tint(green, 1.14)
                ),
                feature_type="tree",
            )
        case _:
            tiers = []
            for level in range(4):
                low, half = ground - (0.12 + 0.2 * level) * height, (0.24 - 0.05 * level) * height
                tip = low - 0.34 * height
                tiers.append(
                    Shape(polygon((x - half, low), (x, tip), (x + half, low)), tint(green, 0.78 + 0.06 * level))
                )
                tiers.append(
                    Shape(polygon((x - half, low), (x, tip), (x - 0.25 * half, low)), tint(green, 0.98 + 0.06 * level))
                )
            return part(trunk, *tiers, feature_type="tree")


def person(x: float, feet: float, height: float, mood: Mood, rng: np.random.Generator) -> Part:
    """A passer-by with a long shadow."""
    coat, legs = (tinted(CLOTHES[i], mood) for i in rng.integers(len(CLOTHES), size=2))
    skin = tinted(((226, 188, 160), (168, 120, 92), (112, 80, 62))[rng.integers(3)], mood)
    stride = rng.uniform(0.03, 0.1) * height
    return part(
        Shape(ellipse(x + 0.2 * height, feet, 0.3 * height, 0.035 * height), (30, 26, 44), 0.25, cast=True),
        Shape(bar((x, feet - 0.42 * height), (x - stride, feet), 0.1 * height), tint(legs, 0.8)),
        Shape(bar((x, feet - 0.42 * height), (x + stride, feet), 0.1 * height), tint(legs, 0.7)),
        Shape(
            polygon(
                (x - 0.1 * height, feet - 0.8 * height),
                (x + 0.1 * height, feet - 0.8 * height),
                (x + 0.15 * height, feet - 0.34 * height),
                (x - 0.15 * height, feet - 0.34 * height),
            ),
            coat,
        ),
        Shape(disc(x, feet - 0.9 * height, 0.1 * height), skin),
        Shape(arc(x, feet - 0.92 * height, 0.11 * height, 0.1 * height, 180, 360), tint(legs, 0.6)),
        feature_type="person",
    )


def car(x: float, road: float, length: float, mood: Mood, rng: np.random.Generator) -> Part:
    """A small parked car."""
    paint = tinted(CARS[rng.integers(len(CARS))], mood)
    tall, dark = 0.34 * length, (36, 36, 44)
    top = road - tall
    cabin = polygon(
        (x - 0.3 * length, road - 0.55 * tall),
        (x - 0.2 * length, top),
        (x + 0.14 * length, top),
        (x + 0.3 * length, road - 0.55 * tall),
    )
    pane = polygon(
        (x - 0.25 * length, road - 0.57 * tall),
        (x - 0.17 * length, top + 0.09 * tall),
        (x + 0.12 * length, top + 0.09 * tall),
        (x + 0.24 * length, road - 0.57 * tall),
    )
    body = polygon(
        (x - 0.5 * length, road - 0.12 * tall),
        (x - 0.5 * length, road - 0.5 * tall),
        (x - 0.44 * length, road - 0.58 * tall),
        (x + 0.42 * length, road - 0.58 * tall),
        (x + 0.5 * length, road - 0.4 * tall),
        (x + 0.5 * length, road - 0.12 * tall),
    )
    shapes = [
        Shape(ellipse(x, road, 0.54 * length, 0.07 * tall + 0.8), dark, 0.3, cast=True),
        Shape(cabin, tint(paint, 0.9)),
        Shape(pane, tint(mood.horizon, 0.9)),
        Shape(rectangle(x - 0.02 * length, top, x + 0.01 * length, road - 0.55 * tall), tint(paint, 0.9)),
        Shape(body, paint),
        Shape(rectangle(x - 0.5 * length, road - 0.3 * tall, x + 0.5 * length, road - 0.12 * tall), tint(paint, 0.8)),
    ]
    for side in (-0.28, 0.28):
        shapes += [
            Shape(disc(x + side * length, road - 0.13 * tall, 0.18 * tall), dark),
            Shape(disc(x + side * length, road - 0.13 * tall, 0.08 * tall), (176, 176, 176)),
        ]
    return part(*shapes, feature_type="car")


def lamp(x: float, ground: float, height: float, mood: Mood) -> Part:
    """A street lamp."""
    iron = tinted((58, 62, 66), mood)
    glow = (255, 226, 150) if mood.lit else (240, 238, 226)
    head = ground - height
    shapes = [Shape(disc(x, head + 0.06 * height, 0.16 * height), (255, 220, 140), 0.25, cast=True)] if mood.lit else []
    return part(
        *shapes,
        Shape(bar((x, ground), (x, head + 0.1 * height), max(1.0, 0.025 * height)), iron),
        Shape(
            polygon(
                (x - 0.05 * height, head),
                (x + 0.05 * height, head),
                (x + 0.032 * height, head + 0.12 * height),
                (x - 0.032 * height, head + 0.12 * height),
            ),
            glow,
        ),
        Shape(polygon((x - 0.06 * height, head), (x, head - 0.05 * height), (x + 0.06 * height, head)), iron),
        Shape(rectangle(x - 0.05 * height, ground - 0.05 * height, x + 0.05 * height, ground), iron),
        feature_type="lamp",
    )


def bough(width: int, height: int, mood: Mood, rng: np.random.Generator) -> Part:
    """Leaves that hang into the picture from one of its upper corners."""
    green = tinted(GREENS[rng.integers(len(GREENS))], mood)
    side = rng.choice([-1, 1])
    corner, reach = (0.0 if side < 0 else float(width)), rng.uniform(0.18, 0.3) * min(width, height)
    twig = tinted((84, 68, 56), mood)
    shapes = [
        Shape(bar((corner, 0.1 * reach), (corner - side * fall * reach, drop * reach), 0.03 * reach), twig)
        for fall, drop in ((0.9, 0.5), (0.5, 0.8))
    ]
    for fall, drop, turn, shade in zip(
        rng.beta(1, 1.7, 46), rng.beta(1, 1.7, 46), rng.uniform(0, np.pi, 46), rng.uniform(0.7, 1.15, 46), strict=True
    ):
        x, y = corner - side * fall * reach, drop * reach
        along, across = 0.1 * reach * np.array([np.cos(turn), np.sin(turn)]), 0.04 * reach
        normal = across * np.array([-np.sin(turn), np.cos(turn)])
        tip, end = np.array([x, y]) + along, np.array([x, y]) - along
        middle = np.array([x, y])
        shapes.append(Shape(np.stack([tip, middle + normal, end, middle - normal]), tint(green, float(shade))))
    return part(*shapes, feature_type="tree")
