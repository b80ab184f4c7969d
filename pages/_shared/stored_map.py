"""Rows of the store as arrays: maps at their native grid, patch features, and where the image lies on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ssl_attn.geometry import PLACEMENT_COLUMNS, Placement, coverage

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class StoredMap:
    """A map `(grid_h, grid_w)` in its method's own scale, and where the image lies on its canvas."""

    values: NDArray[np.float64]
    placement: Placement

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> StoredMap:
        """The map of a row of `maps`; one that is not finite keeps its NaN."""
        peak = 1.0 if row["peak"] is None else row["peak"]
        values = np.array(row["values"], dtype=np.float64).reshape(row["grid_h"], row["grid_w"])
        return cls(values * peak, _placement(row))

    @property
    def drawable(self) -> bool:
        """Whether every value is finite."""
        return bool(np.isfinite(self.values).all())

    @property
    def grid(self) -> str:
        """The grid in words."""
        return f"{self.values.shape[0]} × {self.values.shape[1]} cells"

    @property
    def on_padding(self) -> float:
        """Share of the map's positive part that lies where the view has padding and not the image."""
        positive = np.maximum(self.values, 0)
        total = positive.sum()
        shown = coverage(self.placement.visible_canvas[None], *self.values.shape)[0]
        return float(1 - (positive * shown).sum() / total) if total > 0 else 0.0

    @property
    def hidden(self) -> float:
        """Share of the image's area that the view hides from the model."""
        _, _, width, height = self.placement.visible_image
        return float(1 - width * height)


def feature_grid(patches: pl.DataFrame) -> tuple[NDArray[np.float32], Placement]:
    """Patches of one image and layer, row by row, as `(grid_h, grid_w, d)`."""
    first = patches.row(0, named=True)
    vectors = np.array(patches["vector"].to_list(), dtype=np.float32)
    return vectors.reshape(first["grid_h"], first["grid_w"], -1), _placement(first)


def _placement(row: Mapping[str, Any]) -> Placement:
    return Placement(**{name: row[name] for name in PLACEMENT_COLUMNS})
