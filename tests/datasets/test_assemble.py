"""The rules that every format shares."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as PillowImage

from ssl_attn.datasets.assemble import RawBox, RawImage, assemble
from ssl_attn.datasets.quarantine import EXPECTED, Rule
from ssl_attn.datasets.vocabulary import RawFeatureType, build_vocabulary
from ssl_attn.errors import SslAttnError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from ssl_attn.datasets.base import AnnotatedImages

VOCABULARY = build_vocabulary([RawFeatureType("0", "Window"), RawFeatureType("1", "Rose Window", ("0",))])


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pictures") / "a.png"
    PillowImage.new("RGB", (40, 20), "grey").save(path)
    return path


def read(picture: Path, *boxes: RawBox, **image: Any) -> AnnotatedImages:
    return assemble("house", [RawImage("a", "a.png", picture, **image)], boxes, VOCABULARY)


def box(x: Any = 0.1, y: Any = 0.2, width: Any = 0.3, height: Any = 0.4, **fields: Any) -> RawBox:
    values: dict[str, Any] = {"box_id": "1", "image_key": "a", "label": "0"} | fields
    return RawBox(x=x, y=y, width=width, height=height, **values)


def corners(dataset: AnnotatedImages) -> tuple[float, float, float, float]:
    (found,) = dataset.boxes
    return found.x, found.y, found.width, found.height


def rules(dataset: AnnotatedImages) -> list[str]:
    return [entry.rule for entry in dataset.quarantine]


def test_a_sound_input_passes_whole(picture: Path) -> None:
    dataset = read(picture, box(label="1", group_label="0"), styles=("Gothic",), split="test", licence="CC0 1.0")
    (image,) = dataset.images
    assert (image.image_id, image.width, image.height, image.path) == ("a.png", 40, 20, picture)
    assert image.sha256 == hashlib.sha256(picture.read_bytes()).hexdigest()
    assert (image.styles, image.split, image.licence, image.source_id) == (("Gothic",), "test", "CC0 1.0", "a.png")
    (found,) = dataset.boxes
    assert (found.feature_type, found.feature_group) == ("rose_window", "window")
    assert corners(dataset) == (0.1, 0.2, 0.3, 0.4)
    assert dataset.quarantine == ()
    assert [(t.feature_type, t.parents) for t in dataset.feature_types] == [
        ("window", ()),
        ("rose_window", ("window",)),
    ]


def test_a_negative_origin_shrinks_the_box_and_keeps_its_far_edge(picture: Path) -> None:
    assert corners(read(picture, box(-0.1, 0.2, 0.3, 0.4))) == pytest.approx((0.0, 0.2, 0.2, 0.4))
    assert corners(read(picture, box(0.1, -0.2, 0.3, 0.5))) == pytest.approx((0.1, 0.0, 0.3, 0.3))


def test_a_box_that_leaves_the_image_is_cut_at_its_edge(picture: Path) -> None:
    assert corners(read(picture, box(0.8, 0.9, 0.7, 0.7))) == pytest.approx((0.8, 0.9, 0.2, 0.1))
    assert corners(read(picture, box(-3, -3, 9, 9))) == (0, 0, 1, 1)


@given(x=st.floats(-1, 1.5), y=st.floats(-1, 1.5), width=st.floats(0.01, 2), height=st.floats(0.01, 2))
def test_every_box_is_clipped_or_left_out(picture: Path, x: float, y: float, width: float, height: float) -> None:
    dataset = read(picture, box(x, y, width, height))
    assert len(dataset.boxes) + len(dataset.quarantine) == 1
    if x + width > 1e-6 and y + height > 1e-6 and x < 1 - 1e-6 and y < 1 - 1e-6:
        left, top, wide, high = corners(dataset)
        assert left >= 0
        assert top >= 0
        assert left + wide <= 1 + 1e-12
        assert (left, top) == (max(x, 0), max(y, 0))
        assert left + wide == pytest.approx(min(x + width, 1))
        assert top + high == pytest.approx(min(y + height, 1))
    elif dataset.quarantine:
        assert rules(dataset) == ["outside_image"]


@pytest.mark.parametrize(
    ("raw", "rule", "found"),
    [
        (box(width=0), "size_not_positive", "width=0"),
        (box(height=-0.2), "size_not_positive", "height=-0.2"),
        (box(x=math.nan), "not_finite", "x=nan"),
        (box(width=math.inf), "not_finite", "width=inf"),
        (box(x=None), "not_finite", "x=None"),
        (box(y="twelve"), "not_finite", "y=twelve"),
        (box(width=10**400), "not_finite", "width=1000"),
        (box(x=1.0), "outside_image", "if these are pixels"),
        (box(y=-0.9, height=0.5), "outside_image", "y=-0.9"),
        (box(x=41, y=1, width=2, height=2, unit="pixel"), "outside_image", "(40, 20) pixels"),
        (box(label="7"), "unknown_label", "'7'"),
        (box(label=""), "unknown_label", "no label"),
        (box(image_key="b"), "unknown_image", "'b'"),
        (box(unit="inch"), "unknown_unit", "'inch'"),
    ],
)
def test_a_bad_box_is_left_out_with_its_reason_and_the_rest_goes_on(
    picture: Path, raw: RawBox, rule: str, found: str
) -> None:
    dataset = read(picture, raw, box(box_id="sound"))
    assert [kept.box_id for kept in dataset.boxes] == ["sound"]
    (entry,) = dataset.quarantine
    assert (entry.what, entry.identifier, entry.rule) == ("box", "1", rule)
    assert found in entry.found
    assert entry.expected == EXPECTED[Rule(rule)]


def test_of_two_boxes_with_one_id_the_first_counts(picture: Path) -> None:
    dataset = read(picture, box(0.1), box(0.5))
    assert corners(dataset)[0] == 0.1
    assert rules(dataset) == ["duplicate_id"]


def test_an_unknown_group_counts_as_none(picture: Path) -> None:
    assert read(picture, box(group_label="99")).boxes[0].feature_group == "window"


def test_of_two_images_with_one_id_the_first_counts(picture: Path) -> None:
    images = [RawImage("1", "a.png", picture), RawImage("1", "b.png", picture), RawImage("2", "a.png", picture)]
    dataset = assemble("house", images, [box(image_key="1"), box(box_id="2", image_key="2")], VOCABULARY)
    assert [image.image_id for image in dataset.images] == ["a.png"]
    assert rules(dataset) == ["duplicate_id", "duplicate_id", "image_left_out"]


def test_bad_images_are_left_out_with_their_boxes(picture: Path, tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("no image")
    (tmp_path / "half.png").write_bytes(picture.read_bytes()[:60])
    images = [RawImage("a", "a.png", picture)]
    images += [RawImage(name, name, tmp_path / name) for name in ("gone.jpg", "text.jpg", "half.png")]
    boxes = [box(box_id=str(index), image_key=image.key) for index, image in enumerate(images)]
    dataset = assemble("house", images, boxes, VOCABULARY)
    assert [image.image_id for image in dataset.images] == ["a.png"]
    assert [entry.box_id for entry in dataset.boxes] == ["0"]
    assert Counter(rules(dataset)) == {
        "missing_image": 1,
        "unreadable_image": 1,
        "truncated_image": 1,
        "image_left_out": 3,
    }
    assert str(tmp_path / "gone.jpg") in dataset.quarantine[0].found


def test_not_one_usable_image_is_an_error_that_says_why(tmp_path: Path) -> None:
    with pytest.raises(SslAttnError, match=r"none among 1 .*no such file.*images' folder"):
        assemble("house", [RawImage("a", "a.png", tmp_path / "a.png")], [], VOCABULARY)


def test_a_name_that_cannot_be_a_folder_is_wrong_use(picture: Path) -> None:
    with pytest.raises(UsageError, match="lower-case"):
        assemble("My Data/2024", [RawImage("a", "a.png", picture)], [], VOCABULARY)


def test_pixels_are_fractions_of_the_stated_or_real_size(picture: Path) -> None:
    pixels = box(4, 4, 8, 8, unit="pixel")
    assert corners(read(picture, pixels)) == pytest.approx((0.1, 0.2, 0.2, 0.4))
    assert corners(read(picture, pixels, declared_size=(80, 40))) == pytest.approx((0.05, 0.1, 0.1, 0.2))
    assert corners(read(picture, pixels, declared_size=(0, 0))) == pytest.approx((0.1, 0.2, 0.2, 0.4))


@pytest.mark.parametrize("declared", [(40, 20), (80, 40), (400, 200), (41, 21), (13, 7)])
def test_a_rescaled_size_is_accepted(picture: Path, declared: tuple[int, int]) -> None:
    assert read(picture, declared_size=declared).quarantine == ()


@pytest.mark.parametrize("declared", [(20, 40), (40, 40), (80, 20), (400, 300)])
def test_a_size_of_another_aspect_leaves_the_image_out(picture: Path, declared: tuple[int, int]) -> None:
    images = [RawImage("a", "a.png", picture, declared_size=declared), RawImage("b", "b.png", picture)]
    dataset = assemble("house", images, [box()], VOCABULARY)
    assert rules(dataset) == ["size_mismatch", "image_left_out"]
    assert str(declared) in dataset.quarantine[0].found
    assert "(40, 20)" in dataset.quarantine[0].found


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
@pytest.mark.parametrize("scale", [1, 3])
def test_boxes_in_stored_pixels_of_a_rotated_photo_are_turned_with_it(
    tmp_path: Path, orientation: int, scale: int
) -> None:
    """A labelling tool that ignores EXIF sees the stored picture: the white patch is at (4, 2), 8 x 6."""
    stored = PillowImage.new("RGB", (40, 20), "black")
    stored.paste("white", (4, 2, 12, 8))
    exif = PillowImage.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "rotated.png"
    stored.save(path, exif=exif)

    pixels = box(4 * scale, 2 * scale, 8 * scale, 6 * scale, unit="pixel")
    dataset = read(path, pixels, declared_size=(40 * scale, 20 * scale))

    from ssl_attn.images import open_image

    x, y, width, height = corners(dataset)
    upright = open_image(path)
    assert (dataset.images[0].width, dataset.images[0].height) == upright.size == (20, 40)
    left, top = round(x * 20), round(y * 40)
    patch = (left, top, left + round(width * 20), top + round(height * 40))
    assert upright.getbbox() == patch


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_boxes_in_upright_pixels_of_a_rotated_photo_stay(tmp_path: Path, orientation: int) -> None:
    exif = PillowImage.Exif()
    exif[0x0112] = orientation
    PillowImage.new("RGB", (40, 20) if orientation < 5 else (20, 40)).save(tmp_path / "a.png", exif=exif)
    dataset = read(tmp_path / "a.png", box(4, 4, 8, 8, unit="pixel"), declared_size=(40, 20))
    assert corners(dataset) == pytest.approx((0.1, 0.2, 0.2, 0.4))


def test_boxes_follow_their_images_and_runs_agree(picture: Path, tmp_path: Path) -> None:
    images = []
    for index in range(12):
        path = tmp_path / f"{index}.png"
        PillowImage.new("L", (10 + index, 10), index).save(path)
        images.append(RawImage(str(index), path.name, path))
    boxes = [box(box_id=f"{turn}-{index}", image_key=str(index)) for turn in range(2) for index in reversed(range(12))]
    calls: list[tuple[int, int]] = []
    first = assemble("house", images, boxes, VOCABULARY, on_progress=lambda done, total: calls.append((done, total)))
    assert [image.image_id for image in first.images] == [f"{index}.png" for index in range(12)]
    assert [kept.box_id for kept in first.boxes] == [f"{turn}-{index}" for index in range(12) for turn in range(2)]
    assert calls == [(done, 12) for done in range(1, 13)]
    assert assemble("house", images, boxes, VOCABULARY) == first


def test_every_rule_says_what_it_expects() -> None:
    assert set(EXPECTED) == set(Rule)
