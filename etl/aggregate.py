"""Scores to summaries, series by series: groups with their intervals and chance levels, choice of layer, rank of heads.

| groups | scores | heads | percentiles |
|---|---|---|---|
| all | images | fused | all of them |
| all | images | single | the headline ones |
| style | images | fused | the headline ones |
| feature_type, feature_rollup, box_size | boxes | fused | the headline ones |
| feature_type | boxes | single | those of the head x feature matrix |

Distractors have their rows of feature_type and, among themselves, of feature_rollup; all other groups are of features.
Baselines of a model's own maps have the first alone. Series are compared with each other in `compare`.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from etl.aggregation.choices import head_choices, layer_choices
from etl.aggregation.groups import (
    HEAD_FEATURE_COLUMNS,
    box_groups,
    everything,
    feature_groups,
    read_marked,
    style_groups,
    summarise,
)
from etl.aggregation.score_arrays import columns_of, load_scores
from etl.aggregation.score_series import ScoreSeries, scored_series
from etl.compare import compare
from etl.ingest import WHOLE, write_rows
from etl.pieces import Job, Piece, Place, Workers, finish
from etl.progress import SILENT
from etl.stale import drop_orphans
from etl.store import content_key
from ssl_attn.baselines import OWN_MAPS
from ssl_attn.metrics import BOX_SCALARS, CURVES, METRICS, SCALARS
from ssl_attn.metrics.box_sizes import BOX_SIZES
from ssl_attn.metrics.percentiles import PERCENTILES
from warehouse.catalog import connect, connect_to_tables
from warehouse.contract import TABLES
from warehouse.manifest import Manifest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import duckdb

    from etl.aggregation.groups import Block, Group, Intervals, Marked
    from etl.aggregation.score_arrays import Column, ScoreArrays
    from etl.progress import Progress
    from etl.run import Run
    from etl.store import Store
    from warehouse.manifest import Part

AGGREGATION_VERSION = 2
"""Raised when the same scores would give other summaries: older ones are then computed again."""

_TABLES = ("aggregates", "layer_choices", "head_ranks")

_ALL_COLUMNS = columns_of((*CURVES, *SCALARS), PERCENTILES)
_HEADLINE_COLUMNS = columns_of((*CURVES, *SCALARS))
_BOX_COLUMNS = columns_of((*CURVES, *BOX_SCALARS))

# What decides the rows of a summary beside the scores: a change of one of these registries makes them anew.
_ASKED = (_ALL_COLUMNS, _HEADLINE_COLUMNS, _BOX_COLUMNS, HEAD_FEATURE_COLUMNS, BOX_SIZES)


def aggregate(store: Store, run: Run, *, progress: Progress = SILENT) -> None:
    """Summarise and compare every series of the draft whose summary or comparisons are missing or out of date."""
    frames = _write_series(store, run)
    manifest = store.draft()
    pieces = [
        _piece(store.root, series, _read_by(manifest, series, parts, frames[series]))
        for series, parts in scored_series(manifest).items()
    ]
    with Workers() as workers:
        done = finish(store, run, pieces, workers, progress, "Summarising", "series")
        with store.edited_draft() as draft:
            for place, part in done:
                draft.replace(place.table, place.partition, place.slice, [part])
            for table in _TABLES:
                drop_orphans(draft, table, {(repr(p.partition), p.slice) for p, _ in done if p.table == table})
        _write_index(store, run)
        compare(store, run, workers, progress=progress)


def _write_series(store: Store, run: Run) -> dict[ScoreSeries, set[str]]:
    """Write what every series is, and return the frames of each."""
    keys = ", ".join(ScoreSeries.__slots__)
    query = f"""
        SELECT {keys}, layer, list(DISTINCT frame ORDER BY frame) AS frames
        FROM scores WHERE head = -1 GROUP BY ALL ORDER BY ALL
    """
    with connect(store.root, draft=True) as catalog:
        layers = catalog.sql(query).to_arrow_table().to_pylist()
    frames: dict[ScoreSeries, set[str]] = {}
    last: dict[ScoreSeries, dict[str, object]] = {}
    for row in layers:  # the last layer of a series comes last
        series = ScoreSeries(*(row[key] for key in ScoreSeries.__slots__))
        frames.setdefault(series, set()).update(row["frames"])
        last[series] = {**row, "baseline": series.baseline}
    _write_by_dataset(store, run, "series", list(last.values()))
    return frames


def _write_index(store: Store, run: Run) -> None:
    """Write what may be asked for, so that a macro need not read all summaries to know it."""
    query = """
        SELECT DISTINCT dataset, group_kind, head >= 0 AS single_heads, metric, percentile FROM aggregates ORDER BY ALL
    """
    with connect(store.root, draft=True) as catalog:
        _write_by_dataset(store, run, "aggregate_index", catalog.sql(query).to_arrow_table().to_pylist())


def _write_by_dataset(store: Store, run: Run, table: str, rows: Sequence[dict[str, object]]) -> None:
    """Write a small table whole, one part for each data set, and drop those of data sets that are gone."""
    datasets = sorted({str(row["dataset"]) for row in rows})
    for dataset in datasets:
        write_rows(store, run, table, dataset, [row for row in rows if row["dataset"] == dataset])
    with store.edited_draft() as draft:
        drop_orphans(draft, table, {(repr({"dataset": dataset}), WHOLE) for dataset in datasets})


def _piece(root: Path, series: ScoreSeries, read: Manifest) -> Piece:
    """The summary of one series, keyed by every part that it reads."""
    name = "/".join(str(value) for key, value in series.keys.items() if key != "dataset")
    tables = ("aggregates",) if series.baseline else _TABLES
    keys = sorted(part.key for parts in read.tables.values() for part in parts)
    return Piece(
        places=tuple(Place(table, {"dataset": series.dataset}, name) for table in tables),
        keys=(content_key(AGGREGATION_VERSION, _ASKED, keys),),
        units=1,
        count=1,
        jobs=lambda: iter([Job(partial(_summarise, root, read, series), 1)]),
    )


def _read_by(manifest: Manifest, series: ScoreSeries, scores: Sequence[Part], frames: set[str]) -> Manifest:
    """The parts that a series' summary depends on."""
    partition, slice_ = scores[0].partition, scores[0].slice
    of_dataset = {
        table: [part for part in manifest.parts(table) if part.partition["dataset"] == series.dataset]
        for table in ("images", "boxes", "feature_types", "nulls")
    }
    drawn = {f"{series.view}/{series.input_size}/{frame}" for frame in frames}
    of_dataset["nulls"] = [part for part in of_dataset["nulls"] if part.slice in drawn]
    of_boxes = [p for p in manifest.parts("box_scores") if (p.partition, p.slice) == (partition, slice_)]
    return Manifest(tables={"scores": list(scores), "box_scores": of_boxes, **of_dataset})


