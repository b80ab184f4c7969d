"""The same images and boxes, written in five formats, are one data set."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image as PillowImage

from ssl_attn.datasets import FORMATS, read_dataset

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ssl_attn.datasets.base import AnnotatedImages

NAMES = ("Door", "Rose Window", "pilaster", "Street sign")
DISTRACTOR = "Street sign"
SIZES = {"a.png": (40, 20), "b.png": (15, 60), "c.png": (33, 33)}

Boxes = list[tuple[str, int, int, int, int, int]]
"""Image, name index, x, y, width, height in whole pixels; may stick out of the image."""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for index, (name, size) in enumerate(SIZES.items()):
        PillowImage.new("L", size, index).save(folder / name)
    return folder


def write_coco(folder: Path, boxes: Boxes) -> Path:
    ids = {name: index for index, name in enumerate(SIZES)}
    document = {
        "images": [{"id": ids[n], "file_name": n, "width": w, "height": h} for n, (w, h) in SIZES.items()],
        "categories": [
            {"id": index, "name": name, "supercategory": "distractor" if name == DISTRACTOR else "none"}
            for index, name in enumerate(NAMES)
        ],
        "annotations": [
            {"id": index, "image_id": ids[image], "category_id": label, "bbox": bbox, "iscrowd": 0}
            for index, (image, label, *bbox) in enumerate(boxes)
        ],
    }
    path = folder / "coco.json"
    path.write_text(json.dumps(document))
    return path


def write_wikichurches(folder: Path, boxes: Boxes) -> Path:
    annotations: dict[str, Any] = {name: {"styles": [], "bbox_groups": []} for name in SIZES}
    for image, label, x, y, w, h in boxes:
        width, height = SIZES[image]
        element = {"label": label, "left": x / width, "top": y / height, "width": w / width, "height": h / height}
        annotations[image]["bbox_groups"].append({"group_label": label, "elements": [element]})
    path = folder / "building_parts.json"
    meta = [{"name": name, "parents": [], "distractor": name == DISTRACTOR} for name in NAMES]
    path.write_text(json.dumps({"meta": meta, "annotations": annotations}))
    return path


def write_voc(folder: Path, boxes: Boxes) -> Path:
    target = folder / "voc"
    target.mkdir(exist_ok=True)
    (target / "classes.txt").write_text("\n".join(NAMES))
    (target / "distractors.txt").write_text(DISTRACTOR)
    for name, (width, height) in SIZES.items():
        objects = "".join(
            f"<object><name>{NAMES[label]}</name><bndbox><xmin>{x + 1}</xmin><ymin>{y + 1}</ymin>"
            f"<xmax>{x + w}</xmax><ymax>{y + h}</ymax></bndbox></object>"
            for image, label, x, y, w, h in boxes
            if image == name
        )
        size = f"<size><width>{width}</width><height>{height}</height><depth>1</depth></size>"
        (target / f"{name[0]}.xml").write_text(f"<annotation><filename>{name}</filename>{size}{objects}</annotation>")
    return target


def write_yolo(folder: Path, boxes: Boxes) -> Path:
    target = folder / "yolo"
    target.mkdir(exist_ok=True)
    (target / "data.yaml").write_text(json.dumps({"names": NAMES}))
    (target / "distractors.txt").write_text(DISTRACTOR)
    for name, (width, height) in SIZES.items():
        lines = [
            f"{label} {(x + w / 2) / width!r} {(y + h / 2) / height!r} {w / width!r} {h / height!r}"
            for image, label, x, y, w, h in boxes
            if image == name
        ]
        (target / "labels").mkdir(exist_ok=True)
        (target / "labels" / f"{name[0]}.txt").write_text("\n".join(lines))
    return target


def write_csv(folder: Path, boxes: Boxes) -> Path:
    (folder / "classes.txt").write_text("\n".join(NAMES))
    (folder / "distractors.txt").write_text(f"{DISTRACTOR}\n\n")
    lines = ["image,x,y,width,height,feature_type,unit", *(f"{name},,,,,," for name in SIZES)]
    lines += [f"{image},{x},{y},{w},{h},{NAMES[label]},pixel" for image, label, x, y, w, h in boxes]
    path = folder / "boxes.csv"
    path.write_text("\n".join(lines))
    return path


WRITERS: dict[str, Callable[[Path, Boxes], Path]] = {
    "coco": write_coco,
    "wikichurches": write_wikichurches,
    "voc": write_voc,
    "yolo": write_yolo,
    "csv": write_csv,
}


def essence(dataset: AnnotatedImages) -> tuple[Any, ...]:
    """All but the identifiers of boxes, which formats without any have to make up; numbers to 12 digits."""
    boxes = [
        (b.image_id, b.feature_type, b.feature_group, *(round(v, 12) + 0.0 for v in (b.x, b.y, b.width, b.height)))
        for b in dataset.boxes
    ]
    return dataset.name, dataset.images, boxes, dataset.feature_types, [(q.what, q.rule) for q in dataset.quarantine]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    boxes=st.lists(
        st.tuples(
            st.sampled_from(sorted(SIZES)),
            st.integers(0, len(NAMES) - 1),
            st.integers(-5, 70),
            st.integers(-5, 70),
            st.integers(0, 40),
            st.integers(1, 40),
        ),
        max_size=8,
    )
)
@example(boxes=[("a.png", 0, -5, 0, 5, 5), ("c.png", 1, 33, 0, 7, 5), ("b.png", 2, 0, 60, 1, 1)])
def test_five_formats_give_one_data_set(tmp_path: Path, pictures: Path, boxes: Boxes) -> None:
    boxes = sorted(boxes, key=lambda box: box[0])
    assert set(WRITERS) == {entry.name for entry in FORMATS.values() if not entry.generated}
    read = {
        name: essence(read_dataset(name, write(tmp_path, boxes), name="one", images=pictures))
        for name, write in WRITERS.items()
    }
    assert all(found == read["coco"] for found in read.values())
    *_, feature_types, _ = read["coco"]
    assert [(kind.name, kind.distractor) for kind in feature_types] == [(name, name == DISTRACTOR) for name in NAMES]
