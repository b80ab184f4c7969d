"""The map series of a store: which parts each one has, and in which frames their maps lie."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from etl.scoring.framings import Frame

if TYPE_CHECKING:
    import duckdb

    from etl.store import Store
    from warehouse.manifest import Part


@dataclass(frozen=True, slots=True)
class MapPart:
    """A part of the table `maps`, the frames of its maps, its first image and how many it has."""

    part: Part
    frames: tuple[Frame, ...]
    first_image: str
    images: int


@dataclass(frozen=True, slots=True)
class MapSeries:
    """The maps of one method of one model in one view, input size and parameter set: parts in the order of images."""

    partition: dict[str, str]
    slice: str
    parts: tuple[MapPart, ...]

    @property
    def params_id(self) -> str:
        """Parameter set of the method."""
        return self.slice.split("/", 2)[2]


def read_map_series(catalog: duckdb.DuckDBPyConnection, store: Store) -> list[MapSeries]:
    """Every map series of the store's draft."""
    parts = {str((store.root / part.file).resolve()): part for part in store.draft().parts("maps")}
    if not parts:
        return []
    # One query for all parts: to open each by itself takes longer than to read it.
    query = """
        SELECT filename, min(image_id), count(DISTINCT image_id),
               list(DISTINCT {v: "view", s: input_size, f: frame, h: grid_h, w: grid_w})
        FROM read_parquet(?, filename = true, hive_partitioning = false) GROUP BY filename
    """
    found: dict[tuple[str, str], list[MapPart]] = defaultdict(list)
    for file, first_image, images, frames in catalog.execute(query, [list(parts)]).fetchall():
        part = parts[file]
        names = sorted((f["v"], f["s"], f["f"], (f["h"], f["w"])) for f in frames)
        in_frames = tuple(Frame(part.partition["dataset"], *name) for name in names)
        found[repr(part.partition), part.slice].append(MapPart(part, in_frames, first_image, images))
    ordered = {key: tuple(sorted(found[key], key=lambda each: each.first_image)) for key in sorted(found)}
    return [MapSeries(of[0].part.partition, of[0].part.slice, of) for of in ordered.values()]
