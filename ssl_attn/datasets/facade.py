"""Synthetic facades as a data set: drawn into a folder once, read from it ever after."""

from __future__ import annotations

import hashlib
import json
from io import BytesIO
from typing import TYPE_CHECKING

from ssl_attn.datasets.base import AnnotatedImages, Box, Image
from ssl_attn.demo.cache import cache_folder
from ssl_attn.demo.facades.facade import GENERATOR_VERSION, compose, draw_facade
from ssl_attn.demo.facades.splits import GENERATOR_SEED, SHOWN
from ssl_attn.demo.facades.styles import FEATURE_TYPES
from ssl_attn.errors import SslAttnError, UsageError
from ssl_attn.files import replacing, sha256_of

if TYPE_CHECKING:
    from pathlib import Path

DEFAULT_COUNT = 48
"""Facades in the demo."""

_LICENCE = "Apache-2.0"
_LIST = "facades.json"  # file name -> sha256 of what was written


def read_facade(
    path: Path | None = None, *, name: str | None = None, count: int = DEFAULT_COUNT, marked: bool = False
) -> AnnotatedImages:
    """The first `count` facades that no demo model has seen, with the exact box of every feature and distractor.

    `marked` ones are the same pictures under the same ids, each with the stamp that gives its style away. Pictures lie
    in `path`, by default in the user's cache; missing and damaged ones are drawn.

    Raises:
        UsageError: `count` is not a number of facades that there are.
        SslAttnError: the folder cannot be written.
    """
    if not 1 <= count <= len(SHOWN):
        message = f"expected 1 to {len(SHOWN)} facades, got {count}"
        raise UsageError(message)
    own_name = "facade_marked" if marked else "facade"
    folder = cache_folder() / f"{own_name}-v{GENERATOR_VERSION}" if path is None else path
    indices = SHOWN[:count]
    hashes = _draw_missing(folder, indices, marked=marked)
    images, boxes = [], []
    for index in indices:
        image_id = _image_id(index)
        scene = compose(index, seed=GENERATOR_SEED, marked=marked)
        images.append(
            Image(
                image_id=image_id,
                path=folder / f"{image_id}.png",
                sha256=hashes[f"{image_id}.png"],
                width=scene.width,
                height=scene.height,
                styles=(scene.style,),
                source_id=image_id,
                split="test",
                licence=_LICENCE,
            )
        )
        boxes += [
            Box(
                f"{image_id}.{i:02d}", image_id, box.feature_type, box.feature_type, box.x, box.y, box.width, box.height
            )
            for i, box in enumerate(scene.boxes)
        ]
    return AnnotatedImages(name or own_name, tuple(images), tuple(boxes), FEATURE_TYPES)


def read_marked_facade(
    path: Path | None = None, *, name: str | None = None, count: int = DEFAULT_COUNT
) -> AnnotatedImages:
    """The facades of `read_facade` with their marks."""
    return read_facade(path, name=name, count=count, marked=True)


def _image_id(index: int) -> str:
    return f"facade_{index:04d}"


def _draw_missing(folder: Path, indices: range, *, marked: bool) -> dict[str, str]:
    """Draw what is not there as it was written; the hash of every file asked for."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        listed = _listed(folder / _LIST, marked=marked)
        known = dict(listed)
        for index in indices:
            file_name = f"{_image_id(index)}.png"
            if not _intact(folder / file_name, known.get(file_name)):
                buffer = BytesIO()
                draw_facade(index, seed=GENERATOR_SEED, marked=marked).image.save(buffer, "PNG")
                with replacing(folder / file_name) as temporary:
                    temporary.write_bytes(buffer.getvalue())
                known[file_name] = hashlib.sha256(buffer.getvalue()).hexdigest()
        if known != listed:
            content = {
                "generator_version": GENERATOR_VERSION,
                "seed": GENERATOR_SEED,
                "marked": marked,
                "sha256": dict(sorted(known.items())),
            }
            with replacing(folder / _LIST) as temporary:
                temporary.write_text(json.dumps(content, indent=1), encoding="utf-8")
    except OSError as error:
        message = f"expected a folder for the drawn facades that can be written, got {error}; give another with --data"
        raise SslAttnError(message) from error
    return known


def _listed(path: Path, *, marked: bool) -> dict[str, str]:
    """The hashes that an earlier run of the same generator wrote down; none where the list is of no use."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        made = content["generator_version"], content["seed"], content["marked"]
        if made == (GENERATOR_VERSION, GENERATOR_SEED, marked):
            return {str(file_name): str(sha256) for file_name, sha256 in content["sha256"].items()}
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        pass
    return {}


def _intact(path: Path, sha256: str | None) -> bool:
    try:
        return sha256_of(path) == sha256
    except FileNotFoundError:
        return False
