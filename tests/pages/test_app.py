"""The app around the pages: what it imports, its look, its server."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib

import pytest
from streamlit.runtime.pages_manager import PagesManager

from pages._shared import server
from pages._shared.location import store_path
from pages._shared.previews import preview_address, preview_routes
from pages._shared.warehouse import Query

ROOT = server.ENTRY.parent

BOTH_PAGES = """
import sys
from streamlit.testing.v1 import AppTest
app = AppTest.from_file("streamlit_app.py", default_timeout=60).run()
assert not app.exception, app.exception
app.switch_page("pages/image.py").run()
assert not app.exception, app.exception
assert app.title[0].value == "Image"
import pages._shared.server
heavy = {"torch", "transformers", "etl"} & set(sys.modules)
assert not heavy, heavy
"""


def test_no_page_loads_torch_or_the_pipeline(dashboard_store):
    environment = {**os.environ, "SSL_ATTN_STORE": str(dashboard_store)}
    done = subprocess.run(
        [sys.executable, "-c", BOTH_PAGES], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_server_and_streamlit_run_say_the_same():
    config = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())
    said = {f"{section}.{name}": value for section, options in config.items() for name, value in options.items()}
    assert (ROOT / said.pop("theme.base")).samefile(server.CONFIG["theme.base"])
    assert said.items() <= server.CONFIG.items()
    assert said["browser.gatherUsageStats"] is False


def test_the_theme_has_two_looks_and_fetches_no_font():
    text = server.THEME.read_text()
    theme = tomllib.loads(text)["theme"]
    assert {"light", "dark"} <= theme.keys()
    assert "http" not in text
    assert theme["light"].keys() == theme["dark"].keys()


def test_nothing_that_reaches_the_browser_names_another_machine():
    for file in (ROOT / "pages").rglob("*"):
        if file.suffix in {".js", ".css", ".py", ".toml"}:
            links = [
                line for line in file.read_text().splitlines() if "://" in line and "www.w3.org/2000/svg" not in line
            ]
            assert links == [], file


def test_a_page_opened_by_a_link_on_a_fresh_server_goes_through_the_entry(opened, dashboard_store, monkeypatch):
    monkeypatch.setattr(PagesManager, "uses_pages_directory", True)
    opened(dashboard_store, "image")
    assert PagesManager.uses_pages_directory is False


def test_pictures_come_from_the_route_where_there_is_one_and_else_inside_the_page(dashboard_store, monkeypatch):
    monkeypatch.setenv("SSL_ATTN_STORE", str(dashboard_store))
    file = next((store_path() / "previews").rglob("*.webp"))
    relative = file.relative_to(store_path()).as_posix()
    monkeypatch.setattr("pages._shared.previews._served", set())
    assert preview_address(relative).startswith("data:image/webp;base64,")
    assert [route.path for route in preview_routes(store_path())] == ["/previews"]
    assert preview_address(relative) == f"/{relative}"
    assert preview_address("previews/lost.webp") is None


@pytest.mark.parametrize(
    ("value", "written"),
    [(None, "NULL"), (3, "3"), ("it's", "'it''s'"), (("a", "b"), "['a', 'b']")],
)
def test_a_query_can_be_read_with_its_parameters(value, written):
    assert Query.of("SELECT $value AS x, $value", value=value).text == f"SELECT {written} AS x, {written}"
