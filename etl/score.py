"""Stored maps against expert boxes: IoU curves and energy, part by part, without a model and without a GPU."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from multiprocessing import get_context
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from threadpoolctl import threadpool_limits

from etl.progress import SILENT
from etl.stale import drop_orphans
from etl.store import content_key
from ssl_attn.geometry import PLACEMENT_COLUMNS, Placement
from ssl_attn.metrics.percentiles import PERCENTILES
from ssl_attn.metrics.scoring import MapScores, score_maps
from ssl_attn.metrics.target import Target, build_target
from warehouse.catalog import connect
from warehouse.contract import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from etl.progress import Progress
    from etl.run import Run
    from etl.store import Store
    from warehouse.manifest import Part

SCORING_VERSION = 1
"""Raised when the same maps and boxes would give other scores: parts of an older version are then computed again."""

_TABLES = ("scores", "box_scores")
_KEYS = ("run_id", "params_id", "target_id", "view", "input_size", "image_id", "layer", "head")


@dataclass(frozen=True, slots=True)
class ImageBoxes:
    """An image's boxes, in the order of their ids: `places` is (n, 4) as x, y, width, height in image fractions."""

    box_ids: tuple[str, ...]
    feature_types: tuple[str, ...]
    places: tuple[tuple[float, float, float, float], ...]


_NO_BOXES = ImageBoxes((), (), ())


def score(store: Store, run: Run, *, progress: Progress = SILENT) -> None:
    """Score every map of the draft that is not scored yet, and put the scores into the draft.

    A part of scores is keyed by its maps and the boxes of their images: when neither has changed it is left as it is.
    """
    manifest = store.draft()
    boxes = _boxes(store)
    done: dict[tuple[str, str], dict[str, list[Part]]] = {}
    jobs: list[tuple[Part, dict[str, ImageBoxes], str]] = []
    for part in manifest.parts("maps"):
        of_slice = done.setdefault((repr(part.partition), part.slice), {table: [] for table in _TABLES})
        ids = pq.read_table(store.root / part.file, columns=["image_id"], partitioning=None)["image_id"].unique()
        of_part = {i: boxes.get((part.partition["dataset"], i), _NO_BOXES) for i in ids.to_pylist()}
        key = content_key(SCORING_VERSION, part.key, sorted(of_part.items()))
        found = [store.existing(table, part.partition, part.slice, key) for table in _TABLES]
        if None in found:
            jobs.append((part, of_part, key))
            continue
        run.shards_skipped += 1
        for table, existing in zip(_TABLES, found, strict=True):
            if existing is not None:
                of_slice[table].append(existing)

    task = progress.task("Scoring", sum(part.rows for part, _, _ in jobs), "maps") if jobs else None
    paths = [(store.root / part.file, of_part) for part, of_part, _ in jobs]
    for (part, _, key), tables in zip(jobs, _scored(paths, run.run_id), strict=True):
        run.computes(store)
        for table, rows in zip(_TABLES, tables, strict=True):
            written = store.write(table, part.partition, part.slice, key, rows, run.run_id)
            done[repr(part.partition), part.slice][table].append(written)
        if task is not None:
            task.advance(part.rows)

    partitions = {repr(part.partition): part.partition for part in manifest.parts("maps")}
    with store.edited_draft() as draft:
        for (partition, slice_), of_slice in done.items():
            for table, parts in of_slice.items():
                draft.replace(table, partitions[partition], slice_, parts)
        for table in _TABLES:
            drop_orphans(draft, table, set(done))


def score_part(path: Path, boxes: dict[str, ImageBoxes], run_id: str) -> tuple[pa.Table, pa.Table]:
    """Rows of `scores` and `box_scores` for the maps in one part file, stamped with the run that scores them."""
    # Many small matrix products: a second BLAS thread only waits on the first; other parts use the core better.
    with threadpool_limits(limits=1):
        return _score_maps(pq.read_table(path, partitioning=None), boxes, run_id)


def _score_maps(maps: pa.Table, boxes: dict[str, ImageBoxes], run_id: str) -> tuple[pa.Table, pa.Table]:
    scored_by = pa.repeat(pa.scalar(run_id, pa.string()), len(maps))
    maps = maps.set_column(maps.schema.get_field_index("run_id"), "run_id", scored_by)
    values = maps["values"].combine_chunks()
    flat = values.values.to_numpy().astype(np.float32)
    offsets = values.offsets.to_numpy()
    scores, box_scores = [], []
    for start, stop, image_id, grid, placement in _groups(maps):
        marked = boxes[image_id]
        target = build_target(
            np.array(marked.places, dtype=np.float64).reshape(-1, 4), placement, grid_h=grid[0], grid_w=grid[1]
        )
        result = score_maps(flat[offsets[start] : offsets[stop]].reshape(-1, *grid), target)
        keys = maps.slice(start, stop - start).select(list(_KEYS))
        scores.append(_union_rows(keys, result, target))
        box_scores.append(_box_rows(keys, result, target, marked))
    return pa.concat_tables(scores), pa.concat_tables(box_scores)


