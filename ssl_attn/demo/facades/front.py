"""The pieces that a front is put together from: walls, rows of windows, portals, towers, roofs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ssl_attn.demo.facades.elements.bands import string_course
from ssl_attn.demo.facades.elements.part import Part, part
from ssl_attn.demo.facades.elements.pediments import plain_gable
from ssl_attn.demo.facades.elements.portals import steps
from ssl_attn.demo.facades.palette import Look, tint
from ssl_attn.demo.facades.shapes import Shape, bar, disc, polygon, rectangle

if TYPE_CHECKING:
    from ssl_attn.demo.facades.styles import Choice

_SLIMMEST = 2.2  # height of a window over its width


@dataclass(frozen=True, slots=True)
class Masonry:
    """What a wall is of: height of a course and length of a stone in pixels, how clearly stones and joints show."""

    course: float
    stone: tuple[float, float]
    stones: float
    joints: float


MASONRIES: tuple[Masonry, ...] = (
    Masonry(5.0, (6, 12), 0.15, 0.0),  # plaster
    Masonry(3.2, (5, 8), 0.55, 0.3),  # brick
    Masonry(5.0, (6, 12), 0.5, 0.25),  # rubble
    Masonry(7.0, (12, 20), 0.85, 0.42),  # ashlar
)
"""Walls that a building of any style may have."""


@dataclass(slots=True)
class Front:
    """A front as it grows, part by part in painter's order."""

    choice: Choice
    look: Look
    rng: np.random.Generator
    masonry: Masonry
    door: float = 0.0
    parts: list[Part] = field(default_factory=list)

    def wall(self, left: float, right: float, top: float, base: float) -> None:
        """A wall with a plinth, its stones more or less visible."""
        look, rng, masonry = self.look, self.rng, self.masonry
        shapes = [Shape(rectangle(left, top, right, base), look.wall)]
        course, (shortest, longest), clear, joints = masonry.course, masonry.stone, masonry.stones, masonry.joints
        for row in range(int((base - top) / course)):
            y = base - (row + 1) * course
            if joints:
                shapes.append(Shape(rectangle(left, y, right, y + 0.5), look.wall_dark, joints))
            if right - left <= 1.4 * longest:
                continue
            count = rng.poisson((right - left) / 26)
            xs = rng.uniform(left, right - longest, count).tolist()
            lengths = rng.uniform(shortest, longest, count).tolist()
            lights = rng.uniform(0.86, 1.1, count).tolist()
            for x, length, light in zip(xs, lengths, lights, strict=True):
                shapes.append(Shape(rectangle(x, y + 0.5, x + length, y + course), tint(look.wall, light), clear))
        shade = left if look.sun > 0 else right
        edge = 0.07 * (right - left)
        shapes.append(
            Shape(
                rectangle(min(shade, shade + look.sun * edge), top, max(shade, shade + look.sun * edge), base),
                look.wall_dark,
                0.35,
            )
        )
        plinth = 0.02 * (base - top) + 3
        shapes.append(Shape(rectangle(left - 1.5, base - plinth, right + 1.5, base), tint(look.wall, 0.84)))
        shapes.append(
            Shape(rectangle(left - 1.5, base - plinth, right + 1.5, base - plinth + 1), tint(look.wall, 1.08))
        )
        self.parts.append(Part(tuple(shapes)))

    def add(self, *parts: Part) -> None:
        """Further parts on top."""
        self.parts.extend(parts)

    def shadow(self, edge: float, reach: float, top: float, base: float) -> None:
        """The shadow of a taller part whose side is the vertical `edge`, falling away from the sun."""
        far = edge - self.look.sun * reach
        slant = 0.8 * reach
        outline = polygon((edge, top), (far, top + slant), (far, base), (edge, base))
        self.add(part(Shape(outline, (30, 26, 44), 0.26, cast=True)))

    def supports(self, xs: list[float], base: float, top: float, width: float) -> None:
        """Supports on the bay lines."""
        for x in xs:
            self.add(*self.choice.support(x, base, width, base - top, self.look))

    def band(self, left: float, right: float, base: float, height: float) -> None:
        """A band along the wall from `left` to `right`."""
        self.add(*self.choice.band((left + right) / 2, base, right - left, height, self.look))

    def portal(self, cx: float, ground: float, width: float, height: float) -> None:
        """The main door, with steps before it."""
        rise = self.rng.uniform(0.04, 0.07) * height
        self.door = width
        self.add(*self.choice.portal(cx, ground - rise, width, height - rise, self.look))
        self.add(*steps(cx, ground, 0.86 * width, rise, self.look))

    def crown(self, cx: float, eaves: float, width: float, height: float) -> None:
        """What rises over the eaves; a plain gable may hold a clock."""
        self.add(*self.choice.crown(cx, eaves, width, height, self.look))
        if self.choice.crown is plain_gable and self.rng.random() < 0.5:
            radius = 0.13 * min(width, 1.2 * height)
            self.clock(cx, eaves - 0.32 * height, radius)

    def clock(self, cx: float, cy: float, radius: float) -> None:
        """A clock, which any style may have been given later."""
        hour, minute = self.rng.uniform(0, 2 * np.pi, 2)
        hands = [
            Shape(
                bar(
                    (cx, cy),
                    (cx + share * radius * np.cos(turn), cy + share * radius * np.sin(turn)),
                    max(0.9, 0.09 * radius),
                ),
                (52, 46, 50),
            )
            for turn, share in ((hour, 0.5), (minute, 0.78))
        ]
        self.add(
            part(
                Shape(disc(cx, cy, radius), self.look.trim_dark),
                Shape(disc(cx, cy, 0.86 * radius), (242, 238, 226)),
                *hands,
                feature_type="clock",
            )
        )

    def windows(self, left: float, right: float, count: int, base: float, height: float) -> None:
        """A row of equal windows in a storey's field of `height` over `base`, none of them slimmer than suits it."""
        bay = (right - left) / count
        width = min(0.62 * bay, 0.62 * height)
        slack = max(0.0, height - _SLIMMEST * width)
        height, base = height - slack, base - 0.4 * slack
        for i in range(count):
            self.add(*self.choice.window(left + (i + 0.5) * bay, base, width, height, self.look))

    def tower(
        self, cx: float, width: float, ground: float, eaves: float, roof: float, *, first: float, axial: bool
    ) -> None:
        """A tower's shaft from the ground, windows in the storeys over the height `first`, a band and a roof.

        An axial tower is the middle of its front: its lowest storey holds what a centre holds.
        """
        left, right = cx - width / 2, cx + width / 2
        self.wall(left, right, eaves, ground)
        line, band = 0.13 * width, float(np.clip(0.13 * width, 6, 13))
        self.supports([left + line / 2, right - line / 2], ground, eaves + band, 0.9 * line)
        storeys = max(1, round((first - eaves - band) / (1.15 * width)))
        storey = (first - eaves - band) / storeys
        for i in range(storeys):
            foot = first - i * storey
            if i:
                self.add(*string_course(cx, foot, width - 2 * line, band, self.look))
            if axial and not i:
                size = min(0.66 * storey, 0.6 * width)
                self.add(*self.choice.centre(cx, foot - 0.5 * (storey - size), 0.92 * size, size, self.look))
            else:
                self.windows(left + line, right - line, 1, foot - 0.16 * storey, min(0.62 * storey, 1.1 * width))
        self.add(*self.choice.roof(cx, eaves, 1.02 * width, roof, self.look))
        self.band(left, right, eaves + band, band)

    def hip(self, left: float, right: float, base: float, ridge: float) -> None:
        """A roof seen from its eaves."""
        inset = 0.16 * (right - left)
        roof = self.look.roof
        courses = [
            Shape(rectangle(left + inset * share, y, right - inset * share, y + 0.6), tint(roof, 0.8), 0.6)
            for share in np.linspace(0.15, 0.9, max(2, int((base - ridge) / 5)))
            for y in [base - (base - ridge) * share]
        ]
        outline = polygon((left - 3, base), (left + inset, ridge), (right - inset, ridge), (right + 3, base))
        self.add(part(Shape(outline, roof), *courses))
