"""The whole chain: ingest and extract each data set, then score with baselines, aggregate, compare, check, publish."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import torch

from etl.aggregate import aggregate
from etl.extract import extract, survey
from etl.ingest import ingest
from etl.plan import Options, plan_model
from etl.progress import SILENT
from etl.publish import publish
from etl.registry import locked_revision, refuse_other_weights
from etl.run import Run
from etl.score import score
from etl.stale import incomplete_series
from ssl_attn.errors import UsageError
from ssl_attn.extraction import extract_batch
from ssl_attn.models.load import load_checkpoint, resolve_checkpoint
from ssl_attn.models.variants import FROZEN, RANDOM_WEIGHTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from etl.ingest import Ingested
    from etl.plan import ModelPlan
    from etl.progress import Progress
    from etl.store import Store
    from ssl_attn.datasets.base import Dataset, Quarantined
    from ssl_attn.methods import MethodRequest
    from ssl_attn.models.spec import ModelSpec


SHARED_STEPS = 3
"""Steps of a build that all its data sets share: scoring, summarising, publishing."""


@dataclass(frozen=True, slots=True)
class Study:
    """A data set, and the models to run on it."""

    dataset: Dataset
    plans: Sequence[ModelPlan]


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build did: parts computed and found, inputs left out, seconds, and the generation that it published.

    `dropped` names map series of other models that are no longer shown, because their images have changed; `incomplete`
    those that are shown and lack some images, because these were added later.
    """

    run_id: str
    computed: int
    skipped: int
    quarantine: tuple[Quarantined, ...]
    dropped: tuple[str, ...]
    incomplete: tuple[str, ...]
    seconds: float
    generation: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """What one model's extraction will cost: images, maps, seconds and bytes."""

    model: str
    variant: str
    images: int
    maps: int
    seconds: float
    bytes: int


def plan_models(
    store: Store,
    specs: Sequence[ModelSpec],
    requests: Sequence[MethodRequest] | None,
    options: Options,
    *,
    random_weights: bool = False,
    seed: int = 0,
) -> list[ModelPlan]:
    """Resolve every checkpoint, and refuse weights that the store contradicts.

    With `random_weights` each model gets an untrained twin as well, one for all its variants: it has the configuration
    of the released weights or, where none are among the specs, of the first variant.
    """
    lenders: dict[str, ModelSpec] = {}
    for spec in specs:
        if spec.name not in lenders or spec.variant == FROZEN:
            lenders[spec.name] = spec
    plans = []
    for spec in specs:
        locked = locked_revision(store, spec.name, spec.hf_id) if spec.hf_id else None
        checkpoint = resolve_checkpoint(spec, locked_revision=locked)
        refuse_other_weights(store, checkpoint)
        plans.append(plan_model(checkpoint, requests, options))
        if random_weights and lenders[spec.name] is spec:
            twin = resolve_checkpoint(spec, variant=RANDOM_WEIGHTS, seed=seed, locked_revision=locked)
            refuse_other_weights(store, twin)
            plans.append(plan_model(twin, requests, options))
    return plans


def estimate(store: Store, dataset: Dataset, plan: ModelPlan) -> Estimate | None:
    """Time one batch of noise through the model, and count what would be stored; None when nothing is missing."""
    ordered = sorted(dataset.images, key=lambda image: image.image_id)
    missing = {image.image_id for shard, _ in survey(store, dataset.name, ordered, plan)[1] for image in shard}
    if not missing:
        return None
    images, boxes = len(missing), sum(box.image_id in missing for box in dataset.boxes)
    options, size = plan.options, plan.input_size
    dtype = getattr(torch, options.dtype)
    loaded = load_checkpoint(plan.checkpoint, device=options.device, dtype=dtype)
    batch = max(1, min(4, options.batch_size, images))
    pixels = torch.randn(batch, 3, size, size, dtype=dtype, device=options.device)
    extract_batch(loaded, pixels[:1], plan.requests, features=options.features)
    start = time.perf_counter()
    extract_batch(loaded, pixels, plan.requests, features=options.features)
    seconds = (time.perf_counter() - start) / batch * images
    checkpoint = plan.checkpoint
    return Estimate(
        checkpoint.name,
        checkpoint.variant,
        images,
        plan.maps_per_image * images,
        seconds,
        plan.bytes_for(images, boxes),
    )


