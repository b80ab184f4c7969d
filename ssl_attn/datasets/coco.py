"""COCO detection JSON: boxes as pixels x, y, width, height of the size that the file states for the image.

Beyond the format, an image may have `source_id`, `style` or `styles`, `split` and `licence`. A category's
`supercategory` becomes its broader feature type; categories of the supercategory `distractor` are distractors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ssl_attn.datasets.assemble import RawBox, RawImage, assemble
from ssl_attn.datasets.quarantine import Rule, leave_out
from ssl_attn.datasets.slugs import dataset_slug
from ssl_attn.datasets.source_files import as_list, image_folders, image_id, locate, read_json_object
from ssl_attn.datasets.vocabulary import RawFeatureType, build_vocabulary
from ssl_attn.errors import SslAttnError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from ssl_attn.datasets.assemble import OnProgress
    from ssl_attn.datasets.base import AnnotatedImages, Quarantined
    from ssl_attn.datasets.quarantine import What

_BOX_NUMBERS = 4
_DISTRACTOR = "distractor"


def read_coco(
    path: Path, *, name: str | None = None, images: Path | None = None, on_progress: OnProgress | None = None
) -> AnnotatedImages:
    """Read a COCO JSON; the images lie in its folder or in `images/` beside it, or in the folder given.

    Images without annotations are kept. Annotations of crowds, and those without a box, are left out.

    Raises:
        SslAttnError: the file is not COCO JSON, or no image can be used.
    """
    expected = "a COCO detection file (an object with 'images', 'annotations' and 'categories')"
    document = read_json_object(path, expected=expected)
    if not isinstance(document.get("images"), list):
        message = f"expected {expected} at {path}, got the fields {', '.join(document) or 'none'}; check the file"
        raise SslAttnError(message)

    quarantine: list[Quarantined] = []
    licences = {str(entry.get("id")): str(entry.get("name", "")) for entry in _objects(document, "licenses")}
    folders = image_folders(images, (path.parent, path.parent / "images"))
    raw_images = [
        _image(entry, licences, folders)
        for entry in _complete(_objects(document, "images"), "image", ("id", "file_name"), quarantine)
    ]
    annotations = _complete(
        _objects(document, "annotations"), "box", ("id", "image_id", "category_id", "bbox"), quarantine
    )
    raw_boxes = [_box(entry) for entry in annotations if not _is_crowd(entry, quarantine)]
    categories = _complete(_objects(document, "categories"), "feature_type", ("id", "name"), quarantine)
    return assemble(
        name or dataset_slug(path, fallback="coco"),
        raw_images,
        raw_boxes,
        build_vocabulary(_feature_types(categories)),
        quarantine=quarantine,
        on_progress=on_progress,
    )


def _objects(document: Mapping[str, Any], field: str) -> list[dict[str, Any]]:
    return [entry if isinstance(entry, dict) else {} for entry in as_list(document.get(field))]


def _complete(
    entries: Sequence[dict[str, Any]], what: What, fields: Iterable[str], quarantine: list[Quarantined]
) -> list[dict[str, Any]]:
    """The entries that have all `fields`; the others go to the quarantine."""
    complete = []
    for index, entry in enumerate(entries):
        missing = [field for field in fields if entry.get(field) in (None, "", [])]
        if missing:
            identifier = str(entry.get("id", f"entry {index}"))
            quarantine.append(leave_out(what, identifier, Rule.INCOMPLETE_ENTRY, f"no {' and no '.join(missing)}"))
        else:
            complete.append(entry)
    return complete


def _is_crowd(entry: Mapping[str, Any], quarantine: list[Quarantined]) -> bool:
    if not entry.get("iscrowd"):
        return False
    quarantine.append(leave_out("box", str(entry["id"]), Rule.CROWD, f"iscrowd={entry['iscrowd']}"))
    return True


def _image(entry: Mapping[str, Any], licences: Mapping[str, str], folders: Sequence[Path]) -> RawImage:
    file_name = str(entry["file_name"])
    styles = entry.get("styles") or entry.get("style") or ()
    return RawImage(
        str(entry["id"]),
        image_id(file_name),
        locate(file_name, folders),
        declared_size=_declared_size(entry),
        styles=(styles,) if isinstance(styles, str) else tuple(map(str, as_list(styles))),
        source_id=str(entry.get("source_id") or ""),
        split=str(entry.get("split") or ""),
        licence=str(entry.get("licence") or licences.get(str(entry.get("license")), "")),
    )


def _declared_size(entry: Mapping[str, Any]) -> tuple[int, int] | None:
    try:
        return round(float(entry["width"])), round(float(entry["height"]))
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def _box(entry: Mapping[str, Any]) -> RawBox:
    bbox = entry["bbox"]
    x, y, width, height = bbox if isinstance(bbox, list) and len(bbox) == _BOX_NUMBERS else [bbox] * _BOX_NUMBERS
    return RawBox(
        str(entry["id"]), str(entry["image_id"]), str(entry["category_id"]), x, y, width, height, unit="pixel"
    )


def _feature_types(categories: Sequence[Mapping[str, Any]]) -> list[RawFeatureType]:
    """Categories, then each supercategory that is not itself a category; `distractor` is none but a role."""
    label_of = {str(entry["name"]).casefold(): str(entry["id"]) for entry in reversed(categories)}
    feature_types: list[RawFeatureType] = []
    broader: dict[str, RawFeatureType] = {}
    for entry in categories:
        label, supercategory = str(entry["id"]), str(entry.get("supercategory") or "").strip()
        parents: tuple[str, ...] = ()
        distractor = supercategory.casefold() == _DISTRACTOR
        if supercategory and not distractor and supercategory.casefold() not in ("none", str(entry["name"]).casefold()):
            parent = label_of.get(supercategory.casefold())
            if parent is None:
                parent = f"supercategory {supercategory}"
                broader.setdefault(parent, RawFeatureType(parent, supercategory))
            parents = (parent,)
        feature_types.append(RawFeatureType(label, str(entry["name"]), parents, distractor))
    return [*feature_types, *broader.values()]
