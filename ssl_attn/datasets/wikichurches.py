"""WikiChurches: `building_parts.json`, with `churches.json` and `style_names.txt` where they lie beside it.

Barz and Denzler, "WikiChurches: A Fine-Grained Dataset of Architectural Styles with Real-World Challenges" (2021).
Boxes are fractions of the upright image. Feature types refer to each other by their place in the list. Beyond the
format, a feature type with `"distractor": true` is a distractor.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ssl_attn.datasets.assemble import RawBox, RawImage, assemble
from ssl_attn.datasets.quarantine import Rule, leave_out
from ssl_attn.datasets.slugs import dataset_slug
from ssl_attn.datasets.source_files import as_list, image_folders, image_id, locate, read_json_object, read_text
from ssl_attn.datasets.vocabulary import RawFeatureType, build_vocabulary
from ssl_attn.errors import SslAttnError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ssl_attn.datasets.assemble import OnProgress
    from ssl_attn.datasets.base import AnnotatedImages, Quarantined

_STYLES = {"Q46261": "Romanesque", "Q176483": "Gothic", "Q236122": "Renaissance", "Q840829": "Baroque"}
_SOURCE = re.compile(r"(Q\d+)_")


def read_wikichurches(
    path: Path, *, name: str | None = None, images: Path | None = None, on_progress: OnProgress | None = None
) -> AnnotatedImages:
    """Read `building_parts.json`, given itself or as its folder; images lie in `images/` beside it or the folder given.

    Raises:
        SslAttnError: the file is not WikiChurches' annotation file, or no image can be used.
    """
    path = path / "building_parts.json" if path.is_dir() else path
    expected = "WikiChurches' annotation file (an object with 'meta' and 'annotations')"
    document = read_json_object(path, expected=expected)
    meta, annotations = document.get("meta"), document.get("annotations")
    if not isinstance(meta, list) or not isinstance(annotations, dict):
        message = (
            f"expected {expected} at {path}, got the fields {', '.join(document) or 'none'}; give building_parts.json"
        )
        raise SslAttnError(message)

    folders = image_folders(images, (path.parent / "images", path.parent))
    style_names = _style_names(path.with_name("style_names.txt"))
    church_styles = _church_styles(path.with_name("churches.json"))
    raw_images: list[RawImage] = []
    raw_boxes: list[RawBox] = []
    quarantine: list[Quarantined] = []
    for file_name, annotation in annotations.items():
        identifier = image_id(file_name)
        if not isinstance(annotation, dict):
            quarantine.append(leave_out("image", identifier, Rule.INCOMPLETE_ENTRY, f"{annotation!r}"))
            continue
        source = _SOURCE.match(identifier)
        source_id = source[1] if source else ""
        styles = as_list(annotation.get("styles")) or church_styles.get(source_id, ())
        raw_images.append(
            RawImage(
                identifier,
                identifier,
                locate(file_name, folders),
                styles=tuple(style_names.get(style, style) for style in map(str, styles)),
                source_id=source_id,
            )
        )
        for index, (group_label, element) in enumerate(_elements(annotation)):
            box_id = f"{identifier}#{index}"
            if isinstance(element, dict):
                raw_boxes.append(_box(box_id, identifier, group_label, element))
            else:
                quarantine.append(leave_out("box", box_id, Rule.INCOMPLETE_ENTRY, f"{element!r}"))
    return assemble(
        name or dataset_slug(path, fallback="wikichurches"),
        raw_images,
        raw_boxes,
        build_vocabulary(_feature_type(index, entry) for index, entry in enumerate(meta)),
        quarantine=quarantine,
        on_progress=on_progress,
    )


def annotated_image_names(path: Path) -> frozenset[str]:
    """The file names of the images that `building_parts.json` has boxes for.

    Raises:
        SslAttnError: the file is not WikiChurches' annotation file.
    """
    annotations = read_json_object(path, expected="WikiChurches' annotation file").get("annotations")
    if not isinstance(annotations, dict):
        message = f"expected WikiChurches' annotation file at {path}, got no 'annotations'; download it again"
        raise SslAttnError(message)
    return frozenset(image_id(file_name) for file_name in annotations)


def _feature_type(index: int, entry: object) -> RawFeatureType:
    if not isinstance(entry, dict):
        return RawFeatureType(str(index), str(entry))
    parents = tuple(map(str, as_list(entry.get("parents"))))
    return RawFeatureType(str(index), str(entry.get("name", "")), parents, entry.get("distractor") is True)


def _elements(annotation: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The group's label and the raw box of every element, in the order of the file."""
    for group in as_list(annotation.get("bbox_groups")):
        if isinstance(group, dict):
            for element in as_list(group.get("elements")):
                yield str(group.get("group_label", "")), element


def _box(box_id: str, image_key: str, group_label: str, element: Mapping[str, Any]) -> RawBox:
    x, y, width, height = (element.get(side) for side in ("left", "top", "width", "height"))
    return RawBox(box_id, image_key, str(element.get("label", "")), x, y, width, height, group_label=group_label)


def _style_names(path: Path) -> Mapping[str, str]:
    if not path.is_file():
        return _STYLES
    pairs = (line.strip().partition(" ") for line in read_text(path).splitlines())
    return _STYLES | {identifier: style.strip() for identifier, _, style in pairs if style}


def _church_styles(path: Path) -> Mapping[str, tuple[str, ...]]:
    if not path.is_file():
        return {}
    churches = read_json_object(path, expected="WikiChurches' list of churches")
    return {key: tuple(as_list(church.get("styles"))) for key, church in churches.items() if isinstance(church, dict)}
