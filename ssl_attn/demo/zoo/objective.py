"""What training asks of an objective, and the registry of those there are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

import torch
from torch import nn
from transformers import PreTrainedModel

from ssl_attn.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from ssl_attn.demo.zoo.captions import Attributes
    from ssl_attn.demo.zoo.recipe import Recipe

OBJECTIVES: dict[str, str] = {
    name: f"ssl_attn.demo.zoo.objectives.{name}"
    for name in ("classification", "masked", "self_distillation", "contrastive")
}
"""The module of each objective; its `build(recipe, seed)` gives an untrained `Objective`."""


@dataclass(frozen=True, slots=True)
class Batch:
    """The pictures of one step: `pixels` uint8 `(n, 3, side, side)`, classes `styles` `(n,)`.

    `attributes` are what there is to say about each picture, for recipes with captions; else there are none.
    """

    pixels: torch.Tensor
    styles: torch.Tensor
    attributes: tuple[Attributes, ...] = ()


class Objective(nn.Module, ABC):
    """A model and all that its training needs beside it: heads, teachers, centres.

    The state dictionary holds everything that a resumed run needs. What is not learned by gradients asks for none.
    """

    model: PreTrainedModel

    @abstractmethod
    def loss(self, batch: Batch, progress: float, rng: np.random.Generator) -> torch.Tensor:
        """The scalar to make small; `progress` is the share of all steps that are done.

        All chance comes from `rng`, or from torch's global generator, which is seeded from it before every step.
        """

    def after_step(self, progress: float) -> None:
        """What follows an optimiser's step, such as moving a teacher towards its student; by default nothing."""

    def published(self) -> PreTrainedModel:
        """The model to be stored; by default the one that is trained."""
        return self.model

    def write_companions(self, folder: Path) -> None:
        """Write what else belongs to the stored model, such as a tokenizer; by default nothing."""


def build_objective(recipe: Recipe, seed: int) -> Objective:
    """The untrained objective of a recipe, the same for the same seed; torch's global generator stays as it is.

    Raises:
        UsageError: no objective has that name.
    """
    if recipe.objective not in OBJECTIVES:
        message = f"expected an objective out of {', '.join(OBJECTIVES)}, got {recipe.objective!r} in {recipe.name}"
        raise UsageError(message)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        built: Objective = import_module(OBJECTIVES[recipe.objective]).build(recipe, seed)
    for module in built.modules():
        if isinstance(module, PreTrainedModel):
            # On a CPU, with so few tokens, the backward pass of fused attention takes several times as long.
            module.set_attn_implementation("eager")
    return built