def extract_all(
    store: Store, dataset: Dataset, plans: Sequence[ModelPlan], run: Run, *, progress: Progress = SILENT
) -> Ingested:
    """Ingest the data set and extract every model's maps."""
    ingested = ingest(store, dataset, run, progress=progress)
    for plan in plans:
        extract(store, dataset.name, ingested.images, plan, run, progress=progress)
    return ingested


def build(
    store: Store,
    dataset: Dataset,
    plans: Sequence[ModelPlan],
    *,
    native_emd: bool = False,
    progress: Progress = SILENT,
) -> BuildReport:
    """`build_studies` of one data set."""
    return build_studies(store, [Study(dataset, plans)], native_emd=native_emd, progress=progress)


def build_studies(
    store: Store, studies: Sequence[Study], *, native_emd: bool = False, progress: Progress = SILENT
) -> BuildReport:
    """Run every stage and publish the result; whatever an earlier run finished is not done again.

    Stages that look at the store as a whole (scoring and all that follows) run once, after the last data set: so the
    steps are as many as the data sets, and `SHARED_STEPS`. `native_emd` asks for the earth mover's distance on the
    maps' own grids as well, which is slow.

    Raises:
        UsageError: a data set is named twice.
        SslAttnError: a check found rows that must not be; nothing is published then.
    """
    started = time.perf_counter()
    names = [study.dataset.name for study in studies]
    if len(set(names)) < len(names):
        message = f"expected every data set once, with all its models, got {', '.join(names)}"
        raise UsageError(message)
    run = new_run("build", studies, native_emd=native_emd)
    ingested = []
    for study in studies:
        progress.step(f"Running models on {study.dataset.name}")
        ingested.append(extract_all(store, study.dataset, study.plans, run, progress=progress))
    progress.step("Scoring maps against boxes")
    score(store, run, native_emd=native_emd, progress=progress)
    progress.step("Summarising and comparing")
    aggregate(store, run, progress=progress)
    run.finish(store)
    progress.step("Checking and publishing")
    manifest = publish(store)
    dropped = [
        series
        for study, each in zip(studies, ingested, strict=True)
        for series in each.dropped
        if series not in _rebuilt(study)
    ]
    return BuildReport(
        run_id=run.run_id,
        computed=run.shards_computed,
        skipped=run.shards_skipped,
        quarantine=tuple(entry for each in ingested for entry in each.quarantine),
        dropped=tuple(dropped),
        incomplete=tuple(series for name in names for series in incomplete_series(store, name)),
        seconds=time.perf_counter() - started,
        generation=manifest.generation,
    )


def _rebuilt(study: Study) -> set[str]:
    return {
        f"{plan.checkpoint.name} ({plan.checkpoint.variant}) {request.method} {plan.slice(request.params_id)}"
        for plan in study.plans
        for request in plan.requests
    }


def new_run(command: str, studies: Sequence[Study], **asked: object) -> Run:
    """A run's record with everything that was asked for; `asked` is what only this command has."""
    plans = [plan for study in studies for plan in study.plans]
    options = plans[0].options if plans else Options()
    config = {
        "datasets": {study.dataset.name: [_asked(plan) for plan in study.plans] for study in studies},
        **asdict(options),
        **asked,
    }
    seed = max((plan.checkpoint.drawn_seed for plan in plans), default=-1)
    return Run(command, config, seed=max(0, seed), device=options.device, dtype=options.dtype)


def _asked(plan: ModelPlan) -> dict[str, object]:
    return {
        "model": plan.checkpoint.name,
        "variant": plan.checkpoint.variant,
        "weights_sha256": plan.checkpoint.weights_sha256,
        "revision": plan.checkpoint.revision,
        "methods": [request.params_id for request in plan.requests],
        "input_size": plan.input_size,
    }
