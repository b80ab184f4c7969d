"""`ssl-attn app`: the dashboard, in a process of its own that never loads torch."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from ssl_attn.cli.options import StoreOption, store_path
from ssl_attn.settings import Settings

PortOption = Annotated[int | None, typer.Option("--port", min=1, max=65535, help="Port [default: 8501]")]


def app(store: StoreOption = None, port: PortOption = None) -> None:
    """Serve the dashboard."""
    raise typer.Exit(serve(store_path(store), port))


def serve(store: Path, port: int | None) -> int:
    """Run the dashboard's server until it is stopped, which stops the server too; returns its exit code."""
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    environment = {
        **os.environ,
        "SSL_ATTN_STORE": str(store.resolve()),
        "SSL_ATTN_PORT": str(port or Settings().port),
    }
    try:
        return subprocess.run([sys.executable, "-m", "pages._shared.server"], env=environment, check=False).returncode
    except KeyboardInterrupt:
        return 0
