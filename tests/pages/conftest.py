"""A small published store for the pages, and the app as a reader opens it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from etl.build import build, plan_models
from etl.plan import Options
from etl.store import Store
from ssl_attn.methods import parse_request
from ssl_attn.models.spec import parse_model_spec

ENTRY = Path(__file__).resolve().parents[2] / "streamlit_app.py"
METHODS = [parse_request("cls"), parse_request("rollout")]


@pytest.fixture(scope="session")
def dashboard_store(tmp_path_factory, pictures, tiny_folders) -> Path:
    """Two ViTs, one also with random weights, in the view squash; the first also as its processor crops."""
    root = tmp_path_factory.mktemp("dashboard") / "store"
    folder = tmp_path_factory.mktemp("cropping") / "dinov2"
    shutil.copytree(tiny_folders["dinov2"], folder)
    file = folder / "preprocessor_config.json"
    settings = json.loads(file.read_text())
    settings |= {"size": {"shortest_edge": 48}, "do_center_crop": True, "crop_size": {"height": 48, "width": 48}}
    file.write_text(json.dumps(settings))
    first, second = parse_model_spec(f"alpha={folder}"), parse_model_spec(f"beta={tiny_folders['clip']}")
    store = Store(root)
    squash, processor = Options(batch_size=4), Options(batch_size=4, view="processor")
    build(store, pictures, plan_models(store, [first], METHODS, squash, random_weights=True))
    build(store, pictures, plan_models(store, [second], METHODS, squash))
    build(store, pictures, plan_models(store, [first], METHODS[:1], processor))
    return root


@pytest.fixture
def own_store(dashboard_store, tmp_path) -> Path:
    """A copy that a test may change."""
    root = tmp_path / "store"
    shutil.copytree(dashboard_store, root)
    return root


@pytest.fixture
def opened(monkeypatch):
    """Open a page of the app on a store, with whatever the URL says."""

    def open_page(store: Path, page: str = "leaderboard", **url: str) -> AppTest:
        monkeypatch.setenv("SSL_ATTN_STORE", str(store))
        app = AppTest.from_file(str(ENTRY), default_timeout=40)
        for name, value in url.items():
            app.query_params[name] = value
        if page != "leaderboard":
            app.switch_page(f"pages/{page}.py")
        app.run()
        assert not app.exception, [error.message for error in app.exception]
        return app

    return open_page


@pytest.fixture(scope="session", autouse=True)
def _close_catalogues():
    """Catalogues are cached for as long as the process lives; the tests' ones end with them."""
    yield
    st.cache_resource.clear()
