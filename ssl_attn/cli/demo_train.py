"""`ssl-attn demo train`: train the models that come with the demo again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from ssl_attn.demo.recipes import HELD_OUT, RECIPES, SHOWN, Recipe, recipe
from ssl_attn.errors import UsageError

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def train(
    models: Annotated[str, typer.Option("--models", help="Comma-separated: " + ", ".join(RECIPES))] = ",".join(RECIPES),
    out: Annotated[Path, typer.Option("--out", help="Folder for the trained models, a folder each")] = Path(
        "facade-models"
    ),
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of weights, batches and variations")] = 0,
    threads: Annotated[int, typer.Option("--threads", min=1, help="Processor threads; the results hold for 1")] = 1,
    restart: Annotated[bool, typer.Option("--restart", help="Forget the checkpoint of an earlier run")] = False,
) -> None:
    """Train the demo models again, in some 20 minutes on one core; a stopped run goes on where it was."""
    names = [name.strip() for name in models.split(",") if name.strip()]
    if not names:
        message = f"expected demo models out of {', '.join(RECIPES)}, got none"
        raise UsageError(message)
    chosen = sorted((recipe(name) for name in names), key=lambda entry: entry.teacher != "")  # teachers first

    import torch
    from transformers.utils import logging

    from etl.progress import drawn
    from ssl_attn.datasets.facade import DEFAULT_COUNT
    from ssl_attn.demo.cache import cache_folder
    from ssl_attn.demo.publication import make_model

    logging.disable_progress_bar()  # ours say more
    torch.set_num_threads(threads)
    cache, demo = cache_folder() / "demo-train", SHOWN[:DEFAULT_COUNT]
    table = Table("Model", "Held-out accuracy", "Demo facades", "Untrained", title_justify="left")
    for entry in chosen:
        if restart:
            (cache / f"{entry.name}-s{seed}.pt").unlink(missing_ok=True)
        with drawn() as progress:
            facades = progress.task(
                f"{entry.name}: facades", len(entry.training) + len(HELD_OUT) + len(demo), "facades"
            )
            steps = progress.task(f"{entry.name}: training", entry.steps, "steps")
            measured = make_model(
                entry,
                out / entry.name,
                seed=seed,
                cache=cache,
                teacher=_teacher(entry, out),
                held_out=HELD_OUT,
                demo=demo,
                command=f"ssl-attn demo train --models {entry.name} --seed {seed} --threads {threads}",
                on_ready=facades.advance,
                on_step=steps.advance,
            )
        table.add_row(entry.name, str(measured.held_out), str(measured.demo), str(measured.untrained))
    console = Console()
    console.print(table)
    console.print(f"Written to {out}", highlight=False)


def _teacher(learner: Recipe, out: Path) -> PreTrainedModel | None:
    """The model that this one learns from: the one in `out`, else the one that comes with the package."""
    if not learner.teacher:
        return None
    from ssl_attn.demo.publication import WEIGHTS, read_model

    folder = out / learner.teacher
    return read_model(recipe(learner.teacher), folder if folder.is_dir() else WEIGHTS / learner.teacher)
