"""The dashboard's server: `python -m pages._shared.server`, with SSL_ATTN_STORE and SSL_ATTN_PORT."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import streamlit as st

from pages._shared.previews import preview_routes
from ssl_attn.settings import Settings

ENTRY = Path(__file__).resolve().parents[2] / "streamlit_app.py"
THEME = Path(__file__).with_name("theme.toml")

CONFIG = {
    "browser.gatherUsageStats": False,
    "client.toolbarMode": "minimal",
    "server.address": "localhost",
    "server.headless": True,
    "server.fileWatcherType": "none",
    "theme.base": str(THEME),
}
"""What holds wherever the server is started from; `.streamlit/config.toml` says the same to `streamlit run`."""


def main() -> None:
    """Serve until stopped; only to this machine, unless STREAMLIT_SERVER_ADDRESS says otherwise."""
    settings = Settings()
    app = st.App(ENTRY, routes=preview_routes(settings.store))
    # Streamlit puts the launcher's folder first on the import path; this one would hide the package `warehouse`.
    sys.argv[0] = str(ENTRY)
    address = os.environ.get("STREAMLIT_SERVER_ADDRESS", CONFIG["server.address"])
    app.run(config={**CONFIG, "server.address": address, "server.port": settings.port})


if __name__ == "__main__":
    main()
