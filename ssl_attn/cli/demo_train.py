"""`ssl-attn demo train`: train the models that come with the demo again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from ssl_attn.demo.zoo.recipes import TWINS, ZOO, find_recipes
from ssl_attn.errors import UsageError

if TYPE_CHECKING:
    from ssl_attn.demo.zoo.evaluation import Splits
    from ssl_attn.demo.zoo.measured import Measured
    from ssl_attn.demo.zoo.recipe import Recipe

_ALL = ",".join((*ZOO, TWINS))


def train(
    models: Annotated[str, typer.Option("--models", help=f"Comma-separated names, or their beginnings: {_ALL}")] = _ALL,
    out: Annotated[Path, typer.Option("--out", help="Folder for the trained models, a folder each")] = Path(
        "facade-models"
    ),
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="Seed of weights, batches and variations, if not the recipe's")
    ] = None,
    threads: Annotated[int, typer.Option("--threads", min=1, help="Processor threads; the results hold for 1")] = 1,
    device: Annotated[str, typer.Option("--device", help="Where to train: cpu or cuda")] = "cpu",
    restart: Annotated[bool, typer.Option("--restart", help="Forget the checkpoint of an earlier run")] = False,
) -> None:
    """Train the demo models again, 5 to 20 minutes each on one core; a stopped run goes on where it was."""
    chosen = find_recipes(models)
    if seed is not None and not all(recipe.in_zoo for recipe in chosen):
        message = f"expected no --seed for {TWINS}, whose variants have theirs in their names; leave it out"
        raise UsageError(message)

    import torch

    from etl.progress import drawn
    from ssl_attn.demo.cache import cache_folder
    from ssl_attn.demo.zoo.contrast import measure_twins
    from ssl_attn.demo.zoo.evaluation import Splits
    from ssl_attn.demo.zoo.model_card import write_cards
    from ssl_attn.demo.zoo.publication import make_model

    torch.set_num_threads(threads)
    cache = cache_folder() / "demo-train"
    splits = Splits(cache / "pictures")
    table = Table("Model", "Accuracy", "Untrained", "Energy", "Untrained", "Chance", title_justify="left")
    for recipe in chosen:
        own_seed = recipe.seed if seed is None else seed
        checkpoint = cache / f"{recipe.name.replace('/', '-')}-s{own_seed}.pt"
        if restart:
            checkpoint.unlink(missing_ok=True)
        with drawn() as progress:
            facades = progress.task(f"{recipe.model_name}: pictures", _pictures(recipe, splits), "facades")
            steps = progress.task(f"{recipe.model_name}: training", recipe.steps, "steps")
            measured = make_model(
                recipe,
                out,
                seed=own_seed,
                checkpoint=checkpoint,
                splits=splits,
                command=_command(recipe, own_seed, threads),
                device=device,
                on_ready=facades.advance,
                on_step=steps.advance,
            )
        _report(table, recipe, measured)
        write_cards(out, None)
    if any(not recipe.in_zoo for recipe in chosen):
        write_cards(out, measure_twins(out, splits))
    console = Console()
    console.print(table)
    console.print(f"Written to {out}", highlight=False)


def _pictures(recipe: Recipe, splits: Splits) -> int:
    """How many facades training and judging a model take, each as often as it is drawn or described."""
    judged = sum(len(indices) for indices, _ in splits.needed(recipe))
    return judged + len(recipe.training) * (len(recipe.marks) + recipe.captions)


def _command(recipe: Recipe, seed: int, threads: int) -> str:
    of_seed = f" --seed {seed}" if recipe.in_zoo else ""
    return f"ssl-attn demo train --models {recipe.name}{of_seed} --threads {threads}"


def _report(table: Table, recipe: Recipe, measured: Measured) -> None:
    for accuracy in measured.accuracy:
        untrained = "" if accuracy.untrained_share is None else f"{accuracy.untrained_share:.1%}"
        energy = measured.energy
        numbers = [f"{value:.3f}" for value in (energy.mean, energy.untrained_mean, energy.chance)] if energy else []
        name = f"{recipe.model_name}, {accuracy.data}, {accuracy.readout}"
        table.add_row(name, f"{accuracy.share:.1%}", untrained, *numbers)
