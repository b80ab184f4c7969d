"""Stored maps against the boxes of their images: a piece of scores for each part of maps."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from etl.pieces import Job, Piece, Place
from etl.scoring.framings import target_of
from etl.scoring.keys import score_keys
from etl.scoring.rows import KEYS, box_rows, union_rows
from ssl_attn.geometry import PLACEMENT_COLUMNS, Placement
from ssl_attn.methods import FUSED
from ssl_attn.metrics.scoring import MapScores, score_maps

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from etl.scoring.framings import Framing, FramingKey, Grid, ImageBoxes
    from etl.scoring.map_series import MapPart, MapSeries
    from ssl_attn.metrics.target import Target

    Floats = NDArray[np.float64]


def map_pieces(
    root: Path, series: Sequence[MapSeries], framings: Mapping[FramingKey, Framing], run_id: str, *, native_emd: bool
) -> Iterator[Piece]:
    """Scores of every map of the series, keyed by the maps and by the boxes of all images laid as theirs are.

    All images, since the others' boxes are the negatives of shuffled AUC.
    """
    for each in series:
        for mapped in each.parts:
            part = mapped.part
            digests = [framings[frame.framing].digest for frame in mapped.frames]
            yield Piece(
                places=tuple(Place(table, part.partition, part.slice) for table in ("scores", "box_scores")),
                keys=score_keys("maps", part.key, digests, native_emd=native_emd),
                units=part.rows,
                count=1,
                jobs=partial(_jobs, root / part.file, mapped, framings, run_id, native_emd=native_emd),
            )


def _jobs(
    path: Path, mapped: MapPart, framings: Mapping[FramingKey, Framing], run_id: str, *, native_emd: bool
) -> Iterator[Job]:
    of_frame = {frame.name: framings[frame.framing] for frame in mapped.frames}
    ids = pq.read_table(path, columns=["image_id"], partitioning=None)["image_id"].unique().to_pylist()
    images = next(iter(of_frame.values())).images
    boxes = {image_id: images[image_id].boxes for image_id in ids}
    totals = {frame.name: of_frame[frame.name].total(frame.grid) for frame in mapped.frames}
    yield Job(partial(score_part, path, boxes, totals, run_id, native_emd=native_emd), mapped.part.rows)


def score_part(
    path: Path, boxes: Mapping[str, ImageBoxes], totals: Mapping[str, Floats], run_id: str, *, native_emd: bool = False
) -> tuple[pa.Table, pa.Table]:
    """Rows of `scores` and `box_scores` for the maps in one part file, stamped with the run that scores them.

    `boxes` are those of its images, `totals` the sum of all images' coverages in each of its frames.
    """
    maps = pq.read_table(path, partitioning=None)
    scored_by = pa.repeat(pa.scalar(run_id, pa.string()), len(maps))
    maps = maps.set_column(maps.schema.get_field_index("run_id"), "run_id", scored_by)
    values = maps["values"].combine_chunks()
    flat = values.values.to_numpy().astype(np.float32)
    offsets = values.offsets.to_numpy()
    fused = maps["head"].to_numpy() == FUSED
    scores, box_scores = [], []
    for start, stop, image_id, frame, grid, placement in _groups(maps):
        target = target_of(boxes[image_id], placement, grid, totals[frame])
        of_image = flat[offsets[start] : offsets[stop]].reshape(-1, *grid)
        result = _score_fused(of_image, target, fused[start:stop], native_emd=native_emd)
        keys = maps.slice(start, stop - start).select(list(KEYS))
        scores.append(union_rows(keys, result, target))
        box_scores.append(box_rows(keys, result, target, boxes[image_id]))
    return pa.concat_tables(scores), pa.concat_tables(box_scores)


def _groups(maps: pa.Table) -> Iterator[tuple[int, int, str, str, Grid, Placement]]:
    """Runs of rows that share image and frame, and so a target: start, stop, image, frame, grid and placement."""
    names = [maps[name].to_numpy(zero_copy_only=False) for name in ("image_id", "frame")]
    changes = np.zeros(len(maps), dtype=bool)
    for column in names:
        changes[1:] |= column[1:] != column[:-1]
    starts = np.flatnonzero(changes | (np.arange(len(maps)) == 0))
    numbers = [maps[name].to_numpy()[starts].tolist() for name in ("grid_h", "grid_w", *PLACEMENT_COLUMNS)]
    stops = [*starts[1:], len(maps)]
    for start, stop, grid_h, grid_w, *placement in zip(starts, stops, *numbers, strict=True):
        image_id, frame = (str(column[start]) for column in names)
        yield int(start), int(stop), image_id, frame, (grid_h, grid_w), Placement(*placement)


def _score_fused(
    values: NDArray[np.floating], target: Target, fused: NDArray[np.bool_], *, native_emd: bool
) -> MapScores:
    """`score_maps` of maps `(m, grid_h, grid_w)`, the native distance for the `fused` `(m,)` alone: it is slow."""
    if fused.all():
        return score_maps(values, target, native_emd=native_emd)
    result = score_maps(values, target)
    if native_emd and fused.any():
        with_distance = score_maps(values[fused], target, native_emd=True)
        result.scalars["emd_native"][fused] = with_distance.scalars["emd_native"]
    return result
