"""Where what can be made again is kept."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """`$XDG_CACHE_HOME/ssl_attn`, by default `~/.cache/ssl_attn`; a relative setting is ignored, as XDG asks."""
    root = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (root if root.is_absolute() else Path.home() / ".cache") / "ssl_attn"
