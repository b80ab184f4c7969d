"""Baselines that need no model, and chance by drawing: rows of scores and nulls for every frame that maps lie in."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from etl.pieces import Job, Piece, Place
from etl.scoring.framings import target_of
from etl.scoring.keys import score_keys
from etl.scoring.rows import box_rows, key_rows, no_rows, null_rows, union_rows
from ssl_attn.baselines import BASELINE_MODEL, BASELINES, MODEL_FREE
from ssl_attn.baselines.annotation import box_prior, ceiling, ceiling_of_ranks
from ssl_attn.baselines.image import edges
from ssl_attn.baselines.position import centre_gaussian, patch_random, uniform, zero
from ssl_attn.images import open_image
from ssl_attn.methods import FUSED, WHOLE_MODEL
from ssl_attn.methods.maps import NO_TARGET
from ssl_attn.metrics import METRICS
from ssl_attn.metrics.scoring import MapScores, score_maps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from etl.scoring.framings import Frame, FramedImage, Framing, FramingKey
    from ssl_attn.metrics.target import Target

    Floats = NDArray[np.float64]

# One piece is what a killed run loses; one job keeps a core busy for a second.
_IMAGES_PER_PIECE = 512
_IMAGES_PER_JOB = 8

_DRAWN = tuple(sorted(metric.name for metric in METRICS.values() if metric.null == "monte_carlo"))
_RANKED = ("auroc", "shuffled_auc", "average_precision", "nss")
_SOFT = tuple(metric.name for metric in METRICS.values() if metric.target == "soft")


@dataclass(frozen=True, slots=True)
class _Frame:
    """What jobs on one frame share: the keys of their rows, the grid, and the sum of all images' coverages on it."""

    keys: dict[str, object]
    grid: tuple[int, int]
    total: Floats


@dataclass(frozen=True, slots=True)
class _Image:
    """An image to be scored, its picture, and the box prior's share of the total that is left out for it.

    `others` is how many images the prior is the mean of.
    """

    framed: FramedImage
    picture: Path
    same_source: Floats
    others: int


