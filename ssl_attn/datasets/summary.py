"""What a data set holds, and what is worth knowing about it before a long run."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ssl_attn.datasets.base import Dataset

_PATCH, _INPUT = 14, 224
_SMALLEST_AREA = (_PATCH / _INPUT) ** 2
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Summary:
    """Counts by feature type and style, largest first; `warnings` are sentences for people.

    `distractors` are the feature types that no union of boxes holds.
    """

    name: str
    images: int
    boxes: int
    sources: int
    boxes_of_feature_type: dict[str, int]
    distractors: tuple[str, ...]
    images_of_style: dict[str, int]
    images_of_split: dict[str, int]
    quarantined_by_rule: dict[str, int]
    warnings: tuple[str, ...]


def summarise(dataset: Dataset) -> Summary:
    """Count, and look for what would surprise later."""
    boxes = Counter(box.feature_type for box in dataset.boxes)
    all_types = dict.fromkeys((entry.feature_type for entry in dataset.feature_types), 0)
    return Summary(
        dataset.name,
        len(dataset.images),
        len(dataset.boxes),
        len({image.source_id for image in dataset.images}),
        _largest_first(all_types | boxes),
        tuple(sorted(_distractors(dataset))),
        _largest_first(Counter(style for image in dataset.images for style in image.styles)),
        _largest_first(Counter(image.split for image in dataset.images if image.split)),
        _largest_first(Counter(entry.rule for entry in dataset.quarantine)),
        tuple(_warnings(dataset)),
    )


def _distractors(dataset: Dataset) -> set[str]:
    return {entry.feature_type for entry in dataset.feature_types if entry.distractor}


def _largest_first(counts: dict[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _warnings(dataset: Dataset) -> list[str]:
    warnings = []
    distractors = _distractors(dataset)
    with_features = {box.image_id for box in dataset.boxes if box.feature_type not in distractors}
    bare = [image.image_id for image in dataset.images if image.image_id not in with_features]
    if bare:
        of_features = "a box of a feature" if distractors else "a box"
        warnings.append(f"{_count(bare, 'image')} without {of_features} ({_some(bare)}): extracted, but not scored")
    used = {box.feature_type for box in dataset.boxes}
    broader = {parent for entry in dataset.feature_types for parent in entry.parents}
    unused = [e.feature_type for e in dataset.feature_types if e.feature_type not in used | broader]
    if unused:
        warnings.append(f"{_count(unused, 'feature type')} without a box ({_some(unused)})")
    small = [box.box_id for box in dataset.boxes if box.area < _SMALLEST_AREA]
    if small:
        warnings.append(
            f"{_count(small, 'box')} of {len(dataset.boxes)} smaller than one {_PATCH} px patch at {_INPUT} px: "
            "a coarse map cannot hit them squarely; try a larger input size"
        )
    by_hash: dict[str, list[str]] = {}
    for image in dataset.images:
        by_hash.setdefault(image.sha256, []).append(image.image_id)
    copies = [" = ".join(same) for same in by_hash.values() if len(same) > 1]
    if copies:
        warnings.append(f"{_count(copies, 'group')} of identical image files ({_some(copies)}): they count twice")
    return warnings


def _count(items: list[str], noun: str) -> str:
    plural = f"{noun}es" if noun.endswith("x") else f"{noun}s"
    return f"{len(items)} {noun if len(items) == 1 else plural}"


def _some(items: list[str]) -> str:
    return ", ".join(items[:_NAMED]) + (", ..." if len(items) > _NAMED else "")
