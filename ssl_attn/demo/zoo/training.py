"""The training loop of the zoo: seeded, and resumable to the same weights.

Every step draws its pictures and all other chance from (seed, step) alone, so a run that was stopped and taken up again
does what an uninterrupted one does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
import torch

from ssl_attn.demo.zoo.objective import Batch, Objective, build_objective
from ssl_attn.demo.zoo.pictures import labels
from ssl_attn.errors import SslAttnError
from ssl_attn.files import replacing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ssl_attn.demo.zoo.pictures import TrainingPictures
    from ssl_attn.demo.zoo.recipe import Recipe

_LARGEST_GRADIENT = 1.0
_CHECKPOINT_EVERY = 100  # steps
_CHANCE = 1  # the stream of random numbers of what happens within a step; batches have streams of their own

# Names of the lists that hold a transformer's layers in the classes of the zoo.
_LAYER_LISTS = (".layers.", ".layer.", ".decoder_layers.")


@dataclass(slots=True)
class Run:
    """How far a training run is: the loss of every step done, and the seconds of work over all its resumptions."""

    losses: list[float] = field(default_factory=list)
    seconds: float = 0.0

    def curve(self, points: int) -> list[tuple[int, float]]:
        """Mean losses of about `points` stretches, each with the steps done at its end; the last may be shorter."""
        stretch = max(1, math.ceil(len(self.losses) / points))
        starts = range(0, len(self.losses), stretch)
        parts = [(start, self.losses[start : start + stretch]) for start in starts]
        return [(start + len(part), float(np.mean(part))) for start, part in parts]


def train(
    recipe: Recipe,
    pictures: TrainingPictures,
    *,
    seed: int,
    checkpoint: Path,
    device: str = "cpu",
    on_step: Callable[[int], None] | None = None,
    stop_after: int | None = None,
) -> tuple[Objective, Run]:
    """Train by a recipe, from `checkpoint` on where there is one; the objective as it is at the end.

    `on_step` is called with the steps done since the last call. `stop_after` ends the run early at that step, with a
    checkpoint from which it can go on. The result is the same to the bit however often a run is resumed, on the same
    machine with the same number of threads.

    Raises:
        SslAttnError: the checkpoint belongs to another recipe or seed, or the loss is no longer finite.
    """
    objective = build_objective(recipe, seed).to(device)
    objective.train()
    optimisers = build_optimisers(objective, recipe)
    fingerprint = recipe.fingerprint(seed)
    run = Run()
    first = _restore(checkpoint, fingerprint, objective, optimisers, run)
    if on_step is not None:
        on_step(first)
    styles = torch.from_numpy(labels(pictures.indices))
    last = recipe.steps if stop_after is None else min(stop_after, recipe.steps)
    started = perf_counter()
    with torch.random.fork_rng():
        for step in range(first, last):
            loss = _step(recipe, objective, optimisers, pictures, styles, seed=seed, step=step, device=device)
            if not math.isfinite(loss):
                message = (
                    f"expected a finite loss of {recipe.name}, got {loss} at step {step}; lower its learning rate and "
                    "start over with --restart"
                )
                raise SslAttnError(message)
            run.losses.append(loss)
            if (step + 1) % _CHECKPOINT_EVERY == 0 or step + 1 == last:
                now = perf_counter()
                run.seconds, started = run.seconds + now - started, now
                _save(checkpoint, fingerprint, objective, optimisers, run)
            if on_step is not None:
                on_step(1)
    return objective.eval(), run


def _step(
    recipe: Recipe,
    objective: Objective,
    optimisers: list[torch.optim.Optimizer],
    pictures: TrainingPictures,
    styles: torch.Tensor,
    *,
    seed: int,
    step: int,
    device: str,
) -> float:
    """One batch, one update of all weights; the loss before it."""
    positions, drawn = pictures.batch(recipe.batch, seed=seed, step=step)
    chosen = torch.from_numpy(positions)
    attributes = tuple(pictures.attributes[i] for i in positions) if pictures.attributes else ()
    batch = Batch(torch.from_numpy(drawn).to(device), styles[chosen].to(device), attributes)
    rng = np.random.default_rng((seed, _CHANCE, step))
    torch.manual_seed(int(rng.integers(2**63)))
    with torch.autocast(device, dtype=torch.bfloat16, enabled=recipe.autocast):
        loss = objective.loss(batch, step / recipe.steps, rng)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(objective.parameters(), _LARGEST_GRADIENT)
    share = schedule(recipe, step)
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["lr"] = group["peak"] * share
        optimiser.step()
        optimiser.zero_grad()
    objective.after_step((step + 1) / recipe.steps)
    return loss.item()


def schedule(recipe: Recipe, step: int) -> float:
    """Learning rate of a step as a share of its peak: linear warm-up, then a cosine to zero."""
    if step < recipe.warmup:
        return (step + 1) / recipe.warmup
    done = (step - recipe.warmup) / max(1, recipe.steps - recipe.warmup)
    return 0.5 * (1 + math.cos(math.pi * done))


def build_optimisers(objective: Objective, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """AdamW, and Muon for the matrices of transformer layers where the recipe asks for it.

    Offsets and scales do not decay. Each group keeps its highest learning rate as `peak`.
    """
    learned = [(name, p) for name, p in objective.named_parameters() if p.requires_grad]
    inner = {
        id(p)
        for name, p in learned
        if recipe.matrix_rate and p.ndim == 2 and any(layers in name for layers in _LAYER_LISTS)
    }
    groups = [
        {
            "params": [p for _, p in learned if id(p) not in inner and p.ndim > 1],
            "weight_decay": recipe.weight_decay,
            "peak": recipe.learning_rate,
        },
        {"params": [p for _, p in learned if p.ndim <= 1], "weight_decay": 0.0, "peak": recipe.learning_rate},
    ]
    optimisers: list[torch.optim.Optimizer] = [torch.optim.AdamW(groups, fused=True)]
    if inner:
        group = {"params": [p for _, p in learned if id(p) in inner], "peak": recipe.matrix_rate}
        # This rule scales an orthogonal step to the size of an Adam step, so rates and decay compare with AdamW's.
        muon = torch.optim.Muon([group], weight_decay=recipe.weight_decay, adjust_lr_fn="match_rms_adamw")
        optimisers.append(muon)
    return optimisers


def _save(
    path: Path,
    fingerprint: str,
    objective: Objective,
    optimisers: list[torch.optim.Optimizer],
    run: Run,
) -> None:
    state = {
        "fingerprint": fingerprint,
        "objective": objective.state_dict(),
        "optimisers": [optimiser.state_dict() for optimiser in optimisers],
        "losses": run.losses,
        "seconds": run.seconds,
    }
    with replacing(path) as temporary:
        torch.save(state, temporary)


def _restore(
    path: Path,
    fingerprint: str,
    objective: Objective,
    optimisers: list[torch.optim.Optimizer],
    run: Run,
) -> int:
    """Take up a checkpoint; the number of steps that it has behind it."""
    if not path.exists():
        return 0
    state = torch.load(path, weights_only=True)
    if state["fingerprint"] != fingerprint:
        message = (
            f"expected a checkpoint of the present recipe, generator and seed, {path} is of another run; start over "
            "with --restart"
        )
        raise SslAttnError(message)
    objective.load_state_dict(state["objective"])
    for optimiser, stored in zip(optimisers, state["optimisers"], strict=True):
        optimiser.load_state_dict(stored)
    run.losses, run.seconds = state["losses"], state["seconds"]
    return len(run.losses)
