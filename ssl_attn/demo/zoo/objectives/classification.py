"""Supervised classification of the style: a ViT or a ResNet, cross-entropy of the labels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.functional import cross_entropy
from transformers import AutoConfig, AutoModelForImageClassification

from ssl_attn.demo.facades.styles import STYLES
from ssl_attn.demo.zoo.augmentation import random_views
from ssl_attn.demo.zoo.objective import Batch, Objective
from ssl_attn.demo.zoo.patch_dropout import PatchDropout, kept_patches
from ssl_attn.demo.zoo.positions import start_positions

if TYPE_CHECKING:
    import numpy as np
    from transformers import PreTrainedModel

    from ssl_attn.demo.zoo.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Options:
    """What a recipe may set.

    `views` are arguments of `random_views`. A ViT sees what `patches`, arguments of `PatchDropout`, keep until
    `whole_from`, a share of all steps, and the whole picture from then on.
    """

    smoothing: float = 0.05
    views: dict[str, Any] = field(default_factory=dict)
    patches: dict[str, Any] = field(default_factory=dict)
    whole_from: float = 0.9


class Classification(Objective):
    """A network with a linear classifier of styles."""

    def __init__(self, model: PreTrainedModel, input_size: int, options: Options) -> None:
        super().__init__()
        self.convolutional = not hasattr(model.config, "num_attention_heads")
        self.model = model.to(memory_format=torch.channels_last) if self.convolutional else model
        self.input_size = input_size
        self.options = options
        self.dropout = PatchDropout(**options.patches)

    def loss(self, batch: Batch, progress: float, rng: np.random.Generator) -> torch.Tensor:
        """Cross-entropy of the styles of varied views."""
        views = random_views(batch.pixels, self.input_size, rng=rng, **self.options.views)
        if self.convolutional:
            views = views.contiguous(memory_format=torch.channels_last)
        dropout = self.dropout if progress < self.options.whole_from else PatchDropout()
        with kept_patches(self.model, dropout, rng):
            logits = self.model(views).logits
        return cross_entropy(logits, batch.styles, label_smoothing=self.options.smoothing)


def build(recipe: Recipe, seed: int) -> Classification:
    """An untrained classifier; a ViT is told the layout of its patches."""
    names = dict(enumerate(STYLES))
    settings = {**recipe.config, "id2label": names, "label2id": {style: i for i, style in names.items()}}
    if recipe.model_type == "vit":
        settings["image_size"] = recipe.input_size
    model = AutoModelForImageClassification.from_config(AutoConfig.for_model(recipe.model_type, **settings))
    if recipe.model_type == "vit":
        start_positions(model)
    return Classification(model, recipe.input_size, Options(**recipe.options))
