"""The stage that scores: maps, baselines and nulls against expert boxes, without a model and without a GPU."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from etl.pieces import Workers, finish
from etl.progress import SILENT
from etl.scoring.baselines import baseline_pieces
from etl.scoring.framings import read_frames, read_framings
from etl.scoring.map_scores import map_pieces
from etl.scoring.map_series import read_map_series
from etl.scoring.own_maps import own_map_pieces
from etl.stale import drop_orphans
from warehouse.catalog import connect

if TYPE_CHECKING:
    from etl.progress import Progress
    from etl.run import Run
    from etl.store import Store
    from warehouse.manifest import Part

_TABLES = ("scores", "box_scores", "nulls")


def score(store: Store, run: Run, *, native_emd: bool = False, progress: Progress = SILENT) -> None:
    """Score every map of the draft that is not scored yet, and its baselines, and put the scores into the draft.

    What is there already, made of the same maps and boxes, is left as it is. `native_emd` asks for the earth mover's
    distance on the maps' own grids, heads fused; scores that have it keep it when a later run does not ask.
    """
    with connect(store.root, draft=True) as catalog:
        frames, framings = read_frames(catalog), read_framings(catalog)
        series = read_map_series(catalog, store)
    of_all = (framings, run.run_id)
    with Workers() as workers:
        done = [
            *finish(
                store, run, map_pieces(store.root, series, *of_all, native_emd=native_emd),
                workers, progress, "Scoring", "maps",
            ),
            *finish(
                store, run, baseline_pieces(store.root, frames, *of_all, native_emd=native_emd),
                workers, progress, "Scoring baselines", "images",
            ),
            *finish(
                store, run, own_map_pieces(store.root, series, *of_all, native_emd=native_emd),
                workers, progress, "Scoring mean maps", "images",
            ),
        ]  # fmt: skip
    slices: dict[tuple[str, str, str], list[Part]] = defaultdict(list)
    partitions: dict[str, dict[str, str]] = {}
    for place, part in done:
        # Written, so that it is not computed again, and not shown: a baseline that no image has is no series.
        if not part.rows:
            continue
        slices[place.table, repr(place.partition), place.slice].append(part)
        partitions[repr(place.partition)] = place.partition
    with store.edited_draft() as draft:
        for (table, partition, slice_), parts in slices.items():
            draft.replace(table, partitions[partition], slice_, parts)
        for table in _TABLES:
            drop_orphans(draft, table, {(partition, slice_) for of, partition, slice_ in slices if of == table})
