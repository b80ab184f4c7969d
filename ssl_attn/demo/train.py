"""Training of the demo models on the styles of synthetic facades: seeded, and resumable to the same weights.

Every step draws its pictures and their variations from (seed, step) alone, so a run that was stopped and taken up again
does what an uninterrupted one does.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn
from torch.nn.functional import adaptive_avg_pool2d, cross_entropy

from ssl_attn.demo.imitation import Imitation
from ssl_attn.demo.patch_dropout import kept_patches
from ssl_attn.demo.pictures import labels, normalised, varied
from ssl_attn.errors import SslAttnError
from ssl_attn.files import replacing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray
    from transformers import PreTrainedModel

    from ssl_attn.demo.patch_dropout import Kept
    from ssl_attn.demo.pictures import Pictures
    from ssl_attn.demo.recipes import Recipe
    from ssl_attn.models.preprocessing import Preprocessing

_LARGEST_GRADIENT = 1.0
_CHECKPOINT_EVERY = 100  # steps
_EVALUATION_BATCH = 64

LOSS_WINDOW = 100
"""Steps whose mean loss is reported."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained model and the mean training loss of its last steps."""

    model: PreTrainedModel
    final_loss: float


class Learner(nn.Module):
    """A model and, where it has a teacher, what it needs to imitate it."""

    def __init__(self, model: PreTrainedModel, teacher: PreTrainedModel | None) -> None:
        super().__init__()
        self.model = model
        self.imitation = None if teacher is None else Imitation(model, teacher)

    def loss(self, inputs: torch.Tensor, targets: torch.Tensor, recipe: Recipe, kept: Kept) -> torch.Tensor:
        """Cross-entropy of the styles, and of what is imitated; `inputs` have the teacher's size where there is one."""
        if self.imitation is None:
            return cross_entropy(self.model(inputs).logits, targets, label_smoothing=recipe.smoothing)
        seen = adaptive_avg_pool2d(inputs, recipe.input_size)
        output = self.model(seen, output_hidden_states=True)
        loss = cross_entropy(output.logits, targets, label_smoothing=recipe.smoothing)
        lesson = self.imitation.lesson(inputs)
        imitated: torch.Tensor = self.imitation(output.hidden_states, output.logits, lesson, kept)
        return loss + imitated


def train(
    recipe: Recipe,
    pictures: Pictures,
    preprocessing: Preprocessing,
    *,
    seed: int,
    checkpoint: Path,
    teacher: PreTrainedModel | None = None,
    on_step: Callable[[int], None] | None = None,
    stop_after: int | None = None,
) -> Trained:
    """Train on `pictures` `(n, 3, side, side)` of `recipe.training`, from `checkpoint` on where there is one.

    With a `teacher`, the pictures are of the teacher's input size, and the model sees them averaged to its own.
    `on_step` is called with the steps done since the last call. `stop_after` ends the run early at that step, with a
    checkpoint from which it can go on.

    Raises:
        SslAttnError: the checkpoint belongs to another recipe or seed.
    """
    torch.manual_seed(seed)
    model = recipe.build().to(memory_format=torch.channels_last)
    learner = Learner(model, teacher)
    learner.train()
    optimisers = build_optimisers(learner, recipe)
    targets = torch.from_numpy(labels(recipe.training))
    losses: list[float] = []
    run = {**recipe.fingerprint(seed), "teacher_sha256": "" if teacher is None else weights_hash(teacher)}
    first = _restore(checkpoint, run, learner, optimisers, losses)
    if on_step is not None:
        on_step(first)
    last = recipe.steps if stop_after is None else min(stop_after, recipe.steps)
    for step in range(first, last):
        for optimiser in optimisers:
            for group in optimiser.param_groups:
                group["lr"] = group["peak"] * schedule(recipe, step)
        chosen, rng = _batch(recipe, seed, step)
        inputs = torch.from_numpy(varied(pictures[chosen], preprocessing, shift=recipe.shift, rng=rng))
        share = recipe.kept_patches if step < recipe.steps - recipe.whole_steps else 1.0
        with kept_patches(model, share, rng) as kept:
            loss = learner.loss(inputs.contiguous(memory_format=torch.channels_last), targets[chosen], recipe, kept)
        learner.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(learner.parameters(), _LARGEST_GRADIENT)
        for optimiser in optimisers:
            optimiser.step()
        losses.append(loss.item())
        if (step + 1) % _CHECKPOINT_EVERY == 0 or step + 1 == last:
            _save(checkpoint, run, step + 1, learner, optimisers, losses)
        if on_step is not None:
            on_step(1)
    return Trained(model.eval(), float(np.mean(losses[-LOSS_WINDOW:])))


