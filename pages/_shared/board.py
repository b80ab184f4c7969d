"""The leaderboard as a table, whose chosen row drives the charts below it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
import streamlit as st

from pages._shared import cards, filters
from pages._shared.series import Series, method_label, model_label
from ssl_attn.figures import describe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


_LEVEL = 0.05


def board_table(board: pl.DataFrame, chosen: int, *, metric: str, names: Sequence[str]) -> None:
    """The rows of `leaderboard` as a table with one row chosen; choosing another names its series in the URL."""
    shown = board.select(
        pl.Series("model", [model_label(*pair) for pair in board.select("model", "variant").iter_rows()]),
        pl.col("method").map_elements(method_label, return_dtype=pl.String),
        "value",
        pl.Series("interval", [_interval_text(row) for row in board.iter_rows(named=True)]),
        "chance",
        pl.Series("best_baseline", [_baseline_text(row) for row in board.iter_rows(named=True)]),
        pl.Series("beats", [_beats_text(row) for row in board.iter_rows(named=True)]),
        pl.Series("cross_fitted", [_cross_fitted_text(row) for row in board.iter_rows(named=True)]),
        "n",
        "n_sources",
        pl.Series("best_layer", [_best_text(row) for row in board.iter_rows(named=True)]),
        pl.concat_list("verdict").alias("verdict"),
        "note",
    )
    # A metric that only describes the map has no chance, no baselines and no best layer.
    empty = [name for name in ("chance", "best_baseline", "beats", "cross_fitted", "best_layer") if _empty(shown[name])]
    shown = shown.drop(empty)
    identities = [Series.of(row).identity for row in board.iter_rows(named=True)]
    key = f"board-{hash(tuple(identities))}-{chosen}"

    def select() -> None:
        picked = st.session_state[key].selection.rows
        filters.write("series", identities[picked[0]] if picked and picked[0] else None)

    st.dataframe(
        shown,
        key=key,
        hide_index=True,
        on_select=select,
        selection_mode="single-row-required",
        selection_default={"selection": {"rows": [chosen]}},
        alt=describe(board, labels=names, metric=metric, what="Table"),
        column_config={
            "model": st.column_config.TextColumn("Model", pinned=True),
            "method": "Method",
            "value": st.column_config.NumberColumn(metric, format="%.3f"),
            "interval": st.column_config.TextColumn(
                "95 % interval", help="Bootstrap over sources; none below 8, and too narrow below 20 (few)"
            ),
            "chance": st.column_config.NumberColumn("Chance", format="%.3f"),
            "best_baseline": st.column_config.TextColumn(
                "Best baseline", help="The best of the simple maps on the same images, grid and view"
            ),
            "beats": st.column_config.TextColumn(
                "Beats it",
                help="Paired test against the best baseline, p by Holm; worse: significantly so",
            ),
            "cross_fitted": st.column_config.TextColumn(
                "Cross-fitted layer", help="Layers chosen on other sources than they are scored on"
            ),
            "n": st.column_config.NumberColumn("Images"),
            "n_sources": st.column_config.NumberColumn("Sources", help="Buildings: the units of the interval"),
            "best_layer": st.column_config.TextColumn(
                "Best layer (optimistic)", help="The best of all layers, picked on these same images: it flatters"
            ),
            "verdict": st.column_config.MultiselectColumn(
                "Verdict",
                options=list(cards.VERDICT_COLOURS),
                color=list(cards.VERDICT_COLOURS.values()),
                help="How far the method may be trusted on this kind of model",
            ),
            "note": st.column_config.TextColumn("Why", width="large"),
        },
    )


def _empty(column: pl.Series) -> bool:
    return bool((column.is_null() | (column.cast(pl.String) == "")).all())


def _interval_text(row: Mapping[str, Any]) -> str:
    if row["ci_low"] is None:
        return "none"
    return f"{row['ci_low']:.3f} – {row['ci_high']:.3f}" + (" (few)" if row["few"] else "")


def _baseline_text(row: Mapping[str, Any]) -> str:
    return "" if row["best_baseline"] is None else f"{row['best_baseline']} · {row['best_baseline_value']:.3f}"


def _beats_text(row: Mapping[str, Any]) -> str:
    p = row["best_baseline_p_holm"]
    if p is None:
        return ""
    found = "yes" if row["beats_best_baseline"] else "worse" if p < _LEVEL else "not shown"
    return f"{found}, p {p:.3f}" if p >= 0.001 else f"{found}, p {p:.1e}"


def _cross_fitted_text(row: Mapping[str, Any]) -> str:
    if row["cross_fitted"] is None:
        return ""
    if row["cross_fitted_low"] is None:
        return f"{row['cross_fitted']:.3f}"
    return f"{row['cross_fitted']:.3f} [{row['cross_fitted_low']:.3f}, {row['cross_fitted_high']:.3f}]"


def _best_text(row: Mapping[str, Any]) -> str:
    return "" if row["best_value"] is None else f"{row['best_layer']} · {row['best_value']:.3f}"
