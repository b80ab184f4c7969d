"""Names that are safe in a path, an address and SQL."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from ssl_attn.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

_DATASET_SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")

# Names that say what kind of file or folder it is, not which data set.
_GENERIC = frozenset(
    {"annotation", "annotations", "boxes", "building_parts", "coco", "csv", "data", "dataset", "datasets", "images"}
    | {"instances", "instances_default", "jpegimages", "labels", "result", "table", "test", "train", "training"}
    | {"val", "valid", "validation", "voc", "xml", "yolo"}
)


def feature_slug(name: str) -> str:
    """A feature type's key: 'Round-Arch Window' -> 'round_arch_window'; letters of any script are kept."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return "_".join(re.findall(r"\w+", folded.replace("_", " ")))


def dataset_slug(path: Path, *, fallback: str) -> str:
    """The slug of a data set at `path`: the nearest name, from the file upwards, that is not generic."""
    resolved = path.resolve()
    for name in (resolved.name.split(".")[0], *(parent.name for parent in resolved.parents)):
        ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
        slug = re.sub(r"[^a-z0-9-]+", "_", ascii_name).strip("_-")[:64]
        if slug and slug not in _GENERIC:
            return slug
    return fallback


def checked_dataset_slug(name: str) -> str:
    """`name` itself, if it can be a folder of the warehouse.

    Raises:
        UsageError: it has other characters than lower-case ASCII letters, digits, '_' and '-', or is too long.
    """
    if _DATASET_SLUG.fullmatch(name):
        return name
    message = f"expected a data set name of lower-case letters, digits, '_' and '-' (at most 64), got {name!r}"
    raise UsageError(message)
