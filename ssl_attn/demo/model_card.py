"""The README.md of a demo model, written from what its training measured."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import fill
from typing import TYPE_CHECKING

from scipy.stats import binomtest

from ssl_attn.demo.facade import GENERATOR_VERSION
from ssl_attn.demo.patch_dropout import BLOCK
from ssl_attn.demo.recipes import GENERATOR_SEED, RECIPES
from ssl_attn.demo.styles import STYLES
from ssl_attn.demo.train import LOSS_WINDOW

if TYPE_CHECKING:
    from ssl_attn.demo.recipes import Recipe


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Correct answers out of `n`."""

    correct: int
    n: int

    @property
    def share(self) -> float:
        """Correct over all."""
        return self.correct / self.n

    def __str__(self) -> str:
        """The share with its 95 % Wilson interval."""
        interval = binomtest(self.correct, self.n).proportion_ci(method="wilson")
        low, high = interval.low, interval.high
        return f"{self.share:.1%} ({self.correct} of {self.n}; 95 % Wilson interval {low:.1%} to {high:.1%})"


@dataclass(frozen=True, slots=True)
class Measured:
    """What a training run measured, with the weights as they are stored (float16) and before training."""

    held_out: Accuracy
    demo: Accuracy
    untrained: Accuracy
    final_loss: float
    parameters: int


def model_card(recipe: Recipe, measured: Measured, *, seed: int, demo: range, held_out: range, command: str) -> str:
    """The card in Markdown."""
    architecture = {"vit": "Vision Transformer", "resnet": "ResNet"}[recipe.architecture]
    purpose = (
        f"A small {architecture} ({measured.parameters:,} parameters) that tells the style of synthetic facades: "
        f"{', '.join(STYLES)}. It shows what ssl_attn does without a download. It has never seen a photograph and is "
        "of no use on one."
    )
    facts = {
        "Data": f"facade generator version {GENERATOR_VERSION}, seed {GENERATOR_SEED}; trained on facades "
        f"{_span(recipe.training)}, held out {_span(held_out)}, demo {_span(demo)}. No facade is in two of these "
        "ranges.",
        "Input": f"the whole picture, squashed to {recipe.input_size} x {recipe.input_size} pixels, values scaled to "
        "-1..1.",
        "Objective": f"cross-entropy of the style, label smoothing {recipe.smoothing}.{_imitation(recipe)} Labels are "
        "styles alone; no box was ever shown to a model.",
        "Schedule": f"{recipe.steps:,} steps of {recipe.batch} pictures; {_optimiser(recipe)}; weight decay "
        f"{recipe.weight_decay}; {recipe.warmup} steps of warm-up, then a cosine to zero. Pictures are mirrored, "
        f"displaced by up to {recipe.shift / _lesson_size(recipe):.1%} of their side, and varied in contrast and "
        f"colour.{_patches(recipe)}",
        "Loss": f"{measured.final_loss:.3f} in the mean of the last {LOSS_WINDOW} steps, all terms together.",
        "Architecture": ", ".join(f"{key} {value}" for key, value in recipe.config.items()) + ".",
        "Weights": f"float16, seed {seed}. Made by `{command}`.",
    }
    bullets = "\n".join(_wrapped(f"- **{name}**: {text}") for name, text in facts.items())
    return f"""---
license: apache-2.0
library_name: transformers
pipeline_tag: image-classification
---

# {recipe.name}

{_wrapped(purpose, indent="")}

| | style accuracy |
|---|---|
| held-out facades | {measured.held_out} |
| facades of the demo | {measured.demo} |
| the same network before training | {measured.untrained} |
| chance | {1 / len(STYLES):.1%} |

{bullets}
"""


def _wrapped(text: str, *, indent: str = "  ") -> str:
    return fill(text, 110, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _lesson_size(recipe: Recipe) -> int:
    """Side of the pictures that training varies, in pixels."""
    return RECIPES[recipe.teacher].input_size if recipe.teacher else recipe.input_size


def _span(indices: range) -> str:
    return f"{indices.start:,} to {indices.stop - 1:,}"


def _optimiser(recipe: Recipe) -> str:
    adamw = f"AdamW at {recipe.learning_rate:g}"
    return f"{adamw}, Muon at {recipe.matrix_rate:g} for the layers' matrices" if recipe.matrix_rate else adamw


def _imitation(recipe: Recipe) -> str:
    if not recipe.teacher:
        return ""
    return (
        f" Besides, it imitates {recipe.teacher}: its patch tokens predict, through linear maps that are thrown away "
        "afterwards, the features of three stages at the same place, and its answers follow the teacher's."
    )


def _patches(recipe: Recipe) -> str:
    if recipe.kept_patches >= 1:
        return ""
    share = f"the patches of a random {recipe.kept_patches:.0%} of the blocks of {BLOCK} x {BLOCK}"
    return f" The model sees {share}, in the last {recipe.whole_steps} steps all of them."
