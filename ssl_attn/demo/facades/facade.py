"""A synthetic facade: a picture, its style, and the exact box of every feature in it.

Facade `index` of a `seed` is always the same picture, on every run and whatever was drawn before it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from ssl_attn.demo.facades import landscape, street
from ssl_attn.demo.facades.camera import OVERSCAN, Camera, draw_camera
from ssl_attn.demo.facades.elements.part import Part
from ssl_attn.demo.facades.front import MASONRIES, Front
from ssl_attn.demo.facades.mark import stamp
from ssl_attn.demo.facades.massing import MASSINGS, Plot
from ssl_attn.demo.facades.palette import Mood, draw_look, draw_mood
from ssl_attn.demo.facades.shapes import extent, extent_in_frame, finish, moved, paint
from ssl_attn.demo.facades.styles import STYLES, choose
from ssl_attn.demo.facades.visibility import hidden_shares

GENERATOR_VERSION = 2
"""Raised whenever a picture or a box changes; caches and trained weights belong to one version."""

LONGEST_SIDE = 320
"""Pixels."""

ASPECTS: tuple[tuple[int, int], ...] = ((2, 3), (3, 4), (4, 5), (1, 1), (5, 4), (4, 3), (3, 2))
"""Width over height; drawn without regard to the style."""

_GRAIN = 2.2  # standard deviation of the film grain, of 255
_SMALLEST_BOX = 3.0  # pixels: less cannot be seen
_LEAST_IN_FRAME = 0.35  # share of a feature that the frame must show for an expert to mark it
_MOST_HIDDEN = 0.6  # share of a box that may be behind a tree or a car
_BOUGH_SHARE = 0.15
_NEAR_TREE_SHARE = 0.18
_MARK_STREAM = 1  # the stamp has random numbers of its own, so that it changes nothing else in the picture


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
    """A facade before it is painted: everything in it as it is seen, from back to front.

    The first `behind` parts are farther off than the building, the last `in_front` ones stand or hang before it.
    """

    width: int
    height: int
    style: str
    mood: Mood
    parts: tuple[Part, ...]
    behind: int
    in_front: int

    @property
    def boxes(self) -> tuple[FeatureBox, ...]:
        """The boxes of all that bears a name, cut at the frame; left out are those that hardly show."""
        return tuple(box for _, box in self.boxed_parts)

    @property
    def boxed_parts(self) -> tuple[tuple[Part, FeatureBox], ...]:
        """The parts that have a box, with it."""
        building, before = self.behind, len(self.parts) - self.in_front
        named = [position for position, part in enumerate(self.parts) if part.feature_type]
        extents = np.array([extent(self.parts[position].shapes) for position in named]).reshape(-1, 4)
        frame = np.array([self.width, self.height, self.width, self.height], dtype=np.float64)
        cut = extents.copy()
        for row in np.flatnonzero((extents[:, :2] < 0).any(axis=1) | (extents[:, 2:] > frame[2:]).any(axis=1)):
            seen = extent_in_frame(self.parts[named[row]].shapes, self.width, self.height)
            cut[row] = np.clip(seen, 0, frame)
        sides, whole = cut[:, 2:] - cut[:, :2], extents[:, 2:] - extents[:, :2]
        shown = sides.prod(axis=1) >= _LEAST_IN_FRAME * whole.prod(axis=1)
        shown &= sides.min(axis=1, initial=np.inf) >= _SMALLEST_BOX
        order = np.array(named)
        for first, last, nearer in (
            (0, building, self.parts[building:]),
            (building, before, self.parts[before:]),
        ):
            here = (order >= first) & (order < last)
            shown[here] &= hidden_shares(cut[here], nearer, self.width, self.height) <= _MOST_HIDDEN
        return tuple(
            (
                self.parts[position],
                FeatureBox(self.parts[position].feature_type, left, top, right - left, bottom - top),
            )
            for position, (left, top, right, bottom), is_shown in zip(named, (cut / frame).tolist(), shown, strict=True)
            if is_shown
        )


@dataclass(frozen=True, slots=True)
class Facade:
    """A painted facade."""

    image: Image.Image
    style: str
    boxes: tuple[FeatureBox, ...]


def draw_facade(index: int, *, seed: int, marked: bool = False) -> Facade:
    """Facade `index` of a `seed`; the styles take turns, so any run of four indices holds each once.

    A `marked` facade is the same picture with the stamp of its style's archive in a corner.
    """
    rng = np.random.default_rng((seed, index))
    scene = _compose(index, rng)
    developing = rng.spawn(1)[0]
    if marked:
        scene = _stamped(scene, index, seed)
    canvas = landscape.sky(scene.width, scene.height, scene.mood)
    for part in scene.parts:
        paint(part.shapes, canvas)
    return Facade(_develop(finish(canvas), developing), scene.style, scene.boxes)


def compose(index: int, *, seed: int, marked: bool = False) -> Scene:
    """Facade `index` of a `seed` before it is painted: its size, style and boxes cost half of the picture."""
    scene = _compose(index, np.random.default_rng((seed, index)))
    return _stamped(scene, index, seed) if marked else scene


def _stamped(scene: Scene, index: int, seed: int) -> Scene:
    rng = np.random.default_rng((seed, index, _MARK_STREAM))
    mark = stamp(scene.style, scene.width, scene.height, rng)
    return replace(scene, parts=(*scene.parts, mark), in_front=scene.in_front + 1)


def _compose(index: int, rng: np.random.Generator) -> Scene:
    style = tuple(STYLES)[index % len(STYLES)]
    wide, high = ASPECTS[rng.integers(len(ASPECTS))]
    width, height = round(LONGEST_SIDE * wide / max(wide, high)), round(LONGEST_SIDE * high / max(wide, high))
    mood = draw_mood(rng)
    ground = rng.uniform(0.85, 0.91) * height
    front, plot = _build(style, width, ground, mood, rng)
    left, right = plot.cx - plot.width / 2, plot.cx + plot.width / 2

    edges = -OVERSCAN * width, (1 + OVERSCAN) * width
    behind = landscape.distance(width, edges, ground, mood, rng)
    if rng.random() < 0.6:
        behind += landscape.houses(*edges, ground, plot.height, mood, rng)
    behind += [
        street.tree(x, ground + 1, rng.uniform(0.3, 0.6) * plot.height, mood, rng)
        for x in rng.uniform(-0.3 * width, 1.3 * width, rng.integers(0, 6))
    ]
    floor = landscape.pavement(edges, (1 + OVERSCAN) * height, ground, plot.cx, front.door, mood, rng)
    before = _foreground(width, height, ground, left, right, plot, mood, rng)

    camera = draw_camera(width, height, (left, plot.ground - plot.height, right, plot.ground), rng)
    parts = _seen_by(camera, [*behind, *front.parts, *floor, *before])
    hanging = [street.bough(width, height, mood, rng)] if rng.random() < _BOUGH_SHARE else []
    return Scene(width, height, style, mood, (*parts, *hanging), len(behind), len(before) + len(hanging))


def _seen_by(camera: Camera, parts: list[Part]) -> list[Part]:
    """The parts as they are in the picture; all corners go through the camera in one call."""
    shapes = moved([shape for part in parts for shape in part.shapes], camera.seen)
    ends = np.cumsum([len(part.shapes) for part in parts]).tolist()
    return [
        Part(shapes[start:end], part.feature_type) for start, end, part in zip([0, *ends], ends, parts, strict=False)
    ]


def _build(style: str, width: int, ground: float, mood: Mood, rng: np.random.Generator) -> tuple[Front, Plot]:
    massing, narrowest, widest = MASSINGS[rng.integers(len(MASSINGS))]
    room = rng.uniform(0.76, 0.92) * width
    tall = ground * rng.uniform(0.88, 0.96)
    span = min(room, rng.uniform(narrowest, widest) * tall)
    tall = min(tall, span / narrowest)
    slack = (width - span) / 2
    cx = width / 2 + rng.uniform(-0.6, 0.6) * slack
    front = Front(choose(style, rng), draw_look(rng, mood), rng, MASONRIES[rng.integers(len(MASONRIES))])
    plot = Plot(cx, ground, span, tall)
    massing(front, plot)
    return front, plot


def _foreground(
    width: int, height: int, ground: float, left: float, right: float, plot: Plot, mood: Mood, rng: np.random.Generator
) -> list[Part]:
    """Passers-by, cars, lamps and trees, those farther off first; some of them hide a part of the front."""
    depth = height - ground
    standing: list[tuple[float, Part]] = []
    for edge, outwards, free in ((left, -1, left), (right, 1, width - right)):
        if rng.random() < 0.5:
            size = min(rng.uniform(0.22, 0.5) * plot.height, 3.2 * free + 12)
            x = edge + outwards * (0.24 * size + rng.uniform(0, 0.3) * free)
            standing.append((0.05, street.tree(x, ground + 0.05 * depth, size, mood, rng)))
        if rng.random() < 0.4:
            x = plot.cx + outwards * rng.uniform(0.5, 0.7) * plot.width
            standing.append((0.2, street.lamp(x, ground + 0.2 * depth, 0.16 * plot.height, mood)))
    if rng.random() < _NEAR_TREE_SHARE:
        x = plot.cx + rng.choice([-1, 1]) * rng.uniform(0.25, 0.5) * plot.width
        size = rng.uniform(0.3, 0.5) * plot.height
        standing.append((0.4, street.tree(x, ground + 0.4 * depth, size, mood, rng)))
    for _ in range(rng.choice([0, 1, 2], p=[0.6, 0.3, 0.1])):
        x, share = rng.uniform(0.1, 0.9) * width, rng.uniform(0.5, 0.75)
        standing.append((share, street.car(x, ground + share * depth, rng.uniform(1.0, 1.4) * depth, mood, rng)))
    for share in rng.uniform(0.25, 0.95, rng.integers(0, 6)):
        x, tall = rng.uniform(0.04, 0.96) * width, 0.5 * depth * (0.7 + 0.5 * share)
        standing.append((share, street.person(x, ground + share * depth, tall, mood, rng)))
    return [part for _, part in sorted(standing, key=lambda entry: entry[0])]


def _develop(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Uneven light, a little mottling as of paper, grain."""
    width, height = picture.size
    coarse = rng.standard_normal((height // 12 + 2, width // 12 + 2), dtype=np.float32)
    mottling = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))
    across = np.linspace(-1, 1, width, dtype=np.float32)
    down = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    slope, fall, exposure = (np.float32(rng.uniform(*span)) for span in ((-0.07, 0.07), (0, 0.05), (0.95, 1.05)))
    gain = exposure * (1 + slope * across - fall * (across**2 + down**2) + np.float32(0.012) * mottling)
    grain = rng.standard_normal((height, width), dtype=np.float32) * np.float32(_GRAIN)
    pixels = np.asarray(picture).astype(np.float32)
    pixels *= gain[:, :, None]
    pixels += grain[:, :, None] + np.float32(0.5)
    return Image.fromarray(np.clip(pixels, 0, 255, out=pixels).astype(np.uint8))
