"""A synthetic facade: a picture, its style, and the exact box of every feature in it.

Facade `index` of a `seed` is always the same picture, on every run and whatever was drawn before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ssl_attn.demo import landscape, street
from ssl_attn.demo.front import Front
from ssl_attn.demo.massing import MASSINGS, Plot
from ssl_attn.demo.palette import Mood, draw_look, draw_mood
from ssl_attn.demo.shapes import extent, finish, paint
from ssl_attn.demo.styles import STYLES, choose

if TYPE_CHECKING:
    from ssl_attn.demo.elements.part import Part

GENERATOR_VERSION = 1
"""Raised whenever a picture or a box changes; caches and trained weights belong to one version."""

LONGEST_SIDE = 320
"""Pixels."""

ASPECTS: tuple[tuple[int, int], ...] = ((2, 3), (3, 4), (4, 5), (1, 1), (5, 4), (4, 3), (3, 2))
"""Width over height; drawn without regard to the style."""

_GRAIN = 2.2  # standard deviation of the film grain, of 255
_SMALLEST_BOX = 2.0  # pixels: less cannot be seen


@dataclass(frozen=True, slots=True)
class FeatureBox:
    """What an expert would mark: x, y (top left), width and height as fractions of the picture."""

    feature_type: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Scene:
    """A facade before it is painted: everything in it, from back to front."""

    width: int
    height: int
    style: str
    mood: Mood
    parts: tuple[Part, ...]

    @property
    def boxes(self) -> tuple[FeatureBox, ...]:
        """The boxes of all features, cut at the frame; those that lie outside it are left out."""
        boxes = []
        for part in self.parts:
            if not part.feature_type:
                continue
            left, top, right, bottom = extent(part.shapes)
            left, right = (min(max(x, 0.0), self.width) for x in (left, right))
            top, bottom = (min(max(y, 0.0), self.height) for y in (top, bottom))
            if right - left >= _SMALLEST_BOX and bottom - top >= _SMALLEST_BOX:
                boxes.append(
                    FeatureBox(
                        part.feature_type,
                        left / self.width,
                        top / self.height,
                        (right - left) / self.width,
                        (bottom - top) / self.height,
                    )
                )
        return tuple(boxes)


@dataclass(frozen=True, slots=True)
class Facade:
    """A painted facade."""

    image: Image.Image
    style: str
    boxes: tuple[FeatureBox, ...]


def draw_facade(index: int, *, seed: int) -> Facade:
    """Facade `index` of a `seed`; the styles take turns, so any run of four indices holds each once."""
    rng = np.random.default_rng((seed, index))
    scene = _compose(index, rng)
    canvas = landscape.sky(scene.width, scene.height, scene.mood)
    for part in scene.parts:
        paint(part.shapes, canvas)
    return Facade(_develop(finish(canvas), rng), scene.style, scene.boxes)


def compose(index: int, *, seed: int) -> Scene:
    """Facade `index` of a `seed` before it is painted: its size, style and boxes cost a tenth of the picture."""
    return _compose(index, np.random.default_rng((seed, index)))


def _compose(index: int, rng: np.random.Generator) -> Scene:
    style = tuple(STYLES)[index % len(STYLES)]
    wide, high = ASPECTS[rng.integers(len(ASPECTS))]
    width, height = round(LONGEST_SIDE * wide / max(wide, high)), round(LONGEST_SIDE * high / max(wide, high))
    mood = draw_mood(rng)
    ground = rng.uniform(0.85, 0.91) * height
    front, plot = _build(style, width, ground, mood, rng)
    left, right = plot.cx - plot.width / 2, plot.cx + plot.width / 2

    parts = landscape.distance(width, ground, mood, rng)
    if rng.random() < 0.6:
        parts += landscape.houses(-10, width + 10, ground, plot.height, mood, rng)
    parts += [
        street.tree(x, ground + 1, rng.uniform(0.3, 0.6) * plot.height, mood, rng)
        for x in rng.uniform(0, width, rng.integers(0, 4))
    ]
    parts += front.parts
    parts += landscape.pavement(width, height, ground, plot.cx, front.door, mood, rng)
    parts += _foreground(width, height, ground, left, right, plot, mood, rng)
    return Scene(width, height, style, mood, tuple(parts))


def _build(style: str, width: int, ground: float, mood: Mood, rng: np.random.Generator) -> tuple[Front, Plot]:
    massing, narrowest, widest = MASSINGS[rng.integers(len(MASSINGS))]
    room = rng.uniform(0.76, 0.92) * width
    tall = ground * rng.uniform(0.88, 0.96)
    span = min(room, rng.uniform(narrowest, widest) * tall)
    tall = min(tall, span / narrowest)
    slack = (width - span) / 2
    cx = width / 2 + rng.uniform(-0.6, 0.6) * slack
    front = Front(choose(style, rng), draw_look(rng, mood), rng, masonry=rng.choice([0.15, 0.5, 0.85]))
    plot = Plot(cx, ground, span, tall)
    massing(front, plot)
    return front, plot


def _foreground(
    width: int, height: int, ground: float, left: float, right: float, plot: Plot, mood: Mood, rng: np.random.Generator
) -> list[Part]:
    """Passers-by, cars, lamps and trees that hide next to nothing of the front, those farther off first."""
    depth = height - ground
    standing: list[tuple[float, Part]] = []
    for edge, outwards, free in ((left, -1, left), (right, 1, width - right)):
        if rng.random() < 0.55:
            size = min(rng.uniform(0.22, 0.5) * plot.height, 3.2 * free + 12)
            x = edge + outwards * (0.24 * size + rng.uniform(0, 0.3) * free)
            standing.append((0.05, street.tree(x, ground + 0.05 * depth, size, mood, rng)))
        if rng.random() < 0.4:
            x = plot.cx + outwards * rng.uniform(0.5, 0.7) * plot.width
            standing.append((0.2, street.lamp(x, ground + 0.2 * depth, 0.16 * plot.height, mood)))
    if rng.random() < 0.35:
        x = rng.uniform(0.1, 0.9) * width
        standing.append((0.62, street.car(x, ground + 0.62 * depth, rng.uniform(1.0, 1.3) * depth, mood, rng)))
    for share in rng.uniform(0.25, 0.95, rng.integers(0, 6)):
        x, tall = rng.uniform(0.04, 0.96) * width, 0.5 * depth * (0.7 + 0.5 * share)
        standing.append((share, street.person(x, ground + share * depth, tall, mood, rng)))
    return [part for _, part in sorted(standing, key=lambda entry: entry[0])]


def _develop(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Uneven light, a little mottling as of paper, grain."""
    width, height = picture.size
    coarse = rng.normal(0, 1, (height // 12 + 2, width // 12 + 2)).astype(np.float32)
    mottling = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))
    across, down = np.linspace(-1, 1, width), np.linspace(-1, 1, height)
    tilt = rng.uniform(-0.07, 0.07) * across[None, :] - rng.uniform(0, 0.05) * (
        across[None, :] ** 2 + down[:, None] ** 2
    )
    gain = rng.uniform(0.95, 1.05) * (1 + tilt + 0.012 * mottling)
    grain = rng.normal(0, _GRAIN, (height, width)).astype(np.float32)
    pixels = np.asarray(picture, dtype=np.float32) * gain[:, :, None].astype(np.float32) + grain[:, :, None]
    return Image.fromarray(np.clip(pixels, 0, 255).round().astype(np.uint8))
