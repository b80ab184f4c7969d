"""How long summaries of a store of the reference study's size take, how large the marts file is, how fast it answers.

`python -m tests.reference_study FOLDER` writes scores of 307,468 maps (7 models, frozen and three fine-tuning
strategies, 139 images, 631 boxes of 106 kinds) with their baselines into FOLDER, unless they are there, summarises
them, writes the marts file, and prints what it measured.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import duckdb
import typer

from etl.aggregate import aggregate
from etl.progress import drawn
from etl.publish import write_marts
from etl.run import Run
from etl.store import Store
from tests.scored_store import ScoredStore, Series, Study, baselines_of, free_baselines
from warehouse.catalog import connect

STUDY = Study(images=139, sources=139, boxes=631, feature_types=106)
LAYERS = tuple(range(12))
VITS = {"dinov2": "16x16_squash", "dinov3": "14x14_squash", "mae": "14x14_squash", "clip": "14x14_squash"}
WITHOUT_CLS = {"siglip": "14x14_squash", "siglip2": "14x14_squash"}
STRATEGIES = ("linear.s0", "lora.s0", "full.s0")
WITH_HEADS = ("frozen", "lora.s0", "full.s0")

QUESTIONS = {
    "leaderboard": "FROM leaderboard('iou', 90)",
    "leaderboard with baselines": "FROM leaderboard('energy', baselines := true)",
    "layer_progression": "FROM layer_progression('iou', 73)",
    "layer_picks": "FROM layer_picks('energy')",
    "head_ranking": "FROM head_ranking('dinov3', 'iou', 90)",
    "head_features": "FROM head_features('dinov3', 'iou')",
    "style_breakdown": "FROM style_breakdown('energy')",
    "feature_breakdown": "FROM feature_breakdown('recall', 90)",
    "feature_rollup": "FROM feature_rollup('energy')",
    "size_breakdown": "FROM size_breakdown('energy')",
    "delta": "FROM delta('iou', 90)",
    "baseline_board": "FROM baseline_board('energy')",
    "metric_agreement": "FROM metric_agreement('models')",
    "metric_agreement of layers": "FROM metric_agreement('layers')",
    "metric_agreement of heads": "FROM metric_agreement('heads')",
    "metric_concordance": "FROM metric_concordance",
    "rank_spread": "FROM rank_spread",
}


def all_series() -> list[Series]:
    """Every series of the study: the models' own maps, the baselines made of them, and the model-free ones."""
    own = []
    for variant in ("frozen", *STRATEGIES):
        for model, frame in VITS.items():
            skill = 0.3 + 0.4 * (sum(map(ord, model + variant)) % 100) / 100
            heads = 12 if variant in WITH_HEADS else 0
            own.append(Series(model, variant, "cls", LAYERS, heads, frame, skill))
            own.append(Series(model, variant, "rollout", LAYERS, 0, frame, skill * 0.8))
        for model, frame in WITHOUT_CLS.items():
            own.append(Series(model, variant, "received", LAYERS, 0, frame, 0.2))
    own.append(Series("resnet50", "frozen", "gradcam", (0, 1, 2, 3), 0, "7x7_squash", 0.4))
    baselines = [baseline for series in own for baseline in baselines_of(series)]
    return [*own, *baselines, *(free for frame in sorted({s.frame for s in own}) for free in free_baselines(frame))]


def main(folder: Path) -> None:
    """Write what is missing, and measure."""
    store = Store(folder)
    if not store.has_draft():
        start = time.perf_counter()
        ScoredStore(store, STUDY).write(*all_series())
        typer.echo(f"scores written in {time.perf_counter() - start:.0f} s")
    run = Run("aggregate", {})
    start = time.perf_counter()
    with drawn() as progress:
        aggregate(store, run, progress=progress)
    run.finish(store)
    typer.echo(f"aggregate: {time.perf_counter() - start:.1f} s, {run.shards_computed} parts")
    with connect(folder, draft=True) as catalog:
        counts = {
            table: catalog.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0]
            for table in ("scores", "box_scores", "aggregates", "layer_choices", "head_ranks", "comparisons")
        }
        typer.echo(counts)
        marts = folder / "marts.duckdb"
        marts.unlink(missing_ok=True)
        start = time.perf_counter()
        write_marts(catalog, marts)
        typer.echo(f"marts file: {marts.stat().st_size / 1e6:.1f} MB in {time.perf_counter() - start:.1f} s")
        with duckdb.connect(str(marts), read_only=True) as database:
            for name, question in QUESTIONS.items():
                typer.echo(
                    f"{name:28} Parquet {_milliseconds(catalog, question):6.0f} ms   marts file "
                    f"{_milliseconds(database, question):6.0f} ms"
                )


def _milliseconds(catalog: duckdb.DuckDBPyConnection, question: str) -> float:
    """Best of three, results fetched whole."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        catalog.execute(question).fetchall()
        times.append(time.perf_counter() - start)
    return 1000 * min(times)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
