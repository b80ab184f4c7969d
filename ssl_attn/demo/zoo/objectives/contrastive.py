"""Contrast of pictures with captions: CLIP's softmax loss, SigLIP's sigmoid loss, and SigLIP 2's local-to-global term.

Radford et al. 2021, Zhai et al. 2023, Tschannen et al. 2025. Losses of image and text are the models' own.
A SigLIP 2 of fixed resolution is a SiglipModel; what is new is its training: late in it, the image tower also predicts
from small crops what its own average says of the picture, as in self-distillation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from transformers import AutoConfig, AutoModel

from ssl_attn.demo.zoo.augmentation import random_views
from ssl_attn.demo.zoo.captions import caption, words
from ssl_attn.demo.zoo.objective import Objective
from ssl_attn.demo.zoo.objectives.self_distillation import (
    HeadOptions,
    ProjectionHead,
    Targets,
    Teacher,
    crops,
    cross_view_loss,
    read_options,
)
from ssl_attn.demo.zoo.positions import start_positions
from ssl_attn.demo.zoo.tokenizer import IDS, SPECIAL, word_tokenizer

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from transformers import PreTrainedModel

    from ssl_attn.demo.zoo.objective import Batch
    from ssl_attn.demo.zoo.recipe import Recipe

CONTEXT = 32
"""Tokens that a text tower reads; no caption has more."""

_LARGEST_SCALE = math.log(100)  # of CLIP's logits, Radford et al. 2021, section 2.5
_FIRST_SIGMOID_SCALE = math.log(10)  # Zhai et al. 2023, section 3.2


@dataclass(frozen=True, slots=True)
class Options:
    """What a recipe may choose.

    `embedding_scale` is that of `start_positions`, and `views` are arguments of `random_views`; crops are mild, since a
    caption names what is anywhere in the picture. With a `self_distillation` weight, small crops learn from the whole
    view once the share `distilled_from` of training is done: `local_crops` of `local_size` pixels that show a share of
    the picture drawn from `local_area`.
    """

    views: dict[str, Any] = field(default_factory=lambda: {"area": (0.6, 1.0)})
    embedding_scale: float = 1.0
    self_distillation: float = 0.0
    distilled_from: float = 0.5
    local_crops: int = 4
    local_size: int = 48
    local_area: tuple[float, float] = (0.1, 0.4)
    head: HeadOptions = field(default_factory=HeadOptions)


class Contrast(Objective):
    """Both towers of a model, and what the words of its captions are."""

    def __init__(self, model: PreTrainedModel, input_size: int, options: Options) -> None:
        super().__init__()
        self.model = model
        self.input_size = input_size
        self.options = options
        self.tokenizer = word_tokenizer(words(), CONTEXT)
        self.local_to_global = LocalToGlobal(model.vision_model, options) if options.self_distillation else None

    def loss(self, batch: Batch, progress: float, rng: np.random.Generator) -> torch.Tensor:
        """The model's own loss of varied views and fresh captions, and what SigLIP 2 adds to it."""
        views = random_views(batch.pixels, self.input_size, rng=rng, **self.options.views)
        captions = [caption(attributes, rng) for attributes in batch.attributes]
        tokens = self.tokenizer(captions, padding="max_length", return_tensors="pt")
        loss: torch.Tensor = self.model(tokens["input_ids"].to(views.device), views, return_loss=True).loss
        if self.local_to_global is not None and progress >= self.options.distilled_from:
            term = self.local_to_global.loss(self.model.vision_model, batch.pixels, views, progress, rng)
            loss = loss + self.options.self_distillation * term
        return loss

    @torch.no_grad()
    def after_step(self, progress: float) -> None:
        """Keep the scale of the logits in bounds; move the teacher, which starts as a copy of what it teaches."""
        self.model.logit_scale.clamp_(max=_LARGEST_SCALE)
        if self.local_to_global is not None:
            started = progress > self.options.distilled_from
            self.local_to_global.after_step(self.model.vision_model, progress, started=started)

    def write_companions(self, folder: Path) -> None:
        """Write the tokenizer."""
        self.tokenizer.save_pretrained(folder)


class LocalToGlobal(nn.Module):
    """Small crops predict what an average of the image tower says of the whole view (SILC, Naeem et al. 2024)."""

    def __init__(self, vision: PreTrainedModel, options: Options) -> None:
        super().__init__()
        self.options = options
        self.head = ProjectionHead(vision.config.hidden_size, options.head)
        self.targets = Targets(options.head)
        self.teacher = Teacher(vision, self.head)

    def loss(
        self,
        vision: nn.Module,
        pixels: torch.Tensor,
        views: torch.Tensor,
        progress: float,
        rng: np.random.Generator,
    ) -> torch.Tensor:
        """Cross-entropy of crops of `pixels` `(n, 3, side, side)` with the teacher's answers to `views` of them."""
        options, count = self.options, len(pixels)
        with torch.no_grad():
            answers = self.teacher.heads[0](self.teacher.backbone(views).pooler_output)
            wanted = self.targets(answers, progress).unsqueeze(0)
        smaller = {**options.views, "area": options.local_area}
        narrow = crops(pixels, options.local_crops, options.local_size, rng, smaller)
        pooled = vision(narrow, interpolate_pos_encoding=True).pooler_output
        guessed = self.head(pooled).unflatten(0, (options.local_crops, count))
        return cross_view_loss(guessed, wanted, options.head.student_temperature)

    def after_step(self, vision: nn.Module, progress: float, *, started: bool) -> None:
        """Move teacher and centre; before the term has `started`, the teacher is the image tower as it is."""
        momentum = self.options.head.teacher_momentum(progress) if started else 0.0
        self.teacher.follow(vision, self.head, momentum=momentum)
        self.targets.after_step()


def build(recipe: Recipe, seed: int) -> Contrast:
    """Untrained towers of the recipe's `model_type`; its `config` has a `text_config` and a `vision_config`."""
    text = {"vocab_size": len(SPECIAL) + len(words()), "max_position_embeddings": CONTEXT, **IDS}
    settings = recipe.config | {
        "text_config": recipe.config["text_config"] | {key: text[key] for key in text if key != "unk_token_id"},
        "vision_config": recipe.config["vision_config"] | {"image_size": recipe.input_size},
    }
    model = AutoModel.from_config(AutoConfig.for_model(recipe.model_type, **settings))
    options = read_options(Options, recipe.options, recipe.name)
    start_positions(model.vision_model, options.embedding_scale)
    if hasattr(model, "logit_bias"):
        with torch.no_grad():
            model.logit_scale.fill_(_FIRST_SIGMOID_SCALE)
            # The prior log odds of a match in a batch; the paper's -10 belongs to batches of ten thousands.
            model.logit_bias.fill_(-math.log(recipe.batch - 1))
    return Contrast(model, recipe.input_size, options)
