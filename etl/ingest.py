"""A data set into the store: images, boxes, feature types, a picture of each image for people, the registries."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from etl.progress import SILENT
from etl.stale import drop_stale
from etl.store import Store, content_key
from ssl_attn.baselines import BASELINES, MODEL_FREE, OWN_MAPS
from ssl_attn.datasets.base import Image, Quarantined
from ssl_attn.errors import UsageError
from ssl_attn.files import replacing
from ssl_attn.images import UnreadableImageError, open_image, preview
from ssl_attn.methods import METHODS
from ssl_attn.metrics import METRICS
from warehouse.catalog import connect
from warehouse.contract import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from etl.progress import Progress
    from etl.run import Run
    from ssl_attn.baselines import Baseline
    from ssl_attn.datasets.base import Dataset

WHOLE = "all"
"""Slice of a partition that is always written in one piece."""


@dataclass(frozen=True, slots=True)
class Ingested:
    """What `ingest` wrote: the images that the later stages work on, in the store's order, and what was left out.

    `dropped` names map series of images that have changed since; they are no longer in the draft.
    """

    images: tuple[Image, ...]
    quarantine: tuple[Quarantined, ...]
    dropped: tuple[str, ...]


def ingest(store: Store, dataset: Dataset, run: Run, *, progress: Progress = SILENT) -> Ingested:
    """Write the tables of one data set and the previews of its images into the draft.

    Raises:
        UsageError: it has no image, or the store has another data set of that name.
    """
    _refuse_empty_or_other(store, dataset)
    images = tuple(sorted(dataset.images, key=lambda image: image.image_id))
    failed = _write_previews(store, images, progress)
    images = tuple(image for image in images if image.image_id not in failed)
    readable = {image.image_id for image in images}
    quarantine = (*dataset.quarantine, *failed.values())
    run.quarantined += len(quarantine)

    dropped = drop_stale(store, dataset.name, images)
    write_rows(store, run, "images", dataset.name, [_image_row(image) for image in images])
    boxes = sorted((b for b in dataset.boxes if b.image_id in readable), key=lambda b: (b.image_id, b.box_id))
    write_rows(store, run, "boxes", dataset.name, [_row("boxes", box) for box in boxes])
    features = sorted(dataset.feature_types, key=lambda f: f.feature_type)
    rows = [_row("feature_types", feature, parent=list(feature.parents)) for feature in features]
    write_rows(store, run, "feature_types", dataset.name, rows)
    left_out = [_row("quarantine", entry) for entry in quarantine]
    write_rows(store, run, "quarantine", dataset.name, left_out, stamp={"run_id": run.run_id})
    write_registries(store, run)
    return Ingested(images, quarantine, dropped)


def _refuse_empty_or_other(store: Store, dataset: Dataset) -> None:
    if not dataset.images:
        message = f"expected at least one image in {dataset.name}, got none; check --data with ssl-attn dataset check"
        raise UsageError(message)
    with connect(store.root, draft=True) as catalog:
        known = catalog.execute("SELECT image_id FROM images WHERE dataset = ?", [dataset.name]).fetchall()
    if known and not {image_id for (image_id,) in known} & {image.image_id for image in dataset.images}:
        message = (
            f"expected {dataset.name} to be the data set of that name in {store.root}, got {len(dataset.images)} "
            f"images, none of which is among its {len(known)}; give this one another name with --name"
        )
        raise UsageError(message)


def write_registries(store: Store, run: Run) -> None:
    """Write methods, metrics and baselines as rows, so that SQL and pages read the same facts as the code."""
    write_rows(store, run, "methods", None, [_row("methods", m, method=m.name) for m in METHODS.values()])
    metrics = [_row("metrics", m, metric=m.name, null_kind=m.null) for m in METRICS.values()]
    write_rows(store, run, "metrics", None, metrics)
    write_rows(store, run, "baselines", None, [_row("baselines", b, baseline=b.name) for b in BASELINES.values()])
    for name in (*MODEL_FREE, *OWN_MAPS):
        write_rows(store, run, "params", None, [_params_row(BASELINES[name])], slice_=name)


def _params_row(baseline: Baseline) -> dict[str, object]:
    return {
        "params_id": baseline.name,
        "method": baseline.name,
        "target_kind": "none",
        "target_scale": "none",
        "parameters": baseline.parameters_json,
        "seed": baseline.seed,
    }


def write_rows(
    store: Store,
    run: Run,
    table: str,
    dataset: str | None,
    rows: Sequence[Mapping[str, object]],
    *,
    slice_: str = WHOLE,
    stamp: Mapping[str, object] | None = None,
) -> None:
    """Write a small table, or one slice of it, unless the same rows stand there already.

    `stamp` is added to every row and does not count as content: it says who wrote the row, not what it says.
    """
    partition = {} if dataset is None else {"dataset": dataset}
    key = content_key(table, partition, slice_, rows)
    part = store.existing(table, partition, slice_, key)
    if part is None:
        stamped = [{**row, **(stamp or {})} for row in rows]
        content = pa.Table.from_pylist(stamped, schema=TABLES[table].stored_schema)
        run.computes(store)
        part = store.write(table, partition, slice_, key, content, run.run_id)
    store.replace(table, partition, slice_, [part])


def preview_path(image: Image) -> str:
    """Where the picture for people lies, relative to the store; named by content, so equal images share it."""
    return f"previews/{image.sha256[:2]}/{image.sha256}.webp"


def _row(table: str, value: object, **others: object) -> dict[str, object]:
    """A value object as a row: a column is the attribute of its name unless it is given; the run is stamped later."""
    names = [name for name in TABLES[table].stored_schema.names if name != "run_id"]
    return {name: others[name] if name in others else getattr(value, name) for name in names}


def _image_row(image: Image) -> dict[str, object]:
    return _row("images", image, path=str(image.path), preview=preview_path(image), style=list(image.styles))


def _write_previews(store: Store, images: Iterable[Image], progress: Progress) -> dict[str, Quarantined]:
    missing = [image for image in images if not (store.root / preview_path(image)).exists()]
    if not missing:
        return {}
    task = progress.task("Preparing images", len(missing), "images")
    failed: dict[str, Quarantined] = {}

    def write(image: Image) -> Quarantined | None:
        try:
            encoded = preview(open_image(image.path))
        except UnreadableImageError as error:
            return Quarantined("image", image.image_id, error.fault, error.expected, error.found)
        with replacing(store.root / preview_path(image)) as temporary:
            temporary.write_bytes(encoded)
        return None

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for image, problem in zip(missing, pool.map(write, missing), strict=True):
            task.advance()
            if problem is not None:
                failed[image.image_id] = problem
    return failed
