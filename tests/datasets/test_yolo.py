"""YOLO text labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PIL import Image as PillowImage

from ssl_attn.datasets.yolo import read_yolo
from ssl_attn.errors import SslAttnError

if TYPE_CHECKING:
    from pathlib import Path


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    PillowImage.new("L", (40, 20)).save(path)


def labels(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "classes.txt").write_text("door\nrose window\n\n")
    picture(tmp_path / "images" / "a.png")
    picture(tmp_path / "images" / "bare.png")
    labels(tmp_path / "labels" / "a.txt", "1 0.5 0.5 0.2 0.4\n\n0 0.1 0.1 0.2 0.2 0.87\n")
    return tmp_path


def test_centres_become_corners_and_images_without_labels_stay(folder: Path) -> None:
    dataset = read_yolo(folder)
    assert [image.image_id for image in dataset.images] == ["a.png", "bare.png"]
    rose, door = dataset.boxes
    assert (rose.box_id, rose.image_id, rose.feature_type) == ("a.png#0", "a.png", "rose_window")
    assert (rose.x, rose.y, rose.width, rose.height) == pytest.approx((0.4, 0.3, 0.2, 0.4))
    assert (door.x, door.y, door.width, door.height) == pytest.approx((0.0, 0.0, 0.2, 0.2))
    assert dataset.quarantine == ()


def test_a_polygon_gives_its_bounding_box(folder: Path) -> None:
    labels(folder / "labels" / "a.txt", "0 0.1 0.2 0.5 0.3 0.4 0.9\n")
    (box,) = read_yolo(folder).boxes
    assert (box.x, box.y, box.width, box.height) == pytest.approx((0.1, 0.2, 0.4, 0.7))


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("0 0.5 0.5 0.2", "incomplete_entry"),
        ("0 0.5 0.5 0.2 0.2 0.1 0.1 0.1", "incomplete_entry"),
        ("0 half 0.5 0.2 0.2", "incomplete_entry"),
        ("2 0.5 0.5 0.2 0.2", "unknown_label"),
        ("0 nan 0.5 0.2 0.2", "not_finite"),
        ("0 0.5 0.5 0 0.2", "size_not_positive"),
        ("0 120 80 40 30", "outside_image"),
    ],
)
def test_a_bad_line_is_left_out(folder: Path, line: str, rule: str) -> None:
    labels(folder / "labels" / "a.txt", f"{line}\n1 0.5 0.5 0.2 0.4\n")
    dataset = read_yolo(folder)
    assert [box.box_id for box in dataset.boxes] == ["a.png#1"]
    assert [(entry.identifier, entry.rule) for entry in dataset.quarantine] == [("a.png#0", rule)]


@pytest.mark.parametrize(
    "text",
    ["names: [door, rose window]\n", "names:\n  0: door\n  1: rose window\nnc: 2\n"],
)
def test_names_from_yaml(folder: Path, text: str) -> None:
    (folder / "classes.txt").unlink()
    (folder / "data.yaml").write_text(text)
    assert read_yolo(folder) == read_yolo(folder / "data.yaml")
    assert [entry.name for entry in read_yolo(folder).feature_types] == ["door", "rose window"]


@pytest.mark.parametrize(
    "text",
    ["names: {a: b}\n", "nc: 2\n", "- 1\n", "names: [door\n", "names: door\n", "names: !!python/object:os.x {}\n"],
)
def test_yaml_without_names_is_an_error(folder: Path, text: str) -> None:
    (folder / "data.yaml").write_text(text)
    with pytest.raises(SslAttnError, match="names"):
        read_yolo(folder)


def test_folders_by_split_and_flat_folders(tmp_path: Path) -> None:
    (tmp_path / "data.yaml").write_text("names: [door]\n")
    for split in ("train", "valid"):
        picture(tmp_path / split / "images" / f"{split}.png")
        labels(tmp_path / split / "labels" / f"{split}.txt", "0 0.5 0.5 0.2 0.2")
    picture(tmp_path / "flat.png")
    labels(tmp_path / "flat.txt", "0 0.5 0.5 0.2 0.2")
    dataset = read_yolo(tmp_path)
    assert [(image.image_id, image.split) for image in dataset.images] == [
        ("flat.png", ""),
        ("train/images/train.png", "train"),
        ("valid/images/valid.png", "val"),
    ]
    assert len(dataset.boxes) == 3


def test_images_elsewhere_keep_their_labels(folder: Path) -> None:
    (folder / "images").rename(folder.parent / "pictures")
    assert len(read_yolo(folder, images=folder.parent / "pictures").boxes) == 2


def test_labels_without_an_image_are_reported_and_notes_are_not(folder: Path) -> None:
    labels(folder / "labels" / "gone.txt", "0 0.5 0.5 0.2 0.2\n1 0.5 0.5 0.2 0.2\n")
    (folder / "notes.txt").write_text("drawn in May\n")
    (folder / "train.txt").write_text("images/a.png\n")
    dataset = read_yolo(folder)
    assert [(entry.rule, entry.found) for entry in dataset.quarantine] == [
        ("unknown_image", "image 'labels/gone.txt'")
    ] * 2


def test_an_unreadable_label_file_is_reported(folder: Path) -> None:
    (folder / "labels" / "bare.txt").write_bytes(b"\xff\xfe\x00")
    assert [entry.rule for entry in read_yolo(folder).quarantine] == ["unreadable_annotation"]


def test_no_names_or_no_images_is_an_error(folder: Path, tmp_path: Path) -> None:
    (folder / "classes.txt").unlink()
    with pytest.raises(SslAttnError, match=r"classes\.txt"):
        read_yolo(folder)
    (folder / "classes.txt").write_text("door")
    for path in (folder / "images").iterdir():
        path.unlink()
    with pytest.raises(SslAttnError, match="expected images"):
        read_yolo(folder)


def test_listed_names_are_distractors_and_one_that_no_class_has_is_a_type_without_boxes(folder: Path) -> None:
    (folder / "distractors.txt").write_text("door\ndoor\ncar\n")
    dataset = read_yolo(folder)
    assert [(entry.name, entry.distractor) for entry in dataset.feature_types] == [
        ("door", True),
        ("rose window", False),
        ("car", True),
    ]
    assert dataset.quarantine == ()
