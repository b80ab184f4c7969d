"""The examples in docs/datasets.md are read as they stand there."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest
from PIL import Image as PillowImage

from ssl_attn.datasets import read_dataset
from ssl_attn.datasets.quarantine import Rule

GUIDE = (Path(__file__).parents[2] / "docs" / "datasets.md").read_text(encoding="utf-8")


def block(heading: str, index: int = 0) -> str:
    """An indented block under a heading of the guide."""
    section = GUIDE.split(f"\n### {heading}\n", 1)[1].split("\n### ", 1)[0]
    blocks = re.findall(r"(?:^    .*\n(?:\n(?=    ))?)+", section, flags=re.MULTILINE)
    return textwrap.dedent(blocks[index])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("portal_01.jpg", "tower_02.jpg", "view_03.jpg", "Q1234_wd0.jpg"):
        PillowImage.new("RGB", (1200, 1600)).save(tmp_path / name)
    return tmp_path


def test_csv(folder: Path) -> None:
    (folder / "boxes.csv").write_text(block("CSV table"))
    dataset = read_dataset("csv", folder / "boxes.csv", name="churches")
    assert [(image.source_id, image.styles) for image in dataset.images] == [
        ("church_7", ("Romanesque",)),
        ("church_8", ("Gothic", "Baroque")),
        ("church_9", ()),
    ]
    assert [box.feature_type for box in dataset.boxes] == ["portal", "rose_window", "cornice"]
    assert dataset.quarantine == ()


def test_coco_and_voc_say_the_same(folder: Path) -> None:
    (folder / "boxes.json").write_text(block("COCO JSON"))
    (folder / "portal_01.xml").write_text(block("Pascal VOC"))
    coco = read_dataset("coco", folder / "boxes.json", name="churches")
    voc = read_dataset("voc", folder, name="churches")
    assert coco.images == voc.images
    (ours,), (theirs,) = coco.boxes, voc.boxes
    assert (ours.x, ours.y, ours.width, ours.height) == pytest.approx((theirs.x, theirs.y, theirs.width, theirs.height))
    assert coco.quarantine == voc.quarantine == ()


def test_yolo(folder: Path) -> None:
    (folder / "classes.txt").write_text("portal\nrose window\n")
    (folder / "portal_01.txt").write_text(block("YOLO", 1))
    dataset = read_dataset("yolo", folder, name="churches")
    assert [box.feature_type for box in dataset.boxes] == ["rose_window"]


def test_wikichurches(folder: Path) -> None:
    (folder / "parts.json").write_text(block("WikiChurches", 1))
    dataset = read_dataset("wikichurches", folder / "parts.json", name="churches")
    assert [box.feature_type for box in dataset.boxes] == ["rose_window"]
    assert dataset.images[0].styles == ("Gothic",)
    assert dataset.quarantine == ()


def test_every_rule_is_explained() -> None:
    assert set(re.findall(r"^\| `(\w+)` \| ", GUIDE, flags=re.MULTILINE)) == {rule.value for rule in Rule} | {
        "style",
        "source_id",
        "split",
        "licence",
    }
