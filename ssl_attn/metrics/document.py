"""The generated parts of `docs/metrics.md`; `python -m ssl_attn.metrics.document docs/metrics.md` renews them."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ssl_attn.metrics import METRICS
from ssl_attn.metrics.scoring import OUTCOMES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def renewed(document: str) -> str:
    """The document with each part between `<!-- generated: NAME -->` and `<!-- end -->` written from the registries."""
    parts = {"metrics": _metrics(), "outcomes": _table(("Outcome", "Meaning"), OUTCOMES.items())}

    def fill(match: re.Match[str]) -> str:
        return f"{match['start']}\n{parts[match['name']]}\n{match['end']}"

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


def _table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(renewed(path.read_text(encoding="utf-8")), encoding="utf-8")
