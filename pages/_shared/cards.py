"""What every page has: its question, the SQL behind a picture, downloads, verdicts, and plain words for nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import polars as pl
import polars.selectors as cs
import streamlit as st

from pages._shared.location import store_path
from warehouse.manifest import MANIFEST

if TYPE_CHECKING:
    from pages._shared.warehouse import Query

VERDICT_COLOURS: dict[str, Literal["green", "blue", "orange", "red"]] = {
    "excellent": "green",
    "correct": "green",
    "good": "blue",
    "acceptable": "orange",
    "questionable": "red",
    "baseline": "gray",
}
"""Colour of each verdict on a method's maps, from best to worst; a baseline has no training to judge."""


def heading(title: str, question: str) -> None:
    """What the page is called and the one question that it answers."""
    st.title(title, anchor=False)
    st.caption(question)


def ink() -> str:
    """Colour of text in the theme that the reader uses, for marks on charts."""
    return "#d5dddf" if st.context.theme.type == "dark" else "#26343a"


def verdict_badge(verdict: str | None, note: str | None) -> None:
    """How far the method may be trusted on this kind of model, and why."""
    if verdict is None:
        st.badge("no verdict", color="gray", help="The registry says nothing about this method on this kind of model.")
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.badge(verdict, color=VERDICT_COLOURS.get(verdict, "gray"))
        st.caption(note or "", width="stretch")


def behind(*queries: tuple[str, Query]) -> None:
    """The SQL that gave a picture, each query under its name, ready to run elsewhere."""
    with st.expander("SQL behind this", icon=":material/database:"):
        for name, query in queries:
            st.caption(f"{name} · runs as it is in `ssl-attn sql`")
            st.code(query.text, language="sql", wrap_lines=True)


def download(frame: pl.DataFrame, name: str) -> None:
    """A frame as CSV; lists are written as text."""
    flat = frame.with_columns(cs.list().cast(pl.List(pl.String)).list.join("; "))
    st.download_button(
        "CSV",
        flat.write_csv().encode(),
        file_name=f"{name}.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
        key=f"download-{name}",
    )


def no_data() -> None:
    """Say that there is nothing to show yet, and which command makes something."""
    store = store_path()
    state = (
        "is empty"
        if (store / MANIFEST).exists()
        else "does not exist yet"
        if not store.exists()
        else "holds nothing published"
    )
    st.info(f"The store `{store}` {state}.", icon=":material/inbox:")
    st.markdown("Build one from the bundled facades, or from your own images with boxes:")
    st.code(
        "ssl-attn demo\n"
        "ssl-attn build --dataset coco --data annotations.json --models dinov2 "
        f"--store {store}\n"
        f"ssl-attn app --store {store}",
        language="bash",
    )


def nothing(message: str) -> None:
    """Why a picture is not there, in plain words."""
    st.info(message, icon=":material/info:")
