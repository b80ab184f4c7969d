"""From a recipe to a folder that loads like any checkpoint, with a model card of what was measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from ssl_attn.demo.model_card import Accuracy, Measured, model_card
from ssl_attn.demo.pictures import load_pictures
from ssl_attn.demo.recipes import RECIPES, Recipe
from ssl_attn.demo.train import correct, train
from ssl_attn.models.preprocessing import parse_preprocessing

if TYPE_CHECKING:
    from collections.abc import Callable

    from transformers import PreTrainedModel

    Advance = Callable[[int], None]

WEIGHTS = Path(__file__).parent / "weights"
"""The models that come with the package, a folder each."""


def make_model(
    recipe: Recipe,
    destination: Path,
    *,
    seed: int,
    cache: Path,
    teacher: PreTrainedModel | None = None,
    held_out: range,
    demo: range,
    command: str,
    on_ready: Advance | None = None,
    on_step: Advance | None = None,
) -> Measured:
    """Train by the recipe and write config, weights, preprocessing and model card to `destination`.

    Accuracies are those of the weights as stored, read back. `on_ready` and `on_step` are called with the facades ready
    and the steps done since their last call.

    Raises:
        SslAttnError: the checkpoint in `cache` belongs to another recipe or seed.
    """
    preprocessing = parse_preprocessing(recipe.preprocessor())
    lesson_size = preprocessing if teacher is None else parse_preprocessing(RECIPES[recipe.teacher].preprocessor())
    pictures = load_pictures(recipe.training, lesson_size, cache, on_ready=on_ready)
    unseen = load_pictures(held_out, preprocessing, cache, on_ready=on_ready)
    shown = load_pictures(demo, preprocessing, cache, on_ready=on_ready)

    torch.manual_seed(seed)
    untrained = correct(recipe.build(), unseen, held_out, preprocessing)
    checkpoint = cache / f"{recipe.name}-s{seed}.pt"
    trained = train(recipe, pictures, preprocessing, seed=seed, checkpoint=checkpoint, teacher=teacher, on_step=on_step)

    destination.mkdir(parents=True, exist_ok=True)
    model = trained.model.to(torch.float16)
    model.save_pretrained(destination)
    (destination / "preprocessor_config.json").write_text(
        json.dumps(recipe.preprocessor(), indent=2) + "\n", encoding="utf-8"
    )
    stored = read_model(recipe, destination)
    measured = Measured(
        held_out=Accuracy(correct(stored, unseen, held_out, preprocessing), len(held_out)),
        demo=Accuracy(correct(stored, shown, demo, preprocessing), len(demo)),
        untrained=Accuracy(untrained, len(held_out)),
        final_loss=trained.final_loss,
        parameters=sum(parameter.numel() for parameter in stored.parameters()),
    )
    card = model_card(recipe, measured, seed=seed, demo=demo, held_out=held_out, command=command)
    (destination / "README.md").write_text(card, encoding="utf-8")
    return measured


def read_model(recipe: Recipe, folder: Path) -> PreTrainedModel:
    """The stored model in float32."""
    model: PreTrainedModel = type(recipe.build()).from_pretrained(folder, dtype=torch.float32, local_files_only=True)
    return model.eval()
