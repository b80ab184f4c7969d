"""WikiChurches' own files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image as PillowImage

from ssl_attn.datasets.wikichurches import annotated_image_names, read_wikichurches
from ssl_attn.errors import SslAttnError

if TYPE_CHECKING:
    from pathlib import Path

META = [
    {"name": "Portal", "parents": []},
    {"name": "Round Arch", "parents": []},
    {"name": "Ornate Portal", "parents": [0]},
]


def element(label: int, left: float = 0.1, top: float = 0.2, width: float = 0.3, height: float = 0.4) -> dict[str, Any]:
    return {"label": label, "left": left, "top": top, "width": width, "height": height}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    annotations = {
        "Q100_wd0.jpg": {
            "styles": ["Q46261", "Q999"],
            "bbox_groups": [{"group_label": 0, "elements": [element(1), element(2, left=-0.1)]}],
        },
        "Q200_wd0.jpg": {"styles": [], "bbox_groups": [{"group_label": 1, "elements": [element(1)]}]},
        "other.jpg": {"styles": ["Q840829"], "bbox_groups": []},
    }
    (tmp_path / "images").mkdir()
    for name in annotations:
        PillowImage.new("RGB", (30, 40)).save(tmp_path / "images" / name)
    (tmp_path / "building_parts.json").write_text(json.dumps({"meta": META, "annotations": annotations}))
    return tmp_path


def test_boxes_groups_hierarchy_and_sources(folder: Path) -> None:
    dataset = read_wikichurches(folder / "building_parts.json", name="wikichurches")
    assert [(image.image_id, image.source_id) for image in dataset.images] == [
        ("Q100_wd0.jpg", "Q100"),
        ("Q200_wd0.jpg", "Q200"),
        ("other.jpg", "other.jpg"),
    ]
    assert [(box.box_id, box.feature_type, box.feature_group) for box in dataset.boxes] == [
        ("Q100_wd0.jpg#0", "round_arch", "portal"),
        ("Q100_wd0.jpg#1", "ornate_portal", "portal"),
        ("Q200_wd0.jpg#0", "round_arch", "round_arch"),
    ]
    shrunk = dataset.boxes[1]
    assert (shrunk.x, shrunk.width) == pytest.approx((0.0, 0.2))
    assert {entry.feature_type: entry.parents for entry in dataset.feature_types} == {
        "portal": (),
        "round_arch": (),
        "ornate_portal": ("portal",),
    }
    assert dataset.quarantine == ()


def test_the_folder_does_as_well_as_the_file(folder: Path) -> None:
    assert read_wikichurches(folder) == read_wikichurches(folder / "building_parts.json")


def test_styles_have_names_with_and_without_the_list(folder: Path) -> None:
    assert [image.styles for image in read_wikichurches(folder).images] == [("Romanesque", "Q999"), (), ("Baroque",)]
    (folder / "style_names.txt").write_text("Q999 Brick Gothic\nQ46261 Romanesque architecture\n", encoding="utf-8")
    styles = [image.styles for image in read_wikichurches(folder).images]
    assert styles == [("Romanesque architecture", "Brick Gothic"), (), ("Baroque",)]


def test_the_list_of_churches_fills_in_missing_styles(folder: Path) -> None:
    (folder / "churches.json").write_text(json.dumps({"Q200": {"id": "Q200", "styles": ["Q176483"]}, "Q100": {}}))
    assert [image.styles for image in read_wikichurches(folder).images] == [
        ("Romanesque", "Q999"),
        ("Gothic",),
        ("Baroque",),
    ]


def test_images_in_another_folder(folder: Path) -> None:
    (folder / "images").rename(folder / "elsewhere")
    with pytest.raises(SslAttnError, match="no such file"):
        read_wikichurches(folder)
    assert len(read_wikichurches(folder, images=folder / "elsewhere").images) == 3


def test_bad_entries_are_left_out(folder: Path) -> None:
    path = folder / "building_parts.json"
    document = json.loads(path.read_text())
    document["meta"][0]["parents"] = [9]
    document["annotations"]["Q100_wd0.jpg"]["bbox_groups"][0]["elements"] += ["nonsense", element(7), {"label": 1}]
    document["annotations"]["Q300_wd0.jpg"] = None
    path.write_text(json.dumps(document))
    dataset = read_wikichurches(path)
    assert len(dataset.boxes) == 3
    assert [(entry.what, entry.identifier, entry.rule) for entry in dataset.quarantine] == [
        ("box", "Q100_wd0.jpg#2", "incomplete_entry"),
        ("image", "Q300_wd0.jpg", "incomplete_entry"),
        ("feature_type", "portal", "bad_parent"),
        ("box", "Q100_wd0.jpg#3", "unknown_label"),
        ("box", "Q100_wd0.jpg#4", "not_finite"),
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "broken JSON"),
        ("[]", "a JSON list"),
        ('{"images": []}', "building_parts.json"),
        ('{"meta": {}, "annotations": []}', "building_parts.json"),
    ],
)
def test_another_file_is_an_error(folder: Path, content: str, words: str) -> None:
    (folder / "building_parts.json").write_text(content)
    with pytest.raises(SslAttnError, match=words):
        read_wikichurches(folder)


def test_a_file_in_another_encoding_is_an_error(folder: Path) -> None:
    (folder / "building_parts.json").write_bytes('{"meta": "é"}'.encode("latin-1"))
    with pytest.raises(SslAttnError, match="UTF-8"):
        read_wikichurches(folder)


def test_names_of_the_annotated_images(folder: Path) -> None:
    names = annotated_image_names(folder / "building_parts.json")
    assert names == {"Q100_wd0.jpg", "Q200_wd0.jpg", "other.jpg"}
    (folder / "building_parts.json").write_text("{}")
    with pytest.raises(SslAttnError, match="download it again"):
        annotated_image_names(folder / "building_parts.json")
