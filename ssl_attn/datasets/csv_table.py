"""A plain table: one row a box, columns by name; the simplest way to bring boxes from a spreadsheet.

Columns: image, x, y, width, height, feature_type; if wanted unit (fraction, the default, or pixel), box_id,
feature_group, style (several separated by |), source_id, split, licence. A row with an image and no box lists an image
without boxes. What is said of an image counts from the first row that says it. Feature types that `distractors.txt`
beside the table names are distractors.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from ssl_attn.datasets.assemble import RawBox, RawImage, assemble
from ssl_attn.datasets.quarantine import Rule, leave_out
from ssl_attn.datasets.slugs import dataset_slug
from ssl_attn.datasets.source_files import (
    image_folders,
    image_id,
    locate,
    read_class_names,
    read_distractors,
    read_text,
)
from ssl_attn.datasets.vocabulary import vocabulary_of_names
from ssl_attn.errors import SslAttnError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ssl_attn.datasets.assemble import OnProgress
    from ssl_attn.datasets.base import AnnotatedImages, Quarantined

    Row = Mapping[str, str]

_SIDES = ("x", "y", "width", "height")
_REQUIRED = ("image", *_SIDES, "feature_type")
_OF_IMAGE = ("style", "source_id", "split", "licence")


def read_csv(
    path: Path, *, name: str | None = None, images: Path | None = None, on_progress: OnProgress | None = None
) -> AnnotatedImages:
    """Read a CSV with a header line, separated by comma, semicolon (then with decimal commas, too) or tab.

    Images lie beside the table or in `images/`, or in the folder given. Where `classes.txt` lies beside the table, a
    name that it does not list is an unknown label; without it every name counts.

    Raises:
        SslAttnError: the file is no such table, or no image can be used.
    """
    rows = _rows(path)
    folders = image_folders(images, (path.parent, path.parent / "images"))
    facts: dict[str, dict[str, str]] = {}
    raw_boxes: list[RawBox] = []
    quarantine: list[Quarantined] = []
    counts: dict[str, int] = {}
    for number, row in enumerate(rows, start=2):
        identifier = image_id(row["image"])
        if not identifier:
            if any(row.values()):
                quarantine.append(leave_out("box", f"line {number}", Rule.INCOMPLETE_ENTRY, "no image"))
            continue
        said = facts.setdefault(identifier, {})
        for column in _OF_IMAGE:
            said[column] = said.get(column) or row.get(column, "")
        if any(row[column] for column in _REQUIRED[1:]):
            index = counts[identifier] = counts.get(identifier, -1) + 1
            raw_boxes.append(_box(row, identifier, index))
    raw_images = [
        RawImage(
            identifier,
            identifier,
            locate(identifier, folders),
            styles=tuple(style for part in said["style"].split("|") if (style := part.strip())),
            source_id=said["source_id"],
            split=said["split"],
            licence=said["licence"],
        )
        for identifier, said in facts.items()
    ]
    classes = path.with_name("classes.txt")
    names = read_class_names(classes) if classes.is_file() else sorted({box.label for box in raw_boxes if box.label})
    groups = () if classes.is_file() else sorted({box.group_label for box in raw_boxes if box.group_label})
    return assemble(
        name or dataset_slug(path, fallback="csv"),
        raw_images,
        raw_boxes,
        vocabulary_of_names([*names, *groups], read_distractors(path.parent)),
        quarantine=quarantine,
        on_progress=on_progress,
    )


def _rows(path: Path) -> Sequence[Row]:
    text = read_text(path)
    header = text.partition("\n")[0]
    delimiter = max(",;\t", key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        lines = [[cell.strip() for cell in line] for line in reader]
    except csv.Error as error:
        message = f"expected a CSV table at {path}, got: {error}; save it as CSV (UTF-8) again"
        raise SslAttnError(message) from error
    columns = [column.lower() for column in lines[0]] if lines else []
    missing = [column for column in _REQUIRED if column not in columns]
    if missing:
        message = (
            f"expected the columns {', '.join(_REQUIRED)} in {path}, missing {', '.join(missing)}; "
            "name them in the first line"
        )
        raise SslAttnError(message)
    rows = [dict(zip(columns, [*line, *[""] * len(columns)], strict=False)) for line in lines[1:]]
    if delimiter == ";":
        rows = [row | {side: row[side].replace(",", ".") for side in _SIDES} for row in rows]
    return rows


def _box(row: Row, identifier: str, index: int) -> RawBox:
    x, y, width, height = (row[side] for side in _SIDES)
    return RawBox(
        row.get("box_id") or f"{identifier}#{index}",
        identifier,
        row["feature_type"],
        x,
        y,
        width,
        height,
        unit=row.get("unit", "").lower() or "fraction",
        group_label=row.get("feature_group", ""),
    )
