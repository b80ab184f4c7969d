"""Baselines made of a series' own maps: does a model look at this image, or at the same places in all of them?"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property, lru_cache, partial
from typing import IO, TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from etl.pieces import Job, Piece, Place
from etl.scoring.framings import target_of
from etl.scoring.keys import score_keys
from etl.scoring.rows import box_rows, key_rows, no_rows, union_rows
from ssl_attn.baselines import BASELINES, OWN_MAPS
from ssl_attn.baselines.own_maps import donors, mean_map, scaled
from ssl_attn.baselines.position import uniform
from ssl_attn.methods import FUSED
from ssl_attn.metrics.scoring import score_maps

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from etl.scoring.framings import Frame, FramedImage, Framing, FramingKey
    from etl.scoring.map_series import MapSeries

    Floats = NDArray[np.float64]
    # Layer and target of each of an image's maps in a frame.
    Rows = tuple[tuple[int, str], ...]

# One piece is what a killed run loses; one job keeps a core busy for a second.
_IMAGES_PER_PIECE = 512
_IMAGES_PER_JOB = 8

_COLUMNS = ("image_id", "layer", "head", "frame", "target_id", "values")


@dataclass(frozen=True, slots=True)
class _StandIns:
    """What is put in the place of one image's maps in one frame: `maps` (baselines, n, grid_h, grid_w).

    Baselines come in the order of `OWN_MAPS`; `keys` are those of the n maps' rows, `total` is the sum of all images'
    coverages of the grid.
    """

    image: FramedImage
    keys: dict[str, object]
    maps: Floats
    total: Floats


def own_map_pieces(
    root: Path, series: Sequence[MapSeries], framings: Mapping[FramingKey, Framing], run_id: str, *, native_emd: bool
) -> Iterator[Piece]:
    """Scores of the baselines that are made of each series' own maps, keyed by all of these, by boxes and sources.

    They stand beside the series, as methods of the same model and parameters.
    """
    registry = [(name, BASELINES[name].parameters) for name in OWN_MAPS]
    for each in series:
        maps = sorted(mapped.part.key for mapped in each.parts)
        used = sorted({frame.framing for mapped in each.parts for frame in mapped.frames})
        digests = [(framings[key].digest, framings[key].sources_digest) for key in used]
        places = tuple(
            Place(
                table,
                {**each.partition, "method": BASELINES[name].method_of(each.partition["method"])},
                each.slice,
            )
            for name in OWN_MAPS
            for table in ("scores", "box_scores")
        )
        fused = _FusedMaps(root, each, framings)
        images = sum(mapped.images for mapped in each.parts)
        for start in range(0, images, _IMAGES_PER_PIECE):
            stop = min(start + _IMAGES_PER_PIECE, images)
            yield Piece(
                places=places,
                keys=score_keys("own maps", registry, maps, digests, start, stop, native_emd=native_emd),
                units=stop - start,
                count=-(-(stop - start) // _IMAGES_PER_JOB),
                jobs=partial(_jobs, fused, start, stop, run_id, native_emd=native_emd),
            )


def _jobs(fused: _FusedMaps, start: int, stop: int, run_id: str, *, native_emd: bool) -> Iterator[Job]:
    for first in range(start, stop, _IMAGES_PER_JOB):
        images = fused.images[first : min(first + _IMAGES_PER_JOB, stop)]
        stand_ins = [found for image_id in images for found in fused.stand_ins(image_id, run_id)]
        yield Job(partial(score_stand_ins, stand_ins, native_emd=native_emd), len(images))
    if stop == len(fused.images):
        fused.release()


def score_stand_ins(stand_ins: Sequence[_StandIns], *, native_emd: bool = False) -> tuple[pa.Table, ...]:
    """Rows of `scores` and `box_scores` for each of `OWN_MAPS` in turn."""
    tables = [[no_rows(table)] for _ in OWN_MAPS for table in ("scores", "box_scores")]
    for each in stand_ins:
        boxes = each.image.boxes
        target = target_of(boxes, each.image.placement, each.total.shape, each.total)
        keys = key_rows(each.keys, each.maps.shape[1])
        for number, maps in enumerate(each.maps):
            result = score_maps(maps * uniform(target.visible_share), target, native_emd=native_emd)
            tables[2 * number].append(union_rows(keys, result, target))
            tables[2 * number + 1].append(box_rows(keys, result, target, boxes))
    # A piece is sorted as its maps are; only where layers have frames of their own do images come in several runs.
    return tuple(pa.concat_tables(rows).sort_by(_order(rows[0])) for rows in tables)


def _order(rows: pa.Table) -> list[tuple[str, str]]:
    names = ("image_id", "layer", "head", "target_id", *(["box_id"] if "box_id" in rows.column_names else []))
    return [(name, "ascending") for name in names]


@dataclass
class _Sums:
    """Sums of scaled maps, layer by layer, and how many of them are not zero."""

    maps: dict[int, Floats] = field(default_factory=dict)
    counts: dict[int, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, rows: Rows, values: NDArray[np.float16]) -> None:
        """Add one image's maps `(n, cells)`, one after the other."""
        for (layer, _), values_of_map in zip(rows, scaled(values), strict=True):
            self.maps[layer] = self.maps.get(layer, 0.0) + values_of_map
            self.counts[layer] += bool(values_of_map.any())


