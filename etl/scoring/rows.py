"""Scores as arrays to Arrow rows of the contract: of maps against unions, of maps against boxes, of nulls."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from ssl_attn.metrics import BOX_SCALARS, SCALARS
from warehouse.contract import TABLES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from etl.scoring.framings import ImageBoxes
    from ssl_attn.metrics.scoring import MapScores
    from ssl_attn.metrics.target import Target

KEYS = ("run_id", "params_id", "target_id", "view", "input_size", "frame", "image_id", "layer", "head")
"""Columns of a map that its scores repeat."""


def key_rows(columns: Mapping[str, object], rows: int) -> pa.Table:
    """Keys of `rows` maps: a list has one value a map, any other value is that of all."""
    return _filled(pa.schema([TABLES["scores"].stored_schema.field(name) for name in KEYS]), columns, rows)


def union_rows(keys: pa.Table, result: MapScores, target: Target) -> pa.Table:
    """Rows of `scores`: maps, whose `keys` are given, against the union of their image's features."""
    rows, boxes = len(keys), int(target.in_union.sum())
    features = len(target.distractor) - int(target.distractor.sum())

    def of_union(values: NDArray[np.float64]) -> NDArray[np.float64]:
        # A map that is scored against distractors alone has selected pixels, but not for the union.
        return values if target.has_union else np.full(rows, np.nan)

    return _rows(
        "scores",
        keys,
        {
            "outcome": result.outcome,
            "boxes": np.full(rows, boxes),
            "boxes_left_out": np.full(rows, features - boxes),
            "visible_pixels": np.full(rows, target.visible_pixels),
            "area": np.full(rows, target.area),
            "area_grid": np.full(rows, target.area_grid),
            "area_grown": np.full(rows, target.area_grown),
            "area_mass": of_union(result.area_mass),
            "area_above_mean": of_union(result.area_above_mean),
            "iou": _curves(result.iou),
            **{name: result.scalars[name] for name in SCALARS},
        },
    )


def box_rows(keys: pa.Table, result: MapScores, target: Target, boxes: ImageBoxes) -> pa.Table:
    """Rows of `box_scores`: maps, whose `keys` are given, against each box of their image; maps by boxes in order."""
    maps, count = result.box_outcome.shape

    def per_box(values: object) -> NDArray[np.generic]:
        return np.tile(np.asarray(values), maps)

    def per_map(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.repeat(values, count)

    return _rows(
        "box_scores",
        keys.take(np.repeat(np.arange(maps), count)),
        {
            "box_id": per_box(np.asarray(boxes.box_ids, dtype=object)),
            "feature_type": per_box(np.asarray(boxes.feature_types, dtype=object)),
            "outcome": result.box_outcome.ravel(),
            "visible_fraction": per_box(target.visible_fraction),
            "visible_pixels": np.full(maps * count, target.visible_pixels),
            "area": per_box(target.box_area),
            "area_grid": per_box(target.box_area_grid),
            "area_grown": per_box(target.box_area_grown),
            "area_mass": per_map(result.area_mass),
            "area_above_mean": per_map(result.area_above_mean),
            "iou": _curves(result.box_iou.reshape(maps * count, result.iou.shape[1])),
            **{name: result.box_scalars[name].ravel() for name in BOX_SCALARS},
        },
    )


def null_rows(columns: Mapping[str, object], rows: int) -> pa.Table:
    """Rows of `nulls`: a list has one value a row, any other value is that of all."""
    return _filled(TABLES["nulls"].stored_schema, columns, rows)


def no_rows(table: str) -> pa.Table:
    """A table of the contract without rows."""
    return TABLES[table].stored_schema.empty_table()


def _filled(schema: pa.Schema, columns: Mapping[str, object], rows: int) -> pa.Table:
    arrays = [
        pa.array(value, field.type) if isinstance(value, list) else pa.repeat(pa.scalar(value, field.type), rows)
        for field, value in ((field, columns[field.name]) for field in schema)
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def _curves(curves: NDArray[np.float64]) -> pa.ListArray:
    """Rows of curves as lists; a row of NaN is NULL."""
    missing = np.isnan(curves).any(axis=1)
    kept = curves[~missing].astype(np.float16)
    offsets = np.concatenate([[0], np.cumsum(~missing * curves.shape[1])]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(kept.ravel()), mask=pa.array(missing))


def _array(values: object) -> pa.Array:
    """An Arrow array; NaN says that there is no number: NULL."""
    return values if isinstance(values, pa.Array) else pa.array(values, from_pandas=True)


def _rows(table: str, keys: pa.Table, columns: dict[str, object]) -> pa.Table:
    schema = TABLES[table].stored_schema
    arrays = [
        keys[field.name].cast(field.type) if field.name in KEYS else _array(columns[field.name]).cast(field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(
        [a.combine_chunks() if isinstance(a, pa.ChunkedArray) else a for a in arrays], schema=schema
    )
