"""COCO JSON, with pycocotools as the oracle."""

from __future__ import annotations

import contextlib
import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image as PillowImage

from ssl_attn.datasets.coco import read_coco
from ssl_attn.errors import SslAttnError

if TYPE_CHECKING:
    from pathlib import Path


def document() -> dict[str, Any]:
    return {
        "licenses": [{"id": 3, "name": "CC0 1.0"}],
        "images": [
            {"id": 10, "file_name": "wide.png", "width": 40, "height": 20, "license": 3},
            {"id": 20, "file_name": "tall.png", "width": 30, "height": 60, "style": "Gothic", "split": "val"},
            {"id": 30, "file_name": "bare.png", "width": 8, "height": 8, "styles": ["A", "B"], "source_id": "h7"},
        ],
        "annotations": [
            {"id": 1, "image_id": 20, "category_id": 2, "bbox": [3, 6, 9, 12], "iscrowd": 0},
            {"id": 2, "image_id": 10, "category_id": 1, "bbox": [4, 2, 10, 5], "iscrowd": 0},
            {"id": 3, "image_id": 10, "category_id": 2, "bbox": [-4, 0, 8, 20], "iscrowd": 0},
        ],
        "categories": [
            {"id": 1, "name": "rose window", "supercategory": "window"},
            {"id": 2, "name": "window", "supercategory": "opening"},
            {"id": 5, "name": "opening", "supercategory": "none"},
        ],
    }


def write(folder: Path, content: Any) -> Path:
    for name, size in (("wide.png", (40, 20)), ("tall.png", (30, 60)), ("bare.png", (8, 8))):
        PillowImage.new("L", size).save(folder / name)
    path = folder / "annotations.json"
    path.write_text(json.dumps(content))
    return path


def test_images_boxes_and_optional_fields(tmp_path: Path) -> None:
    dataset = read_coco(write(tmp_path, document()), name="town")
    wide, tall, bare = dataset.images
    assert (wide.image_id, wide.licence, wide.source_id) == ("wide.png", "CC0 1.0", "wide.png")
    assert (tall.styles, tall.split) == (("Gothic",), "val")
    assert (bare.styles, bare.source_id) == (("A", "B"), "h7")
    assert [(box.box_id, box.image_id, box.feature_type) for box in dataset.boxes] == [
        ("2", "wide.png", "rose_window"),
        ("3", "wide.png", "window"),
        ("1", "tall.png", "window"),
    ]
    assert [(b.x, b.y, b.width, b.height) for b in dataset.boxes] == [
        pytest.approx((0.1, 0.1, 0.25, 0.25)),
        pytest.approx((0.0, 0.0, 0.1, 1.0)),
        pytest.approx((0.1, 0.1, 0.3, 0.2)),
    ]
    assert dataset.quarantine == ()


def test_supercategories_are_the_broader_feature_types(tmp_path: Path) -> None:
    content = document()
    content["categories"].append({"id": 9, "name": "door", "supercategory": "way in"})
    dataset = read_coco(write(tmp_path, content))
    assert {entry.feature_type: entry.parents for entry in dataset.feature_types} == {
        "rose_window": ("window",),
        "window": ("opening",),
        "opening": (),
        "door": ("way_in",),
        "way_in": (),
    }


def test_the_supercategory_distractor_is_a_role_and_handed_down(tmp_path: Path) -> None:
    content = document()
    content["categories"] += [
        {"id": 8, "name": "car", "supercategory": "Vehicle"},
        {"id": 9, "name": "vehicle", "supercategory": "Distractor"},
    ]
    dataset = read_coco(write(tmp_path, content))
    assert {entry.feature_type: entry.parents for entry in dataset.feature_types if entry.distractor} == {
        "car": ("vehicle",),
        "vehicle": (),
    }
    assert "distractor" not in {entry.feature_type for entry in dataset.feature_types}


def test_pycocotools_reads_the_same(tmp_path: Path) -> None:
    from pycocotools.coco import COCO

    content = document()
    random = np.random.default_rng(1)
    for index in range(60):
        image = content["images"][index % 3]
        x, y = random.uniform(0, 0.8, 2) * (image["width"], image["height"])
        width, height = random.uniform(0.05, 0.2, 2) * (image["width"], image["height"])
        content["annotations"].append(
            {"id": 100 + index, "image_id": image["id"], "category_id": 1, "bbox": [x, y, width, height], "iscrowd": 0}
        )
    content["annotations"].append({"id": 999, "image_id": 10, "category_id": 1, "bbox": [0, 0, 4, 4], "iscrowd": 1})
    path = write(tmp_path, content)
    with contextlib.redirect_stdout(io.StringIO()):
        oracle = COCO(str(path))
    dataset = read_coco(path)

    sizes = {image.image_id: (image.width, image.height) for image in dataset.images}
    ours = {
        int(box.box_id): (
            box.image_id,
            box.feature_type,
            *(np.array([box.x, box.y, box.width, box.height]) * (sizes[box.image_id] * 2)).tolist(),
        )
        for box in dataset.boxes
    }
    theirs = {}
    for entry in oracle.loadAnns(oracle.getAnnIds(iscrowd=False)):
        x, y, width, height = entry["bbox"]
        name = oracle.loadImgs(entry["image_id"])[0]["file_name"]
        category = oracle.loadCats(entry["category_id"])[0]["name"].replace(" ", "_")
        theirs[entry["id"]] = (name, category, max(x, 0), max(y, 0), width + min(x, 0), height + min(y, 0))
    assert ours.keys() == theirs.keys()
    for key, (name, category, *numbers) in theirs.items():
        assert ours[key][:2] == (name, category)
        assert ours[key][2:] == pytest.approx(numbers)


