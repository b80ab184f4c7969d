"""What stands beside a map: its scores with chance, those of single boxes, what it left out, where it came from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import polars as pl
import streamlit as st

from pages._shared import cards
from ssl_attn.metrics import METRICS
from ssl_attn.metrics.scoring import OUTCOMES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pages._shared.stored_map import StoredMap


_MANY_BOXES = 10
_TABLE_HEIGHT = 340


def scores(score: Mapping[str, Any] | None, percentile: int) -> None:
    """IoU and energy against the union of the boxes, each beside its chance level."""
    if score is None:
        cards.nothing("This map has not been scored. Run `ssl-attn score` on the store.")
        return
    if score["outcome"] != "scored":
        cards.nothing(f"No score: {OUTCOMES.get(score['outcome'], score['outcome'])}.")
        return
    left, right = st.columns(2)
    with left:
        _metric(f"{METRICS['iou'].label} at {percentile}", score["iou"], score["iou_chance"])
    with right:
        _metric(METRICS["energy"].label, score["energy"], score["energy_chance"])


def left_out(row: Mapping[str, Any], stored: StoredMap) -> None:
    """The attention that the map does not show, and the part of the image that the model did not see."""
    said = []
    if row["mass_cls"] is not None:
        register = row["mass_register"] or 0
        said.append(f"{row['mass_cls']:.1%} of the attention rests on CLS")
        said.append(f"{register:.1%} on registers" if register else "none on registers")
        said.append(f"the map shows the other {row['mass_patch']:.1%}")
    else:
        said.append("this method has no share on CLS or registers")
    if stored.on_padding > 1e-3:
        said.append(f"{stored.on_padding:.0%} of the map lies on padding, which is neither drawn nor scored")
    if stored.hidden > 1e-3:
        said.append(f"the view hides {stored.hidden:.0%} of the image (shaded)")
    text = ", ".join(said)
    st.caption(f"{text[0].upper()}{text[1:]}.")


def box_table(table: pl.DataFrame, percentile: int, selected: str | None, choose: Callable[[str | None], None]) -> None:
    """Every box with its scores; choosing a row is the same as clicking the box.

    Reads `box_id`, `name`, `outcome`, `visible_fraction` and the scores with their chance levels.
    """
    ids = table["box_id"].to_list()
    chosen = [ids.index(selected)] if selected in ids else []
    key = f"boxes-{hash(tuple(ids))}-{selected}"

    def pick() -> None:
        rows = st.session_state[key].selection.rows
        choose(ids[rows[0]] if rows else None)

    st.dataframe(
        table.select(
            "name", "iou", "iou_chance", "recall", "recall_chance", "energy", "energy_chance", "visible_fraction",
            pl.col("outcome").replace_strict(OUTCOMES, default="not scored"),
        ),
        key=key,
        hide_index=True,
        height="auto" if len(ids) < _MANY_BOXES else _TABLE_HEIGHT,
        on_select=pick,
        selection_mode="single-row",
        selection_default={"selection": {"rows": chosen}} if chosen else None,
        alt=f"{len(ids)} boxes with their scores at percentile {percentile}",
        column_config={
            "name": st.column_config.TextColumn("Box", pinned=True),
            "iou": st.column_config.NumberColumn(f"IoU at {percentile}", format="%.3f"),
            "iou_chance": st.column_config.NumberColumn("chance", format="%.3f"),
            "recall": st.column_config.NumberColumn(f"Recall at {percentile}", format="%.3f"),
            "recall_chance": st.column_config.NumberColumn("chance ", format="%.3f"),
            "energy": st.column_config.NumberColumn("Energy", format="%.3f"),
            "energy_chance": st.column_config.NumberColumn("chance  ", format="%.3f"),
            "visible_fraction": st.column_config.NumberColumn("Visible", format="percent"),
            "outcome": "Outcome",
        },
    )  # fmt: skip


def provenance(source: Mapping[str, Any], row: Mapping[str, Any]) -> None:
    """The run, weights, geometry, parameters and code behind a number."""
    parameters = {**json.loads(source["parameters"] or "{}"), "params_id": row["params_id"]}
    facts = {
        "Run": row["run_id"],
        "Code": source["code_version"],
        "Weights": source["weights_sha256"],
        "Hub id": source["hf_id"] or "local checkpoint",
        "Revision": source["revision"] or "none: local",
        "Architecture": f"{source['architecture']}, {source['paradigm']}",
        "View": f"{row['view']}, input {row['input_size']} px, grid {row['grid_h']} × {row['grid_w']}",
        "Parameters": json.dumps(parameters, sort_keys=True),
        "Target": row["target"] or "none: attention explains no class",
        "Device": f"{source['device']}, {source['dtype']}",
        "Packages": source["packages"],
        "Run started": f"{source['started']:%Y-%m-%d %H:%M} UTC" if source["started"] else None,
    }
    with st.expander("Provenance", icon=":material/fingerprint:"):
        st.table(
            pl.DataFrame({"What": list(facts), "Value": [str(value or "unknown") for value in facts.values()]}),
            hide_index=True,
        )


def _metric(label: str, value: float, chance: float) -> None:
    lift = f" · {value / chance:.2f} ×" if chance else ""
    st.metric(label, f"{value:.3f}", delta=f"{value - chance:+.3f}", help="The small number is the distance to chance.")
    st.caption(f"Chance {chance:.3f}{lift}")
