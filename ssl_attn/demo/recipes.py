"""How each demo model is built and trained: the one place for its numbers."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from ssl_attn.demo.styles import STYLES
from ssl_attn.errors import UsageError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

Architecture = Literal["vit", "resnet"]

GENERATOR_SEED = 0
"""The seed of every facade that is trained on, tested on or shown."""

SHOWN = range(5_000)
"""Facades that the reader hands out; no model has seen them."""

HELD_OUT = range(5_000, 5_600)
"""Facades on which accuracy is measured."""

TRAINING = range(10_000, 14_000)
"""Facades that models learn from."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Architecture and schedule of one demo model.

    `input_size` is the side of the square input in pixels. Learning rates rise for `warmup` steps and fall to zero on a
    cosine; with a `matrix_rate`, the matrices of the transformer's layers are trained by Muon at that rate, all other
    weights by AdamW at `learning_rate`. A ViT sees a random `kept_patches` share of its patches, all of them in the
    last `whole_steps` steps. With a `teacher`, another demo model, it also learns to predict that one's features.
    `shift` is the largest displacement of a training picture, in pixels (of the teacher's input, where there is one).
    """

    name: str
    architecture: Architecture
    input_size: int
    config: dict[str, Any]
    steps: int
    batch: int
    learning_rate: float
    matrix_rate: float = 0.0
    weight_decay: float = 0.05
    warmup: int = 200
    smoothing: float = 0.05
    shift: int = 8
    kept_patches: float = 1.0
    whole_steps: int = 0
    teacher: str = ""
    training: range = field(default=TRAINING)

    def build(self) -> PreTrainedModel:
        """An untrained model; its weights come from torch's global generator."""
        # Both load torch, which the command line does without until it trains.
        from transformers import ResNetConfig, ResNetForImageClassification, ViTConfig, ViTForImageClassification

        labels = dict(enumerate(STYLES))
        config = {**self.config, "id2label": labels, "label2id": {style: i for i, style in labels.items()}}
        if self.architecture == "vit":
            from ssl_attn.demo.positions import start_positions

            model = ViTForImageClassification(ViTConfig(image_size=self.input_size, **config))
            start_positions(model)
            return model
        return ResNetForImageClassification(ResNetConfig(**config))

    def preprocessor(self) -> dict[str, Any]:
        """The content of `preprocessor_config.json`: squash to the input, values to -1..1."""
        return {
            "image_processor_type": "ViTImageProcessor",
            "do_resize": True,
            "size": {"height": self.input_size, "width": self.input_size},
            "resample": 2,
            "do_rescale": True,
            "rescale_factor": 1 / 255,
            "do_normalize": True,
            "image_mean": [0.5, 0.5, 0.5],
            "image_std": [0.5, 0.5, 0.5],
        }

    def fingerprint(self, seed: int) -> dict[str, Any]:
        """What determines a run; a checkpoint of another one is not taken up."""
        values = asdict(self)
        values["training"] = [self.training.start, self.training.stop]
        return {**values, "seed": seed}


RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="facade_resnet",
            architecture="resnet",
            input_size=256,
            config={
                "embedding_size": 16,
                "hidden_sizes": [16, 32, 64, 128],
                "depths": [1, 1, 2, 2],
                "layer_type": "basic",
            },
            steps=2_400,
            batch=16,
            learning_rate=1.5e-3,
            shift=16,
        ),
        Recipe(
            name="facade_vit",
            architecture="vit",
            input_size=128,
            config={
                "hidden_size": 96,
                "num_hidden_layers": 6,
                "num_attention_heads": 4,
                "intermediate_size": 192,
                "patch_size": 8,
                "hidden_dropout_prob": 0.0,
                "attention_probs_dropout_prob": 0.0,
            },
            steps=4_000,
            batch=16,
            learning_rate=1e-3,
            matrix_rate=3e-3,
            warmup=300,
            shift=16,
            kept_patches=0.25,
            whole_steps=500,
            teacher="facade_resnet",
        ),
    )
}


def recipe(name: str) -> Recipe:
    """The recipe of that name.

    Raises:
        UsageError: there is none.
    """
    if name in RECIPES:
        return RECIPES[name]
    message = f"expected a demo model out of {', '.join(RECIPES)}, got {name!r}"
    raise UsageError(message)
