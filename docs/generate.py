"""Renew the parts of the documents that come from registries: `python docs/generate.py`, or with `--check` only look.

A part stands between `<!-- generated: NAME -->` and `<!-- end -->`.
"""

from __future__ import annotations

import re
import sys
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from ssl_attn.baselines import BASELINES
from ssl_attn.cli.models import registry_markdown
from ssl_attn.demo.zoo.contrast import read_contrast
from ssl_attn.demo.zoo.model_card import adjusted_over_zoo, read_all
from ssl_attn.demo.zoo.publication import WEIGHTS
from ssl_attn.demo.zoo.recipes import SEEDS, STRATEGIES, TWINS, ZOO
from ssl_attn.methods import METHODS
from ssl_attn.metrics import METRICS
from ssl_attn.metrics.scoring import OUTCOMES
from warehouse.catalog import connect, sql_files
from warehouse.contract import TABLES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from ssl_attn.metrics import Metric
    from warehouse.contract import Column

DOCS = Path(__file__).resolve().parent


def renewed(document: str) -> str:
    """The document with every generated part written anew."""

    def fill(match: re.Match[str]) -> str:
        return f"{match['start']}\n{PARTS[match['name']]()}\n{match['end']}"

    return re.sub(r"(?P<start><!-- generated: (?P<name>\w+) -->)\n.*?(?P<end><!-- end -->)", fill, document, flags=re.S)


def _metrics() -> str:
    lines = []
    for metric in METRICS.values():
        targets = {"boxes": "the boxes", "soft": "the soft target", "none": "nothing"}[metric.target]
        each = ", and each box by itself" if metric.per_box else ""
        facts = {
            "Formula": metric.formula,
            "Better": f"{_BETTER[metric.direction]}; {_range(metric)}",
            "Chance": metric.chance,
            "Compared with": f"{targets}{each}{'; a number at each percentile 1 to 99' if metric.thresholded else ''}",
            "Source": metric.source,
        }
        if metric.warning:
            facts["Beware"] = metric.warning
        lines += [f"### {metric.label}: `{metric.name}`", "", metric.meaning, "", _table(("", ""), facts.items()), ""]
    return "\n".join(lines).rstrip()


_BETTER = {"higher": "higher", "lower": "**lower**", "neither": "neither: it describes the map"}


def _range(metric: Metric) -> str:
    low, high = (None if bound is None else f"{bound:.4g}" for bound in (metric.low, metric.high))
    spans = {
        (True, True): f"{low} to {high}",
        (True, False): f"{low} or more",
        (False, True): f"at most {high}",
        (False, False): "no bounds",
    }
    return f"{spans[low is not None, high is not None]} ({metric.unit})"


