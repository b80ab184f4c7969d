"""The weights that come with the package: they load, and they know the styles of facades they never saw."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors import safe_open

import ssl_attn.demo
from ssl_attn.demo.facade import GENERATOR_VERSION
from ssl_attn.demo.pictures import load_pictures
from ssl_attn.demo.publication import read_model
from ssl_attn.demo.recipes import HELD_OUT, RECIPES
from ssl_attn.demo.styles import STYLES
from ssl_attn.demo.train import correct
from ssl_attn.models.preprocessing import read_preprocessing

WEIGHTS = Path(ssl_attn.demo.__file__).parent / "weights"


@pytest.mark.parametrize("name", RECIPES)
def test_held_out_facades_are_told_apart(name: str, tmp_path: Path):
    recipe, folder = RECIPES[name], WEIGHTS / name
    preprocessing = read_preprocessing(folder / "preprocessor_config.json")
    assert preprocessing.input_size == recipe.input_size
    model = read_model(recipe, folder)
    assert model.config.id2label == dict(enumerate(STYLES))
    unseen = HELD_OUT[:200]
    pictures = load_pictures(unseen, preprocessing, tmp_path)
    assert correct(model, pictures, unseen, preprocessing) >= 0.8 * len(unseen)


@pytest.mark.parametrize("name", RECIPES)
def test_weights_are_small_and_of_half_precision(name: str):
    path = WEIGHTS / name / "model.safetensors"
    assert path.stat().st_size < 3 * 2**20
    with safe_open(path, framework="pt") as tensors:
        kinds = {tensors.get_tensor(key).dtype for key in tensors.keys()}  # noqa: SIM118 - not a dict
    assert torch.float16 in kinds
    assert kinds <= {torch.float16, torch.int64}


@pytest.mark.parametrize("name", RECIPES)
def test_the_card_belongs_to_the_recipe_and_the_generator(name: str):
    recipe = RECIPES[name]
    card = " ".join((WEIGHTS / name / "README.md").read_text(encoding="utf-8").split())
    assert f"generator version {GENERATOR_VERSION}," in card
    assert f"{recipe.steps:,} steps of {recipe.batch} pictures" in card
    assert "Wilson" in card
