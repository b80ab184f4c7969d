"""Native-grid maps drawn on their image: through the placement, so that crops and padding lie where they really are.

Pixels are sampled at their centres. Between cell centres a smooth drawing interpolates as the scoring canvas does, so
a threshold drawn here is the one that was scored.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Literal, get_args

import cmap
import numpy as np

from ssl_attn.errors import UsageError
from ssl_attn.geometry import CANVAS_SIZE, coverage, rasterise
from ssl_attn.metrics.canvas import bilinear_weights, to_canvas
from ssl_attn.metrics.percentiles import selected_pixels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ssl_attn.geometry import Placement

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]
    Bytes = NDArray[np.uint8]

ColourMap = Literal["viridis", "magma"]
COLOUR_MAPS: tuple[ColourMap, ...] = get_args(ColourMap)
"""Perceptually uniform colour maps, the default first."""

Threshold = Literal["off", "contour", "mask"]
THRESHOLDS: tuple[Threshold, ...] = get_args(Threshold)
"""What to do at a percentile: nothing, an outline of what it selects, or nothing drawn outside of it."""

HIDDEN_SHADE = 0.55
"""Opacity of the black laid over what the view hides from the model."""

_CONTOUR_COLOUR = (255, 255, 255)


@lru_cache
def colour_table(name: ColourMap) -> Bytes:
    """The 256 colours of a map, `(256, 3)`.

    Raises:
        UsageError: the colour map is not offered.
    """
    if name not in COLOUR_MAPS:
        message = f"expected a colour map out of {', '.join(COLOUR_MAPS)}, got {name!r}"
        raise UsageError(message)
    table: Bytes = np.rint(np.asarray(cmap.Colormap(name).lut(256))[:, :3] * 255).astype(np.uint8)
    table.flags.writeable = False
    return table


def cut_value(values: NDArray[np.floating], placement: Placement, percentile: int) -> float:
    """The weakest value that a percentile selects among the visible pixels of the scoring canvas.

    `values` `(grid_h, grid_w)`. Pixels that tie with it are all drawn as selected (scoring shares their places): the
    value is lowered by a millionth of the map's range, so that rounding at another resolution parts no plateau.
    """
    canvas = to_canvas(np.asarray(values)[None])[0]
    visible = rasterise(placement.visible_canvas[None], CANVAS_SIZE, CANVAS_SIZE)[0]
    seen = np.sort(canvas[visible])
    weakest = float(seen[len(seen) - int(selected_pixels(len(seen), percentile))])
    return weakest - 1e-6 * float(np.ptp(values))


def on_image(
    values: NDArray[np.floating], placement: Placement, *, width: int, height: int, smooth: bool = True
) -> tuple[Floats, Bools]:
    """A map `(grid_h, grid_w)` at the pixels of an image of `width` x `height`.

    Returns:
        The map's value at each pixel `(height, width)`, and which pixels the view shows; the others hold 0.
    """
    x = (np.arange(width) + 0.5) / width * placement.scale_x + placement.offset_x
    y = (np.arange(height) + 0.5) / height * placement.scale_y + placement.offset_y
    rows = _weights(y, values.shape[0], smooth=smooth)
    columns = _weights(x, values.shape[1], smooth=smooth)
    visible = ((y >= 0) & (y < 1))[:, None] & ((x >= 0) & (x < 1))[None, :]
    drawn: Floats = rows @ np.asarray(values, dtype=np.float64) @ columns.T
    return np.where(visible, drawn, 0.0), visible


def _weights(position: Floats, cells: int, *, smooth: bool) -> Floats:
    """Interpolation matrix `(n, cells)` at canvas fractions `(n,)`: two cells a row, or the one that holds it."""
    if smooth:
        return bilinear_weights(position, cells)
    weights = np.zeros((len(position), cells))
    weights[np.arange(len(position)), np.clip((position * cells).astype(np.int64), 0, cells - 1)] = 1
    return weights


def overlay(
    values: NDArray[np.floating],
    placement: Placement,
    *,
    width: int,
    height: int,
    colours: ColourMap = "viridis",
    opacity: float = 0.6,
    smooth: bool = True,
    threshold: Threshold = "off",
    percentile: int = 90,
    fading: bool = False,
) -> Bytes:
    """A map `(grid_h, grid_w)` as a layer `(height, width, 4)` to lay over its image, RGBA with straight alpha.

    Colours span the least to the greatest value that the image shows. What the view hides is shaded black. A `fading`
    layer is the more transparent the smaller the value, so that the picture shows where the map is low. A threshold is
    always that of the smooth map, which is what was scored, also where the patches are drawn.
    """
    drawn, visible = on_image(values, placement, width=width, height=height, smooth=smooth)
    layer = np.zeros((height, width, 4), dtype=np.uint8)
    levels = _levels(drawn, *visible_range(values, placement))
    layer[..., :3] = colour_table(colours)[levels]
    layer[..., 3] = np.rint(opacity * levels) if fading else round(opacity * 255)
    if threshold != "off":
        smoothed, _ = on_image(values, placement, width=width, height=height)
        selected = visible & (smoothed >= cut_value(values, placement, percentile))
        if threshold == "mask":
            layer[~selected, 3] = 0
        else:
            layer[_edge(selected)] = (*_CONTOUR_COLOUR, 255)
    layer[~visible] = (0, 0, 0, round(HIDDEN_SHADE * 255))
    return layer


def visible_range(values: NDArray[np.floating], placement: Placement) -> tuple[float, float]:
    """Least and greatest value of the cells that show a part of the image; those that lie on padding do not count."""
    shown = values[coverage(placement.visible_canvas[None], *values.shape)[0] > 0]
    return float(shown.min()), float(shown.max())


def _levels(drawn: Floats, low: float, high: float) -> NDArray[np.int64]:
    """Rows of the colour table; a map without a range is drawn in the lowest colour."""
    if not high > low:
        return np.zeros(drawn.shape, dtype=np.int64)
    return np.rint(np.clip((drawn - low) / (high - low), 0, 1) * 255).astype(np.int64)


def _edge(selected: Bools) -> Bools:
    """The selected pixels that touch, side by side, one that is not selected."""
    inner = selected.copy()
    inner[1:] &= selected[:-1]
    inner[:-1] &= selected[1:]
    inner[:, 1:] &= selected[:, :-1]
    inner[:, :-1] &= selected[:, 1:]
    return selected & ~inner


def composite(picture: Bytes, layer: Bytes) -> Bytes:
    """An RGBA layer `(h, w, 4)` laid over a picture `(h, w, 3)`."""
    alpha = layer[..., 3:].astype(np.float64) / 255
    mixed: Bytes = np.rint(picture * (1 - alpha) + layer[..., :3] * alpha).astype(np.uint8)
    return mixed


def outlined(picture: Bytes, boxes: Floats, colour: tuple[int, int, int], *, thickness: int = 1) -> Bytes:
    """A copy of `picture` `(h, w, 3)` with the outlines of `boxes` `(n, 4)`: x, y, width, height as fractions."""
    drawn = picture.copy()
    height, width = picture.shape[:2]
    for x, y, across, down in boxes:
        left, right = round(x * width), max(round((x + across) * width), round(x * width) + 1)
        top, bottom = round(y * height), max(round((y + down) * height), round(y * height) + 1)
        for rows, columns in (
            (slice(top, top + thickness), slice(left, right)),
            (slice(max(bottom - thickness, top), bottom), slice(left, right)),
            (slice(top, bottom), slice(left, left + thickness)),
            (slice(top, bottom), slice(max(right - thickness, left), right)),
        ):
            drawn[rows, columns] = colour
    return drawn
