"""From raw records of any format to a validated data set: one place for all rules.

A bad image or box is left out with its reason and the rest goes on. Box coordinates are brought to fractions of the
upright image and clipped to it: a box that begins left of the image loses that part and keeps its right edge.
"""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from ssl_attn.datasets.base import AnnotatedImages, Box, Image, Quarantined
from ssl_attn.datasets.quarantine import Rule, leave_out
from ssl_attn.datasets.slugs import checked_dataset_slug
from ssl_attn.errors import SslAttnError
from ssl_attn.images import ImageFacts, UnreadableImageError, check_image, upright_box

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from ssl_attn.datasets.vocabulary import Vocabulary

    OnProgress = Callable[[int, int], None]

_MAX_WORKERS = 8
# A box that only touches the image may overlap it by rounding.
_SLIVER = 1e-9
_UNITS = ("fraction", "pixel")


@dataclass(frozen=True, slots=True)
class RawImage:
    """An image as its format lists it: `key` is what boxes refer to, `image_id` what it is called from here on.

    `declared_size` is the width and height that the annotations state, in whose pixels the boxes are.
    """

    key: str
    image_id: str
    path: Path
    declared_size: tuple[int, int] | None = None
    styles: tuple[str, ...] = ()
    source_id: str = ""
    split: str = ""
    licence: str = ""


@dataclass(frozen=True, slots=True)
class RawBox:
    """A box as its format has it: coordinates are whatever stood in the file.

    `unit` is 'fraction' or 'pixel': of the declared size where there is one, else of the upright image.
    """

    box_id: str
    image_key: str
    label: str
    x: Any
    y: Any
    width: Any
    height: Any
    unit: str = "fraction"
    group_label: str = ""


class _Frame(NamedTuple):
    """Where an image's boxes are measured: a size in pixels, and the EXIF orientation that makes it upright."""

    width: int
    height: int
    orientation: int


class _Usable(NamedTuple):
    image: Image
    frame: _Frame


class _RejectedError(Exception):
    def __init__(self, rule: Rule, found: str) -> None:
        super().__init__(rule)
        self.rule = rule
        self.found = found


def assemble(
    name: str,
    images: Sequence[RawImage],
    boxes: Iterable[RawBox],
    vocabulary: Vocabulary,
    *,
    quarantine: Iterable[Quarantined] = (),
    on_progress: OnProgress | None = None,
) -> AnnotatedImages:
    """Check every image (in threads) and box, and leave out what breaks a rule.

    Images keep the order of the records; boxes follow their images. `on_progress` is called with images checked and
    images in all. `quarantine` is what the reader left out already.

    Raises:
        UsageError: `name` cannot name a data set.
        SslAttnError: not one image can be used.
    """
    checked_dataset_slug(name)
    usable, bad_images = _check_images(images, on_progress)
    if images and not usable:
        first = bad_images[0]
        message = (
            f"expected at least one usable image, found none among {len(images)} ({first.identifier}: expected "
            f"{first.expected}, found {first.found}); check the data and the images' folder"
        )
        raise SslAttnError(message)
    sound, bad_boxes = _check_boxes(boxes, {image.key: image.image_id for image in images}, usable, vocabulary)
    return AnnotatedImages(
        name,
        tuple(image for image, _ in usable.values()),
        sound,
        vocabulary.feature_types,
        (*quarantine, *vocabulary.quarantine, *bad_images, *bad_boxes),
    )


def _check_images(
    images: Sequence[RawImage], on_progress: OnProgress | None
) -> tuple[dict[str, _Usable], list[Quarantined]]:
    usable: dict[str, _Usable] = {}
    bad: list[Quarantined] = []
    keys: set[str] = set()
    ids: set[str] = set()
    for raw, facts in zip(images, _check_files([image.path for image in images], on_progress), strict=True):
        if raw.key in keys or raw.image_id in ids:
            bad.append(leave_out("image", raw.image_id, Rule.DUPLICATE_ID, f"listed again (as {raw.key})"))
            continue
        keys.add(raw.key)
        ids.add(raw.image_id)
        if isinstance(facts, UnreadableImageError):
            found = f"{facts.found}: {raw.path}"
            bad.append(leave_out("image", raw.image_id, Rule(facts.fault), found, expected=facts.expected))
        elif (frame := _frame(facts, raw.declared_size)) is None:
            found = f"stated {raw.declared_size}, the file has {(facts.width, facts.height)}"
            bad.append(leave_out("image", raw.image_id, Rule.SIZE_MISMATCH, found))
        else:
            usable[raw.key] = _Usable(_image(raw, facts), frame)
    return usable, bad


def _check_files(paths: Sequence[Path], on_progress: OnProgress | None) -> list[ImageFacts | UnreadableImageError]:
    results: list[ImageFacts | UnreadableImageError] = []
    with ThreadPoolExecutor(min(_MAX_WORKERS, os.cpu_count() or 1)) as pool:
        for result in pool.map(_check_file, paths):
            results.append(result)
            if on_progress is not None:
                on_progress(len(results), len(paths))
    return results