def _scored(paths: list[tuple[Path, dict[str, ImageBoxes]]], run_id: str) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Scores of each part, in order, on all cores; a single part is not worth a second process."""
    workers = min(_cores(), len(paths))
    if workers < 2:
        yield from (score_part(path, boxes, run_id) for path, boxes in paths)
        return
    # spawn: the parent may hold torch's threads, which a fork would copy in an unknown state
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(score_part, *zip(*paths, strict=True), repeat(run_id))


def _cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _boxes(store: Store) -> dict[tuple[str, str], ImageBoxes]:
    query = """
        SELECT dataset, image_id, list(box_id ORDER BY box_id), list(feature_type ORDER BY box_id),
               list([x, y, width, height] ORDER BY box_id)
        FROM boxes GROUP BY ALL
    """
    with connect(store.root, draft=True) as catalog:
        rows = catalog.execute(query).fetchall()
    return {
        (dataset, image_id): ImageBoxes(tuple(ids), tuple(types), tuple(tuple(place) for place in places))
        for dataset, image_id, ids, types, places in rows
    }


def _groups(maps: pa.Table) -> Iterator[tuple[int, int, str, tuple[int, int], Placement]]:
    """Runs of rows that share image, grid and placement, and so a target: start, stop, and what they share."""
    ids = maps["image_id"].to_numpy(zero_copy_only=False)
    columns = [ids, *(maps[name].to_numpy() for name in ("grid_h", "grid_w", *PLACEMENT_COLUMNS))]
    changes = np.zeros(len(ids), dtype=bool)
    for column in columns:
        changes[1:] |= column[1:] != column[:-1]
    starts = np.flatnonzero(changes | (np.arange(len(ids)) == 0))
    for start, stop in zip(starts, [*starts[1:], len(ids)], strict=True):
        grid = (int(columns[1][start]), int(columns[2][start]))
        yield int(start), int(stop), str(ids[start]), grid, Placement(*(float(c[start]) for c in columns[3:]))


def _union_rows(keys: pa.Table, result: MapScores, target: Target) -> pa.Table:
    rows = len(keys)
    kept = int(target.kept.sum())
    return _rows(
        "scores",
        keys,
        {
            "outcome": result.outcome,
            "boxes": np.full(rows, kept),
            "boxes_left_out": np.full(rows, len(target.kept) - kept),
            "visible_pixels": np.full(rows, target.visible_pixels),
            "area": np.full(rows, target.area),
            "area_grid": np.full(rows, target.area_grid),
            "iou": _curves(result.iou),
            "energy": result.energy,
        },
    )


def _box_rows(keys: pa.Table, result: MapScores, target: Target, marked: ImageBoxes) -> pa.Table:
    maps, boxes = result.box_energy.shape

    def per_box(values: object) -> NDArray[np.generic]:
        return np.tile(np.asarray(values), maps)

    return _rows(
        "box_scores",
        keys.take(np.repeat(np.arange(maps), boxes)),
        {
            "box_id": per_box(np.asarray(marked.box_ids, dtype=object)),
            "feature_type": per_box(np.asarray(marked.feature_types, dtype=object)),
            "outcome": result.box_outcome.ravel(),
            "visible_fraction": per_box(target.visible_fraction),
            "visible_pixels": np.full(maps * boxes, target.visible_pixels),
            "area": per_box(target.box_area),
            "area_grid": per_box(target.box_area_grid),
            "iou": _curves(result.box_iou.reshape(maps * boxes, len(PERCENTILES))),
            "recall": _curves(result.box_recall.reshape(maps * boxes, len(PERCENTILES))),
            "energy": result.box_energy.ravel(),
        },
    )


def _curves(curves: NDArray[np.float64]) -> pa.ListArray:
    """Rows of curves as lists; a row of NaN is NULL."""
    missing = np.isnan(curves).any(axis=1)
    kept = curves[~missing].astype(np.float16)
    offsets = np.concatenate([[0], np.cumsum(~missing * curves.shape[1])]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(kept.ravel()), mask=pa.array(missing))


def _array(values: object) -> pa.Array:
    return values if isinstance(values, pa.Array) else pa.array(values, from_pandas=True)


def _rows(table: str, keys: pa.Table, columns: dict[str, object]) -> pa.Table:
    schema = TABLES[table].stored_schema
    arrays = [
        keys[field.name].cast(field.type) if field.name in _KEYS else _array(columns[field.name]).cast(field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(
        [a.combine_chunks() if isinstance(a, pa.ChunkedArray) else a for a in arrays], schema=schema
    )
