"""A series of scores: one method on one variant of a model, view and input size, over all its layers and heads."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from ssl_attn.baselines import BASELINE_MODEL, OWN_MAPS

if TYPE_CHECKING:
    from warehouse.manifest import Manifest, Part


@dataclass(frozen=True, slots=True, order=True)
class ScoreSeries:
    """The keys that all rows of a series share, under the names of the contract."""

    dataset: str
    model: str
    variant: str
    method: str
    view: str
    input_size: int
    params_id: str

    @property
    def keys(self) -> dict[str, str | int]:
        """Names and values of the columns."""
        return asdict(self)

    @property
    def baseline(self) -> str:
        """The baseline that this series is; empty for a model's own maps, also for those of random weights."""
        if self.model == BASELINE_MODEL:
            return self.method
        ending = self.method.rpartition(".")[2]
        return ending if ending in OWN_MAPS else ""


def scored_series(manifest: Manifest) -> dict[ScoreSeries, list[Part]]:
    """Every series that has scores, in order, with the parts of `scores` that hold them."""
    found: dict[ScoreSeries, list[Part]] = {}
    for part in manifest.parts("scores"):
        found.setdefault(series_of(part), []).append(part)
    return dict(sorted(found.items()))


def series_of(part: Part) -> ScoreSeries:
    """The series that a part of scores belongs to: its partition, and the slice `view/input size/parameters`."""
    view, input_size, params_id = part.slice.split("/", 2)
    keys = part.partition
    return ScoreSeries(
        keys["dataset"], keys["model"], keys["variant"], keys["method"], view, int(input_size), params_id
    )
