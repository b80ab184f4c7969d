"""Scores to summaries: mean, spread, interval and chance level of every group that a page or a query asks for.

Groups: all images (every percentile for all heads fused, the headline percentiles for single heads), each style, and
each feature type box by box (headline percentiles, all heads fused).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from etl.progress import SILENT
from etl.stale import drop_orphans
from etl.store import content_key
from ssl_attn.metrics.chance import energy_chance, iou_chance, recall_chance
from ssl_attn.metrics.percentiles import HEADLINE_PERCENTILES, PERCENTILES
from ssl_attn.statistics import cluster_bootstrap
from warehouse.catalog import connect
from warehouse.contract import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import duckdb
    from numpy.typing import NDArray

    from etl.progress import Progress
    from etl.run import Run
    from etl.store import Store
    from warehouse.manifest import Part

    Floats = NDArray[np.float64]

AGGREGATION_VERSION = 1
"""Raised when the same scores would give other summaries: older ones are then computed again."""

_SERIES = ("dataset", "model", "variant", "method", "view", "input_size", "params_id")
_NO_PERCENTILE = -1


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores of one series as arrays: `rows` units (images, or boxes) in each of `places` (layer, head) pairs.

    `iou` and `recall` are (places, rows, percentiles), `energy`, `area`, `area_grid` and `visible_pixels` (places,
    rows); areas and pixels differ between layers only where grids do. `recall` is None for the union. NaN is a missing
    score.
    """

    percentiles: tuple[int, ...]
    places: tuple[tuple[int, int], ...]
    image_ids: NDArray[np.object_]
    keys: NDArray[np.object_]
    iou: Floats
    recall: Floats | None
    energy: Floats
    area: Floats
    area_grid: Floats
    visible_pixels: Floats


def aggregate(store: Store, run: Run, *, progress: Progress = SILENT) -> None:
    """Summarise every series of scores in the draft whose summary is missing or out of date."""
    manifest = store.draft()
    series: dict[tuple[str, str], list[Part]] = {}
    for part in [*manifest.parts("scores"), *manifest.parts("box_scores")]:
        series.setdefault((repr(part.partition), part.slice), []).append(part)
    task = progress.task("Summarising", len(series), "series")
    summaries: list[Part] = []
    with connect(store.root, draft=True) as catalog:
        images = _images(catalog)
        for (_, slice_), parts in series.items():
            partition = {"dataset": parts[0].partition["dataset"]}
            of_dataset = images.get(partition["dataset"], {})
            name = _name(parts[0])
            key = content_key(AGGREGATION_VERSION, sorted(part.key for part in parts), sorted(of_dataset.items()))
            summary = store.existing("aggregates", partition, name, key)
            if summary is None:
                rows = _summarise(catalog, {**parts[0].partition, **_slice_keys(slice_)}, of_dataset)
                run.computes(store)
                summary = store.write("aggregates", partition, name, key, rows, run.run_id)
            else:
                run.shards_skipped += 1
            summaries.append(summary)
            task.advance()
    with store.edited_draft() as draft:
        for summary in summaries:
            draft.replace("aggregates", summary.partition, summary.slice, [summary])
        drop_orphans(draft, "aggregates", {(repr(summary.partition), summary.slice) for summary in summaries})


def _name(scores: Part) -> str:
    """Slice of the aggregates of one slice of scores: the partition keys that aggregates do not have, and it."""
    return "/".join([*(value for key, value in scores.partition.items() if key != "dataset"), scores.slice])


def _slice_keys(slice_: str) -> dict[str, str]:
    view, input_size, params_id = slice_.split("/", 2)
    return {"view": view, "input_size": input_size, "params_id": params_id}


def _images(catalog: duckdb.DuckDBPyConnection) -> dict[str, dict[str, tuple[str, tuple[str, ...]]]]:
    """Source and styles of every image of every data set."""
    found: dict[str, dict[str, tuple[str, tuple[str, ...]]]] = {}
    query = "SELECT dataset, image_id, source_id, style FROM images"
    for dataset, image_id, source, styles in catalog.execute(query).fetchall():
        found.setdefault(dataset, {})[image_id] = (source or image_id, tuple(styles or ()))
    return found


def _summarise(
    catalog: duckdb.DuckDBPyConnection, series: dict[str, str], images: dict[str, tuple[str, tuple[str, ...]]]
) -> pa.Table:
    fused = _load(catalog, "scores", series, "head = -1", PERCENTILES)
    single = _load(catalog, "scores", series, "head >= 0", HEADLINE_PERCENTILES)
    pieces = [_group(fused, images, "all", "all", None, PERCENTILES)]
    pieces.append(_group(single, images, "all", "all", None, HEADLINE_PERCENTILES))
    for style in sorted({style for image in fused.image_ids for style in images[image][1]}):
        chosen = np.array([style in images[image][1] for image in fused.image_ids])
        pieces.append(_group(fused, images, "style", style, chosen, HEADLINE_PERCENTILES))
    boxes = _load(catalog, "box_scores", series, "head = -1", HEADLINE_PERCENTILES)
    for feature_type in sorted(set(boxes.keys)):
        chosen = boxes.keys == feature_type
        pieces.append(_group(boxes, images, "feature_type", feature_type, chosen, HEADLINE_PERCENTILES))
    constants = {**series, "input_size": int(series["input_size"])}
    rows = [{**row, **constants} for piece in pieces for row in piece]
    order = ("group_kind", "group_key", "metric", "percentile", "layer", "head")
    rows.sort(key=lambda row: tuple(row[name] for name in order))
    return pa.Table.from_pylist(rows, schema=TABLES["aggregates"].schema)