def _check_file(path: Path) -> ImageFacts | UnreadableImageError:
    try:
        return check_image(path)
    except UnreadableImageError as error:
        return error


def _image(raw: RawImage, facts: ImageFacts) -> Image:
    return Image(
        raw.image_id,
        raw.path,
        facts.sha256,
        facts.width,
        facts.height,
        raw.styles,
        raw.source_id or raw.image_id,
        raw.split,
        raw.licence,
    )


def _frame(facts: ImageFacts, declared: tuple[int, int] | None) -> _Frame | None:
    """The frame that the boxes were drawn in, or None when the declared size fits the image neither way.

    A tool that ignores EXIF rotation declares, and draws in, the stored size. Where stored and upright size are equal
    (square, or rotated by 180 degrees) nothing tells them apart and the upright image, which most tools show, is taken.
    """
    upright, stored = (facts.width, facts.height), (facts.stored_width, facts.stored_height)
    if declared is None or min(declared) <= 0:
        return _Frame(*upright, 1)
    if declared == upright or (declared != stored and _same_aspect(declared, upright)):
        return _Frame(*declared, 1)
    if declared == stored or _same_aspect(declared, stored):
        return _Frame(*declared, facts.orientation)
    return None


def _same_aspect(declared: tuple[int, int], actual: tuple[int, int]) -> bool:
    """Whether one size can be the other one rescaled, each side rounded to a whole pixel."""
    (declared_w, declared_h), (width, height) = declared, actual
    return abs(declared_w / width - declared_h / height) <= 1 / width + 1 / height


def _check_boxes(
    boxes: Iterable[RawBox], listed: Mapping[str, str], usable: Mapping[str, _Usable], vocabulary: Vocabulary
) -> tuple[tuple[Box, ...], list[Quarantined]]:
    by_image: dict[str, list[Box]] = {key: [] for key in usable}
    bad: list[Quarantined] = []
    seen: set[str] = set()
    for raw in boxes:
        try:
            if raw.image_key not in listed:
                raise _RejectedError(Rule.UNKNOWN_IMAGE, f"image {raw.image_key!r}")
            if raw.box_id in seen:
                raise _RejectedError(Rule.DUPLICATE_ID, f"box {raw.box_id} again")
            if raw.image_key not in usable:
                raise _RejectedError(Rule.IMAGE_LEFT_OUT, f"image {listed[raw.image_key]}, which was left out")
            by_image[raw.image_key].append(_box(raw, usable[raw.image_key], vocabulary))
        except _RejectedError as rejected:
            bad.append(leave_out("box", raw.box_id, rejected.rule, rejected.found))
        seen.add(raw.box_id)
    return tuple(box for boxes_of_image in by_image.values() for box in boxes_of_image), bad


def _box(raw: RawBox, usable: _Usable, vocabulary: Vocabulary) -> Box:
    if raw.label not in vocabulary.key_of:
        raise _RejectedError(Rule.UNKNOWN_LABEL, f"label {raw.label!r}" if raw.label else "no label")
    if raw.unit not in _UNITS:
        raise _RejectedError(Rule.UNKNOWN_UNIT, f"unit {raw.unit!r}")
    x, y, width, height = _fractions(raw, usable.frame)
    x, width = _clipped(x, width)
    y, height = _clipped(y, height)
    if width < _SLIVER or height < _SLIVER:
        hint = "; if these are pixels, say so" if raw.unit == "fraction" else f" in {usable.frame[:2]} pixels"
        raise _RejectedError(Rule.OUTSIDE_IMAGE, f"{_numbers(raw)}{hint}")
    feature_type = vocabulary.key_of[raw.label]
    group = vocabulary.key_of.get(raw.group_label, feature_type)
    return Box(raw.box_id, usable.image.image_id, feature_type, group, x, y, width, height)


def _fractions(raw: RawBox, frame: _Frame) -> tuple[float, float, float, float]:
    """Coordinates as fractions of the upright image, unclipped."""
    try:
        x, y, width, height = float(raw.x), float(raw.y), float(raw.width), float(raw.height)
    except (TypeError, ValueError, OverflowError):
        raise _RejectedError(Rule.NOT_FINITE, _numbers(raw)) from None
    if not all(map(math.isfinite, (x, y, width, height))):
        raise _RejectedError(Rule.NOT_FINITE, _numbers(raw))
    if width <= 0 or height <= 0:
        raise _RejectedError(Rule.SIZE_NOT_POSITIVE, _numbers(raw))
    if raw.unit == "pixel":
        x, width = x / frame.width, width / frame.width
        y, height = y / frame.height, height / frame.height
    return upright_box(frame.orientation, x, y, width, height)


def _clipped(start: float, extent: float) -> tuple[float, float]:
    """One side of a box cut at the image; what lies inside stays where it was, to the last bit."""
    end = start + extent
    if start >= 0 and end <= 1:
        return start, extent
    return max(start, 0.0), min(end, 1.0) - max(start, 0.0)


def _numbers(raw: RawBox) -> str:
    return f"x={raw.x}, y={raw.y}, width={raw.width}, height={raw.height}"