def weights_hash(model: PreTrainedModel) -> str:
    """SHA-256 of all weights, in their order."""
    digest = hashlib.sha256()
    for name, weight in model.state_dict().items():
        digest.update(name.encode())
        digest.update(weight.contiguous().numpy().tobytes())
    return digest.hexdigest()


def schedule(recipe: Recipe, step: int) -> float:
    """Learning rate of a step as a share of its peak: linear warm-up, then a cosine to zero."""
    if step < recipe.warmup:
        return (step + 1) / recipe.warmup
    done = (step - recipe.warmup) / max(1, recipe.steps - recipe.warmup)
    return 0.5 * (1 + math.cos(math.pi * done))


def build_optimisers(model: nn.Module, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """AdamW, and Muon for the matrices of transformer layers where the recipe asks for it.

    Offsets and scales do not decay. Each group keeps its highest learning rate as `peak`.

    Raises:
        SslAttnError: this torch has no Muon.
    """
    inner = {id(p) for name, p in model.named_parameters() if recipe.matrix_rate and ".layers." in name and p.ndim == 2}
    matrices = [p for p in model.parameters() if id(p) not in inner and p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    groups = [
        {"params": matrices, "weight_decay": recipe.weight_decay, "peak": recipe.learning_rate},
        {"params": others, "weight_decay": 0.0, "peak": recipe.learning_rate},
    ]
    optimisers: list[torch.optim.Optimizer] = [torch.optim.AdamW(groups)]
    if inner:
        if not hasattr(torch.optim, "Muon"):
            message = f"expected torch 2.9 or later for its Muon optimiser, got {torch.__version__}; upgrade torch"
            raise SslAttnError(message)
        group = {"params": [p for p in model.parameters() if id(p) in inner], "peak": recipe.matrix_rate}
        # This rule scales an orthogonal step to the size of an Adam step, so rates and decay compare with AdamW's.
        muon = torch.optim.Muon([group], weight_decay=recipe.weight_decay, adjust_lr_fn="match_rms_adamw")
        optimisers.append(muon)
    return optimisers


def correct(model: PreTrainedModel, pictures: Pictures, indices: range, preprocessing: Preprocessing) -> int:
    """How many of the facades `indices`, given as `pictures`, a model assigns to their style."""
    targets = torch.from_numpy(labels(indices))
    hits = 0
    with torch.inference_mode():
        for start in range(0, len(pictures), _EVALUATION_BATCH):
            part = slice(start, start + _EVALUATION_BATCH)
            logits = model.eval()(torch.from_numpy(normalised(pictures[part], preprocessing))).logits
            hits += int((logits.argmax(dim=1) == targets[part]).sum())
    return hits


def _batch(recipe: Recipe, seed: int, step: int) -> tuple[NDArray[np.int64], np.random.Generator]:
    """Positions of the step's facades, each once an epoch, and the generator of their variations."""
    first, last, count = step * recipe.batch, (step + 1) * recipe.batch, len(recipe.training)
    epochs = range(first // count, (last - 1) // count + 1)
    orders = np.concatenate([np.random.default_rng((seed, 0, epoch)).permutation(count) for epoch in epochs])
    start = first - epochs.start * count
    return orders[start : start + recipe.batch], np.random.default_rng((seed, 1, step))


def _save(
    path: Path,
    run: dict[str, Any],
    step: int,
    learner: nn.Module,
    optimisers: list[torch.optim.Optimizer],
    losses: list[float],
) -> None:
    state = {
        "run": run,
        "step": step,
        "learner": learner.state_dict(),
        "optimisers": [optimiser.state_dict() for optimiser in optimisers],
        "losses": losses[-LOSS_WINDOW:],
    }
    with replacing(path) as temporary:
        torch.save(state, temporary)


def _restore(
    path: Path,
    run: dict[str, Any],
    learner: nn.Module,
    optimisers: list[torch.optim.Optimizer],
    losses: list[float],
) -> int:
    """Take up a checkpoint; the number of steps that it has behind it."""
    if not path.exists():
        return 0
    state = torch.load(path, weights_only=True)
    if state["run"] != run:
        message = (
            f"expected a checkpoint of {run['name']} with the present recipe, seed and teacher, {path} is of another "
            "run; start over with --restart"
        )
        raise SslAttnError(message)
    learner.load_state_dict(state["learner"])
    for optimiser, stored in zip(optimisers, state["optimisers"], strict=True):
        optimiser.load_state_dict(stored)
    losses.extend(state["losses"])
    return int(state["step"])