def _baselines() -> str:
    heading = ("Baseline", "Label", "What map it is", "Bound", "Its rows", "Source")
    rows = (
        (f"`{each.name}`", each.label, each.description, each.bound, f"`{each.rows}`", each.source)
        for each in BASELINES.values()
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
        rows = ((f"`{column.name}`", _type(column), _meaning(column)) for column in table.columns)
        lines += [_table(("Column", "Type", "Meaning"), rows), ""]
    return "\n".join(lines).rstrip()


def _type(column: Column) -> str:
    item = column.type.value_type if pa.types.is_list(column.type) else None
    return str(column.type) if item is None else f"list of {item}"


def _meaning(column: Column) -> str:
    return column.meaning if column.expression is None else f"{column.meaning} (computed when it is read)"


def _relations(*layers: str) -> str:
    """Every view and table macro of some layers of SQL, with its columns as an empty store has them."""
    lines = []
    with connect(DOCS / "no store") as catalog:
        for signature, comment, text in _definitions(*layers):
            name, _, parameters = signature.partition("(")
            if parameters and "AS TABLE" not in text:
                continue
            call = f"{name}({_placeholders(parameters.removesuffix(')'))})" if parameters else name
            columns = catalog.execute(f"DESCRIBE FROM {call}").fetchall()
            listed = ", ".join(f"`{column}` {type_}" for column, type_, *_ in columns)
            lines += [
                f"#### `{name}`",
                "",
                *([f"    {signature}", ""] if parameters else []),
                comment,
                "",
                f"*Columns:* {listed}",
                "",
            ]
    return "\n".join(lines).rstrip()


def _functions(*layers: str) -> str:
    rows = ((f"`{signature}`", comment) for signature, comment, text in _definitions(*layers) if "AS TABLE" not in text)
    return _table(("Function", "What it gives"), rows)


def _definitions(*layers: str) -> Iterator[tuple[str, str, str]]:
    """Name with its parameters, comment, and SQL of everything that some layers define."""
    for layer in layers:
        for file in sql_files(layer):
            for block in re.split(r"\n\n(?=--|CREATE)", file.read_text(encoding="utf-8")):
                for signature in re.findall(r"CREATE OR REPLACE (?:MACRO|VIEW) (\w+(?:\([^)]*\))?)", block):
                    tidy = re.sub(r"\(\s+", "(", re.sub(r"\s+", " ", signature)).replace(" )", ")")
                    yield tidy, _comment(block), block


def _placeholders(parameters: str) -> str:
    """An argument of the right type for each parameter that has no default: enough to see the columns."""
    names = [parameter.strip() for parameter in parameters.split(",")]
    return ", ".join("0" if name in ("at_layer", "of_patch") else "'x'" for name in names if ":=" not in name)


def _checks() -> str:
    return "\n".join(f"- {_comment(file.read_text(encoding='utf-8'))}" for file in sql_files("checks"))


def _comment(text: str) -> str:
    """The comment at the head of an SQL file, in one line."""
    lines = takewhile(lambda line: line.startswith("--"), text.splitlines())
    return " ".join(line.removeprefix("--").strip() for line in lines)


def _zoo() -> str:
    found = read_all(WEIGHTS)
    p_holm = adjusted_over_zoo(found)
    heading = (
        "Model",
        "Probe",
        "Untrained",
        "Reading",
        "Energy",
        "Untrained",
        "Chance",
        "Difference, 95 %",
        "p (Holm)",
    )
    rows = []
    for name in (each for each in ZOO if each in found):
        measured = found[name]
        probe = next(accuracy for accuracy in measured.accuracy if accuracy.readout == "linear_probe")
        energy = measured.energy
        if energy is None or probe.untrained_share is None:
            continue
        rows.append(
            (
                f"`{name}`",
                f"{probe.share:.1%}",
                f"{probe.untrained_share:.1%}",
                f"{energy.method}{'' if energy.layer < 0 else f', layer {energy.layer}'}",
                f"{energy.mean:.3f}",
                f"{energy.untrained_mean:.3f}",
                f"{energy.chance:.3f}",
                f"{energy.difference:+.3f} [{energy.ci_low:+.3f}, {energy.ci_high:+.3f}]",
                f"{p_holm[name]:.1e}",
            )
        )
    return _table(heading, rows)


def _twins() -> str:
    twins = read_contrast(WEIGHTS / TWINS)
    heading = ("Variant", "Accuracy, clean", "Accuracy, marked", "Energy in features", "Energy in the mark")
    rows = (
        (
            f"`{each.strategy}.s{each.seed}`",
            f"{each.accuracy_clean:.1%}",
            f"{each.accuracy_marked:.1%}",
            f"{each.energy_features:.3f}",
            f"{each.energy_mark:.3f}",
        )
        for each in twins.measures
    )
    differences = (
        (
            f"{each.seed}",
            f"{100 * each.accuracy_difference:+.1f} points",
            f"{each.energy_difference:+.3f} [{each.ci_low:+.3f}, {each.ci_high:+.3f}]",
            f"{each.n}",
        )
        for each in twins.contrasts
    )
    apart = ("Seed", "Honest minus shortcut: accuracy, own kind", "Energy in features, marked, 95 %", "Pictures")
    chance = f"Chance of energy in features, the share of the area that they cover: {twins.chance:.3f}."
    return "\n\n".join((_table(heading, rows), chance, _table(apart, differences)))


def _own_accuracies() -> str:
    measures = read_contrast(WEIGHTS / TWINS).measures
    rows = (
        (strategy, *(f"{each.own_accuracy:.1%}" for each in measures if each.strategy == strategy))
        for strategy in STRATEGIES
    )
    return _table(("Accuracy on pictures of its own kind", *(f"Seed {seed}" for seed in SEEDS)), rows)


def _table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |" for line in lines)


PARTS: dict[str, Callable[[], str]] = {
    "metrics": _metrics,
    "baselines": _baselines,
    "outcomes": lambda: _table(("Outcome", "Meaning"), OUTCOMES.items()),
    "methods": _methods,
    "models": registry_markdown,
    "tables": _tables,
    "macros": lambda: _relations("macros"),
    "lookups": lambda: _relations("lookups"),
    "marts": lambda: _relations("staging", "marts"),
    "functions": lambda: _functions("functions", "macros"),
    "checks": _checks,
    "zoo": _zoo,
    "twins": _twins,
    "own_accuracies": _own_accuracies,
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
