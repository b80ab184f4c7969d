"""The bulk of a front: towers, nave, aisles, roofs, and which element goes where.

Every massing can be built in every style, so the outline alone does not give the style away.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ssl_attn.demo.facades.elements.bands import string_course
from ssl_attn.demo.facades.elements.part import part
from ssl_attn.demo.facades.front import Front
from ssl_attn.demo.facades.shapes import Shape, polygon


@dataclass(frozen=True, slots=True)
class Plot:
    """Where a front may stand: centred on `cx`, on the ground, at most `width` x `height` pixels."""

    cx: float
    ground: float
    width: float
    height: float


def gable_front(front: Front, plot: Plot) -> None:
    """A nave with a crown between two lower aisles."""
    rng = front.rng
    nave = rng.uniform(0.46, 0.56) * plot.width
    eaves = plot.ground - rng.uniform(0.62, 0.7) * plot.height
    aisle_eaves = plot.ground - rng.uniform(0.36, 0.44) * plot.height
    left, right = plot.cx - plot.width / 2, plot.cx + plot.width / 2
    roof = 0.5 * (aisle_eaves - eaves)
    for outer, inner in ((left, plot.cx - nave / 2), (right, plot.cx + nave / 2)):
        low, high = min(outer, inner), max(outer, inner)
        front.add(
            part(
                Shape(polygon((outer, aisle_eaves), (inner, aisle_eaves - roof), (inner, aisle_eaves)), front.look.roof)
            )
        )
        front.wall(low, high, aisle_eaves, plot.ground)
        front.windows(
            low, high, 1, plot.ground - 0.22 * (plot.ground - aisle_eaves), 0.52 * (plot.ground - aisle_eaves)
        )
        band = float(np.clip(0.045 * plot.height, 6, 12))
        front.band(low, high, aisle_eaves + band, band)
        front.supports(
            [outer + (0.06 * nave if outer < inner else -0.06 * nave)], plot.ground, aisle_eaves + band, 0.1 * nave
        )
    front.shadow(plot.cx - front.look.sun * nave / 2, 0.07 * plot.width, aisle_eaves, plot.ground)
    _nave(front, plot.cx, nave, plot.ground, eaves, plot.ground - plot.height)


def twin_towers(front: Front, plot: Plot) -> None:
    """A nave between two towers."""
    rng = front.rng
    tower = rng.uniform(0.26, 0.31) * plot.width
    nave = plot.width - 2 * tower
    tower_eaves = plot.ground - rng.uniform(0.66, 0.72) * plot.height
    nave_eaves = plot.ground - rng.uniform(0.52, 0.58) * plot.height
    _nave(
        front,
        plot.cx,
        nave + 4,
        plot.ground,
        nave_eaves,
        nave_eaves - min(0.24 * plot.height, 0.9 * nave),
        supports=False,
    )
    front.shadow(plot.cx + front.look.sun * nave / 2, 0.13 * nave, nave_eaves, plot.ground)
    for side in (-1, 1):
        cx = plot.cx + side * (nave + tower) / 2
        front.tower(
            cx,
            tower,
            plot.ground,
            tower_eaves,
            tower_eaves - (plot.ground - plot.height),
            first=plot.ground - 0.06 * plot.height,
            axial=False,
        )


def west_tower(front: Front, plot: Plot) -> None:
    """One tower on the axis before a wide body."""
    rng = front.rng
    tower = rng.uniform(0.36, 0.44) * plot.width
    eaves = plot.ground - rng.uniform(0.38, 0.44) * plot.height
    left, right = plot.cx - plot.width / 2, plot.cx + plot.width / 2
    front.hip(left, right, eaves, eaves - 0.16 * plot.height)
    front.wall(left, right, eaves, plot.ground)
    band = float(np.clip(0.045 * plot.height, 7, 12))
    side = (plot.width - tower) / 2
    count = 2 if side > 0.34 * plot.height else 1
    for low, high in ((left, left + side), (right - side, right)):
        front.windows(low, high, count, plot.ground - 0.22 * (plot.ground - eaves), 0.54 * (plot.ground - eaves))
        front.band(low, high, eaves + band, band)
    front.supports([left + 0.05 * plot.width, right - 0.05 * plot.width], plot.ground, eaves + band, 0.07 * plot.width)
    front.shadow(plot.cx - front.look.sun * tower / 2, 0.07 * plot.width, eaves, plot.ground)
    tower_eaves = plot.ground - rng.uniform(0.7, 0.76) * plot.height
    body = plot.ground - tower_eaves
    front.tower(
        plot.cx, tower, plot.ground, tower_eaves, plot.height - body, first=plot.ground - 0.42 * body, axial=True
    )
    front.portal(plot.cx, plot.ground, 0.62 * tower, min(0.4 * body, 1.1 * tower))


def hall(front: Front, plot: Plot) -> None:
    """One broad block of several bays with a crown over the middle."""
    _hall(front, plot, plot.ground - plot.height)


def domed(front: Front, plot: Plot) -> None:
    """A broad block with a crossing tower behind it."""
    tower = front.rng.uniform(0.3, 0.36) * plot.width
    eaves = plot.ground - 0.55 * plot.height
    shaft_top = eaves - 0.2 * plot.height
    roof = shaft_top - (plot.ground - plot.height)
    front.hip(plot.cx - 0.46 * plot.width, plot.cx + 0.46 * plot.width, eaves, eaves - 0.1 * plot.height)
    front.wall(plot.cx - tower / 2, plot.cx + tower / 2, shaft_top, eaves)
    front.add(*front.choice.roof(plot.cx, shaft_top, 1.06 * tower, roof, front.look))
    band = float(np.clip(0.03 * plot.height, 6, 11))
    front.band(plot.cx - tower / 2, plot.cx + tower / 2, shaft_top + band, band)
    _hall(front, plot, eaves - 0.13 * plot.height, eaves=eaves)


Massing = Callable[[Front, Plot], None]

MASSINGS: tuple[tuple[Massing, float, float], ...] = (
    (gable_front, 0.72, 1.1),
    (twin_towers, 0.62, 0.85),
    (west_tower, 0.62, 1.0),
    (hall, 1.0, 1.5),
    (domed, 0.8, 1.15),
)
"""Each massing with the least and the greatest width over height that suits it."""


def _nave(
    front: Front, cx: float, width: float, ground: float, eaves: float, top: float, *, supports: bool = True
) -> None:
    height = ground - eaves
    left, right = cx - width / 2, cx + width / 2
    front.crown(cx, eaves, 1.02 * width, eaves - top)
    front.wall(left, right, eaves, ground)
    band = float(np.clip(0.055 * height, 7, 13))
    if supports:
        line = 0.1 * width
        front.supports([left + line / 2, right - line / 2], ground, eaves + band, line)
    front.band(left, right, eaves + band, band)
    portal = min(0.46 * height, 0.8 * width)
    upper = height - portal - band
    size = min(0.72 * upper, 0.56 * width)
    front.add(*front.choice.centre(cx, ground - portal - 0.5 * (upper - size), 0.92 * size, size, front.look))
    front.add(*string_course(cx, ground - portal + 0.1 * band, 0.78 * width, band, front.look))
    front.portal(cx, ground, min(0.6 * width, 0.92 * portal), 0.94 * portal)


def _hall(front: Front, plot: Plot, top: float, *, eaves: float | None = None) -> None:
    rng = front.rng
    eaves = plot.ground - rng.uniform(0.7, 0.76) * plot.height if eaves is None else eaves
    height = plot.ground - eaves
    left, right = plot.cx - plot.width / 2, plot.cx + plot.width / 2
    bays = 5 if plot.width > 1.25 * height and rng.random() < 0.7 else 3
    middle = plot.width * (0.3 if bays == 5 else 0.4)
    bay = (plot.width - middle) / (bays - 1)
    lines = [left + i * bay for i in range(bays // 2 + 1)] + [right - i * bay for i in range(bays // 2, -1, -1)]
    if top < eaves - 0.18 * height:
        front.hip(left + 0.02 * plot.width, right - 0.02 * plot.width, eaves, eaves - 0.6 * (eaves - top))
    front.wall(left, right, eaves, plot.ground)
    band = float(np.clip(0.065 * height, 7, 14))
    line = min(0.2 * bay, 0.09 * plot.width)
    lines[0] += line / 2
    lines[-1] -= line / 2
    front.supports(lines, plot.ground, eaves + band, line)
    front.band(left, right, eaves + band, band)
    front.crown(plot.cx, eaves, 1.06 * middle, eaves - top)
    portal = min(0.5 * height, 0.9 * middle)
    floor = plot.ground - portal
    front.add(*string_course(plot.cx, floor, plot.width, band, front.look))
    upper = floor - eaves - band
    for low, high in ((left, plot.cx - middle / 2), (plot.cx + middle / 2, right)):
        front.windows(low + line / 2, high - line / 2, bays // 2, plot.ground - 0.24 * portal, 0.58 * portal)
        if upper > 26:
            front.windows(low + line / 2, high - line / 2, bays // 2, floor - 0.14 * upper, 0.7 * upper)
    size = min(0.8 * upper, 0.62 * middle)
    front.add(*front.choice.centre(plot.cx, floor - 0.5 * (upper - size), 0.92 * size, size, front.look))
    front.portal(plot.cx, plot.ground, min(0.6 * middle, 0.9 * portal), 0.92 * portal)
