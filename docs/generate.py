"""Renew the parts of the documents that come from registries: `python docs/generate.py`, or with `--check` only look.

A part stands between `<!-- generated: NAME -->` and `<!-- end -->`.
"""

from __future__ import annotations

import re
import sys
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from ssl_attn.cli.models import registry_markdown
from ssl_attn.methods import METHODS
from ssl_attn.metrics import METRICS
from ssl_attn.metrics.scoring import OUTCOMES
from warehouse.catalog import sql_files
from warehouse.contract import TABLES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

DOCS = Path(__file__).resolve().parent


def renewed(document: str) -> str:
    """The document with every generated part written anew."""

    def fill(match: re.Match[str]) -> str:
        return f"{match['start']}\n{PARTS[match['name']]()}\n{match['end']}"

    return re.sub(r"(?P<start><!-- generated: (?P<name>\w+) -->)\n.*?(?P<end><!-- end -->)", fill, document, flags=re.S)


def _metrics() -> str:
    heading = ("Metric", "Label", "Formula", "Better", "Range", "Chance", "Threshold", "Source")
    rows = (
        (
            f"`{metric.name}`",
            metric.label,
            metric.formula,
            metric.direction,
            f"{metric.low:g} to {metric.high:g} ({metric.unit})",
            metric.chance,
            "percentiles 1 to 99" if metric.thresholded else "none",
            metric.source,
        )
        for metric in METRICS.values()
    )
    return _table(heading, rows)


def _methods() -> str:
    heading = ("Method", "Label", "What it computes", "All heads", "Parameters", "Source")
    rows = (
        (
            f"`{method.name}`",
            method.label,
            method.description,
            method.fusion,
            "; ".join(f"`{k}`: {' or '.join(p.choices)} ({p.meaning})" for k, p in method.parameters.items()) or "none",
            method.source,
        )
        for method in METHODS.values()
    )
    return _table(heading, rows)


def _tables() -> str:
    lines = []
    for table in TABLES.values():
        partitions = ", ".join(f"`{key}`" for key in table.partition_by) or "nothing"
        lines += [f"### `{table.name}`", "", f"One row is {table.grain}. Partitioned by {partitions}.", ""]
        rows = ((f"`{column.name}`", str(column.type), column.meaning) for column in table.columns)
        lines += [_table(("Column", "Type", "Meaning"), rows), ""]
    return "\n".join(lines).rstrip()


def _sql(*layers: str) -> str:
    rows = []
    for layer in layers:
        for file in sql_files(layer):
            text = file.read_text(encoding="utf-8")
            for block in re.split(r"\n\n(?=--|CREATE)", text):
                names = re.findall(r"CREATE OR REPLACE (?:MACRO|VIEW) (\w+(?:\([^)]*\))?)", block)
                rows.extend((f"`{name}`", _comment(block)) for name in names)
    return _table(("Name", "What it gives"), rows)


def _checks() -> str:
    return "\n".join(f"- {_comment(file.read_text(encoding='utf-8'))}" for file in sql_files("checks"))


def _comment(text: str) -> str:
    """The comment at the head of an SQL file, in one line."""
    lines = takewhile(lambda line: line.startswith("--"), text.splitlines())
    return " ".join(line.removeprefix("--").strip() for line in lines)


def _table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |" for line in lines)


PARTS: dict[str, Callable[[], str]] = {
    "metrics": _metrics,
    "outcomes": lambda: _table(("Outcome", "Meaning"), OUTCOMES.items()),
    "methods": _methods,
    "models": registry_markdown,
    "tables": _tables,
    "marts": lambda: _sql("staging", "marts"),
    "macros": lambda: _sql("macros", "lookups"),
    "checks": _checks,
}


def main() -> int:
    """Write what is stale, or with `--check` say what is; returns the number of stale documents."""
    stale = 0
    for path in sorted(DOCS.glob("*.md")):
        text = path.read_text(encoding="utf-8")
        fresh = renewed(text)
        if fresh == text:
            continue
        stale += 1
        if "--check" in sys.argv:
            print(f"{path.name} is stale: run python docs/generate.py")  # noqa: T201
        else:
            path.write_text(fresh, encoding="utf-8")
    return stale if "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
