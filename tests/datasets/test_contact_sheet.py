"""Contact sheets and summaries."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image as PillowImage

from ssl_attn.datasets.base import AnnotatedImages, Box, FeatureType, Image, Quarantined
from ssl_attn.datasets.contact_sheet import contact_sheet, page_count
from ssl_attn.datasets.summary import summarise
from ssl_attn.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

SIZES = [(400, 300), (200, 400), (1000, 100), (300, 300), (30, 400)]


@pytest.fixture
def dataset(tmp_path: Path) -> AnnotatedImages:
    images, boxes = [], []
    for index in range(10):
        size = SIZES[index % len(SIZES)]
        path = tmp_path / f"{index}.png"
        PillowImage.new("RGB", size, (90, 90, 90)).save(path)
        sha256 = "same" if index < 2 else str(index)
        style = ("Gothic",) if index % 2 else ("Baroque", "Gothic")
        images.append(Image(path.name, path, sha256, *size, style, f"house{index // 2}", "val" if index else ""))
        if index != 3:
            kind = "door" if index % 2 else "window"
            boxes.append(Box(f"{index}#0", path.name, kind, kind, 0.25, 0.25, 0.5, 0.5))
    boxes.append(Box("small", "0.png", "window", "window", 0.9, 0.9, 0.05, 0.05))
    types = (
        FeatureType("window", "Window", ("opening",)),
        FeatureType("door", "Door", ("opening",)),
        FeatureType("opening", "Opening"),
        FeatureType("oriel", "Oriel"),
    )
    left_out = (Quarantined("image", "gone.png", "missing_image", "a file", "none"),)
    return AnnotatedImages("town", tuple(images), tuple(boxes), types, left_out)


def colours_on(sheet: PillowImage.Image) -> set[tuple[int, int, int]]:
    return {colour for _, colour in sheet.getcolors(sheet.width * sheet.height)}


def test_a_sheet_has_every_image_at_its_aspect_and_every_feature_types_colour(dataset: AnnotatedImages) -> None:
    calls: list[tuple[int, int]] = []
    sheet = contact_sheet(dataset, on_progress=lambda done, total: calls.append((done, total)))
    assert sheet.mode == "RGB"
    assert calls[-1] == (10, 10)
    grey = (np.asarray(sheet) == 90).all(axis=2)
    tile_rows = np.flatnonzero(grey.any(axis=1))
    assert len(tile_rows) > 300
    shown = colours_on(sheet)
    assert {(0, 114, 178), (230, 120, 0)} <= shown
    assert (0, 150, 110) not in shown  # a third colour, for types that have no box


def test_a_box_is_drawn_where_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    PillowImage.new("RGB", (400, 200), (90, 90, 90)).save(path)
    box = Box("1", "a.png", "door", "door", 0.25, 0.5, 0.5, 0.5)
    image = Image("a.png", path, "x", 400, 200)
    sheet = np.asarray(contact_sheet(AnnotatedImages("t", (image,), (box,), (FeatureType("door", "Door"),))))
    blue = (sheet == (0, 114, 178)).all(axis=2)
    grey = (sheet == 90).all(axis=2)
    top, left = np.argwhere(grey).min(axis=0)
    outline = np.argwhere(blue & (np.arange(blue.shape[0])[:, None] >= top))
    # The thumbnail is not enlarged; the label stands above the box.
    assert outline[:, 1].min() == pytest.approx(left + 100, abs=2)
    assert outline[:, 1].max() == pytest.approx(left + 300, abs=2)
    assert outline[:, 0].max() == pytest.approx(top + 200, abs=2)


def test_pages_hold_the_limit_and_share_their_colours(dataset: AnnotatedImages) -> None:
    assert page_count(dataset, 4) == 3
    calls: list[tuple[int, int]] = []
    last = contact_sheet(dataset, limit=4, page=3, on_progress=lambda done, total: calls.append((done, total)))
    assert calls[-1] == (2, 2)
    assert last.height < contact_sheet(dataset, limit=10).height
    assert (0, 114, 178) in colours_on(last)


@pytest.mark.parametrize(("limit", "page"), [(0, 1), (4, 0), (4, 4)])
def test_a_page_that_is_not_there_is_wrong_use(dataset: AnnotatedImages, limit: int, page: int) -> None:
    with pytest.raises(UsageError, match="expected a page"):
        contact_sheet(dataset, limit=limit, page=page)


def test_many_feature_types_all_get_a_colour(tmp_path: Path) -> None:
    PillowImage.new("RGB", (400, 300), (90, 90, 90)).save(tmp_path / "a.png")
    types = tuple(FeatureType(f"t{index}", f"A rather long name of type {index}") for index in range(106))
    boxes = tuple(Box(str(i), "a.png", f"t{i}", f"t{i}", 0.1, 0.1, 0.5, 0.5) for i in range(106))
    image = Image("a.png", tmp_path / "a.png", "x", 400, 300)
    sheet = contact_sheet(AnnotatedImages("town", (image,), boxes, types))
    coloured = [colour for colour in colours_on(sheet) if max(colour) - min(colour) > 60]
    assert len(coloured) > 100


def test_an_empty_data_set_gives_an_empty_sheet() -> None:
    sheet = contact_sheet(AnnotatedImages("none", (), (), ()))
    assert sheet.height < 300


def test_summary_counts_and_warns(dataset: AnnotatedImages) -> None:
    summary = summarise(dataset)
    assert (summary.name, summary.images, summary.boxes, summary.sources) == ("town", 10, 10, 5)
    assert list(summary.boxes_of_feature_type.items()) == [("window", 6), ("door", 4), ("opening", 0), ("oriel", 0)]
    assert summary.images_of_style == {"Gothic": 10, "Baroque": 5}
    assert summary.images_of_split == {"val": 9}
    assert summary.quarantined_by_rule == {"missing_image": 1}
    bare, unused, small, copies = summary.warnings
    assert bare.startswith("1 image without a box (3.png)")
    assert unused == "1 feature type without a box (oriel)"
    assert small.startswith("1 box of 10 smaller than one 14 px patch")
    assert copies.startswith("1 group of identical image files (0.png = 1.png)")


def test_distractors_are_told_from_features(dataset: AnnotatedImages) -> None:
    def relabelled(*distractors: str) -> AnnotatedImages:
        kinds = (
            dataclasses.replace(kind, distractor=kind.feature_type in distractors) for kind in dataset.feature_types
        )
        return dataclasses.replace(dataset, feature_types=tuple(kinds))

    summary = summarise(relabelled("door", "oriel"))
    assert summary.distractors == ("door", "oriel")
    assert summary.warnings[0].startswith("5 images without a box of a feature (1.png, 3.png, 5.png")
    # The most frequent type has the first colour, unless it is a distractor.
    blue = [
        np.count_nonzero((np.asarray(contact_sheet(data)) == (0, 114, 178)).all(axis=2))
        for data in (dataset, relabelled("window"))
    ]
    assert blue[0] > blue[1] > 0