def _load(
    catalog: duckdb.DuckDBPyConnection, table: str, series: dict[str, str], heads: str, percentiles: Sequence[int]
) -> Scores:
    """The scores of one series at the heads that an SQL condition names, at some percentiles."""
    of_boxes = table == "box_scores"
    unit, key = ("box_id", "feature_type") if of_boxes else ("image_id", "image_id")
    # A row without a score gets a curve without numbers, so that all are equally long.
    some = f"list_value({', '.join(map(str, percentiles))})"
    curves = [
        f"coalesce(list_select({name}, {some}), list_resize([]::FLOAT[], {len(percentiles)})) AS {name}"
        for name in ("iou", *(["recall"] if of_boxes else []))
    ]
    query = f"""
        SELECT layer, head, image_id, {key} AS key, {", ".join(curves)}, energy, area, area_grid, visible_pixels
        FROM {table}
        WHERE {" AND ".join(f"{name} = ?" for name in _SERIES)} AND {heads}
        ORDER BY layer, head, {unit}
    """
    values = [int(series[name]) if name == "input_size" else series[name] for name in _SERIES]
    rows = catalog.sql(query, params=values).to_arrow_table()
    places = tuple(dict.fromkeys(zip(rows["layer"].to_pylist(), rows["head"].to_pylist(), strict=True)))
    units = len(rows) // len(places) if places else 0

    def numbers(name: str, *inner: int) -> Floats:
        column = rows[name].combine_chunks()
        flat = column.flatten() if inner else column
        return np.asarray(flat.to_numpy(zero_copy_only=False), dtype=np.float64).reshape(len(places), units, *inner)

    return Scores(
        percentiles=tuple(percentiles),
        places=places,
        image_ids=rows["image_id"].to_numpy(zero_copy_only=False)[:units],
        keys=rows["key"].to_numpy(zero_copy_only=False)[:units],
        iou=numbers("iou", len(percentiles)),
        recall=numbers("recall", len(percentiles)) if of_boxes else None,
        energy=numbers("energy"),
        area=numbers("area"),
        area_grid=numbers("area_grid"),
        visible_pixels=numbers("visible_pixels"),
    )


def _group(
    scores: Scores,
    images: dict[str, tuple[str, tuple[str, ...]]],
    kind: str,
    key: str,
    chosen: NDArray[np.bool_] | None,
    percentiles: Sequence[int],
) -> Iterator[dict[str, object]]:
    """Rows of one group: every metric, percentile, layer and head in it, from one bootstrap."""
    rows = np.ones(len(scores.image_ids), dtype=bool) if chosen is None else chosen
    ids = scores.image_ids[rows]
    if not scores.places or not len(ids):
        return
    clusters = np.array([images[image][0] for image in ids])
    columns = list(_columns(scores, rows, percentiles))
    values = np.concatenate([value for _, _, value, _ in columns], axis=0).T
    chances = np.concatenate([chance for _, _, _, chance in columns], axis=0).T
    interval = cluster_bootstrap(values, clusters)
    present = ~np.isnan(values)
    counted = present.sum(axis=0)
    chance = np.where(present, chances, 0.0).sum(axis=0) / np.where(counted > 0, counted, np.nan)
    labels = [(metric, percentile, *place) for metric, percentile, _, _ in columns for place in scores.places]
    for column, (metric, percentile, layer, head) in enumerate(labels):
        yield {
            "layer": layer,
            "head": head,
            "group_kind": kind,
            "group_key": key,
            "metric": metric,
            "percentile": percentile,
            "n": int(interval.n[column]),
            "n_images": len(set(ids[present[:, column]])),
            "n_sources": int(interval.n_clusters[column]),
            "n_left_out": int(len(ids) - interval.n[column]),
            "mean": _number(interval.mean[column]),
            "sd": _number(interval.sd[column]),
            "ci_low": _number(interval.low[column]),
            "ci_high": _number(interval.high[column]),
            "chance": _number(chance[column]),
        }


def _number(value: float) -> float | None:
    """A number, or None where there is none."""
    return None if np.isnan(value) else float(value)


def _columns(
    scores: Scores, rows: NDArray[np.bool_], percentiles: Sequence[int]
) -> Iterator[tuple[str, int, Floats, Floats]]:
    """Metric, percentile, values (places, units) and chance levels of the same shape."""
    area, pixels = scores.area[:, rows], scores.visible_pixels[:, rows]
    for percentile in percentiles:
        index = scores.percentiles.index(percentile)
        yield "iou", percentile, scores.iou[:, rows, index], iou_chance(area, pixels, percentile)
        if scores.recall is not None:
            yield "recall", percentile, scores.recall[:, rows, index], recall_chance(pixels, percentile)
    yield "energy", _NO_PERCENTILE, scores.energy[:, rows], energy_chance(scores.area_grid[:, rows])
