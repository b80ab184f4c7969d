"""Scores of one series as arrays, with the chance level of each score beside it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from ssl_attn.errors import SslAttnError
from ssl_attn.metrics import CURVES, METRICS
from ssl_attn.metrics.chance import chance
from ssl_attn.metrics.percentiles import HEADLINE_PERCENTILES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import duckdb
    import pyarrow as pa
    from numpy.typing import NDArray

    from etl.aggregation.score_series import ScoreSeries

    Singles = NDArray[np.float32]
    Column = tuple[str, int]

NO_PERCENTILE = -1
"""Percentile of a score without a threshold."""

_AREAS = ("visible_pixels", "area", "area_grid", "area_grown", "area_mass", "area_above_mean")


@dataclass(frozen=True, slots=True, eq=False)
class ScoreArrays:
    """Scores of a series: `units` (images, or boxes) in each of `places` (layer, head), for `columns`.

    A column is a metric and a percentile, -1 for a metric without a threshold. `values` and `chances` are (places,
    units, columns), NaN where there is no number; `constant` (places, units) says which scores are of a constant map.
    `layers` and `heads` are (places,); the others (units,), where `boxes` is empty for scores against the union.
    """

    columns: tuple[Column, ...]
    layers: NDArray[np.int16]
    heads: NDArray[np.int16]
    images: NDArray[np.object_]
    boxes: NDArray[np.object_]
    values: Singles
    chances: Singles
    constant: NDArray[np.bool_]

    def select(self, columns: Iterable[Column]) -> ScoreArrays:
        """The same with some of the columns, in the order asked for."""
        chosen = tuple(columns)
        at = [self.columns.index(column) for column in chosen]
        return replace(self, columns=chosen, values=self.values[:, :, at], chances=self.chances[:, :, at])


def columns_of(metrics: Iterable[str], percentiles: Sequence[int] = HEADLINE_PERCENTILES) -> tuple[Column, ...]:
    """Columns of some metrics: each thresholded one at each percentile, the others once."""
    return tuple(
        (metric, percentile)
        for metric in metrics
        for percentile in (percentiles if METRICS[metric].thresholded else (NO_PERCENTILE,))
    )


def directed(columns: Iterable[Column]) -> tuple[Column, ...]:
    """Columns whose metric has a better and a worse end."""
    return tuple(column for column in columns if METRICS[column[0]].direction != "neither")


def load_scores(
    catalog: duckdb.DuckDBPyConnection,
    table: Literal["scores", "box_scores"],
    series: ScoreSeries,
    heads: Literal["head = -1", "head >= 0"],
    columns: Sequence[Column],
) -> ScoreArrays:
    """The scores of one series at the heads that an SQL condition names.

    Raises:
        SslAttnError: some layer or head lacks an image or a box that another one has.
    """
    box = "''" if table == "scores" else "s.box_id"
    drawn = [metric for metric, _ in columns if METRICS[metric].null == "monte_carlo"]
    levels = "".join(f", any_value(mean) FILTER (metric = '{metric}') AS {metric}" for metric in drawn)
    query = f"""
        WITH levels AS (
            SELECT frame, image_id, box_id{levels} FROM nulls
            WHERE dataset = $dataset AND view = $view AND input_size = $input_size
            GROUP BY ALL
        )
        SELECT s.layer, s.head, s.image_id, {box} AS box_id, s.outcome = 'constant' AS constant,
            s.outcome IN ('scored', 'constant') AS scored,
            {", ".join(f"s.{name}" for name in _AREAS)}, {selection(columns)}
            {"".join(f", n.{metric} AS null_{metric}" for metric in drawn)}
        FROM {table} AS s
        LEFT JOIN levels AS n ON n.frame = s.frame AND n.image_id = s.image_id AND n.box_id = {box}
        WHERE {" AND ".join(f"s.{name} = ${name}" for name in series.keys)} AND s.{heads}
        ORDER BY s.layer, s.head, s.image_id, s.target_id, box_id
    """
    rows = catalog.sql(query, params=series.keys).to_arrow_table()
    places = tuple(dict.fromkeys(zip(rows["layer"].to_pylist(), rows["head"].to_pylist(), strict=True)))
    units = len(rows) // len(places) if places else 0
    shape = (len(places), units)
    labels = [rows[name].to_numpy(zero_copy_only=False) for name in ("image_id", "box_id")]
    if len(rows) != len(places) * units or any((of.reshape(shape) != of[:units]).any() for of in labels):
        message = (
            f"expected every layer and head of {series} to have scores of the same images and boxes, got {len(rows)} "
            f"rows over {len(places)} of them; build the series again"
        )
        raise SslAttnError(message)
    return ScoreArrays(
        columns=tuple(columns),
        layers=np.array([layer for layer, _ in places], dtype=np.int16),
        heads=np.array([head for _, head in places], dtype=np.int16),
        images=labels[0][:units],
        boxes=labels[1][:units],
        values=selected_values(rows, columns).reshape(*shape, len(columns)),
        chances=_chances(rows, columns).reshape(*shape, len(columns)),
        constant=rows["constant"].to_numpy(zero_copy_only=False).astype(bool).reshape(shape),
    )


def selection(columns: Sequence[Column]) -> str:
    """SQL that selects `columns` of the table `s` in the form that `selected_values` reads."""
    # A row without a score gets a curve without numbers, so that all are equally long.
    curves = (
        f"coalesce(list_select(s.{metric}, {at}), list_resize([]::FLOAT[], {len(at)})) AS {metric}"
        for metric, at in _percentiles(columns).items()
    )
    return ", ".join((*curves, *(f"s.{metric}" for metric, percentile in columns if percentile == NO_PERCENTILE)))


def selected_values(rows: pa.Table, columns: Sequence[Column]) -> Singles:
    """Numbers `(rows, columns)` of rows that were selected by `selection`, NaN for NULL."""
    values = np.empty((len(rows), len(columns)), dtype=np.float32)
    for metric, percentiles in _percentiles(columns).items():
        at = [columns.index((metric, percentile)) for percentile in percentiles]
        values[:, at] = _floats(rows[metric].combine_chunks().flatten()).reshape(-1, len(percentiles))
    for number, (metric, percentile) in enumerate(columns):
        if percentile == NO_PERCENTILE:
            values[:, number] = _floats(rows[metric])
    return values


def _percentiles(columns: Sequence[Column]) -> dict[str, list[int]]:
    """The percentiles at which each thresholded metric is wanted."""
    wanted = {metric: [p for m, p in columns if m == metric] for metric in CURVES}
    return {metric: percentiles for metric, percentiles in wanted.items() if percentiles}


def _chances(rows: pa.Table, columns: Sequence[Column]) -> Singles:
    """Chance level of each score `(rows, columns)`; NaN for metrics without one, and where there is no score."""
    chances = np.full((len(rows), len(columns)), np.nan, dtype=np.float32)
    scored = rows["scored"].to_numpy(zero_copy_only=False).astype(bool)
    areas = {name: np.where(scored, _floats(rows[name], np.float64), np.nan) for name in _AREAS}
    areas["visible_pixels"] = rows["visible_pixels"].to_numpy()
    for number, (metric, percentile) in enumerate(columns):
        if METRICS[metric].null == "monte_carlo":
            chances[:, number] = _floats(rows[f"null_{metric}"])
        elif METRICS[metric].null == "closed_form":
            # a box so thin that it has no pixel's centre has no share of a maximum
            with np.errstate(invalid="ignore"):
                chances[:, number] = chance(metric, areas, None if percentile == NO_PERCENTILE else percentile)
    return chances


def _floats(column: pa.ChunkedArray, dtype: type[np.floating] = np.float32) -> NDArray[np.floating]:
    """Numbers of a column, NaN for NULL."""
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=dtype)
