"""The pages in a real Chromium: what the viewer draws, what a click does, and that no request leaves the machine."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from urllib.parse import parse_qs, urlsplit

import httpx
import numpy as np
import pytest

from pages._shared.stored_map import StoredMap
from ssl_attn.overlay import overlay
from warehouse.catalog import connect

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
IMAGE = "picture-00.png"
EVERY_FIFTH_PIXEL = """canvas => {
  const { width, height } = canvas
  const { data } = canvas.getContext("2d").getImageData(0, 0, width, height)
  const found = []
  for (let y = 0; y < height; y += 5)
    for (let x = 0; x < width; x += 5) found.push(...data.slice(4 * (y * width + x), 4 * (y * width + x) + 4))
  return { w: width, h: height, d: found }
}"""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs a Chromium on the PATH"),
]


@pytest.fixture(scope="module")
def address(dashboard_store, tmp_path_factory):
    """The dashboard as `ssl-attn app` starts it, from another folder."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "SSL_ATTN_STORE": str(dashboard_store), "SSL_ATTN_PORT": str(port)}
    log = tmp_path_factory.mktemp("server") / "log.txt"
    with log.open("w") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "pages._shared.server"],
            cwd=log.parent,
            env=environment,
            stdout=output,
            stderr=output,
        )
    origin = f"http://localhost:{port}"
    try:
        for _ in range(120):
            try:
                if httpx.get(f"{origin}/_stcore/health").status_code == httpx.codes.OK:
                    break
            except httpx.TransportError:
                time.sleep(0.25)
        else:
            pytest.fail(f"the server did not start: {log.read_text()}")
        yield origin
    finally:
        server.terminate()
        server.wait(10)


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="needs the playwright package")
    with playwright.sync_playwright() as driver:
        launched = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture
def tab(address, browser):
    """A browser tab that remembers requests to other machines and errors on the console."""
    page = browser.new_page(viewport={"width": 1440, "height": 1100})
    page.left_machine, page.complaints = [], []

    def requested(request):
        if leaves(request.url, address):
            page.left_machine.append(request.url)

    def said(message):
        if message.type == "error":
            page.complaints.append(message.text)

    page.on("request", requested)
    page.on("console", said)
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    yield page
    page.close()


def leaves(url: str, address: str) -> bool:
    return urlsplit(url).scheme in {"http", "https"} and not url.startswith(address)


def asked(store, sql: str):
    return connect(store).cursor().sql(sql).pl()


def query(page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def test_click_similarity_escape_and_state_in_the_url(tab, address, dashboard_store):
    image = asked(dashboard_store, f"SELECT image_id FROM images WHERE path LIKE '%{IMAGE}'").item()
    tab.goto(f"{address}/")
    tab.get_by_role("link", name="See its maps").click()
    tab.locator(".viewer .box").first.wait_for()
    assert query(tab)["model"][0] in {"alpha", "beta"}
    assert query(tab)["view"] == ["squash"]

    box = tab.locator(".viewer .box").first
    chosen = box.get_attribute("data-box")
    title = tab.locator(".viewer .title .words")
    assert "CLS attention" in title.inner_text()
    box.click()
    title.filter(has_text="Cosine similarity").wait_for()
    assert query(tab)["box"] == [chosen]
    low, high = (float(tab.locator(f".viewer .{end}").inner_text()) for end in ("low", "high"))
    assert -1 <= low < high <= 1
    assert tab.locator(".viewer .query").get_attribute("d").startswith("M")

    tab.keyboard.press("Escape")
    title.filter(has_text="CLS attention").wait_for()
    tab.wait_for_url(lambda url: "box=" not in url)

    box.focus()
    tab.keyboard.press("Enter")
    title.filter(has_text="Cosine similarity").wait_for()
    box.click()
    title.filter(has_text="CLS attention").wait_for()
    assert tab.complaints == []
    assert tab.left_machine == []

    tab.goto(f"{address}/image?image={image}&model=beta&layer=1&box={chosen}")
    tab.locator(".viewer .title .words").filter(has_text="Cosine similarity").wait_for()
    tab.get_by_text("beta · CLS attention · layer 1").first.wait_for()


def test_a_row_of_the_leaderboard_drives_the_url(tab, address):
    tab.goto(f"{address}/")
    table = tab.get_by_test_id("stDataFrame").first
    table.locator("canvas").first.wait_for()
    table.scroll_into_view_if_needed()
    tab.wait_for_timeout(500)
    table.click(position={"x": 17, "y": 78})
    tab.wait_for_url(lambda url: "series=" in url)
    assert tab.complaints == []
    assert tab.left_machine == []


def test_a_distractor_is_dashed_and_a_feature_is_not(tab, address, dashboard_store):
    image = asked(dashboard_store, "SELECT image_id FROM images WHERE path LIKE '%picture-02.png'").item()
    tab.goto(f"{address}/image?image={image}")
    tab.locator(".viewer .box").first.wait_for()
    dashes = {
        box.get_attribute("aria-label").split(",")[0]: box.evaluate("box => getComputedStyle(box).strokeDasharray")
        for box in tab.locator(".viewer .box").all()
    }
    assert {name for name, dash in dashes.items() if dash != "none"} == {"sign (distractor)"}
    assert len(dashes) > 1


@pytest.mark.parametrize(("view", "cells"), [("squash", "smooth"), ("processor", "patches")])
def test_the_browser_draws_what_overlay_draws(tab, address, dashboard_store, view, cells):
    """Two implementations of one drawing, pixel by pixel; rounding may differ by a step of the colour table."""
    image = asked(dashboard_store, f"SELECT image_id FROM images WHERE path LIKE '%{IMAGE}'").item()
    drawing = f"cells={cells}&threshold=mask&percentile=70&opacity=60"
    tab.goto(f"{address}/image?image={image}&view={view}&{drawing}")
    tab.locator(".viewer canvas").wait_for()
    tab.get_by_test_id("stApp").and_(tab.locator("[data-test-script-state='notRunning']")).wait_for()
    canvas = tab.locator(".viewer canvas")
    drawn = canvas.evaluate(EVERY_FIFTH_PIXEL)
    row = asked(dashboard_store, f"SELECT * FROM map_of('{image}', 'alpha', 'cls', 2, in_view := '{view}')").row(
        0, named=True
    )
    stored = StoredMap.of(row)
    width, height = drawn["w"], drawn["h"]
    expected = overlay(
        stored.values,
        stored.placement,
        width=width,
        height=height,
        opacity=0.6,
        smooth=cells == "smooth",
        threshold="mask",
        percentile=70,
    )
    expected = expected[::5, ::5]
    found = np.array(drawn["d"], dtype=np.int64).reshape(expected.shape)
    assert (found[..., 3] == expected[..., 3]).mean() > 0.999
    solid = expected[..., 3] > 0
    assert np.abs(found[solid] - expected[solid]).max(axis=1).mean() < 4
