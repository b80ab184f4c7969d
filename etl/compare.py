"""Series against series, image by image at their last layers: paired tests, adjusted family by family, and verdicts.

Which series are compared, and in which family, is decided in `pairs`. Each test is of one metric at one percentile;
Holm's adjustment runs over the pairs of the family, for that metric and percentile.
"""

from __future__ import annotations

from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

import pyarrow as pa

from etl.aggregation.score_series import scored_series
from etl.comparison.last_layers import COMPARED, load_last_layers
from etl.comparison.paired_rows import Sides, adjusted, compared
from etl.comparison.pairs import Training, all_pairs
from etl.pieces import Job
from etl.stale import drop_orphans
from etl.store import content_key
from warehouse.catalog import connect

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import duckdb

    from etl.aggregation.score_series import ScoreSeries
    from etl.comparison.last_layers import LastLayers
    from etl.comparison.pairs import Pair
    from etl.pieces import Workers
    from etl.progress import Progress
    from etl.run import Run
    from etl.store import Store
    from warehouse.manifest import Part

COMPARISON_VERSION = 2
"""Raised when the same scores would give other comparisons: older ones are then computed again."""

# About a second's work.
_PAIRS_PER_JOB = 8
_SIDE = ("model", "variant", "method", "input_size", "params_id", "layer")


def compare(store: Store, run: Run, workers: Workers, *, progress: Progress) -> None:
    """Compare the series of every data set of the draft, family by family, where comparisons are missing or stale."""
    parts = scored_series(store.draft())
    done: list[Part] = []
    for dataset in sorted({series.dataset for series in parts}):
        partition = {"dataset": dataset}
        with connect(store.root, draft=True) as catalog:
            families = all_pairs([series for series in parts if series.dataset == dataset], _trainings(catalog))
            sources = _sources(catalog, dataset)
        keys = {family: _key(pairs, parts, sources) for family, pairs in families.items()}
        found = {family: store.existing("comparisons", partition, family, key) for family, key in keys.items()}
        missing = {family: pairs for family, pairs in families.items() if found[family] is None}
        for part in found.values():
            if part is not None:
                run.shards_skipped += 1
                done.append(part)
        for family, rows in _compared(store.root, dataset, missing, sources, workers, progress):
            run.computes(store)
            done.append(store.write("comparisons", partition, family, keys[family], rows, run.run_id))
    with store.edited_draft() as draft:
        for part in done:
            draft.replace("comparisons", part.partition, part.slice, [part])
        drop_orphans(draft, "comparisons", {(repr(part.partition), part.slice) for part in done})


def _trainings(catalog: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], Training]:
    rows = catalog.execute("SELECT model, variant, strategy, train_seed, default_method FROM models").fetchall()
    return {(model, variant): Training(*training) for model, variant, *training in rows}


def _sources(catalog: duckdb.DuckDBPyConnection, dataset: str) -> dict[str, str]:
    query = "SELECT image_id, coalesce(nullif(source_id, ''), image_id) FROM images WHERE dataset = ? ORDER BY ALL"
    return dict(catalog.execute(query, [dataset]).fetchall())


def _key(pairs: Sequence[Pair], parts: Mapping[ScoreSeries, Sequence[Part]], sources: Mapping[str, str]) -> str:
    """Hash of what a family's comparisons depend on: who is compared, on which scores, in which clusters."""
    among = {series for pair in pairs for entrant in (pair.a, pair.b) for series in entrant.series}
    scores = sorted(part.key for series in among for part in parts[series])
    return content_key(COMPARISON_VERSION, COMPARED, pairs, scores, sorted(sources.items()))


def _compared(
    root: Path,
    dataset: str,
    families: Mapping[str, Sequence[Pair]],
    sources: Mapping[str, str],
    workers: Workers,
    progress: Progress,
) -> Iterator[tuple[str, pa.Table]]:
    """The rows of each family, adjusted within it."""
    if not families:
        return
    with connect(root, draft=True) as catalog:
        last = load_last_layers(catalog, dataset, sources)
    task = progress.task("Comparing", sum(map(len, families.values())), "pairs")
    for family, pairs in families.items():
        tables = []
        for job, (rows,) in workers.results(_jobs(pairs, last)):
            tables.append(rows)
            task.advance(job.units)
        yield family, adjusted(pa.concat_tables(tables))


def _jobs(pairs: Sequence[Pair], last: LastLayers) -> Iterator[Job]:
    remaining = iter(pairs)
    while batch := list(islice(remaining, _PAIRS_PER_JOB)):
        sides = [_sides(pair, last) for pair in batch]
        yield Job(partial(compared, last.images, last.sources, sides), len(batch))


def _sides(pair: Pair, last: LastLayers) -> Sides:
    a, b = pair.a, pair.b
    b_scores, b_variant = last.matched(b, a.first) if b.matched else (last.of(b), b.variant)
    names: dict[str, str | int] = {"family": pair.family, "kind": pair.kind, "view": a.first.view}
    for side, entrant, variant in (("a", a, a.variant), ("b", b, b_variant)):
        of_side = {**entrant.first.keys, "variant": variant, "layer": last.layers[entrant.first]}
        names |= {f"{side}_{name}": of_side[name] for name in _SIDE}
    return Sides(names, last.of(a), b_scores, paired_seeds=len(a.series) > 1 and a.seeds == b.seeds)
