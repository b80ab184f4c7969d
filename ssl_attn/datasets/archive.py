"""Images out of a zip archive: only those wanted, only into the one folder, and none half-written."""

from __future__ import annotations

import shutil
import zipfile
import zlib
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from ssl_attn.datasets.source_files import IMAGE_SUFFIXES
from ssl_attn.errors import SslAttnError
from ssl_attn.files import replacing

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path


def extract_images(
    archive: Path,
    folder: Path,
    *,
    wanted: Collection[str] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[Path]:
    """Extract the images of `archive` into `folder`, flat, and return their paths.

    `wanted` names files; None takes every image. Folders inside the archive are ignored, so no member can leave
    `folder`. An image that is there at its full size is left alone. `on_progress` is called with images done, and all.

    Raises:
        SslAttnError: the archive or an image in it is broken, a wanted image is not in it, or the disk is full.
    """
    try:
        with zipfile.ZipFile(archive) as source:
            members = _members(source, wanted)
            absent = sorted(set(wanted or ()) - members.keys())
            if absent:
                message = (
                    f"expected {len(absent)} more images in {archive} (first: {absent[0]}), found them missing; "
                    "download the archive again"
                )
                raise SslAttnError(message)
            needed = sum(member.file_size for name, member in members.items() if not _is_there(folder / name, member))
            folder.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(folder).free
            if free < needed:
                message = (
                    f"expected {needed / 1e9:.2f} GB of free disk in {folder} for the images, "
                    f"found {free / 1e9:.2f} GB; make room or choose another folder"
                )
                raise SslAttnError(message)
            for count, (name, member) in enumerate(members.items(), start=1):
                _extract(source, member, folder / name)
                if on_progress is not None:
                    on_progress(count, len(members))
            return [folder / name for name in members]
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, OSError) as error:
        message = (
            f"expected to extract images from {archive} into {folder}, got: {error}; "
            "check the disk, or download the archive again"
        )
        raise SslAttnError(message) from error


def _members(source: zipfile.ZipFile, wanted: Collection[str] | None) -> dict[str, zipfile.ZipInfo]:
    """Image name -> member, in the archive's order."""
    members: dict[str, zipfile.ZipInfo] = {}
    for member in source.infolist():
        name = PurePosixPath(member.filename.replace("\\", "/")).name
        is_image = name.lower().endswith(IMAGE_SUFFIXES) and not member.is_dir() and not name.startswith("._")
        if is_image and (wanted is None or name in wanted):
            members.setdefault(name, member)
    return members


def _is_there(target: Path, member: zipfile.ZipInfo) -> bool:
    return target.is_file() and target.stat().st_size == member.file_size


def _extract(source: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> None:
    if _is_there(target, member):
        return
    with replacing(target) as temporary, source.open(member) as content, temporary.open("wb") as sink:
        shutil.copyfileobj(content, sink)
