"""`ssl-attn demo`: from nothing to a dashboard on the bundled facades and models."""

from __future__ import annotations

from typing import Annotated

import typer

from ssl_attn.cli.build import build
from ssl_attn.cli.dashboard import PortOption, serve
from ssl_attn.cli.demo_train import train
from ssl_attn.cli.options import StoreOption, store_path
from ssl_attn.cli.store import sql

demo_app = typer.Typer(help="Build and show the bundled data set and models.", invoke_without_command=True)
demo_app.command()(train)

MODELS = "facade_vit,facade_resnet"


@demo_app.callback()
def demo(
    context: typer.Context,
    store: StoreOption = None,
    port: PortOption = None,
    app: Annotated[bool, typer.Option("--app/--no-app", help="Serve the dashboard at the end")] = True,
) -> None:
    """Build the bundled data set's warehouse, print the leaderboard, serve the dashboard."""
    if context.invoked_subcommand is not None:
        return
    root = store_path(store)
    build(models=MODELS, dataset="facade", store=root, random_weights=True)
    columns = (
        "model, variant, method, value, ci_low, ci_high, chance, best_baseline, beats_best_baseline AS beats_it, n"
    )
    for metric in ("iou", "energy"):
        typer.echo(f"\n{metric}: do the models look where the experts' boxes are? Last layer, all heads.")
        sql(f"SELECT {columns} FROM leaderboard('{metric}') WHERE dataset = 'facade'", store=root)
    if app:
        raise typer.Exit(serve(root, port))
