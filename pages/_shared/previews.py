"""Pictures of the store for the browser: from the server's own route where there is one, else inside the page."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from pages._shared.location import preview_file, store_path

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_FOLDER = "previews"
_GREY = 127
_served: set[Path] = set()


def preview_routes(store: Path) -> list[Mount]:
    """The route under which a server shows the pictures of one store."""
    _served.add(store.resolve())
    return [Mount(f"/{_FOLDER}", StaticFiles(directory=store / _FOLDER, check_dir=False))]


def preview_address(relative: str) -> str | None:
    """What an `<img>` takes as its source; None when the store has lost the file."""
    file = preview_file(relative)
    if not file.is_file():
        return None
    if store_path().resolve() in _served and relative.startswith(f"{_FOLDER}/"):
        return f"/{relative}"
    return f"data:image/webp;base64,{base64.b64encode(file.read_bytes()).decode()}"


def preview_pixels(relative: str, width: int, height: int) -> NDArray[np.uint8]:
    """The picture at `width` x `height` pixels `(height, width, 3)`; grey when the store has lost the file."""
    try:
        with Image.open(preview_file(relative)) as opened:
            return np.asarray(opened.convert("RGB").resize((width, height), Image.Resampling.LANCZOS))
    except FileNotFoundError:
        return np.full((height, width, 3), _GREY, dtype=np.uint8)
