"""The same image for every model: last layers side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages._shared.previews import preview_pixels
from pages._shared.series import method_label, model_label
from pages._shared.stored_map import StoredMap
from ssl_attn.overlay import composite, overlay

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    import polars as pl

    from pages._shared.viewer import Drawing

_HEIGHT = 110


def all_models(maps: pl.DataFrame, image: Mapping[str, Any], drawing: Drawing, percentile: int) -> None:
    """Each row of `maps` drawn small over the image, in the way that the viewer draws."""
    width = max(1, round(_HEIGHT * image["width"] / image["height"]))
    picture = preview_pixels(image["preview"], width, _HEIGHT)
    with st.container(horizontal=True):
        for row in maps.iter_rows(named=True):
            stored = StoredMap.of(row)
            if not stored.drawable:
                continue
            layer = overlay(
                stored.values,
                stored.placement,
                width=width,
                height=_HEIGHT,
                colours=drawing.colours,
                opacity=drawing.opacity,
                smooth=drawing.smooth,
                threshold=drawing.threshold,
                percentile=percentile,
            )
            caption = (
                f"{model_label(row['model'], row['variant'])} · {method_label(row['method'])} · layer {row['layer']}"
            )
            st.image(composite(picture, layer), caption=caption, width=width, alt=caption)
