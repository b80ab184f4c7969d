"""The controls that pick one map of one image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl
import streamlit as st

from pages._shared import filters
from pages._shared.series import Series, method_label, variant_label
from ssl_attn.geometry import VIEW_NOTES, VIEWS
from ssl_attn.methods import FUSED, METHODS, WHOLE_MODEL
from ssl_attn.models.variants import FROZEN

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class MapChoice:
    """One map: its series, layer and head."""

    series: Series
    layer: int
    head: int

    @property
    def title(self) -> str:
        """Method, layer and heads in words."""
        method = METHODS.get(self.series.method)
        fused = f"all heads ({method.fusion})" if method and method.per_head else ""
        parts = (
            method_label(self.series.method),
            "whole model" if self.layer == WHOLE_MODEL else f"layer {self.layer}",
            fused if self.head == FUSED else f"head {self.head}",
        )
        return " · ".join(part for part in parts if part)


def choose_image(images: pl.DataFrame) -> str:
    """One image of a data set, by search or one after the other."""
    names: list[str] = images["image_id"].to_list()
    without = set(images.filter(boxes=0)["image_id"])
    chosen = filters.select(
        "Image", "image", names, words=lambda name: f"{name} (no boxes)" if name in without else name
    )
    at = names.index(chosen)
    with st.container(horizontal=True, vertical_alignment="center"):
        for label, icon, to in (("Previous", "arrow_back", at - 1), ("Next", "arrow_forward", at + 1)):
            st.button(
                label,
                key=f"{label.lower()}-image",
                icon=f":material/{icon}:",
                disabled=not 0 <= to < len(names),
                on_click=_go_to,
                args=(names, to),
            )
        st.caption(f"{at + 1} of {len(names)}", width="content")
    return chosen


def choose_map(dataset: str, maps: pl.DataFrame) -> MapChoice:
    """One of the maps of an image: each control offers what the choices above it leave."""
    left = _narrow(maps, "Model", "model", maps["model"].unique().sort().to_list())
    variants = sorted(left["variant"].unique(), key=lambda variant: (variant != FROZEN, variant))
    left = _narrow(left, "Variant", "variant", variants, words=variant_label)
    methods = sorted(left["method"].unique(), key=lambda method: (method != left["default_method"][0], method))
    left = _narrow(left, "Method", "method", methods, words=method_label)
    views = [view for view in VIEWS if view in left["view"].unique()]
    notes = "  \n".join(f"{view}: {note}" for view, note in VIEW_NOTES.items())
    left = _narrow(left, "View", "view", views, help=notes)
    left = _narrow(left, "Input size", "input_size", left["input_size"].unique().sort().to_list())
    left = _narrow(left, "Parameters", "params_id", left["params_id"].unique().sort().to_list())

    layers = left["layer"].unique().sort().to_list()
    layer = filters.steps("Layer", "layer", layers, default=layers[-1])
    heads = left.filter(layer=layer)["head"].unique().sort().to_list()
    head = heads[0]
    if len(heads) > 1:
        head = filters.select(
            "Head", "head", heads, default=heads[0], words=lambda head: "all, fused" if head == FUSED else str(head)
        )
    series = Series.of({**left.row(0, named=True), "dataset": dataset})
    return MapChoice(series, layer, head)


def _narrow(
    maps: pl.DataFrame,
    label: str,
    column: str,
    options: Sequence[str] | Sequence[int],
    *,
    words: filters.Words = str,
    help: str | None = None,
) -> pl.DataFrame:
    """Keep one value of a column; where there is only one, there is nothing to ask."""
    if column not in ("model", "method", "view") and len(options) == 1:
        return maps
    return maps.filter(pl.col(column) == filters.select(label, column, options, words=words, help=help))


def _go_to(names: Sequence[str], to: int) -> None:
    st.session_state["image"] = names[to]
