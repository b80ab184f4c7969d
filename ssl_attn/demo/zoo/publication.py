"""From a recipe to a folder that loads like any checkpoint, with what was measured of it beside the weights."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from ssl_attn.demo.facades.facade import GENERATOR_VERSION
from ssl_attn.demo.zoo.evaluation import accuracies, energy_gain
from ssl_attn.demo.zoo.measured import Measured, write_measured
from ssl_attn.demo.zoo.pictures import load_training
from ssl_attn.demo.zoo.training import train
from ssl_attn.models.files import PREPROCESSOR_FILE
from ssl_attn.models.weights import quiet_transformers

if TYPE_CHECKING:
    from collections.abc import Callable

    from ssl_attn.demo.zoo.evaluation import Splits
    from ssl_attn.demo.zoo.objective import Objective
    from ssl_attn.demo.zoo.recipe import Recipe

WEIGHTS = Path(__file__).parent.parent / "weights"
"""The models that come with the package, a folder each."""

_CURVE_POINTS = 60
_DIGITS = 5  # of a mean loss


def make_model(
    recipe: Recipe,
    out: Path,
    *,
    seed: int,
    checkpoint: Path,
    splits: Splits,
    command: str,
    device: str = "cpu",
    on_ready: Callable[[int], None] | None = None,
    on_step: Callable[[int], None] | None = None,
) -> Measured:
    """Train by a recipe, from `checkpoint` on where there is one, and store the model in its folder below `out`.

    What is measured is measured of the weights as stored, read back as the product reads them. `on_ready` and `on_step`
    are called with the pictures ready and the steps done since their last call.

    Raises:
        SslAttnError: the checkpoint belongs to another recipe or seed.
    """
    for indices, marked in splits.needed(recipe):
        splits.pictures(recipe, indices, marked=marked, on_ready=on_ready)
    pictures = load_training(recipe, splits.cache, on_ready=on_ready)
    objective, run = train(recipe, pictures, seed=seed, checkpoint=checkpoint, device=device, on_step=on_step)
    folder = out / recipe.name
    publish(recipe, objective, folder)
    measured = Measured(
        seed=seed,
        command=command,
        generator_version=GENERATOR_VERSION,
        steps=recipe.steps,
        seconds=round(run.seconds, 1),
        parameters=sum(weights.numel() for weights in objective.published().parameters()),
        loss=tuple((step, round(loss, _DIGITS)) for step, loss in run.curve(_CURVE_POINTS)),
        accuracy=accuracies(recipe, folder, splits),
        energy=energy_gain(recipe, folder, splits),
    )
    write_measured(folder, measured)
    return measured


def publish(recipe: Recipe, objective: Objective, folder: Path) -> None:
    """Write configuration, float16 weights, preprocessing and what else belongs to the model."""
    folder.mkdir(parents=True, exist_ok=True)
    model = copy.deepcopy(objective.published()).to("cpu", torch.float16)
    with quiet_transformers():
        model.save_pretrained(folder)
    preprocessor = json.dumps(recipe.preprocessor(), indent=2) + "\n"
    (folder / PREPROCESSOR_FILE).write_text(preprocessor, encoding="utf-8")
    objective.write_companions(folder)
