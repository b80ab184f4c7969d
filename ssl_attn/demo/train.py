"""Training of the demo models on the styles of synthetic facades: seeded, and resumable to the same weights.

Every step draws its pictures and their variations from (seed, step) alone, so a run that was stopped and taken up again
does what an uninterrupted one does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from ssl_attn.demo.patch_dropout import kept_patches
from ssl_attn.demo.pictures import labels, normalised, varied
from ssl_attn.errors import SslAttnError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from transformers import PreTrainedModel

    from ssl_attn.demo.pictures import Pictures
    from ssl_attn.demo.recipes import Recipe
    from ssl_attn.models.preprocessing import Preprocessing

_LARGEST_GRADIENT = 1.0
_CHECKPOINT_EVERY = 100  # steps
_LOSS_WINDOW = 100  # steps whose mean loss is reported
_EVALUATION_BATCH = 64


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained model and the mean training loss of its last steps."""

    model: PreTrainedModel
    final_loss: float


def train(
    recipe: Recipe,
    pictures: Pictures,
    preprocessing: Preprocessing,
    *,
    seed: int,
    checkpoint: Path,
    on_step: Callable[[int], None] | None = None,
    stop_after: int | None = None,
) -> Trained:
    """Train on `pictures` `(n, 3, side, side)` of `recipe.training`, from `checkpoint` on where there is one.

    `on_step` is called with the steps done since the last call. `stop_after` ends the run early at that step, with a
    checkpoint from which it can go on.

    Raises:
        SslAttnError: the checkpoint belongs to another recipe or seed.
    """
    torch.manual_seed(seed)
    model = recipe.build().to(memory_format=torch.channels_last).train()
    optimiser = torch.optim.AdamW(_parameter_groups(model, recipe.weight_decay), lr=recipe.learning_rate)
    targets = torch.from_numpy(labels(recipe.training))
    losses: list[float] = []
    first = _restore(checkpoint, recipe, seed, model, optimiser, losses)
    if on_step is not None:
        on_step(first)
    last = recipe.steps if stop_after is None else min(stop_after, recipe.steps)
    for step in range(first, last):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(recipe, step)
        chosen, rng = _batch(recipe, seed, step)
        inputs = torch.from_numpy(varied(pictures[chosen], preprocessing, shift=recipe.shift, rng=rng))
        share = recipe.kept_patches if step < recipe.steps - recipe.whole_steps else 1.0
        with kept_patches(model, share, rng):
            loss = _loss(model, inputs.contiguous(memory_format=torch.channels_last), targets[chosen], recipe)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), _LARGEST_GRADIENT)
        optimiser.step()
        losses.append(loss.item())
        if (step + 1) % _CHECKPOINT_EVERY == 0 or step + 1 == last:
            _save(checkpoint, recipe, seed, step + 1, model, optimiser, losses)
        if on_step is not None:
            on_step(1)
    return Trained(model.eval(), float(np.mean(losses[-_LOSS_WINDOW:])))


def learning_rate(recipe: Recipe, step: int) -> float:
    """The learning rate of a step: linear warm-up, then a cosine to zero."""
    if step < recipe.warmup:
        return recipe.learning_rate * (step + 1) / recipe.warmup
    done = (step - recipe.warmup) / max(1, recipe.steps - recipe.warmup)
    return recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * done))


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


def _loss(model: PreTrainedModel, inputs: torch.Tensor, targets: torch.Tensor, recipe: Recipe) -> torch.Tensor:
    return cross_entropy(model(inputs).logits, targets, label_smoothing=recipe.smoothing)


def _batch(recipe: Recipe, seed: int, step: int) -> tuple[list[int], np.random.Generator]:
    """Positions of the step's facades, each once an epoch, and the generator of their variations."""
    rng = np.random.default_rng((seed, 1, step))
    count = len(recipe.training)
    chosen = []
    for position in range(step * recipe.batch, (step + 1) * recipe.batch):
        epoch, place = divmod(position, count)
        chosen.append(int(_shuffled(count, seed, epoch)[place]))
    return chosen, rng


def _shuffled(count: int, seed: int, epoch: int) -> Any:
    return np.random.default_rng((seed, 0, epoch)).permutation(count)


def _parameter_groups(model: PreTrainedModel, weight_decay: float) -> list[dict[str, Any]]:
    """Weight matrices decay, offsets and scales do not."""
    matrices = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    others = [parameter for parameter in model.parameters() if parameter.ndim <= 1]
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]


def _save(
    path: Path,
    recipe: Recipe,
    seed: int,
    step: int,
    model: PreTrainedModel,
    optimiser: torch.optim.Optimizer,
    losses: list[float],
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    state = {
        "run": recipe.fingerprint(seed),
        "step": step,
        "model": model.state_dict(),
        "optimiser": optimiser.state_dict(),
        "losses": losses[-_LOSS_WINDOW:],
    }
    torch.save(state, part)
    part.replace(path)


def _restore(
    path: Path,
    recipe: Recipe,
    seed: int,
    model: PreTrainedModel,
    optimiser: torch.optim.Optimizer,
    losses: list[float],
) -> int:
    """Take up a checkpoint; the number of steps that it has behind it."""
    if not path.exists():
        return 0
    state = torch.load(path, weights_only=True)
    if state["run"] != recipe.fingerprint(seed):
        message = (
            f"expected a checkpoint of {recipe.name} with the present recipe and seed {seed}, {path} is of another run; "
            "start over with --restart"
        )
        raise SslAttnError(message)
    model.load_state_dict(state["model"])
    optimiser.load_state_dict(state["optimiser"])
    losses.extend(state["losses"])
    return int(state["step"])
