"""The registries as tables or JSON: `methods`, `metrics`, `datasets`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.table import Table

from ssl_attn.cli.options import JsonOption

if TYPE_CHECKING:
    from collections.abc import Sequence


def methods(as_json: JsonOption = False) -> None:
    """The methods: what each computes, how heads are fused, its parameters."""
    from ssl_attn.methods import METHODS

    rows: list[dict[str, object]] = [
        {
            "method": m.name,
            "label": m.label,
            "description": m.description,
            "heads": m.fusion,
            "parameters": {k: {"default": p.default, "choices": list(p.choices)} for k, p in m.parameters.items()},
            "source": m.source,
        }
        for m in METHODS.values()
    ]
    _show(rows, as_json=as_json)


def metrics(as_json: JsonOption = False) -> None:
    """The metrics: what each asks; with --json also formula, range, chance level, source, and what to beware of."""
    from ssl_attn.metrics import METRICS

    rows: list[dict[str, object]] = [
        {
            "metric": m.name,
            "label": m.label,
            "meaning": m.meaning,
            "formula": m.formula,
            "better": m.direction,
            "range": [m.low, m.high],
            "unit": m.unit,
            "chance": m.chance,
            "warning": m.warning,
            "source": m.source,
        }
        for m in METRICS.values()
    ]
    _show(rows, as_json=as_json, shown=("metric", "meaning", "better"))


def baselines(as_json: JsonOption = False) -> None:
    """The baselines: what map each one is, what it bounds, where its scores stand."""
    from ssl_attn.baselines import BASELINES

    rows: list[dict[str, object]] = [
        {
            "baseline": b.name,
            "label": b.label,
            "description": b.description,
            "bound": b.bound,
            "rows": b.rows,
            "parameters": dict(b.parameters),
            "source": b.source,
        }
        for b in BASELINES.values()
    ]
    _show(rows, as_json=as_json)


def datasets(as_json: JsonOption = False) -> None:
    """The formats that data sets are read from."""
    from ssl_attn.datasets import FORMATS

    _show([{"dataset": f.name, "label": f.label, "--data": f.data} for f in FORMATS.values()], as_json=as_json)


def _show(rows: Sequence[dict[str, object]], *, as_json: bool, shown: Sequence[str] = ()) -> None:
    """Rows whole as JSON, or as a table of the columns that a terminal has room for."""
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False))
        return
    columns = shown or tuple(rows[0])
    table = Table(*columns, show_lines=not shown)
    table.columns[0].no_wrap = True
    for row in rows:
        table.add_row(*(json.dumps(row[c]) if isinstance(row[c], dict) else str(row[c]) for c in columns))
    Console().print(table)
