"""Pascal VOC: a folder with one XML file an image.

VOC counts pixels from 1 and both corners belong to the box: xmin=1, xmax=10 is the ten leftmost columns, so x is
xmin - 1 and the width xmax - xmin + 1. Tools that count from 0 are off by one pixel; a box that then begins at -1 is
clipped. Beyond the format, `<style>` (repeatable), `<source_id>`, `<split>` and `<licence>` are read, and feature types
that `distractors.txt` in the folder names are distractors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree.ElementTree import ParseError

import defusedxml.ElementTree
from defusedxml import DefusedXmlException

from ssl_attn.datasets.assemble import RawBox, RawImage, assemble
from ssl_attn.datasets.quarantine import Rule, leave_out
from ssl_attn.datasets.slugs import dataset_slug
from ssl_attn.datasets.source_files import (
    IMAGE_SUFFIXES,
    image_folders,
    image_id,
    locate,
    read_class_names,
    read_distractors,
)
from ssl_attn.datasets.vocabulary import vocabulary_of_names
from ssl_attn.errors import SslAttnError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from xml.etree.ElementTree import Element

    from ssl_attn.datasets.assemble import OnProgress
    from ssl_attn.datasets.base import AnnotatedImages, Quarantined

_CORNERS = ("xmin", "ymin", "xmax", "ymax")


def read_voc(
    path: Path, *, name: str | None = None, images: Path | None = None, on_progress: OnProgress | None = None
) -> AnnotatedImages:
    """Read the XML files of a folder (or of `Annotations/` in it).

    Images lie beside the XML files, in `images/` or `JPEGImages/`, or in the folder given. Where `classes.txt` lies in
    the folder, a name that it does not list is an unknown label; without it every name counts. An XML file that cannot
    be read leaves out its image.

    Raises:
        SslAttnError: there is no XML file, none can be read, or no image can be used.
    """
    folder = path / "Annotations" if (path / "Annotations").is_dir() else path
    files = sorted(folder.glob("*.xml"))
    if not files:
        message = f"expected Pascal VOC annotations (one .xml an image) in {folder}, found none; give their folder"
        raise SslAttnError(message)
    defaults = (
        folder,
        *(base / part for base in dict.fromkeys((path, path.parent)) for part in ("images", "JPEGImages")),
    )
    folders = image_folders(images, defaults)

    raw_images: list[RawImage] = []
    raw_boxes: list[RawBox] = []
    quarantine: list[Quarantined] = []
    for file in files:
        try:
            root = defusedxml.ElementTree.parse(file).getroot()
        except (ParseError, DefusedXmlException, OSError, ValueError) as error:
            quarantine.append(leave_out("image", file.name, Rule.UNREADABLE_ANNOTATION, str(error)))
            continue
        image = _image(root, file, folders)
        raw_images.append(image)
        raw_boxes += [
            _box(f"{image.image_id}#{index}", image.key, item) for index, item in enumerate(root.iter("object"))
        ]
    if not raw_images:
        first = quarantine[0]
        message = (
            f"expected readable XML files in {folder}, found none among {len(files)} "
            f"({first.identifier}: {first.found}); export them again"
        )
        raise SslAttnError(message)
    classes = path / "classes.txt"
    names = read_class_names(classes) if classes.is_file() else sorted({box.label for box in raw_boxes if box.label})
    return assemble(
        name or dataset_slug(path, fallback="voc"),
        raw_images,
        raw_boxes,
        vocabulary_of_names(names, read_distractors(path)),
        quarantine=quarantine,
        on_progress=on_progress,
    )


def _image(root: Element, file: Path, folders: Sequence[Path]) -> RawImage:
    file_name = root.findtext("filename", "").strip() or file.stem
    path = locate(file_name, folders)
    if not path.is_file():
        candidates = (locate(f"{file.stem}{suffix}", folders) for suffix in IMAGE_SUFFIXES)
        path = next((candidate for candidate in candidates if candidate.is_file()), path)
        file_name = path.name if path.is_file() else file_name
    return RawImage(
        file.stem,
        image_id(file_name),
        path,
        declared_size=_declared_size(root),
        styles=tuple(text for style in root.findall("style") if (text := (style.text or "").strip())),
        source_id=root.findtext("source_id", "").strip(),
        split=root.findtext("split", "").strip(),
        licence=root.findtext("licence", "").strip(),
    )


def _declared_size(root: Element) -> tuple[int, int] | None:
    try:
        return round(float(root.findtext("size/width", ""))), round(float(root.findtext("size/height", "")))
    except (ValueError, OverflowError):
        return None


def _box(box_id: str, image_key: str, item: Element) -> RawBox:
    label = item.findtext("name", "").strip()
    texts = [item.findtext(f"bndbox/{corner}", "").strip() for corner in _CORNERS]
    try:
        left, top, right, bottom = map(float, texts)
    except ValueError:
        x, y, width, height = texts
        return RawBox(box_id, image_key, label, x, y, width, height, unit="pixel")
    return RawBox(box_id, image_key, label, left - 1, top - 1, right - left + 1, bottom - top + 1, unit="pixel")