def baseline_pieces(
    root: Path,
    frames: Mapping[Frame, Sequence[str]],
    framings: Mapping[FramingKey, Framing],
    run_id: str,
    *,
    native_emd: bool,
) -> Iterator[Piece]:
    """Scores of the model-free baselines and the nulls, for each frame and the images that maps in it are of.

    They are keyed by all boxes, places and sources in the framing, and by the images' pictures.
    """
    registry = [(name, BASELINES[name].parameters) for name in MODEL_FREE]
    for frame, image_ids in frames.items():
        framing = framings[frame.framing]
        slice_ = f"{frame.view}/{frame.input_size}"
        nulls = Place("nulls", {"dataset": frame.dataset}, f"{slice_}/{frame.name}")
        of_methods = tuple(
            Place(table, _partition(frame, name), f"{slice_}/{name}")
            for name in MODEL_FREE
            for table in ("scores", "box_scores")
        )
        for start in range(0, len(image_ids), _IMAGES_PER_PIECE):
            images = [framing.images[image_id] for image_id in image_ids[start : start + _IMAGES_PER_PIECE]]
            pictures = [(image.image_id, image.preview) for image in images]
            content = ("baselines", registry, frame, framing.digest, framing.sources_digest, pictures)
            yield Piece(
                places=(*of_methods, nulls),
                keys=score_keys(*content, native_emd=native_emd),
                units=len(images),
                count=-(-len(images) // _IMAGES_PER_JOB),
                jobs=partial(_jobs, root, frame, framing, images, run_id, native_emd=native_emd),
            )


def _partition(frame: Frame, baseline: str) -> dict[str, str]:
    return {"dataset": frame.dataset, "model": BASELINE_MODEL, "variant": frame.name, "method": baseline}


def _jobs(
    root: Path, frame: Frame, framing: Framing, images: Sequence[FramedImage], run_id: str, *, native_emd: bool
) -> Iterator[Job]:
    keys = {"run_id": run_id, "view": frame.view, "input_size": frame.input_size, "frame": frame.name}
    shared = _Frame(keys, frame.grid, framing.total(frame.grid))
    for start in range(0, len(images), _IMAGES_PER_JOB):
        batch = []
        for image in images[start : start + _IMAGES_PER_JOB]:
            same_source, marked = framing.same_source(image.source, frame.grid)
            batch.append(_Image(image, root / image.preview, same_source, framing.marked - marked))
        yield Job(partial(score_baselines, shared, batch, native_emd=native_emd), len(batch))


def score_baselines(shared: _Frame, images: Sequence[_Image], *, native_emd: bool = False) -> tuple[pa.Table, ...]:
    """Rows of `scores` and `box_scores` for each of `MODEL_FREE` in turn, then rows of `nulls`."""
    scores: dict[str, list[pa.Table]] = {name: [no_rows("scores")] for name in MODEL_FREE}
    box_scores: dict[str, list[pa.Table]] = {name: [no_rows("box_scores")] for name in MODEL_FREE}
    nulls = [no_rows("nulls")]
    for image in images:
        boxes = image.framed.boxes
        target = target_of(boxes, image.framed.placement, shared.grid, shared.total)
        drawn = _score_draws(target, image.framed.image_id, str(shared.keys["frame"]))
        nulls.append(_null_rows(drawn, target, image, shared))
        single = _maps(image, target, shared)
        result = score_maps(np.stack(list(single.values())), target, native_emd=native_emd)
        of_methods = {n: _each(result, itemgetter(slice(row, row + 1))) for row, n in enumerate(single)}
        of_methods["patch_random"] = _mean(drawn)
        for name, of_method in of_methods.items():
            keys = _keys(shared, image, name, 1)
            scores[name].append(union_rows(keys, of_method, target))
            box_scores[name].append(box_rows(keys, of_method, target, boxes))
        of_union, of_boxes = _ceiling_rows(target, image, shared, native_emd=native_emd)
        scores["ceiling"].append(of_union)
        box_scores["ceiling"].append(of_boxes)
    of_all = [pa.concat_tables(rows[name]) for name in MODEL_FREE for rows in (scores, box_scores)]
    return (*of_all, pa.concat_tables(nulls))


def _keys(shared: _Frame, image: _Image, baseline: str, rows: int) -> pa.Table:
    of_map = {"params_id": baseline, "target_id": NO_TARGET.target_id, "layer": WHOLE_MODEL, "head": FUSED}
    return key_rows({**shared.keys, **of_map, "image_id": image.framed.image_id}, rows)


def _maps(image: _Image, target: Target, shared: _Frame) -> dict[str, Floats]:
    """Every baseline that is one map for all targets. Without images of another source there is no box prior."""
    grid_h, grid_w = shared.grid
    placement, visible = image.framed.placement, target.visible_share
    grey = np.asarray(open_image(image.picture).convert("L"))
    maps = {
        "uniform": uniform(visible),
        "zero": zero(visible),
        "centre_gaussian": centre_gaussian(placement, grid_h=grid_h, grid_w=grid_w),
        "edge": edges(grey, placement, grid_h=grid_h, grid_w=grid_w),
    }
    if image.others:
        maps["box_prior"] = box_prior(shared.total, image.same_source, image.others, visible)
    return maps


def _score_draws(target: Target, image_id: str, frame: str) -> MapScores:
    """Scores of all patch-random maps; of a single one where there is no box to score against."""
    draws = patch_random(target.visible_share, image_id=image_id, frame=frame)
    return score_maps(draws if target.kept.any() else draws[:1], target)


def _mean(draws: MapScores) -> MapScores:
    """The scores of many maps as those of one: the mean of each number, the outcome that they share."""
    return _each(draws, lambda values: values[:1] if values.dtype.kind == "U" else values.mean(axis=0, keepdims=True))


def _each(scores: MapScores, change: Callable[[NDArray[Any]], NDArray[Any]]) -> MapScores:
    """The scores with every array, all of which have a first axis of maps, changed."""
    changed: dict[str, Any] = {}
    for field in fields(scores):
        value = getattr(scores, field.name)
        is_dict = isinstance(value, dict)
        changed[field.name] = {name: change(values) for name, values in value.items()} if is_dict else change(value)
    return MapScores(**changed)


def _ceiling_rows(target: Target, image: _Image, shared: _Frame, *, native_emd: bool) -> tuple[pa.Table, pa.Table]:
    """The best answers to each question: against the union a map of the union, against each box a map of that box.

    Metrics against the soft target are those of the soft target; the others are those of the cells' shares in the
    target, for ranks without what other features cover.
    """
    boxes, kept = image.framed.boxes, target.kept
    if target.soft is None:
        nothing = score_maps(zero(target.visible_share)[None], target)
        keys = _keys(shared, image, "ceiling", 1)
        return union_rows(keys, nothing, target), box_rows(keys, nothing, target, boxes)
    visible = target.visible_share
    answers: dict[tuple[str, ...], Floats] = {
        (): ceiling(target.coverage, visible),
        _RANKED: ceiling_of_ranks(target.coverage, target.outside),
        _SOFT: target.soft.grid,
    }
    keys = _keys(shared, image, "ceiling", len(target.soft.grid))
    # Map 0 is the union's if there is one, the others are the kept boxes'; hidden boxes have no score of any map.
    own_map = np.zeros(len(kept), dtype=np.int64)
    own_map[kept] = np.arange(int(target.has_union), len(keys))
    own_row = own_map * len(kept) + np.arange(len(kept))
    of_union, of_boxes = None, None
    for metrics, maps in answers.items():
        result = score_maps(maps, target, native_emd=native_emd and metrics == _SOFT)
        of_union = _merged(of_union, union_rows(keys, result, target).slice(0, 1), metrics)
        of_boxes = _merged(of_boxes, box_rows(keys, result, target, boxes).take(own_row), metrics)
    return of_union, of_boxes


def _merged(rows: pa.Table | None, others: pa.Table, metrics: Sequence[str]) -> pa.Table:
    """Rows with some metrics taken from others; the others where there are none yet."""
    if rows is None:
        return others
    for name in set(metrics) & set(rows.column_names):
        rows = rows.set_column(rows.column_names.index(name), rows.schema.field(name), others[name])
    return rows


def _null_rows(draws: MapScores, target: Target, image: _Image, shared: _Frame) -> pa.Table:
    """Mean and standard error over the draws of each metric without a closed form, for the union and each kept box."""
    names = ["", *image.framed.boxes.box_ids]
    scored = [0, *(1 + np.flatnonzero(target.kept))]
    rows: dict[str, list[object]] = {name: [] for name in ("box_id", "metric", "mean", "standard_error", "draws")}
    values = np.stack([np.column_stack([draws.scalars[m], draws.box_scalars[m]]) for m in _DRAWN], axis=2)
    for index in scored if target.kept.any() else []:
        for metric, drawn in zip(_DRAWN, values[:, index].T, strict=True):
            # a metric can be undefined for a target, and then is in every map
            if np.isfinite(drawn).all():
                number = (names[index], metric, drawn.mean(), drawn.std(ddof=1) / np.sqrt(len(drawn)), len(drawn))
                for name, value in zip(rows, number, strict=True):
                    rows[name].append(value)
    return null_rows({**shared.keys, "image_id": image.framed.image_id, **rows}, len(rows["mean"]))
