"""Image: what exactly does this model look at in this image?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from pages._shared import cards, evidence, filters, queries
from pages._shared.entry import draw
from pages._shared.map_choice import MapChoice, choose_image, choose_map
from pages._shared.previews import preview_address
from pages._shared.series import model_label
from pages._shared.stored_map import StoredMap, feature_grid
from pages._shared.strip import all_models
from pages._shared.viewer import Box, Drawing, Heat, Picture, viewer
from pages._shared.warehouse import rows
from ssl_attn.errors import SslAttnError
from ssl_attn.metrics.percentiles import DEFAULT_PERCENTILE
from ssl_attn.overlay import COLOUR_MAPS, THRESHOLDS, cut_value, visible_range
from ssl_attn.similarity import box_similarity

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

_THRESHOLD_WORDS = {"off": "Off", "contour": "Contour", "mask": "Cut out"}
_CELL_WORDS = {"smooth": "Smooth", "patches": "Patches"}


def page() -> None:
    """The page from top to bottom."""
    filters.arrive("image")
    cards.heading("Image", "What exactly does this model look at in this image?")
    datasets = rows(queries.datasets())
    if datasets.is_empty():
        cards.no_data()
        return
    with st.sidebar:
        dataset = filters.select("Data set", "dataset", datasets["dataset"].to_list())
        images = rows(queries.images(dataset))
        image_id = choose_image(images)
        maps = rows(queries.maps_of_image(dataset, image_id))
        choice = None if maps.is_empty() else choose_map(dataset, maps)
        drawing, percentile, boxes_shown = _choose_drawing()
    image = images.row(images["image_id"].to_list().index(image_id), named=True)
    if choice is None:
        cards.nothing("No model has a map of this image yet. Run `ssl-attn extract` on its data set.")
        return
    _shown(image, choice, drawing, percentile, boxes_shown=boxes_shown)


def _choose_drawing() -> tuple[Drawing, int, bool]:
    st.divider()
    threshold = filters.switch(
        "Threshold",
        "threshold",
        THRESHOLDS,
        words=lambda name: _THRESHOLD_WORDS[name],
        help="Outline what the percentile selects, or draw nothing else. It is what IoU is computed from.",
    )
    percentile = filters.number(
        "Percentile",
        "percentile",
        1,
        99,
        default=DEFAULT_PERCENTILE,
        help="90 selects the strongest tenth of the visible pixels. The scores beside the image follow it.",
    )
    opacity = filters.number("Opacity", "opacity", 0, 100, default=50, step=5, format="%d %%")
    boxes = filters.flag("Boxes", "boxes", default=True)
    cells = filters.switch("Cells", "cells", tuple(_CELL_WORDS), words=lambda name: _CELL_WORDS[name])
    colours = filters.switch("Colours", "colours", COLOUR_MAPS)
    return Drawing(opacity / 100, colours, cells == "smooth", threshold), percentile, boxes


def _shown(
    image: Mapping[str, Any], choice: MapChoice, drawing: Drawing, percentile: int, *, boxes_shown: bool
) -> None:
    dataset, image_id = image["dataset"], image["image_id"]
    map_query = queries.map_at(choice.series, image_id, choice.layer, choice.head)
    row = rows(map_query).row(0, named=True)
    stored = StoredMap.of(row)
    score_query = queries.image_score(choice.series, image_id, choice.layer, choice.head, percentile)
    box_query = queries.box_scores(choice.series, image_id, choice.layer, choice.head, percentile)
    boxes = rows(queries.boxes(dataset, image_id)).join(rows(box_query), on="box_id", how="left", maintain_order="left")
    strip_query = queries.last_layer_maps(dataset, image_id, choice.series.view)
    selected = _selected_box(boxes)

    seen, beside = st.columns([5, 3], gap="large")
    with seen:
        _viewer(image, choice, stored, boxes if boxes_shown else boxes.clear(), drawing, percentile, selected)
        strip = rows(strip_query)
        if len(strip) > 1:
            st.markdown(f"**The last layer of every model**, view {choice.series.view}")
            all_models(strip, image, drawing, percentile)
    with beside:
        st.markdown(f"**{model_label(choice.series.model, choice.series.variant)}** · {choice.title}")
        source = rows(queries.provenance(choice.series, row["run_id"])).row(0, named=True)
        cards.verdict_badge(source["verdict"], source["note"])
        found = rows(score_query)
        evidence.scores(found.row(0, named=True) if len(found) else None, percentile)
        evidence.left_out(row, stored)
        if boxes.is_empty():
            cards.nothing("The experts marked no box on this image.")
        else:
            evidence.box_table(boxes, percentile, selected, _choose_box)
            cards.download(boxes, f"boxes-{image_id}")
        evidence.provenance(source, row)

    cards.behind(
        ("Map", map_query),
        ("Score", score_query),
        ("Scores of boxes", box_query),
        ("Patch features", queries.patch_features(choice.series, image_id)),
        ("Last layers", strip_query),
    )


def _selected_box(boxes: pl.DataFrame) -> str | None:
    """The box that the URL names, if it is on this image."""
    asked = filters.read("box")
    selected = asked if asked in boxes["box_id"].to_list() else None
    filters.write("box", selected)
    return selected


def _choose_box(box_id: str | None) -> None:
    filters.write("box", box_id)


def _viewer(
    image: Mapping[str, Any],
    choice: MapChoice,
    stored: StoredMap,
    boxes: pl.DataFrame,
    drawing: Drawing,
    percentile: int,
    selected: str | None,
) -> None:
    heat = _map_heat(stored, choice, drawing, percentile)
    if selected is not None:
        asked = boxes.filter(box_id=selected)
        try:
            heat = _similarity_heat(choice, image["image_id"], asked.row(0, named=True)) if len(asked) else heat
        except SslAttnError as error:
            st.warning(str(error))
    if heat is None:
        cards.nothing("This map holds values that are not finite, so it cannot be drawn.")
    viewer(
        Picture(
            preview_address(image["preview"]),
            image["width"],
            image["height"],
            f"{image['image_id']} with {choice.title} of {choice.series.model}",
        ),
        heat,
        [_box(row) for row in boxes.iter_rows(named=True)],
        drawing,
        key="viewer",
        selected=selected,
        on_box=_choose_box,
    )


def _map_heat(stored: StoredMap, choice: MapChoice, drawing: Drawing, percentile: int) -> Heat | None:
    if not stored.drawable:
        return None
    cut = None if drawing.threshold == "off" else cut_value(stored.values, stored.placement, percentile)
    return Heat(
        stored.values,
        stored.placement,
        f"{choice.title} · {stored.grid}",
        visible_range(stored.values, stored.placement),
        ".2g",
        cut,
    )


def _similarity_heat(choice: MapChoice, image_id: str, box: Mapping[str, Any]) -> Heat:
    """How much each patch resembles the box, from the features of the last layer that is stored.

    Raises:
        SslAttnError: there are no features, or the view does not show the box.
    """
    patches = rows(queries.patch_features(choice.series, image_id))
    if patches.is_empty():
        message = (
            f"Expected patch features of {choice.series.model} in the view {choice.series.view}, found none; "
            "build again with --features to compare boxes."
        )
        raise SslAttnError(message)
    features, placement = feature_grid(patches)
    sides = np.array([box[side] for side in ("x", "y", "width", "height")])
    found = box_similarity(features, sides, placement)
    grid_h, grid_w = found.values.shape
    return Heat(
        found.values,
        placement,
        f"Cosine similarity to {box['name']} · layer {patches['layer'][0]} · {grid_h} × {grid_w} patches",
        (found.low, found.high),
        ".3f",
        query=found.weight > 0,
    )


def _box(row: Mapping[str, Any]) -> Box:
    detail = "" if row["iou"] is None else f"IoU {row['iou']:.3f}, chance {row['iou_chance']:.3f}"
    sides = (row["x"], row["y"], row["width"], row["height"])
    return Box(row["box_id"], row["name"], detail, *sides, distractor=row["distractor"])


draw(page)
