"""Masked reconstruction (He et al., Masked autoencoders are scalable vision learners, CVPR 2022)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from transformers import ViTMAEConfig, ViTMAEForPreTraining

from ssl_attn.demo.zoo.augmentation import random_views
from ssl_attn.demo.zoo.objective import Batch, Objective
from ssl_attn.demo.zoo.positions import start_positions

if TYPE_CHECKING:
    import numpy as np
    from transformers import PreTrainedModel

    from ssl_attn.demo.zoo.recipe import Recipe


class MaskedReconstruction(Objective):
    """An encoder that sees a few patches and a decoder that paints the others; the encoder alone is published."""

    def __init__(self, model: ViTMAEForPreTraining, input_size: int, views: dict[str, Any]) -> None:
        super().__init__()
        self.model = model
        self.input_size = input_size
        self.views = views

    def loss(self, batch: Batch, progress: float, rng: np.random.Generator) -> torch.Tensor:
        """Mean squared error of the hidden patches, as the model itself computes it."""
        views = random_views(batch.pixels, self.input_size, rng=rng, **self.views)
        patches = (self.input_size // self.model.config.patch_size) ** 2
        # Each picture hides the patches with the largest numbers.
        noise = torch.from_numpy(rng.random((len(views), patches), dtype="float32")).to(views.device)
        loss: torch.Tensor = self.model(views, noise=noise).loss
        return loss

    def published(self) -> PreTrainedModel:
        """The encoder."""
        encoder: PreTrainedModel = self.model.vit
        return encoder


def build(recipe: Recipe, seed: int) -> MaskedReconstruction:
    """An untrained autoencoder; the recipe's only option is `views`, arguments of `random_views`."""
    model = ViTMAEForPreTraining(ViTMAEConfig(image_size=recipe.input_size, **recipe.config))
    start_positions(model)
    return MaskedReconstruction(model, recipe.input_size, **{"views": {}, **recipe.options})
