"""Groups of scores (all images, a style, a feature type, a stratum of box size) and what is said of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from ssl_attn.metrics.box_sizes import BOX_SIZES, box_sizes
from ssl_attn.metrics.percentiles import HEADLINE_PERCENTILES
from ssl_attn.statistics.bootstrap import cluster_bootstrap, cluster_sums
from ssl_attn.statistics.moments import moments, ratio

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import duckdb
    from numpy.typing import NDArray

    from etl.aggregation.score_arrays import Column, ScoreArrays
    from ssl_attn.statistics.bootstrap import IntervalKind

    Floats = NDArray[np.float64]
    Rows = NDArray[np.intp]
    Block = dict[str, NDArray[np.generic]]

Intervals = Literal["bca", "percentile", "none"]

HEAD_FEATURE_COLUMNS: tuple[Column, ...] = (("iou", 90), ("recall", 90), ("energy", -1), ("auroc", -1))
"""Metrics and percentiles of the head x feature matrix: its cells are many, so they hold few numbers."""

# What BCa corrects for costs a jackknife: it is spent where tables and pages look first.
_BCA_PERCENTILES = (-1, *HEADLINE_PERCENTILES)


@dataclass(frozen=True, slots=True)
class Marked:
    """What groups are made by.

    Each image's source and styles; feature type and stratum of size of each (image, box); the feature types that are
    distractors; the descendants of each feature type that has narrower ones of its own role, itself among them.
    """

    sources: Mapping[str, str]
    styles: Mapping[str, tuple[str, ...]]
    boxes: Mapping[tuple[str, str], tuple[str, str]]
    distractors: frozenset[str]
    descendants: Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """The units of one group, as their places in `ScoreArrays`."""

    kind: str
    key: str
    rows: Rows


def read_marked(catalog: duckdb.DuckDBPyConnection, dataset: str) -> Marked:
    """The images, boxes and feature types of one data set."""

    def rows(query: str) -> list[tuple[str, ...]]:
        return catalog.execute(f"{query} WHERE dataset = ?", [dataset]).fetchall()

    images = rows("SELECT image_id, coalesce(nullif(source_id, ''), image_id), style FROM images")
    boxes = rows("SELECT image_id, box_id, feature_type, area FROM boxes")
    features = rows("SELECT feature_type, parent, distractor FROM feature_types")
    distractors = frozenset(feature for feature, _, distractor in features if distractor)
    # features and distractors answer different questions, so neither is counted into the other
    parents = {
        feature: tuple(p for p in of_feature or () if (p in distractors) == (feature in distractors))
        for feature, of_feature, _ in features
    }
    sizes = box_sizes([float(area) for *_, area in boxes]).tolist()
    return Marked(
        sources={image: source for image, source, _ in images},
        styles={image: tuple(styles or ()) for image, _, styles in images},
        boxes={(image, box): (feature, size) for (image, box, feature, _), size in zip(boxes, sizes, strict=True)},
        distractors=distractors,
        descendants=descendants(parents),
    )


def descendants(parents: Mapping[str, Iterable[str]]) -> dict[str, frozenset[str]]:
    """Every feature type that has narrower ones, with all of those, however deep, and itself."""
    children: dict[str, set[str]] = {}
    for feature, broader in parents.items():
        for parent in broader:
            children.setdefault(parent, set()).add(feature)
    found = {}
    for feature in children:
        reached, ahead = {feature}, [feature]
        while ahead:
            new = children.get(ahead.pop(), set()) - reached
            reached |= new
            ahead.extend(new)
        found[feature] = frozenset(reached)
    return found


def everything(scores: ScoreArrays) -> Group:
    """All units as one group."""
    return Group("all", "all", np.arange(len(scores.images)))


def style_groups(scores: ScoreArrays, marked: Marked) -> Iterator[Group]:
    """The images of each style; an image of two styles is in both."""
    styles = [marked.styles[image] for image in scores.images]
    for style in sorted({style for of_image in styles for style in of_image}):
        yield Group("style", style, np.flatnonzero([style in of_image for of_image in styles]))


def box_groups(boxes: ScoreArrays, marked: Marked) -> Iterator[Group]:
    """The boxes of each feature type, of each with its descendants, and the features of each stratum of size."""
    features = feature_groups(boxes, marked)
    yield from features
    places = {group.key: group.rows for group in features}
    for feature, among in sorted(marked.descendants.items()):
        rows = [places[narrower] for narrower in among if narrower in places]
        if rows:
            yield Group("feature_rollup", feature, np.sort(np.concatenate(rows)))
    sizes = np.array(["" if kind in marked.distractors else size for kind, size in _of_boxes(boxes, marked)])
    for size in BOX_SIZES:
        if (sizes == size).any():
            yield Group("box_size", size, np.flatnonzero(sizes == size))


def feature_groups(boxes: ScoreArrays, marked: Marked) -> list[Group]:
    """The boxes of each feature type."""
    features = np.array([feature for feature, _ in _of_boxes(boxes, marked)], dtype=object)
    return [Group("feature_type", str(key), np.flatnonzero(features == key)) for key in sorted(set(features))]


def _of_boxes(boxes: ScoreArrays, marked: Marked) -> list[tuple[str, str]]:
    """Feature type and stratum of size of each box."""
    return [marked.boxes[image, box] for image, box in zip(boxes.images, boxes.boxes, strict=True)]


def summarise(scores: ScoreArrays, group: Group, marked: Marked, intervals: Intervals) -> Block:
    """Columns of `aggregates` for one group: a row for each place and each column of `scores`.

    Intervals are of the given kind, but BCa ones stand only at the percentiles where tables and pages look first; at
    the others they are percentile intervals.
    """
    values = _by_unit(scores.values, group.rows)
    names = scores.images[group.rows]
    images, sources = (
        np.unique(labels, return_inverse=True)[1] for labels in (names, [marked.sources[i] for i in names])
    )
    percentiles = np.tile([percentile for _, percentile in scores.columns], len(scores.layers))
    corrected = np.isin(percentiles, _BCA_PERCENTILES) & (intervals == "bca")
    present = ~np.isnan(values)
    kinds = np.full(len(percentiles), "none", dtype=object)
    low, high = np.full((2, len(percentiles)), np.nan)
    if intervals != "none":
        parts: tuple[tuple[IntervalKind, NDArray[np.bool_]], ...] = (("bca", corrected), ("percentile", ~corrected))
        for kind, chosen in parts:
            found = cluster_bootstrap(values[:, chosen], sources, kind=kind)
            low[chosen], high[chosen] = found.low, found.high
            kinds[chosen] = np.where(np.isnan(found.low), "none", kind)
    summary = moments(values)
    chances = np.where(present, _by_unit(scores.chances, group.rows), np.nan)
    constant = np.repeat(scores.constant[:, group.rows].T, len(scores.columns), axis=1)
    rows = len(percentiles)
    return {
        "layer": np.repeat(scores.layers, len(scores.columns)),
        "head": np.repeat(scores.heads, len(scores.columns)),
        "group_kind": np.full(rows, group.kind, dtype=object),
        "group_key": np.full(rows, group.key, dtype=object),
        "metric": np.tile(np.array([metric for metric, _ in scores.columns], dtype=object), len(scores.layers)),
        "percentile": percentiles,
        "n": summary.n,
        "n_images": _distinct(present, images),
        "n_sources": _distinct(present, sources),
        "n_left_out": len(group.rows) - summary.n,
        "n_constant": (present & constant).sum(axis=0),
        "mean": summary.mean,
        "sd": summary.sd,
        "ci_low": low,
        "ci_high": high,
        "ci_kind": kinds,
        "chance": ratio(np.where(np.isnan(chances), 0.0, chances).sum(axis=0), (~np.isnan(chances)).sum(axis=0)),
    }


def _by_unit(array: NDArray[np.float32], rows: Rows) -> NDArray[np.float32]:
    """(places, units, columns) as (rows, places x columns)."""
    return array[:, rows].transpose(1, 0, 2).reshape(len(rows), -1)


def _distinct(present: NDArray[np.bool_], labels: NDArray[np.intp]) -> NDArray[np.int64]:
    """How many labels have a value in each column."""
    counted: NDArray[np.int64] = (cluster_sums(present.astype(np.float32), labels) > 0).sum(axis=0)
    return counted
