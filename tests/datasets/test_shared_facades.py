"""Real photographs with human-drawn boxes, in two formats."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ssl_attn.datasets import read_dataset
from ssl_attn.datasets.contact_sheet import contact_sheet

if TYPE_CHECKING:
    from ssl_attn.datasets.base import AnnotatedImages

FACADES = Path(__file__).parents[3] / "shared" / "data" / "facades"
pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not FACADES.is_dir(), reason=f"no photographs at {FACADES}"),
]

# The second file gives the feature types other names.
NAMES = {"cantilever": "cantilever_sign", "win_ad": "window_advertisement"}


@pytest.fixture(scope="module")
def coco() -> AnnotatedImages:
    return read_dataset("coco", FACADES / "annotations.coco.json")


@pytest.fixture(scope="module")
def wikichurches() -> AnnotatedImages:
    return read_dataset("wikichurches", FACADES / "building_parts.json")


def test_both_files_are_read_whole(coco: AnnotatedImages, wikichurches: AnnotatedImages) -> None:
    for dataset in (coco, wikichurches):
        assert dataset.name == "facades"
        assert (len(dataset.images), len(dataset.boxes), dataset.quarantine) == (57, 418, ())


def test_both_files_agree(coco: AnnotatedImages, wikichurches: AnnotatedImages) -> None:
    by_name = {image.image_id: image for image in wikichurches.images}
    for image in coco.images:
        other = by_name[image.image_id]
        assert (image.sha256, image.width, image.height) == (other.sha256, other.width, other.height)
    ours = sorted(
        (b.image_id, NAMES.get(b.feature_type, b.feature_type), b.x, b.y, b.width, b.height) for b in coco.boxes
    )
    theirs = sorted((b.image_id, b.feature_type, b.x, b.y, b.width, b.height) for b in wikichurches.boxes)
    assert [entry[:2] for entry in ours] == [entry[:2] for entry in theirs]
    for left, right in zip(ours, theirs, strict=True):
        assert left[2:] == pytest.approx(right[2:], abs=2e-5)


def test_hierarchies_are_read(coco: AnnotatedImages, wikichurches: AnnotatedImages) -> None:
    assert {entry.parents for entry in coco.feature_types} == {("facade",), ()}
    parents = {entry.feature_type: entry.parents for entry in wikichurches.feature_types}
    assert parents["window_advertisement"] == ("window", "advertising")


def test_a_contact_sheet_of_photographs(coco: AnnotatedImages) -> None:
    sheet = contact_sheet(coco, limit=8)
    assert sheet.width == 1800
    assert sheet.height > 600
