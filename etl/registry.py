"""Rows that say what a number came from: the model's weights, the method's parameters, the explained targets."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from etl.ingest import write_rows
from ssl_attn.demo.zoo.measured import CHANCE, SPLIT, read_measured
from ssl_attn.errors import SslAttnError
from ssl_attn.methods.maps import NO_TARGET, Target
from ssl_attn.models.variants import RANDOM_WEIGHTS
from warehouse.catalog import connect_to_tables
from warehouse.manifest import Manifest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import duckdb

    from etl.plan import ModelPlan
    from etl.run import Run
    from etl.store import Store
    from ssl_attn.methods import MethodRequest
    from ssl_attn.models.card import Verdict
    from ssl_attn.models.load import Checkpoint


_UNTRAINED = "Random weights: what the architecture, positions and padding produce without any training."
_OTHER_NAME = "give it another name (other_name=FOLDER) or build into another store"
_UNKNOWN_TRAINING = "Judged by architecture: how these weights were trained is not on record."


def locked_revision(store: Store, model: str, hf_id: str) -> str | None:
    """The commit that this store's maps of a hub model came from; None for a model that it does not have yet."""
    query = "SELECT any_value(revision) FROM models WHERE model = ? AND hf_id = ? AND revision != ''"
    with _recorded_models(store) as catalog:
        row = catalog.execute(query, [model, hf_id]).fetchone()
    return None if row is None else row[0]


def refuse_other_weights(store: Store, checkpoint: Checkpoint) -> None:
    """One model and variant of a store stands for one set of weights, read by one configuration.

    Variants of one model are of one family, so that they can be compared.

    Raises:
        SslAttnError: the store has maps of this model and variant from others, or of this model in another family.
    """
    query = "SELECT weights_sha256, config_sha256 FROM models WHERE model = ? AND variant = ?"
    key = [checkpoint.name, checkpoint.variant]
    with _recorded_models(store) as catalog:
        row = catalog.execute(query, key).fetchone()
        of_others = "SELECT DISTINCT family FROM models WHERE model = ? AND variant != ? ORDER BY 1"
        families = [family for (family,) in catalog.execute(of_others, key).fetchall()]
    found = (checkpoint.weights_sha256, checkpoint.config_sha256)
    if row is not None and row != found:
        expected, came = (f"weights {w[:12]}, configuration {c[:12]}" for w, c in (row, found))
        message = (
            f"expected {checkpoint.name} ({checkpoint.variant}) to be the one that {store.root} was built with "
            f"({expected}), got {came}; {_OTHER_NAME}"
        )
        raise SslAttnError(message)
    if families and families != [checkpoint.family.name]:
        message = (
            f"expected {checkpoint.title} to be of the family that {checkpoint.name} has in {store.root} "
            f"({', '.join(families)}), got {checkpoint.family.name}; {_OTHER_NAME}"
        )
        raise SslAttnError(message)


def _recorded_models(store: Store) -> duckdb.DuckDBPyConnection:
    """A database with the draft's table of models alone: the whole catalogue takes long to open for every model."""
    draft = store.draft()
    return connect_to_tables(Manifest(draft.generation, {"models": draft.parts("models")}), store.root)


def write_model(store: Store, run: Run, checkpoint: Checkpoint) -> None:
    """Record a model and variant, how far each method may be trusted on it, and what was measured of it.

    Raises:
        SslAttnError: `measured.json` beside the weights cannot be used.
    """
    layout = checkpoint.layout_for(checkpoint.input_size, checkpoint.input_size)
    key = {"model": checkpoint.name, "variant": checkpoint.variant}
    row = {
        **key,
        "strategy": checkpoint.strategy,
        "train_seed": checkpoint.seed,
        "parent_run": "",
        "hf_id": checkpoint.hf_id,
        "revision": checkpoint.revision,
        "weights_sha256": checkpoint.weights_sha256,
        "config_sha256": checkpoint.config_sha256,
        "family": checkpoint.family.name,
        "architecture": str(checkpoint.config.model_type),
        "paradigm": checkpoint.family.paradigm,
        "grid_h": layout.grid_h,
        "grid_w": layout.grid_w,
        "layers": checkpoint.layers,
        "heads": checkpoint.heads,
        "registers": checkpoint.registers,
        "input_size": checkpoint.input_size,
        "default_method": checkpoint.family.default_method,
    }
    slice_ = f"{checkpoint.name}/{checkpoint.variant}"
    write_rows(store, run, "models", None, [row], slice_=slice_)
    verdicts = [
        {**key, "method": v.method, "verdict": v.verdict, "note": v.note}
        for v in (_judged(checkpoint, verdict) for verdict in checkpoint.family.verdicts)
    ]
    write_rows(store, run, "verdicts", None, verdicts, slice_=slice_)
    accuracies = _accuracy_rows(checkpoint)
    if accuracies:
        write_rows(store, run, "accuracies", None, accuracies, slice_=slice_)
    else:
        store.replace("accuracies", {}, slice_, ())


def _accuracy_rows(checkpoint: Checkpoint) -> list[dict[str, object]]:
    """What is on record beside the weights; the record is not of random ones, which have no files."""
    measured = None if checkpoint.variant == RANDOM_WEIGHTS else read_measured(checkpoint.folder)
    if measured is None:
        return []
    return [
        {
            "model": checkpoint.name,
            "variant": checkpoint.variant,
            "data": each.data,
            "split": SPLIT,
            "readout": each.readout,
            "n": each.n,
            "correct": each.correct,
            "accuracy": each.share,
            "ci_low": each.interval[0],
            "ci_high": each.interval[1],
            "untrained_accuracy": each.untrained_share,
            "chance": CHANCE,
        }
        for each in sorted(measured.accuracy, key=lambda each: (each.data, each.readout))
    ]


def _judged(checkpoint: Checkpoint, verdict: Verdict) -> Verdict:
    """A family's verdict as it holds for one checkpoint: random weights are a yardstick, not a model to be judged."""
    if checkpoint.variant == RANDOM_WEIGHTS:
        return replace(verdict, verdict="baseline", note=_UNTRAINED)
    if checkpoint.card is None:
        return replace(verdict, note=f"{_UNKNOWN_TRAINING} {verdict.note}")
    return verdict


def write_params(store: Store, run: Run, requests: Sequence[MethodRequest]) -> None:
    """Record each method's parameter set."""
    for request in requests:
        explains = dict(request.parameters).get("target", "none")
        row = {
            "params_id": request.params_id,
            "method": request.method,
            "target_kind": explains,
            "target_scale": "none" if explains == "none" else "logit",
            "parameters": request.parameters_json,
            "seed": -1,
        }
        write_rows(store, run, "params", None, [row], slice_=request.params_id)


def write_targets(store: Store, run: Run, dataset: str, plan: ModelPlan, target_ids: Iterable[str]) -> None:
    """Record what the gradient methods explained."""
    explained = [Target(target_id) for target_id in sorted(set(target_ids) - {NO_TARGET.target_id})]
    if explained:
        rows = [{"target_id": t.target_id, "kind": t.kind, "text": t.text} for t in explained]
        checkpoint = plan.checkpoint
        write_rows(
            store, run, "targets", dataset, rows, slice_=f"{checkpoint.name}/{checkpoint.variant}/{plan.slice()}"
        )
