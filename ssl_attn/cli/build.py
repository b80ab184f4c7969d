"""`ssl-attn build`: the whole chain on one data set."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from ssl_attn.cli.options import (
    EXIT_INTERRUPTED,
    EXIT_QUARANTINED,
    DataOption,
    DatasetOption,
    ImagesOption,
    JsonOption,
    MethodsOption,
    ModelsOption,
    NameOption,
    StoreOption,
    print_quarantine,
    resolve_device,
    store_path,
)
from ssl_attn.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from etl.build import Estimate
    from etl.plan import ModelPlan, Options
    from etl.progress import Progress
    from etl.store import Store
    from ssl_attn.datasets.base import AnnotatedImages
    from ssl_attn.methods import MethodRequest
    from ssl_attn.models.spec import ModelSpec

ViewOption = Annotated[
    str, typer.Option("--view", help="squash (whole image), letterbox (padded) or processor (the model's own crop)")
]
InputSizeOption = Annotated[
    int | None,
    typer.Option("--input-size", min=16, help="Side of the model input in pixels [default: the model's own]"),
]
RandomOption = Annotated[
    bool, typer.Option("--random-weights", help="Also run each model with random weights, as a baseline")
]
FeaturesOption = Annotated[
    bool, typer.Option("--features/--no-features", help="Keep patch features (similarity maps need them)")
]
DeviceOption = Annotated[str | None, typer.Option("--device", help="auto, cpu, cuda or mps")]
DtypeOption = Annotated[str | None, typer.Option("--dtype", help="float32, bfloat16 or float16")]
BatchOption = Annotated[int | None, typer.Option("--batch-size", min=1, help="Images in one forward pass")]
NativeEmdOption = Annotated[
    bool,
    typer.Option(
        "--native-emd",
        help="Also the exact earth mover's distance on the maps' own grids, all heads fused, and of their baselines: "
        "minutes, on fine grids hours",
    ),
]
SeedOption = Annotated[int, typer.Option("--seed", help="Seed of the random weights")]


def build(
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
    native_emd: NativeEmdOption = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say time and bytes, and do nothing")] = False,
    as_json: JsonOption = False,
) -> None:
    """Extract, score, aggregate, compare, check and publish one data set; a second run does only what is missing."""
    from etl.build import build as run_build
    from etl.progress import drawn
    from etl.store import Store

    options = chosen_options(view, input_size, features=features, device=device, dtype=dtype, batch_size=batch_size)
    specs, requests = chosen_models(models, methods)
    target = Store(store_path(store))
    with drawn() as progress:
        read = read_with_progress(dataset, data, images, name, progress)
        plans = chosen_plans(target, specs, requests, options, random_weights=random_weights, seed=seed)
        costs = _costs(target, plans, read, progress)
        if dry_run:
            typer.echo(json.dumps([asdict(cost) for cost in costs]) if as_json else "\n".join(map(_say, costs)))
            return
        for cost in costs:
            typer.echo(_say(cost), err=True)
        with stoppable(), target.locked():
            report = run_build(target, read, plans, native_emd=native_emd, progress=progress)
    if as_json:
        typer.echo(json.dumps({**asdict(report), "store": str(target.root)}))
    else:
        done = (
            "nothing was missing"
            if report.computed == 0
            else f"{report.computed} parts computed, {report.skipped} found"
        )
        typer.echo(f"{target.root}: {done}, {report.seconds:.1f} s, generation {report.generation}", err=True)
        typer.echo(
            f"Next: ssl-attn sql --store {target.root} \"FROM leaderboard('iou', 90)\"\n"
            f"      ssl-attn app --store {target.root}",
            err=True,
        )
    for series in report.dropped:
        typer.echo(f"No longer shown, since its images have changed: {series}. Build it again.", err=True)
    for series in report.incomplete:
        typer.echo(f"Built before images were added: {series}. Build it again to compare like with like.", err=True)
    if report.quarantine:
        print_quarantine(report.quarantine)
        raise typer.Exit(EXIT_QUARANTINED)


@contextmanager
def stoppable() -> Iterator[None]:
    """Leave with a word to the person who pressed Ctrl-C, instead of a traceback."""
    try:
        yield
    except KeyboardInterrupt:
        typer.echo("Stopped. What is finished is kept: the same command goes on from there.", err=True)
        raise typer.Exit(EXIT_INTERRUPTED) from None


def chosen_options(
    view: str,
    input_size: int | None,
    *,
    features: bool,
    device: str | None,
    dtype: str | None,
    batch_size: int | None,
) -> Options:
    """Flags over settings.

    Raises:
        UsageError: the view, device or number format is unknown.
    """
    from etl.plan import Options
    from ssl_attn.errors import UsageError
    from ssl_attn.geometry import VIEWS

    settings = Settings()
    chosen = {"device": device or settings.device, "dtype": dtype or settings.dtype}
    known = {"view": VIEWS, "device": ("auto", "cpu", "cuda", "mps"), "dtype": ("float32", "bfloat16", "float16")}
    for what, value in {"view": view, **chosen}.items():
        if value not in known[what]:
            message = f"expected --{what} to be one of {', '.join(known[what])}, got {value!r}"
            raise UsageError(message)
    return Options(
        view=view,  # type: ignore[arg-type]  # checked just above
        input_size=input_size,
        features=features,
        batch_size=batch_size or settings.batch_size,
        device=resolve_device(chosen["device"]),
        dtype=chosen["dtype"],
    )


def chosen_models(models: str, methods: str | None) -> tuple[list[ModelSpec], list[MethodRequest] | None]:
    """What was asked for by name; None for all methods that a model has.

    Raises:
        UsageError: a name is not understood, a checkpoint is named twice, or no model is named.
        SslAttnError: weights that should come with the package are not there.
    """
    from ssl_attn.errors import UsageError
    from ssl_attn.methods import parse_request
    from ssl_attn.models.spec import parse_model_specs

    specs = parse_model_specs(text for text in models.split(",") if text.strip())
    if not specs:
        message = "expected --models to name at least one model, got none; see ssl-attn models"
        raise UsageError(message)
    return specs, None if methods is None else [parse_request(text) for text in methods.split(",") if text.strip()]


def chosen_plans(
    store: Store,
    specs: list[ModelSpec],
    requests: list[MethodRequest] | None,
    options: Options,
    *,
    random_weights: bool,
    seed: int,
) -> list[ModelPlan]:
    """The plan of every model; methods that a model does not have are named and left out."""
    from etl.build import plan_models

    plans = plan_models(store, specs, requests, options, random_weights=random_weights, seed=seed)
    of_models = {plan.checkpoint.name: plan for plan in plans}  # variants of one model have the same methods
    for name, plan in of_models.items():
        left = [request.method for request in requests or () if request not in plan.requests]
        if left:
            has = ", ".join(plan.checkpoint.family.methods)
            typer.echo(f"{name} has no {', '.join(left)}; it has {has}", err=True)
    return plans


def read_with_progress(
    dataset: str, data: Path | None, images: Path | None, name: str | None, progress: Progress
) -> AnnotatedImages:
    """Read the data set, drawing how many images have been checked."""
    from ssl_attn.datasets import read_dataset

    task = None
    seen = 0

    def on_progress(done: int, total: int) -> None:
        nonlocal task, seen
        if task is None:
            task = progress.task("Checking images", total, "images")
        task.advance(done - seen)
        seen = done

    return read_dataset(dataset, data, name=name, images=images, on_progress=on_progress)


def _costs(store: Store, plans: list[ModelPlan], read: AnnotatedImages, progress: Progress) -> list[Estimate]:
    """What the missing part of each plan will cost."""
    from etl.build import estimate

    task = progress.task("Timing models", len(plans), "models")
    costs = []
    for plan in plans:
        cost = estimate(store, read, plan)
        task.advance()
        if cost is not None:
            costs.append(cost)
    return costs


def _say(cost: Estimate) -> str:
    return (
        f"{cost.model} ({cost.variant}): {cost.images:,} images, {cost.maps:,} maps, "
        f"about {cost.seconds:,.1f} s of forward passes and {cost.bytes / 1e6:,.1f} MB"
    )