class _FrameMaps:
    """The fused maps of one series in one frame. Values are on disk, since there may be many; sums are in memory.

    `file` takes the values, and can be closed once the object is `sealed`.
    """

    def __init__(self, frame: Frame, framing: Framing, file: IO[bytes]) -> None:
        self.frame = frame
        self.framing = framing
        self.rows: dict[str, Rows] = {}
        self._patterns: dict[Rows, Rows] = {}
        self._starts: dict[str, int] = {}
        self._of_source: dict[str, list[str]] = defaultdict(list)
        self._file = file
        self._written = 0
        self._values = np.empty((0, 0), dtype=np.float16)
        self._total = _Sums()
        # Images come in the order of their ids, where those of one source are often neighbours.
        self._same_source = lru_cache(maxsize=8)(self._sum_source)

    def add(self, image_id: str, rows: Rows, values: NDArray[np.float16]) -> None:
        """Add one image's maps `(n, cells)`; images come in order."""
        # Most images have the same layers and targets: one tuple for all of them.
        self.rows[image_id] = self._patterns.setdefault(rows, rows)
        self._starts[image_id] = self._written
        self._of_source[self.framing.images[image_id].source].append(image_id)
        self._total.add(rows, values)
        self._file.write(values.tobytes())
        self._written += len(rows)

    def sealed(self) -> _FrameMaps:
        """The same, after the last image: values can be looked up."""
        self._file.flush()
        grid_h, grid_w = self.frame.grid
        self._values = np.memmap(self._file, dtype=np.float16, mode="r", shape=(self._written, grid_h * grid_w))
        return self

    @cached_property
    def _donors(self) -> dict[str, str | None]:
        ids = list(self.rows)
        given = donors(ids, [self.framing.images[image_id].source for image_id in ids])
        return {image_id: None if index is None else ids[index] for image_id, index in zip(ids, given, strict=True)}

    def _of(self, image_id: str) -> NDArray[np.float16]:
        start = self._starts[image_id]
        return self._values[start : start + len(self.rows[image_id])]

    def _sum_source(self, source: str) -> _Sums:
        sums = _Sums()
        for image_id in self._of_source[source]:
            sums.add(self.rows[image_id], self._of(image_id))
        return sums

    def stand_ins(self, image_id: str) -> Floats | None:
        """Mean map and another image's map for each map of an image, `(2, n, grid_h, grid_w)`.

        None where no map is of another source.
        """
        donor = self._donors[image_id]
        if donor is None:
            return None
        same = self._same_source(self.framing.images[image_id].source)
        of_donor = {layer: row for row, (layer, _) in reversed(list(enumerate(self.rows[donor])))}
        layers = [layer for layer, _ in self.rows[image_id]]
        total = self._total
        means = [mean_map(total.maps[k], total.counts[k], same.maps[k], same.counts[k]) for k in layers]
        others = self._of(donor)[[of_donor[k] for k in layers]].astype(np.float64)
        return np.stack([np.stack(means), others]).reshape(len(OWN_MAPS), len(layers), *self.frame.grid)


class _FusedMaps:
    """The fused maps of one series, read when they are first needed."""

    def __init__(self, root: Path, series: MapSeries, framings: Mapping[FramingKey, Framing]) -> None:
        self._root = root
        self._series = series
        self._framings = framings

    @cached_property
    def _frames(self) -> dict[str, _FrameMaps]:
        frames = {frame.name: frame for mapped in self._series.parts for frame in mapped.frames}
        with ExitStack() as files:
            found = {
                name: _FrameMaps(frame, self._framings[frame.framing], files.enter_context(tempfile.TemporaryFile()))
                for name, frame in frames.items()
            }
            for mapped in self._series.parts:
                path = self._root / mapped.part.file
                maps = pq.read_table(path, columns=list(_COLUMNS), filters=pc.field("head") == FUSED, partitioning=None)
                for image_id, frame, rows, values in _by_image(maps):
                    found[frame].add(image_id, rows, values)
            return {name: maps.sealed() for name, maps in found.items()}

    @cached_property
    def images(self) -> list[str]:
        """Every image of the series, in order."""
        return sorted({image_id for maps in self._frames.values() for image_id in maps.rows})

    def release(self) -> None:
        """Let go of what was read: it will not be needed again."""
        vars(self).pop("_frames", None)
        vars(self).pop("images", None)

    def stand_ins(self, image_id: str, run_id: str) -> Iterator[_StandIns]:
        """What is put in the place of an image's maps, frame by frame."""
        for maps in self._frames.values():
            values = maps.stand_ins(image_id) if image_id in maps.rows else None
            if values is None:
                continue
            frame, layers = maps.frame, maps.rows[image_id]
            keys = {
                "run_id": run_id,
                "params_id": self._series.params_id,
                "target_id": [target_id for _, target_id in layers],
                "view": frame.view,
                "input_size": frame.input_size,
                "frame": frame.name,
                "image_id": image_id,
                "layer": [layer for layer, _ in layers],
                "head": FUSED,
            }
            yield _StandIns(maps.framing.images[image_id], keys, values, maps.framing.total(frame.grid))


def _by_image(maps: pa.Table) -> Iterator[tuple[str, str, Rows, NDArray[np.float16]]]:
    """Maps of each image and frame in the order of rows: image, frame, layers and targets, values `(n, cells)`."""
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    ids, frames, layers, targets = (maps[name].to_pylist() for name in ("image_id", "frame", "layer", "target_id"))
    for row, key in enumerate(zip(ids, frames, strict=True)):
        groups[key].append(row)
    values = maps["values"].combine_chunks()
    flat, offsets = values.values.to_numpy(), values.offsets.to_numpy()
    for (image_id, frame), rows in groups.items():
        of_rows = np.stack([flat[offsets[row] : offsets[row + 1]] for row in rows])
        yield image_id, frame, tuple((layers[row], targets[row]) for row in rows), of_rows
