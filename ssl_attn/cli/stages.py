"""The stages of `ssl-attn build`, one by one: extract, score, aggregate, publish. Each does only what is missing."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import typer

from ssl_attn.cli.build import (
    BatchOption,
    DeviceOption,
    DtypeOption,
    FeaturesOption,
    InputSizeOption,
    NativeEmdOption,
    RandomOption,
    SeedOption,
    ViewOption,
    chosen_models,
    chosen_options,
    chosen_plans,
    read_with_progress,
)
from ssl_attn.cli.options import (
    EXIT_QUARANTINED,
    DataOption,
    DatasetOption,
    ImagesOption,
    MethodsOption,
    ModelsOption,
    NameOption,
    StoreOption,
    print_quarantine,
    store_path,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def extract(
    models: ModelsOption,
    dataset: DatasetOption = "facade",
    data: DataOption = None,
    images: ImagesOption = None,
    name: NameOption = None,
    methods: MethodsOption = None,
    store: StoreOption = None,
    view: ViewOption = "squash",
    input_size: InputSizeOption = None,
    random_weights: RandomOption = False,
    features: FeaturesOption = True,
    device: DeviceOption = None,
    dtype: DtypeOption = None,
    batch_size: BatchOption = None,
    seed: SeedOption = 0,
) -> None:
    """Run the models and write their maps and features into the store's draft."""
    from etl.build import Study, extract_all, new_run
    from etl.progress import drawn
    from etl.store import Store

    options = chosen_options(view, input_size, features=features, device=device, dtype=dtype, batch_size=batch_size)
    specs, requests = chosen_models(models, methods)
    target = Store(store_path(store))
    with drawn() as progress:
        read = read_with_progress(dataset, data, images, name, progress)
        plans = chosen_plans(target, specs, requests, options, random_weights=random_weights, seed=seed)
        with target.locked():
            run = new_run("extract", [Study(read, plans)])
            quarantine = extract_all(target, read, plans, run, progress=progress).quarantine
            run.finish(target)
    typer.echo(f"{target.root}: {run.shards_computed} parts computed, {run.shards_skipped} found", err=True)
    if quarantine:
        print_quarantine(quarantine)
        raise typer.Exit(EXIT_QUARANTINED)


def score(store: StoreOption = None, native_emd: NativeEmdOption = False) -> None:
    """Score every map of the draft that is not scored yet, and the baselines that belong to them."""
    from etl.score import score as run_score

    _stage("score", store, partial(run_score, native_emd=native_emd), {"native_emd": native_emd})


def aggregate(store: StoreOption = None) -> None:
    """Summarise every series of scores of the draft, and test it against its baselines and the other series."""
    from etl.aggregate import aggregate as run_aggregate

    _stage("aggregate", store, run_aggregate, {})


def publish(store: StoreOption = None) -> None:
    """Make the draft what readers see."""
    from etl.publish import publish as run_publish
    from etl.store import Store

    target = Store(store_path(store))
    with target.locked():
        manifest = run_publish(target)
    typer.echo(f"{target.root}: generation {manifest.generation}", err=True)


def _stage(command: str, store: Path | None, stage: Callable[..., None], asked: dict[str, object]) -> None:
    from etl.progress import drawn
    from etl.run import Run
    from etl.store import Store

    target = Store(store_path(store))
    with target.locked(), drawn() as progress:
        run = Run(command, asked)
        stage(target, run, progress=progress)
        run.finish(target)
    typer.echo(f"{target.root}: {run.shards_computed} parts computed, {run.shards_skipped} found", err=True)
