"""Take the pictures of the documents: `python docs/screenshots.py [--store STORE]`, on a store of `ssl-attn demo`.

Needs the package playwright and a Chromium; serves the store for as long as it takes.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import httpx
from PIL import Image
from playwright.sync_api import sync_playwright

from ssl_attn.demo.facades.facade import draw_facade
from ssl_attn.demo.facades.splits import GENERATOR_SEED

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(__file__).parent / "images"
PAGES = {
    "leaderboard": "/?dataset=facade&metric=energy",
    "image": "/image?dataset=facade&image=facade_0001&model=facade_vit&threshold=contour",
    "tour": "/tour",
}
TOUR_FIGURES = ("pictures", "attention", "look", "removed")
"""Parts of the tour that `docs/tour.md` shows, by the end of their container's key."""

FACADES = range(24)
"""Facades of the contact sheet, six in a row."""

WIDTH, HEIGHT = 1440, 1000
SECONDS_TO_START = 30


@contextmanager
def served(store: Path) -> Iterator[str]:
    """Address of the dashboard on a free port.

    Raises:
        TimeoutError: the dashboard did not answer in time.
    """
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "SSL_ATTN_STORE": str(store.resolve()), "SSL_ATTN_PORT": str(port)}
    server = subprocess.Popen([sys.executable, "-m", "pages._shared.server"], env=environment)
    address = f"http://localhost:{port}"
    try:
        _wait_for(address)
        yield address
    finally:
        server.terminate()
        server.wait()


def _wait_for(address: str) -> None:
    until = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < until:
        try:
            httpx.get(f"{address}/_stcore/health").raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.25)
        else:
            return
    message = f"expected the dashboard at {address} within {SECONDS_TO_START} s, got no answer"
    raise TimeoutError(message)


def take(address: str, scheme: Literal["light", "dark"]) -> None:
    """Write one picture a page, in the light or the dark theme; dark ones have it in their name."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme=scheme)
        for name, path in PAGES.items():
            page.goto(address + path)
            page.locator("h1").wait_for()
            page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
            page.wait_for_timeout(2500)  # charts are drawn after the script has ended
            page.screenshot(path=_picture(name, scheme))
            if name == "tour":
                for figure in TOUR_FIGURES:
                    page.locator(f".st-key-figure-{figure}").screenshot(path=_picture(f"tour-{figure}", scheme))
        browser.close()


def draw_facades() -> None:
    """Write the contact sheet of the drawn facades."""
    pictures = [draw_facade(index, seed=GENERATOR_SEED).image for index in FACADES]
    cell, gap, row = 240, 12, 6
    sheet = Image.new("RGB", (row * (cell + gap) + gap, -(-len(pictures) // row) * (cell + gap) + gap), "white")
    for place, picture in enumerate(pictures):
        picture.thumbnail((cell, cell), Image.Resampling.LANCZOS)
        left = gap + place % row * (cell + gap) + (cell - picture.width) // 2
        top = gap + place // row * (cell + gap) + (cell - picture.height) // 2
        sheet.paste(picture, (left, top))
    sheet.quantize(256).save(_picture("facades", "light"), optimize=True)


def _picture(name: str, scheme: Literal["light", "dark"]) -> Path:
    return FOLDER / (f"{name}.png" if scheme == "light" else f"{name}-{scheme}.png")


def main() -> None:
    """Read the arguments and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", type=Path, default=Path("warehouse/store"))
    parser.add_argument("--scheme", choices=("light", "dark"), default="light")
    arguments = parser.parse_args()
    draw_facades()
    with served(arguments.store) as address:
        take(address, arguments.scheme)


if __name__ == "__main__":
    main()
