"""Pascal VOC XML."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PIL import Image as PillowImage

from ssl_attn.datasets.voc import read_voc
from ssl_attn.errors import SslAttnError

if TYPE_CHECKING:
    from pathlib import Path


def annotation(*objects: str, filename: str = "a.png", size: str = "", extra: str = "") -> str:
    return f"<annotation><filename>{filename}</filename>{size}{extra}{''.join(objects)}</annotation>"


def thing(name: str, xmin: object, ymin: object, xmax: object, ymax: object) -> str:
    corners = f"<xmin>{xmin}</xmin><ymin>{ymin}</ymin><xmax>{xmax}</xmax><ymax>{ymax}</ymax>"
    return f"<object><name>{name}</name><bndbox>{corners}</bndbox></object>"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    PillowImage.new("L", (40, 20)).save(tmp_path / "a.png")
    return tmp_path


def test_corners_count_from_one_and_belong_to_the_box(folder: Path) -> None:
    (folder / "a.xml").write_text(annotation(thing("door", 1, 1, 40, 20), thing("window", 11, 6, 11, 10)))
    whole, narrow = read_voc(folder).boxes
    assert (whole.x, whole.y, whole.width, whole.height) == (0, 0, 1, 1)
    assert (narrow.x, narrow.y, narrow.width, narrow.height) == pytest.approx((10 / 40, 5 / 20, 1 / 40, 5 / 20))
    assert (whole.box_id, narrow.box_id) == ("a.png#0", "a.png#1")


def test_a_tool_that_counts_from_zero_is_clipped(folder: Path) -> None:
    (folder / "a.xml").write_text(annotation(thing("door", 0, 0, 10, 10)))
    (box,) = read_voc(folder).boxes
    assert (box.x, box.y, box.width, box.height) == pytest.approx((0, 0, 10 / 40, 10 / 20))


def test_what_is_said_of_an_image(folder: Path) -> None:
    extra = (
        "<style>Gothic</style><style>Baroque</style><source_id>h1</source_id><split>val</split><licence>CC0</licence>"
    )
    (folder / "a.xml").write_text(annotation(extra=extra))
    (image,) = read_voc(folder).images
    assert (image.styles, image.source_id, image.split, image.licence) == (("Gothic", "Baroque"), "h1", "val", "CC0")


def test_the_layout_of_the_challenge(tmp_path: Path) -> None:
    for name in ("Annotations", "JPEGImages"):
        (tmp_path / name).mkdir()
    PillowImage.new("L", (40, 20)).save(tmp_path / "JPEGImages" / "a.png")
    (tmp_path / "Annotations" / "a.xml").write_text(annotation(thing("door", 1, 1, 4, 4)))
    assert len(read_voc(tmp_path).boxes) == 1
    assert len(read_voc(tmp_path / "Annotations").boxes) == 1


@pytest.mark.parametrize("filename", ["", "a", "moved.jpg"])
def test_an_image_named_wrongly_is_found_by_the_annotations_name(folder: Path, filename: str) -> None:
    (folder / "a.xml").write_text(annotation(filename=filename))
    assert read_voc(folder).images[0].image_id == "a.png"


def test_the_stated_size_counts_and_zero_means_unstated(folder: Path) -> None:
    (folder / "a.xml").write_text(
        annotation(thing("door", 1, 1, 40, 20), size="<size><width>80</width><height>40</height></size>")
    )
    assert read_voc(folder).boxes[0].width == pytest.approx(0.5)
    (folder / "a.xml").write_text(
        annotation(thing("door", 1, 1, 40, 20), size="<size><width>0</width><height>0</height></size>")
    )
    assert read_voc(folder).boxes[0].width == 1


def test_classes_txt_makes_other_names_unknown(folder: Path) -> None:
    (folder / "a.xml").write_text(annotation(thing("door", 1, 1, 4, 4), thing("dor", 1, 1, 4, 4)))
    assert {entry.feature_type for entry in read_voc(folder).feature_types} == {"door", "dor"}
    (folder / "classes.txt").write_text("door\nwindow\n")
    dataset = read_voc(folder)
    assert [entry.feature_type for entry in dataset.feature_types] == ["door", "window"]
    assert [(entry.identifier, entry.rule) for entry in dataset.quarantine] == [("a.png#1", "unknown_label")]


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><annotation><filename>&b;</filename></annotation>'


@pytest.mark.parametrize("content", ["<annotation><object>", "", BOMB])
def test_a_broken_or_hostile_file_leaves_out_its_image(folder: Path, content: str) -> None:
    (folder / "a.xml").write_text(annotation(thing("door", 1, 1, 4, 4)))
    (folder / "b.xml").write_text(content)
    dataset = read_voc(folder)
    assert len(dataset.boxes) == 1
    assert [(entry.what, entry.identifier, entry.rule) for entry in dataset.quarantine] == [
        ("image", "b.xml", "unreadable_annotation")
    ]
    (folder / "a.xml").unlink()
    with pytest.raises(SslAttnError, match="none among 1"):
        read_voc(folder)


def test_a_missing_or_mistyped_corner_is_left_out(folder: Path) -> None:
    (folder / "a.xml").write_text(annotation(thing("door", "x", 1, 4, 4), "<object><name>door</name></object>"))
    assert [entry.rule for entry in read_voc(folder).quarantine] == ["not_finite", "not_finite"]


def test_a_folder_without_annotations_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SslAttnError, match="found none"):
        read_voc(tmp_path)
