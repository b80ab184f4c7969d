"""A small store built once, for tests that only read it."""

import shutil

import pytest

from etl.build import build, plan_models
from etl.plan import Options
from etl.store import Store
from ssl_attn.models.spec import parse_model_spec


def plans_for(store, folders, families=("dinov2", "resnet"), **options):
    specs = [parse_model_spec(f"tiny_{family}={folders[family]}") for family in families]
    return plan_models(store, specs, None, Options(batch_size=4, **options))


@pytest.fixture(scope="session")
def built(tmp_path_factory, pictures, tiny_folders):
    """A published store: a ViT, a SigLIP and a ResNet on eleven pictures."""
    store = Store(tmp_path_factory.mktemp("store"))
    plans = plans_for(store, tiny_folders, ("dinov2_with_registers", "siglip", "resnet"))
    build(store, pictures, plans)
    return store


@pytest.fixture
def copied(built, tmp_path):
    """A copy of it, for tests that change it; a store can be moved."""
    root = tmp_path / "moved"
    shutil.copytree(built.root, root)
    return Store(root)
