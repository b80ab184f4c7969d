"""Images through models: one forward pass gives every method's maps and the features, written shard by shard."""

from __future__ import annotations

from collections import defaultdict
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from etl.plan import shards
from etl.progress import SILENT
from etl.registry import write_model, write_params, write_targets
from etl.rows import image_feature_rows, map_rows, patch_feature_rows
from ssl_attn.extraction import extract_batch
from ssl_attn.geometry import view_transform
from ssl_attn.images import open_image
from ssl_attn.methods import WHOLE_MODEL, MethodRequest
from ssl_attn.models.load import load_checkpoint

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from etl.plan import ModelPlan
    from etl.progress import Progress, Task
    from etl.run import Run
    from etl.store import Store
    from ssl_attn.datasets.base import Image
    from ssl_attn.geometry import ViewTransform
    from ssl_attn.models.load import LoadedModel
    from warehouse.manifest import Part

# What a shard yields: maps of one method, or a table of features.
Output = MethodRequest | str
_FEATURE_TABLES = ("patch_features", "image_features")


def extract(
    store: Store, dataset: str, images: Sequence[Image], plan: ModelPlan, run: Run, *, progress: Progress = SILENT
) -> None:
    """Compute what is missing of one model's maps and features, and put the whole into the draft.

    A shard that an earlier run finished is skipped: its key is the hash of everything that determines it. The model is
    loaded only when something is missing.
    """
    parts, missing = survey(store, dataset, images, plan)
    run.shards_skipped += sum(len(found) for found in parts.values())
    if missing:
        loaded = load_checkpoint(plan.checkpoint, device=plan.options.device, dtype=getattr(torch, plan.options.dtype))
        task = progress.task(f"Extracting {plan.checkpoint.title}", sum(len(shard) for shard, _ in missing), "images")
        for shard, wanted in missing:
            for output, rows in _extract_shard(loaded, plan, shard, wanted, run.run_id, task).items():
                run.computes(store)
                part = store.write(*_place(plan, dataset, output, shard), rows, run.run_id)
                parts[output].append(part)

    with store.edited_draft() as manifest:
        for output in _outputs(plan):
            table, partition, slice_, _ = _place(plan, dataset, output, ())
            manifest.replace(table, partition, slice_, parts[output])
    write_model(store, run, plan.checkpoint)
    write_params(store, run, plan.requests)
    write_targets(store, run, dataset, plan, _target_ids(store, [p for o in plan.requests for p in parts[o]]))


def survey(
    store: Store, dataset: str, images: Sequence[Image], plan: ModelPlan
) -> tuple[dict[Output, list[Part]], list[tuple[tuple[Image, ...], list[Output]]]]:
    """What earlier runs finished, by output, and what is missing, by shard."""
    parts: dict[Output, list[Part]] = defaultdict(list)
    missing: list[tuple[tuple[Image, ...], list[Output]]] = []
    for shard in shards(images):
        wanted: list[Output] = []
        for output in _outputs(plan):
            part = store.existing(*_place(plan, dataset, output, shard))
            if part is None:
                wanted.append(output)
            else:
                parts[output].append(part)
        if wanted:
            missing.append((shard, wanted))
    return parts, missing


def _outputs(plan: ModelPlan) -> list[Output]:
    return [*plan.requests, *(_FEATURE_TABLES if plan.options.features else ())]


def _place(
    plan: ModelPlan, dataset: str, output: Output, shard: Sequence[Image]
) -> tuple[str, dict[str, str], str, str]:
    """Table, partition, slice and key of one shard's output."""
    if isinstance(output, MethodRequest):
        partition = plan.partition(dataset, output.method)
        return "maps", partition, plan.slice(output.params_id), plan.key(f"maps {output.key}", shard)
    return output, plan.partition(dataset), plan.slice(), plan.key(output, shard)


def _extract_shard(
    loaded: LoadedModel,
    plan: ModelPlan,
    shard: Sequence[Image],
    wanted: Sequence[Output],
    run_id: str,
    task: Task,
) -> dict[Output, pa.Table]:
    tables: dict[Output, list[pa.Table]] = defaultdict(list)
    requests = [output for output in wanted if isinstance(output, MethodRequest)]
    features = any(output in _FEATURE_TABLES for output in wanted)
    for images, transforms, pixels in _batches(plan, shard):
        result = extract_batch(
            loaded, pixels.to(plan.options.device, getattr(torch, plan.options.dtype)), requests, features=features
        )
        ids = [image.image_id for image in images]
        height, width = pixels.shape[-2:]
        shared = {"run_id": run_id, "view": plan.options.view, "input_size": plan.input_size}
        for request, layers in result.maps.items():
            grids = [plan.checkpoint.layout_for(width, height, layer=max(m.layer, WHOLE_MODEL)) for m in layers]
            placements = [[t.placement(g.covered_width, g.covered_height) for g in grids] for t in transforms]
            framings = [plan.framing(g.patch_size) for g in grids]
            constants = {**shared, "params_id": request.params_id}
            tables[request].append(map_rows(ids, layers, placements, framings, constants))
        if result.patch_features is not None and result.image_features is not None:
            layout = result.layout
            places = [t.placement(layout.covered_width, layout.covered_height) for t in transforms]
            of_last = {**shared, "layer": plan.checkpoint.layers - 1}
            if "patch_features" in wanted:
                rows = patch_feature_rows(ids, result.patch_features, layout, places, of_last)
                tables["patch_features"].append(rows)
            if "image_features" in wanted:
                rows = image_feature_rows(ids, result.image_features, {**of_last, "readout": layout.readout})
                tables["image_features"].append(rows)
        task.advance(len(images))
    return {output: pa.concat_tables(pieces) for output, pieces in tables.items()}


def _batches(
    plan: ModelPlan, shard: Sequence[Image]
) -> Iterator[tuple[Sequence[Image], list[ViewTransform], torch.Tensor]]:
    """Batches of equal input size, decoded on all cores, one batch ahead of the model.

    Under the view `processor` a checkpoint without a crop sees images of different sizes; those go one by one.
    """
    preprocessing = plan.checkpoint.preprocessing
    transforms = [
        view_transform(plan.options.view, preprocessing, image.width, image.height, plan.input_size) for image in shard
    ]
    sizes = {(t.input_width, t.input_height) for t in transforms}
    step = plan.options.batch_size if len(sizes) == 1 else 1
    starts = range(0, len(shard), step)

    def pixels(index: int) -> NDArray[np.float32]:
        return preprocessing.pixels(open_image(shard[index].path), transforms[index])

    with ThreadPoolExecutor() as pool:

        def submit(start: int) -> list[Future[NDArray[np.float32]]]:
            return [pool.submit(pixels, index) for index in range(start, min(start + step, len(shard)))]

        ahead = submit(0)
        for start in starts:
            batch = np.stack([future.result() for future in ahead])
            ahead = submit(start + step)
            yield shard[start : start + step], transforms[start : start + step], torch.from_numpy(batch)


def _target_ids(store: Store, parts: Sequence[Part]) -> set[str]:
    found: set[str] = set()
    for part in parts:
        column = pq.read_table(store.root / part.file, columns=["target_id"], partitioning=None)["target_id"]
        found.update(column.unique().to_pylist())
    return found
