"""YOLO text labels: one .txt an image, a line a box: class, centre x, centre y, width, height, all in fractions.

A sixth number (a confidence) is ignored; a longer line is a polygon and its bounding box is taken. The names of the
classes come from `data.yaml` or `classes.txt`; those that `distractors.txt` names are distractors. Fractions are of the
upright image.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from ssl_attn.datasets.assemble import RawBox, RawImage, assemble
from ssl_attn.datasets.quarantine import Rule, leave_out
from ssl_attn.datasets.slugs import dataset_slug
from ssl_attn.datasets.source_files import IMAGE_SUFFIXES, read_class_names, read_distractors, read_text
from ssl_attn.datasets.vocabulary import RawFeatureType, build_vocabulary
from ssl_attn.errors import SslAttnError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ssl_attn.datasets.assemble import OnProgress
    from ssl_attn.datasets.base import AnnotatedImages, Quarantined

_SPLITS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
_NAME_FILES = ("data.yaml", "data.yml", "dataset.yaml", "classes.txt", "labels/classes.txt", "obj.names")
_BOX_NUMBERS = 5


def read_yolo(
    path: Path, *, name: str | None = None, images: Path | None = None, on_progress: OnProgress | None = None
) -> AnnotatedImages:
    """Read a folder of images and labels, or the `data.yaml` in it.

    The label of `.../images/a.jpg` is `.../labels/a.txt`, or `a.txt` beside the image. An image without a label file
    has no boxes. A folder named train, val or test gives the split.

    Raises:
        SslAttnError: there are no class names or no images, or no image can be used.
    """
    root = path if path.is_dir() else path.parent
    names = _class_names(root, path)
    image_root = images or (root / "images" if (root / "images").is_dir() else root)
    files = sorted(file for file in image_root.rglob("*") if file.suffix.lower() in IMAGE_SUFFIXES)
    if not files:
        message = f"expected images under {image_root}, found none; give their folder"
        raise SslAttnError(message)

    raw_images: list[RawImage] = []
    raw_boxes: list[RawBox] = []
    quarantine: list[Quarantined] = []
    used: set[Path] = set()
    for file in files:
        relative = file.relative_to(image_root)
        identifier = relative.as_posix()
        split = next((_SPLITS[part] for part in relative.parts[:-1] if part in _SPLITS), "")
        raw_images.append(RawImage(identifier, identifier, file, split=split))
        label_file = _label_file(file, relative, root)
        if label_file is not None:
            used.add(label_file)
            boxes, broken = _read_labels(label_file, identifier)
            raw_boxes += boxes
            quarantine += broken
    for stray in _stray_label_files(root, used):
        boxes, broken = _read_labels(stray, stray.relative_to(root).as_posix())
        raw_boxes += boxes
        quarantine += broken
    return assemble(
        name or dataset_slug(root, fallback="yolo"),
        raw_images,
        raw_boxes,
        build_vocabulary(_feature_types(names, read_distractors(root))),
        quarantine=quarantine,
        on_progress=on_progress,
    )


def _class_names(root: Path, path: Path) -> list[tuple[int, str]]:
    candidates = [path] if path.is_file() else [root / file for file in _NAME_FILES]
    file = next((candidate for candidate in candidates if candidate.is_file()), None)
    if file is None:
        message = (
            f"expected the names of the classes in data.yaml or classes.txt in {root}, found neither; "
            "add classes.txt with one name a line"
        )
        raise SslAttnError(message)
    if file.suffix not in (".yaml", ".yml"):
        return list(enumerate(read_class_names(file)))
    try:
        names: Any = (yaml.safe_load(read_text(file)) or {}).get("names")
    except (yaml.YAMLError, AttributeError) as error:
        message = f"expected YAML with the field 'names' in {file}, got: {error}; mend the file or use classes.txt"
        raise SslAttnError(message) from error
    pairs = list(names.items()) if isinstance(names, dict) else list(enumerate(names or ()))
    if not pairs or isinstance(names, str) or not all(isinstance(index, int) for index, _ in pairs):
        message = f"expected 'names' in {file} to be a list, or numbers with names, got {names!r}; mend the file"
        raise SslAttnError(message)
    return [(index, str(class_name)) for index, class_name in pairs]


def _feature_types(names: Sequence[tuple[int, str]], distractors: Sequence[str]) -> Iterator[RawFeatureType]:
    """The classes by number, then each distractor that is not among them: it has no box, and the report says so."""
    for index, class_name in names:
        yield RawFeatureType(str(index), class_name, distractor=class_name in distractors)
    for name in dict.fromkeys(distractors):
        if name not in {class_name for _, class_name in names}:
            yield RawFeatureType(f"distractor {name}", name, distractor=True)


def _label_file(file: Path, relative: Path, root: Path) -> Path | None:
    candidates = [
        file.with_suffix(".txt"),
        (root / "labels" / relative).with_suffix(".txt"),
        (root / relative).with_suffix(".txt"),
    ]
    parts = file.parts
    if "images" in parts[:-1]:
        last = len(parts) - 2 - parts[-2::-1].index("images")
        candidates.insert(0, Path(*parts[:last], "labels", *parts[last + 1 :]).with_suffix(".txt"))
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def _read_labels(file: Path, image_key: str) -> tuple[list[RawBox], list[Quarantined]]:
    boxes: list[RawBox] = []
    try:
        lines = read_text(file).splitlines()
    except SslAttnError as error:
        return [], [leave_out("image", image_key, Rule.UNREADABLE_ANNOTATION, str(error))]
    broken: list[Quarantined] = []
    for index, line in enumerate(lines):
        fields = line.split()
        if not fields:
            continue
        box_id = f"{image_key}#{index}"
        box = _box(box_id, image_key, fields)
        if box is None:
            broken.append(leave_out("box", box_id, Rule.INCOMPLETE_ENTRY, f"the line {line.strip()[:80]!r}"))
        else:
            boxes.append(box)
    return boxes, broken


def _box(box_id: str, image_key: str, fields: Sequence[str]) -> RawBox | None:
    """The box of a line, or None when it has neither a box's nor a polygon's count of numbers."""
    label = fields[0]
    try:
        numbers = [float(field) for field in fields[1:]]
    except ValueError:
        return None
    if len(fields) in (_BOX_NUMBERS, _BOX_NUMBERS + 1):
        x, y, width, height = numbers[:4]
        return RawBox(box_id, image_key, label, x - width / 2, y - height / 2, width, height)
    if len(fields) > _BOX_NUMBERS + 1 and len(numbers) % 2 == 0:
        xs, ys = numbers[::2], numbers[1::2]
        return RawBox(box_id, image_key, label, min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys))
    return None


def _stray_label_files(root: Path, used: set[Path]) -> Iterator[Path]:
    """Label files that belong to no image, so that their boxes are reported and not lost."""
    for file in sorted(root.rglob("*.txt")):
        if file not in used and file.name != "classes.txt" and _looks_like_labels(file):
            yield file


def _looks_like_labels(file: Path) -> bool:
    try:
        fields = read_text(file).split("\n", 1)[0].split()
    except SslAttnError:
        return False
    return len(fields) >= _BOX_NUMBERS and fields[0].isdigit() and _box("", "", fields) is not None
