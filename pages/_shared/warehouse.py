"""The store as pages read it: one catalogue a generation, one cursor a query, results whole and cached."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from pages._shared.location import store_path
from warehouse.catalog import connect
from warehouse.manifest import MANIFEST

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb
    import polars as pl

Value = str | int | float | None | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Query:
    """A question in SQL and its parameters, which stand in the text as `$name`."""

    sql: str
    params: tuple[tuple[str, Value], ...] = ()

    @classmethod
    def of(cls, sql: str, **params: Value) -> Query:
        """A query with its parameters by name."""
        return cls(sql, tuple(sorted(params.items())))

    @property
    def text(self) -> str:
        """The query with its parameters written in: runs as it is in `ssl-attn sql`."""
        values = dict(self.params)
        return re.sub(r"\$(\w+)", lambda match: _literal(values[match[1]]), self.sql)


def rows(query: Query) -> pl.DataFrame:
    """The whole result of a query on the published generation of the store."""
    root = store_path().resolve()
    return _rows(str(root), _fingerprint(root), query.sql, query.params)


def _fingerprint(root: Path) -> str:
    """Hash of the manifest, so that a newly published generation is another key; empty where there is no store."""
    try:
        return hashlib.sha256((root / MANIFEST).read_bytes()).hexdigest()
    except FileNotFoundError:
        return ""


@st.cache_resource(max_entries=2, show_spinner=False)
def _catalogue(root: str, fingerprint: str) -> duckdb.DuckDBPyConnection:
    return connect(root)


@st.cache_data(max_entries=256, max_size="256MB", show_spinner=False)
def _rows(root: str, fingerprint: str, sql: str, params: tuple[tuple[str, Value], ...]) -> pl.DataFrame:
    values = {name: list(value) if isinstance(value, tuple) else value for name, value in params}
    frame: pl.DataFrame = _catalogue(root, fingerprint).cursor().sql(sql, params=values or None).pl()
    return frame


def _literal(value: Value) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, tuple):
        return "[" + ", ".join(_literal(item) for item in value) + "]"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return str(value)
