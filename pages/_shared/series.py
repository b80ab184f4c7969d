"""A series: the maps that one leaderboard row summarises, and how series are told apart in words."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from ssl_attn.methods import METHODS
from ssl_attn.models.variants import FROZEN, RANDOM_WEIGHTS

if TYPE_CHECKING:
    from collections.abc import Mapping

_SEPARATOR = "~"


@dataclass(frozen=True, slots=True)
class Series:
    """Data set, model, variant, method, view, input size and parameters: everything but image, layer and head."""

    dataset: str
    model: str
    variant: str
    method: str
    view: str
    input_size: int
    params_id: str

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Series:
        """The series of a row that has all of these columns."""
        return cls(**{name: row[name] for name in cls.__slots__})

    @property
    def params(self) -> dict[str, Any]:
        """The fields by name, as queries take them."""
        return asdict(self)

    @property
    def identity(self) -> str:
        """One text for the URL."""
        return _SEPARATOR.join(str(value) for value in asdict(self).values())


def variant_label(variant: str) -> str:
    """A variant in words; random weights are named as the baseline that they are."""
    return "random weights (baseline)" if variant == RANDOM_WEIGHTS else variant


def method_label(method: str) -> str:
    """A method in words, as the registry names it."""
    return METHODS[method].label if method in METHODS else method


def model_label(model: str, variant: str) -> str:
    """A model, with its variant unless that is the published weights."""
    return model if variant == FROZEN else f"{model} · {variant_label(variant)}"


def labels(rows: pl.DataFrame) -> list[str]:
    """A name for each row's series: the model, and whatever else tells these rows apart."""
    many = {column: rows[column].n_unique() > 1 for column in ("method", "view")}
    keys = ("model", "variant", "method", "view")
    sizes = rows.group_by(keys).agg(pl.col("input_size").n_unique(), pl.col("params_id").n_unique())
    ambiguous = {row[:4]: row[4:] for row in sizes.iter_rows()}
    names = []
    for row in rows.iter_rows(named=True):
        several_sizes, several_params = (count > 1 for count in ambiguous[tuple(row[key] for key in keys)])
        parts = [
            model_label(row["model"], row["variant"]),
            method_label(row["method"]) if many["method"] else "",
            row["view"] if many["view"] else "",
            f"{row['input_size']} px" if several_sizes else "",
            row["params_id"] if several_params else "",
        ]
        names.append(" · ".join(part for part in parts if part))
    return names