def test_crowds_and_incomplete_entries_are_left_out(tmp_path: Path) -> None:
    content = document()
    content["annotations"] += [
        {"id": 4, "image_id": 10, "category_id": 1, "bbox": [0, 0, 40, 20], "iscrowd": 1},
        {"id": 5, "image_id": 10, "category_id": 1, "segmentation": [[0, 0, 1, 1, 1, 0]]},
        {"id": 6, "image_id": 10, "category_id": 1, "bbox": []},
        {"id": 7, "image_id": 10, "category_id": 1, "bbox": [1, 2, 3]},
        {"id": 8, "image_id": 10, "category_id": 77, "bbox": [1, 2, 3, 4]},
        {"id": 9, "image_id": 77, "category_id": 1, "bbox": [1, 2, 3, 4]},
        {"id": 2, "image_id": 10, "category_id": 1, "bbox": [1, 2, 3, 4]},
        {"id": 11, "image_id": 10, "category_id": None, "bbox": [1, 2, 3, 4]},
        "nonsense",
    ]
    content["images"].append({"id": 40})
    content["categories"].append({"id": 6})
    dataset = read_coco(write(tmp_path, content))
    assert len(dataset.boxes) == 3
    assert {(entry.what, entry.identifier, entry.rule) for entry in dataset.quarantine} == {
        ("image", "40", "incomplete_entry"),
        ("feature_type", "6", "incomplete_entry"),
        ("box", "4", "crowd"),
        ("box", "5", "incomplete_entry"),
        ("box", "6", "incomplete_entry"),
        ("box", "7", "not_finite"),
        ("box", "8", "unknown_label"),
        ("box", "9", "unknown_image"),
        ("box", "2", "duplicate_id"),
        ("box", "11", "incomplete_entry"),
        ("box", "entry 11", "incomplete_entry"),
    }


@pytest.mark.parametrize("place", ["images", "elsewhere"])
def test_images_beside_the_file_in_images_or_where_told(tmp_path: Path, place: str) -> None:
    path = write(tmp_path, document())
    (tmp_path / place).mkdir()
    for picture in tmp_path.glob("*.png"):
        picture.rename(tmp_path / place / picture.name)
    dataset = read_coco(path, images=None if place == "images" else tmp_path / place)
    assert len(dataset.images) == 3


def test_a_folder_in_the_file_name_is_found_there_or_without(tmp_path: Path) -> None:
    content = document()
    content["images"][0]["file_name"] = "sub\\wide.png"
    content["images"][1]["file_name"] = "./gone/tall.png"
    path = write(tmp_path, content)
    (tmp_path / "sub").mkdir()
    (tmp_path / "wide.png").rename(tmp_path / "sub" / "wide.png")
    assert [image.image_id for image in read_coco(path).images] == ["sub/wide.png", "gone/tall.png", "bare.png"]


def test_an_image_of_another_aspect_than_stated_is_left_out(tmp_path: Path) -> None:
    content = document()
    content["images"][0] |= {"width": 20, "height": 20}
    dataset = read_coco(write(tmp_path, content))
    assert [entry.rule for entry in dataset.quarantine] == ["size_mismatch", "image_left_out", "image_left_out"]


def test_a_portrait_photo_labelled_in_stored_pixels(tmp_path: Path) -> None:
    content = document()
    path = write(tmp_path, content)
    exif = PillowImage.Exif()
    exif[0x0112] = 6
    PillowImage.new("L", (40, 20)).save(tmp_path / "wide.png", exif=exif)
    dataset = read_coco(path)
    assert (dataset.images[0].width, dataset.images[0].height) == (20, 40)
    box = dataset.boxes[0]
    # (4, 2, 10, 5) of the stored 40 x 20, turned by 90 degrees clockwise
    assert (box.x, box.y, box.width, box.height) == pytest.approx((13 / 20, 4 / 40, 5 / 20, 10 / 40))


def test_a_file_with_images_alone_is_a_data_set_without_boxes(tmp_path: Path) -> None:
    dataset = read_coco(write(tmp_path, {"images": document()["images"]}))
    assert (len(dataset.images), dataset.boxes, dataset.feature_types, dataset.quarantine) == (3, (), (), ())


@pytest.mark.parametrize("content", [[], {"meta": []}, {"images": {}}])
def test_another_file_is_an_error(tmp_path: Path, content: Any) -> None:
    with pytest.raises(SslAttnError, match="COCO"):
        read_coco(write(tmp_path, content))


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SslAttnError, match="check the path"):
        read_coco(tmp_path / "gone.json")
