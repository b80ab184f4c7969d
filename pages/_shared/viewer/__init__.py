"""The viewer: an image with a map laid over it and its expert boxes, which can be clicked.

A Streamlit component without a build step: `viewer.js` and `viewer.css` beside this file are registered as text.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from ssl_attn.overlay import HIDDEN_SHADE, colour_table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from streamlit.components.v2.types import ComponentRenderer

    from ssl_attn.geometry import Placement
    from ssl_attn.overlay import ColourMap, Threshold

_FOLDER = Path(__file__).parent


def _component() -> ComponentRenderer:
    return st.components.v2.component(
        "ssl_attn_viewer",
        html="<div class='viewer'></div>",
        css=(_FOLDER / "viewer.css").read_text(encoding="utf-8"),
        js=(_FOLDER / "viewer.js").read_text(encoding="utf-8"),
    )


@dataclass(frozen=True, slots=True)
class Picture:
    """What lies under the map: an address (None: plain grey), the size of the oriented image, and words for it."""

    address: str | None
    width: int
    height: int
    description: str


@dataclass(frozen=True, slots=True, eq=False)
class Heat:
    """A map `(grid_h, grid_w)` and where the image lies on its canvas.

    `title` and the ends of `span`, the values that the colours span, written with the format `digits`, label the colour
    bar. `cut` is the value from which on a threshold selects; `query` `(grid_h, grid_w)` marks the cells that a
    similarity was asked from.
    """

    values: NDArray[np.floating]
    placement: Placement
    title: str
    span: tuple[float, float]
    digits: str
    cut: float | None = None
    query: NDArray[np.bool_] | None = None


@dataclass(frozen=True, slots=True)
class Box:
    """An expert box in fractions of the image, what it is, and what a reader may want to know of it.

    Boxes of distractors are dashed.
    """

    id: str
    name: str
    detail: str
    x: float
    y: float
    width: float
    height: float
    distractor: bool


@dataclass(frozen=True, slots=True)
class Drawing:
    """How the map is drawn: share of opacity, colours, interpolated or as patches, what to do at the threshold."""

    opacity: float
    colours: ColourMap
    smooth: bool
    threshold: Threshold


def viewer(
    picture: Picture,
    heat: Heat | None,
    boxes: Sequence[Box],
    drawing: Drawing,
    *,
    key: str,
    selected: str | None = None,
    on_box: Callable[[str | None], None],
) -> None:
    """Draw the picture; `on_box` is called with a box's id when it is chosen, with None when the choice is given up."""

    def changed() -> None:
        on_box(st.session_state[key].box or None)

    _component()(
        key=key,
        data={
            "picture": asdict(picture),
            "heat": None if heat is None else _heat(heat),
            # The largest first, so that small ones stay within reach of a pointer.
            "boxes": [asdict(box) for box in sorted(boxes, key=lambda box: -box.width * box.height)],
            "selected": selected,
            "drawing": {
                **asdict(drawing),
                "table": colour_table(drawing.colours).tobytes().hex(),
                "hidden_shade": HIDDEN_SHADE,
            },
        },
        on_box_change=changed,
    )


def _heat(heat: Heat) -> dict[str, Any]:
    rows, columns = heat.values.shape
    return {
        "rows": rows,
        "columns": columns,
        "values": heat.values.ravel().tolist(),
        "placement": asdict(heat.placement),
        "title": heat.title,
        "span": heat.span,
        "low": format(heat.span[0], heat.digits),
        "high": format(heat.span[1], heat.digits),
        "cut": heat.cut,
        "query": None if heat.query is None else heat.query.ravel().tolist(),
    }
