"""Finding and reading the files of a data set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ssl_attn.errors import SslAttnError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp", ".bmp", ".gif", ".jp2", ".ppm", ".pgm")


def read_text(path: Path) -> str:
    """A UTF-8 text file, without the byte order mark that spreadsheets write.

    Raises:
        SslAttnError: it is missing or not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"expected {path} to be text in UTF-8, got another encoding at byte {error.start}; save it as UTF-8"
        raise SslAttnError(message) from error
    except OSError as error:
        message = f"expected a readable file at {path}, got: {error.strerror}; check the path"
        raise SslAttnError(message) from error


def read_json_object(path: Path, *, expected: str) -> dict[str, Any]:
    """A JSON file whose top level is an object; `expected` names its kind for the error.

    Raises:
        SslAttnError: it cannot be read, or is no JSON object.
    """
    try:
        document = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        message = f"expected {expected} at {path}, got broken JSON: {error}; export or download it again"
        raise SslAttnError(message) from error
    if not isinstance(document, dict):
        message = f"expected {expected} at {path}, got a JSON {type(document).__name__}; check the file"
        raise SslAttnError(message)
    return document


def as_list(value: object) -> list[Any]:
    """A field that should hold a list, or an empty list when it holds anything else."""
    return value if isinstance(value, list) else []


def read_class_names(path: Path) -> list[str]:
    """A list of names, one a line; blank lines at the end are dropped."""
    return [line.strip() for line in read_text(path).rstrip().splitlines()]


def read_distractors(folder: Path) -> list[str]:
    """The names in `distractors.txt`, one a line, of what a model should not rely on; none without such a file."""
    path = folder / "distractors.txt"
    return [name for name in read_class_names(path) if name] if path.is_file() else []


def image_id(file_name: str) -> str:
    """An image's identifier: its file name, with forward slashes, relative to the images' folder."""
    return file_name.strip().replace("\\", "/").removeprefix("./")


def locate(file_name: str, folders: Iterable[Path]) -> Path:
    """The first file of that name, in a folder as written or directly in it; else where it was expected."""
    relative = image_id(file_name)
    candidates = [folder / name for folder in folders for name in dict.fromkeys((relative, Path(relative).name))]
    return next((candidate for candidate in candidates if candidate.is_file()), candidates[0])


def image_folders(images: Path | None, defaults: Sequence[Path]) -> Sequence[Path]:
    """Where to look for images: the folder that the user named and no other, or else the format's usual places."""
    return defaults if images is None else (images,)
