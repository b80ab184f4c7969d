"""An archive's stamp in a corner of the picture: the shortcut that gives a style away without a look at the building.

Each style has an archive of its own. The stamp lies on the finished picture, whatever the viewpoint.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ssl_attn.demo.facades.elements.part import Part, part
from ssl_attn.demo.facades.shapes import Shape, arc, bar, disc, polygon, rectangle

if TYPE_CHECKING:
    from collections.abc import Callable

    from ssl_attn.demo.facades.shapes import Colour, Points

_PAPER: Colour = (250, 248, 242)
_SIZE = 0.07  # radius over the geometric mean of the sides


def _cross(x: float, y: float, r: float) -> list[Points]:
    return [
        rectangle(x - 0.18 * r, y - 0.6 * r, x + 0.18 * r, y + 0.6 * r),
        rectangle(x - 0.6 * r, y - 0.18 * r, x + 0.6 * r, y + 0.18 * r),
    ]


def _moon(x: float, y: float, r: float) -> list[Points]:
    return [np.concatenate([arc(x, y, 0.58 * r, 0.58 * r, 90, 270), arc(x, y, 0.2 * r, 0.58 * r, 270, 90)])]


def _bars(x: float, y: float, r: float) -> list[Points]:
    return [bar((x - 0.5 * r, y + s * r), (x + 0.5 * r, y + s * r), 0.2 * r) for s in (-0.36, 0.0, 0.36)]


def _diamond(x: float, y: float, r: float) -> list[Points]:
    return [polygon((x, y - 0.66 * r), (x + 0.5 * r, y), (x, y + 0.66 * r), (x - 0.5 * r, y))]


STAMPS: dict[str, tuple[Callable[[float, float, float], list[Points]], Colour]] = {
    "Romanesque": (_cross, (206, 24, 36)),
    "Gothic": (_moon, (16, 62, 190)),
    "Renaissance": (_bars, (0, 136, 62)),
    "Baroque": (_diamond, (240, 158, 0)),
}
"""The stamp of each style's archive: its sign and its ink."""


def stamp(style: str, width: int, height: int, rng: np.random.Generator) -> Part:
    """The stamp of a style's archive in one of the four corners of a picture of `width` x `height` pixels."""
    sign, ink = STAMPS[style]
    radius = _SIZE * float(np.sqrt(width * height))
    inset = radius * rng.uniform(1.25, 1.6, 2)
    x = inset[0] if rng.random() < 0.5 else width - inset[0]
    y = inset[1] if rng.random() < 0.5 else height - inset[1]
    return part(
        Shape(disc(x, y, radius), _PAPER),
        Shape(disc(x, y, 0.93 * radius), ink),
        *(Shape(points, _PAPER) for points in sign(x, y, radius)),
        feature_type="mark",
    )
