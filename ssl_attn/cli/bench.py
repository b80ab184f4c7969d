"""`ssl-attn bench`: the speed benchmarks; each prints a table, or with --json one flat object."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from ssl_attn.cli.options import JsonOption

bench_app = typer.Typer(help="Measure speed and memory.", no_args_is_help=True)


@bench_app.callback()
def bench() -> None:
    """Measure speed and memory, ratios side by side in one run."""


@bench_app.command()
def extract(
    repeats: Annotated[int, typer.Option(min=1, help="Timed repeats of each")] = 5,
    width: Annotated[int, typer.Option(min=64, help="Width of the model: 768 is a ViT-B, 384 a ViT-S")] = 768,
    as_json: JsonOption = False,
) -> None:
    """The attention probe against a plain forward pass and against keeping every attention matrix."""
    from rich.console import Console
    from rich.table import Table

    from ssl_attn.benchmarks.extraction import MODES, measure

    costs = {size: measure(size, repeats=repeats, hidden=width) for size in (224, 518)}
    flat = {
        **{f"ratio_{size}": cost["probe"].seconds / cost["plain"].seconds for size, cost in costs.items()},
        **{f"memory_ratio_{size}": cost["probe"].peak_bytes / cost["plain"].peak_bytes for size, cost in costs.items()},
        "eager_ratio_518": costs[518]["eager"].seconds / costs[518]["plain"].seconds,
        "eager_memory_ratio_518": costs[518]["eager"].peak_bytes / costs[518]["plain"].peak_bytes,
    }
    if as_json:
        typer.echo(json.dumps(flat))
        return
    table = Table("Input", "Pass", "ms", "MB above the idle model", "Times a plain pass")
    for size, cost in costs.items():
        for mode in MODES:
            ratio = cost[mode].seconds / cost["plain"].seconds
            table.add_row(
                f"{size} px",
                mode,
                f"{cost[mode].seconds * 1e3:,.0f}",
                f"{cost[mode].peak_bytes / 1e6:,.0f}",
                f"{ratio:.2f}",
            )
    Console().print(table)
