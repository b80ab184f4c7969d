"""Fixtures that several rooms share: tiny checkpoints of every family, and a small published store."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings
from PIL import Image as PillowImage

from etl.build import build, plan_models
from etl.plan import Options
from etl.store import Store
from ssl_attn.datasets import read_dataset
from ssl_attn.demo.zoo.measured import Accuracy, Measured, write_measured
from ssl_attn.models.card import CARDS, FAMILIES
from ssl_attn.models.load import load_model
from ssl_attn.models.spec import ModelSpec, parse_model_spec
from ssl_attn.models.tiny import write_tiny_checkpoint
from tests.scored_store import summarised_study

torch.set_num_threads(1)

# A machine that is busy elsewhere makes no test wrong.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """Optional photographs and checkpoints beside the checkout."""
    if not (SHARED / "data" / "facades").is_dir():
        pytest.skip("needs ../shared with photographs and checkpoints")
    return SHARED


@pytest.fixture(scope="session")
def tiny_folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("tiny-checkpoints")
    folders = {family: write_tiny_checkpoint(family, root / family, seed=7) for family in FAMILIES}
    # as if it had been trained and measured
    accuracy = (Accuracy("facade", "head", 88, 100, untrained_correct=25),)
    write_measured(folders["resnet"], Measured(7, "none", 2, 1, 1.0, 1, (), accuracy))
    return folders


@pytest.fixture(scope="session")
def tiny_models(tiny_folders):
    """One loaded tiny model of every family."""
    models = {}
    for family, folder in tiny_folders.items():
        card = next(card for card in CARDS.values() if card.family == family)
        models[family] = load_model(ModelSpec(card.name, path=folder, card=card))
    return models


@pytest.fixture(scope="session")
def coco_file(tmp_path_factory) -> Path:
    """Eleven small pictures with boxes as a COCO file: all aspects, three styles, three kinds of feature.

    Image 9 has no box at all, image 10 is of a style of its own. Images 2 and 3 have a sign, which is a distractor.
    """
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "images").mkdir()
    generator = np.random.default_rng(5)
    sizes = [
        (96, 64),
        (64, 96),
        (81, 67),
        (90, 60),
        (60, 90),
        (70, 70),
        (96, 48),
        (48, 96),
        (77, 53),
        (64, 64),
        (88, 66),
    ]
    images, annotations = [], []
    for index, (width, height) in enumerate(sizes):
        pixels = generator.integers(0, 255, size=(height, width, 3), dtype=np.uint8)
        name = f"picture-{index:02}.png"
        PillowImage.fromarray(pixels).save(folder / "images" / name)
        style = "late" if index == 10 else ("early", "high")[index % 2]
        images.append({"id": index, "file_name": name, "width": width, "height": height, "style": style})
        if index == 9:
            continue
        for box in range(1 + index % 3):
            x, y = generator.uniform(0, 0.5, size=2) * (width, height)
            w, h = generator.uniform(0.2, 0.5, size=2) * (width, height)
            bbox = [float(v) for v in (x, y, w, h)]
            annotations.append({"id": len(annotations), "image_id": index, "category_id": 1 + box, "bbox": bbox})
    # at the left edge of a picture twice as wide as high, where a square centre crop does not see it
    hidden = {"id": len(annotations), "image_id": 6, "category_id": 1, "bbox": [1.0, 10.0, 15.0, 20.0]}
    annotations.append(hidden)
    for index, bbox in ((2, [2.0, 20.0, 45.0, 40.0]), (3, [50.0, 5.0, 30.0, 20.0])):
        annotations.append({"id": len(annotations), "image_id": index, "category_id": 4, "bbox": bbox})
    categories = [
        {"id": 1, "name": "window", "supercategory": "opening"},
        {"id": 2, "name": "door", "supercategory": "opening"},
        {"id": 3, "name": "tower"},
        {"id": 4, "name": "sign", "supercategory": "distractor"},
    ]
    file = folder / "annotations.json"
    file.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    return file


@pytest.fixture(scope="session")
def pictures(coco_file):
    return read_dataset("coco", coco_file, name="pictures")


@pytest.fixture(scope="session")
def tiny_plans(tiny_folders):
    """What the store `built` is built of, for any store: a ViT with registers, a SigLIP and a ResNet."""

    def plans(store):
        families = ("dinov2_with_registers", "siglip", "resnet")
        specs = [parse_model_spec(f"tiny_{family}={tiny_folders[family]}") for family in families]
        return plan_models(store, specs, None, Options(batch_size=4))

    return plans


@pytest.fixture(scope="session")
def built(tmp_path_factory, pictures, tiny_plans):
    """A published store, only to be read: three tiny models on eleven pictures."""
    store = Store(tmp_path_factory.mktemp("store"))
    build(store, pictures, tiny_plans(store))
    return store


@pytest.fixture(scope="session")
def summarised(tmp_path_factory):
    """A draft of planted scores with summaries and comparisons, only to be read; `study` and `series` say which."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("etl.pieces._cores", lambda: 1)
        return summarised_study(Store(tmp_path_factory.mktemp("scored")))


@pytest.fixture
def copied(built, tmp_path):
    """A copy of the published store, for tests that change it."""
    root = tmp_path / "moved"
    shutil.copytree(built.root, root)
    return Store(root)
