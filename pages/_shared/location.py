"""Where the store lies that the dashboard shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ssl_attn.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path


def store_path() -> Path:
    """Folder of the store."""
    return Settings().store


def preview_file(relative: str) -> Path:
    """Where a picture of the store lies."""
    return store_path() / relative
