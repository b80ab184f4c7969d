"""Asking a store, and caring for it: `sql`, `status`, `check`, `verify`, `prune`, `discard`."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Literal

import typer

from ssl_attn.cli.options import JsonOption, StoreOption, store_path
from ssl_attn.errors import SslAttnError, UsageError

SqlFormat = Literal["table", "csv", "json", "parquet"]


def sql(
    query: Annotated[str, typer.Argument(help="SQL, such as \"FROM leaderboard('iou', 90)\"")],
    store: StoreOption = None,
    output_format: Annotated[SqlFormat, typer.Option("--format", help="table, csv, json or parquet")] = "table",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File to write; parquet needs one")] = None,
) -> None:
    """Ask the store, with the same views and macros as the dashboard."""
    from warehouse.catalog import QueryError, connect

    if output_format == "parquet" and output is None:
        message = "expected --output FILE with --format parquet, got none; Parquet does not go to a terminal"
        raise UsageError(message)
    if not query.strip(" \t\n;"):
        message = "expected a query, got nothing; try ssl-attn sql \"FROM leaderboard('iou', 90)\""
        raise UsageError(message)
    with connect(_existing(store)) as catalog:
        try:
            if output is not None:
                _write(catalog, query, output_format, output)
            elif output_format == "table":
                _print_table(catalog, query)
            else:
                with tempfile.TemporaryDirectory() as folder:
                    file = Path(folder) / "result"
                    _write(catalog, query, output_format, file)
                    typer.echo(file.read_text(encoding="utf-8"), nl=False)
        except QueryError as error:
            message = f"the query failed: {str(error).strip()}"
            raise SslAttnError(message) from error


def print_query(root: Path, query: str, parameters: dict[str, object]) -> None:
    """Print what a query of a store gives; `parameters` stand in it as `$name`."""
    from warehouse.catalog import connect

    with connect(root) as catalog:
        _print_table(catalog, query, parameters)


def status(store: StoreOption = None, as_json: JsonOption = False) -> None:
    """What the store holds: tables, rows, bytes, and whether a draft waits to be published."""
    from rich.console import Console
    from rich.table import Table

    from warehouse.contract import TABLES
    from warehouse.manifest import DRAFT, read_manifest

    root = _existing(store)
    manifest = read_manifest(root)
    rows = {
        name: {
            "parts": len(manifest.parts(name)),
            "rows": sum(part.rows for part in manifest.parts(name)),
            "bytes": sum(part.bytes for part in manifest.parts(name)),
        }
        for name in TABLES
    }
    draft = (root / DRAFT).exists()
    if as_json:
        typer.echo(json.dumps({"store": str(root), "generation": manifest.generation, "draft": draft, "tables": rows}))
        return
    table = Table(
        "Table", "Parts", "Rows", "MB", title=f"{root}, generation {manifest.generation}", title_justify="left"
    )
    for name, counts in rows.items():
        table.add_row(name, f"{counts['parts']:,}", f"{counts['rows']:,}", f"{counts['bytes'] / 1e6:,.2f}")
    Console().print(table)
    if draft:
        typer.echo("A draft waits: finish it with ssl-attn score, aggregate and publish, or run ssl-attn build again.")


def check(store: StoreOption = None, as_json: JsonOption = False) -> None:
    """Run every SQL check; each must find no row."""
    from etl.check import run_checks
    from etl.store import Store

    results = run_checks(Store(_existing(store)))
    broken = [result for result in results if result.broken]
    if as_json:
        typer.echo(json.dumps([{"check": r.name, "asserts": r.asserts, "broken": r.broken} for r in results]))
    else:
        for result in results:
            typer.echo(f"{'ok    ' if not result.broken else 'BROKEN'} {result.asserts}")
            for example in result.examples:
                typer.echo(f"       {example}")
    if broken:
        message = f"expected every check to find nothing, got rows in {', '.join(result.name for result in broken)}"
        raise SslAttnError(message)


def verify(store: StoreOption = None) -> None:
    """Read every published part and compare it with the manifest."""
    from etl.check import verify as run_verify
    from etl.progress import drawn
    from etl.store import Store

    with drawn() as progress:
        faults = run_verify(Store(_existing(store)), progress=progress)
    for fault in faults:
        typer.echo(fault)
    if faults:
        message = f"expected sound parts only, got {len(faults)} at fault"
        raise SslAttnError(message)
    typer.echo("every part is sound")


def prune(store: StoreOption = None) -> None:
    """Delete parts that no manifest lists."""
    from etl.check import prune as run_prune
    from etl.store import Store

    target = Store(_existing(store))
    with target.locked():
        files, freed = run_prune(target)
    typer.echo(f"{files} files deleted, {freed / 1e6:,.2f} MB freed")


def discard(store: StoreOption = None) -> None:
    """Forget the draft; its parts stay, and the next build takes up those that are right."""
    from etl.store import Store

    target = Store(_existing(store))
    with target.locked():
        there = target.has_draft()
        target.discard()
    typer.echo("the draft is forgotten" if there else "there was no draft")


def _existing(store: Path | None) -> Path:
    from warehouse.manifest import DRAFT, MANIFEST

    root = store_path(store)
    if not (root / MANIFEST).exists() and not (root / DRAFT).exists():
        message = (
            f"expected a store at {root}, found none; build one with ssl-attn demo or ssl-attn build --store {root}"
        )
        raise SslAttnError(message)
    return root


def _print_table(catalog: object, query: str, parameters: dict[str, object] | None = None) -> None:
    """A table where it fits; on a terminal too narrow for it, one line a value, row by row."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    result = catalog.execute(query, parameters)  # type: ignore[attr-defined]
    names = [column[0] for column in result.description or ()]
    rows = [[_shown(value) for value in row] for row in result.fetchall()]
    widths = [max(len(cell) for cell in column) for column in zip(names, *rows, strict=True)]
    needed = sum(widths) + 3 * len(widths)
    terminal = sys.stdout.isatty()
    console = Console(width=None if terminal else needed + 1)
    if terminal and needed > console.width:
        margin = max(map(len, names))
        for number, row in enumerate(rows, 1):
            console.rule(f"{number} of {len(rows)}", align="left", style="dim")
            for name, cell in zip(names, row, strict=True):
                console.print(f"[bold]{escape(name.ljust(margin))}[/]  {escape(cell)}", highlight=False)
    else:
        table = Table(*names, show_edge=False, pad_edge=False)
        for row in rows:
            table.add_row(*map(escape, row))
        console.print(table)
    console.print(f"{len(rows)} rows", style="dim")


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        head = ", ".join(_shown(item) for item in value[:4])
        return f"[{head}, ... {len(value)}]" if len(value) > 4 else f"[{head}]"
    return "" if value is None else str(value)


def _write(catalog: object, query: str, output_format: str, path: Path) -> None:
    formats = {"csv": "FORMAT csv, HEADER", "json": "FORMAT json, ARRAY true", "parquet": "FORMAT parquet"}
    if output_format not in formats:
        message = "expected --format csv, json or parquet with --output, got table"
        raise UsageError(message)
    file = str(path).replace("'", "''")
    catalog.execute(f"COPY (\n{query.rstrip().rstrip(';')}\n) TO '{file}' ({formats[output_format]})")  # type: ignore[attr-defined]
