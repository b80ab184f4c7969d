"""`ssl-attn bench`: the speed benchmarks; each prints a table, or with --json one flat object."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ssl_attn.cli.options import JsonOption

if TYPE_CHECKING:
    from ssl_attn.benchmarks.extraction import Cost, Mode

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
        **{f"memory_ratio_{size}": _memory_ratio(cost, "probe") for size, cost in costs.items()},
        "eager_ratio_518": costs[518]["eager"].seconds / costs[518]["plain"].seconds,
        "eager_memory_ratio_518": _memory_ratio(costs[518], "eager"),
    }
    if as_json:
        typer.echo(json.dumps(flat))
        return
    table = Table("Input", "Pass", "ms", "Times a plain pass", "MB above the idle model")
    for size, cost in costs.items():
        for mode in MODES:
            ratio, peak = cost[mode].seconds / cost["plain"].seconds, cost[mode].peak_bytes
            megabytes = "not measured here" if peak is None else f"{peak / 1e6:,.0f}"
            table.add_row(f"{size} px", mode, f"{cost[mode].seconds * 1e3:,.0f}", f"{ratio:.2f}", megabytes)
    Console().print(table)


@bench_app.command()
def score(
    images: Annotated[int, typer.Option(min=1, help="Images, of 144 maps and 5 boxes each")] = 7,
    as_json: JsonOption = False,
    out: Annotated[Path | None, typer.Option(help="Write the JSON to this file as well")] = None,
) -> None:
    """Scoring a map on one core, and five of the metrics against a straightforward implementation of them."""
    from rich.console import Console
    from rich.table import Table

    from ssl_attn.benchmarks.scoring import GRIDS, LEAST_SPEEDUP, MOST_MS, measure

    measured = measure(images=images)
    first, *others = GRIDS
    flat = {
        "ms_per_map": measured.full_ms[first],
        **{f"ms_per_map_{side}": measured.full_ms[side] for side in others},
        "five_ms": measured.five_ms,
        "straightforward_ms": measured.straightforward_ms,
        "speedup": measured.speedup,
        "speedup_without_emd": measured.speedup_without_emd,
        **{f"deviation_{name}": deviation for name, deviation in measured.deviations.items()},
    }
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(flat, indent=2) + "\n", encoding="utf-8")
    if as_json:
        typer.echo(json.dumps(flat))
        return
    table = Table("Against the union and 5 boxes, on one core", "ms a map", "Times faster")
    for side in GRIDS:
        table.add_row(f"Every metric, grid {side} x {side}", f"{measured.full_ms[side]:.2f}", "")
    table.add_row("Five metrics on 224 x 224", f"{measured.five_ms:.2f}", f"{measured.speedup:.0f}")
    table.add_row("The same five, straightforward", f"{measured.straightforward_ms:.1f}", "1")
    table.add_row(
        "Without the earth mover's distance",
        f"{measured.five_ms - measured.five_emd_ms:.2f}",
        f"{measured.speedup_without_emd:.0f}",
    )
    console = Console()
    console.print(table)
    agreement = ", ".join(f"{name} {deviation:.0e}" for name, deviation in measured.deviations.items())
    met = flat["ms_per_map"] <= MOST_MS and flat["speedup"] >= LEAST_SPEEDUP
    console.print(
        f"Target: every metric in {MOST_MS:g} ms at grid {first} x {first}, the five {LEAST_SPEEDUP:g} times faster: "
        f"{'met' if met else 'missed'}",
        highlight=False,
        soft_wrap=True,
    )
    console.print(f"Both agree; largest deviations: {agreement}", highlight=False, soft_wrap=True)


def _memory_ratio(costs: dict[Mode, Cost], mode: Mode) -> float | None:
    """Peak memory of a pass over that of a plain one; None where memory is not measured."""
    peak, plain = costs[mode].peak_bytes, costs["plain"].peak_bytes
    return peak / plain if peak is not None and plain else None