def _summarise(root: Path, read: Manifest, series: ScoreSeries) -> list[pa.Table]:
    """Rows of aggregates of one series and, unless it is a baseline, of its layer choices and head ranks."""
    with connect_to_tables(read, root) as catalog:
        catalog.execute("SET threads = 1")  # the other cores have series of their own
        marked = read_marked(catalog, series.dataset)
        fused = load_scores(catalog, "scores", series, "head = -1", _present(catalog, _ALL_COLUMNS))
        blocks = [summarise(fused, everything(fused), marked, "bca")]
        if series.baseline in OWN_MAPS:
            return [_table("aggregates", series, blocks)]
        headline = fused.select(column for column in _HEADLINE_COLUMNS if column in fused.columns)
        blocks += _summaries(headline, style_groups(headline, marked), marked, "bca")
        boxes = load_scores(catalog, "box_scores", series, "head = -1", _present(catalog, _BOX_COLUMNS))
        blocks += _summaries(boxes, box_groups(boxes, marked), marked, "bca")
        single = load_scores(catalog, "scores", series, "head >= 0", _present(catalog, _HEADLINE_COLUMNS))
        blocks += _summaries(single, [everything(single)], marked, "percentile")
        cells = load_scores(catalog, "box_scores", series, "head >= 0", HEAD_FEATURE_COLUMNS)
        blocks += _summaries(cells, feature_groups(cells, marked), marked, "none")
    if series.baseline:
        return [_table("aggregates", series, blocks)]
    return [
        _table("aggregates", series, blocks),
        _table("layer_choices", series, [layer_choices(headline, marked)]),
        _table("head_ranks", series, [head_choices(single)]),
    ]


def _present(catalog: duckdb.DuckDBPyConnection, columns: Sequence[Column]) -> tuple[Column, ...]:
    """The columns without those of metrics that are computed on request, where nobody asked for them."""
    absent = {
        metric
        for metric in SCALARS
        if METRICS[metric].on_request and catalog.execute(f"SELECT count({metric}) FROM scores").fetchall() == [(0,)]
    }
    return tuple(column for column in columns if column[0] not in absent)


def _summaries(scores: ScoreArrays, groups: Iterable[Group], marked: Marked, intervals: Intervals) -> list[Block]:
    return [summarise(scores, group, marked, intervals) for group in groups if len(group.rows)]


def _table(table: str, series: ScoreSeries, blocks: Sequence[Block]) -> pa.Table:
    """Rows of a table from their columns, NaN as NULL, in the order of the contract."""
    spec = TABLES[table]
    rows = sum(len(block["metric"]) for block in blocks)
    arrays = []
    for field in spec.stored_schema:
        if field.name in series.keys:
            arrays.append(pa.repeat(pa.scalar(series.keys[field.name], field.type), rows))
        else:
            column = np.concatenate([block[field.name] for block in blocks])
            arrays.append(pa.array(column, from_pandas=True).cast(field.type))
    order = [(name, "ascending") for name in spec.order_by if name not in spec.partition_by]
    return pa.Table.from_arrays(arrays, schema=spec.stored_schema).sort_by(order)
