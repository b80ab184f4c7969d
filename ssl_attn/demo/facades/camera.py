"""Where the picture is taken from: a front seen from a little aside and below, whole or in part.

A front is flat, so a viewpoint is a homography of the plane (Hartley and Zisserman 2004, section 2.3), and the box of a
feature is the extent of its corners as they are seen: exact from everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ssl_attn.demo.facades.shapes import Points

OVERSCAN = 0.6
"""How far beyond the frame a scene must reach, as a share of the frame, so that no viewpoint sees its end."""

_YAW, _PITCH = 0.1, 0.08  # largest change of scale from the middle of the subject to its side, to its top
_ROLL = 0.02  # radians
_DETAIL_SHARE = 0.12
_WHOLE, _DETAIL = (0.86, 1.08), (1.2, 1.6)  # size of the subject, 1 fills the frame
_SMALLEST_ZOOM = 0.85
_FILL = 0.95


@dataclass(frozen=True, slots=True)
class Camera:
    """A homography `matrix` `(3, 3)` from the scene to the picture, both in pixels."""

    matrix: NDArray[np.float64]

    def seen(self, points: Points) -> Points:
        """Where points `(n, 2)` of the scene are in the picture."""
        mapped = points @ self.matrix[:, :2].T + self.matrix[:, 2]
        seen: Points = mapped[:, :2] / mapped[:, 2:]
        return seen


FRONTAL = Camera(np.eye(3))
"""The scene as it was laid out."""


def draw_camera(
    width: int, height: int, subject: tuple[float, float, float, float], rng: np.random.Generator
) -> Camera:
    """A viewpoint for a picture of `width` x `height` whose `subject` is at left, top, right, bottom of the scene."""
    left, top, right, bottom = subject
    centre = ((left + right) / 2, (top + bottom) / 2)
    yaw, pitch = rng.uniform(-_YAW, _YAW) / (right - left) * 2, rng.uniform(0, _PITCH) / (bottom - top) * 2
    turn = rng.uniform(-_ROLL, _ROLL)
    tilted = np.array([[1, 0, 0], [0, 1, 0], [yaw, -pitch, 1]]) @ _shift(-centre[0], -centre[1])
    turned = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]]) @ tilted

    corners = Camera(turned).seen(np.array([(left, top), (right, top), (right, bottom), (left, bottom)]))
    (low_x, low_y), (high_x, high_y) = corners.min(axis=0), corners.max(axis=0)
    fitting = _FILL * min(width / (high_x - low_x), height / (high_y - low_y))
    detail = rng.random() < _DETAIL_SHARE
    zoom = max(_SMALLEST_ZOOM, fitting * rng.uniform(*(_DETAIL if detail else _WHOLE)))
    slack_x, slack_y = width - zoom * (high_x - low_x), height - zoom * (high_y - low_y)
    # What is left over lies mostly over the subject, as sky; of what is too large, any part may be cut off.
    share_x = rng.uniform(0.25, 0.75)
    share_y = rng.uniform(0.1, 0.9) if slack_y < 0 else rng.uniform(0.3, 0.75)
    offset = _shift(share_x * slack_x - zoom * low_x, share_y * slack_y - zoom * low_y)
    return Camera(offset @ np.diag([zoom, zoom, 1.0]) @ turned)


def _shift(x: float, y: float) -> NDArray[np.float64]:
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])
