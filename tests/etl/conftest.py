"""A store that is scored and no more, and how to make one."""

from __future__ import annotations

import json
import shutil

import pytest

from etl.extract import extract
from etl.ingest import ingest
from etl.plan import Options, plan_model
from etl.run import Run
from etl.score import score
from etl.store import Store
from ssl_attn.methods import parse_request
from ssl_attn.models.load import resolve_checkpoint
from ssl_attn.models.spec import parse_model_spec


def _plan_for(folder, name, *methods, **options):
    """The plan of one checkpoint for some methods, or all that it has."""
    checkpoint = resolve_checkpoint(parse_model_spec(f"{name}={folder}"))
    requests = [parse_request(method) for method in methods] or None
    return plan_model(checkpoint, requests, Options(batch_size=4, features=False, **options))


def _scored_store(root, dataset, *plans, native_emd=False):
    """Ingest, extract and score into a draft; returns the run."""
    store, run = Store(root), Run("score", {})
    images = ingest(store, dataset, run).images
    for plan in plans:
        extract(store, dataset.name, images, plan, run)
    score(store, run, native_emd=native_emd)
    run.finish(store)
    return run


@pytest.fixture(scope="session")
def plan_for():
    return _plan_for


@pytest.fixture(scope="session")
def scored_store():
    return _scored_store


@pytest.fixture(scope="session")
def with_preprocessing():
    """Makes a copy of a checkpoint that prepares its images in another way."""

    def copy(folder, destination, **changes):
        shutil.copytree(folder, destination)
        file = destination / "preprocessor_config.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | changes))
        return destination

    return copy


@pytest.fixture(scope="session")
def scored(tmp_path_factory, pictures, tiny_folders):
    """A transformer in two views, and a network whose four stages have a grid each; only to be read."""
    root = tmp_path_factory.mktemp("scored")
    vit = tiny_folders["dinov2_with_registers"]
    plans = [_plan_for(vit, "vit", "cls", view=view) for view in ("squash", "letterbox")]
    _scored_store(root, pictures, *plans, _plan_for(tiny_folders["resnet"], "net", "gradcam"))
    return Store(root)
