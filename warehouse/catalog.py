"""DuckDB over the store: views and macros are made in memory at connect time; the store holds no copy of anything."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from warehouse.contract import TABLES, Table
from warehouse.manifest import read_manifest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.resources.abc import Traversable

    from warehouse.manifest import Manifest

QueryError = duckdb.Error
"""What a query that DuckDB refuses raises."""

_MART_LAYERS = ("staging", "marts", "macros")
# Macros that look single maps, scores or features up, which only the Parquet parts hold.
_LOOKUPS = "lookups"


def connect(store: Path | str, *, draft: bool = False) -> duckdb.DuckDBPyConnection:
    """An in-memory database with every table, mart and macro over the store's visible parts.

    A table without parts is an empty relation of the contract's types. Take one `cursor()` a query: DuckDB refuses two
    threads on one connection.

    Args:
        store: folder of the store; one that does not exist reads as empty.
        draft: see what the pipeline has prepared and not yet published.
    """
    root = Path(store)
    connection = duckdb.connect(":memory:")
    connection.execute("SET enable_progress_bar = false")
    for statement in catalog_statements(read_manifest(root, draft=draft), root):
        connection.execute(statement)
    return connection


def catalog_statements(manifest: Manifest, root: Path | None) -> Iterator[str]:
    """The SQL that makes the catalogue; with `root` None, part files are named relative to the store's own folder."""
    for table in TABLES.values():
        files = [
            part.file if root is None else str((root / part.file).resolve()) for part in manifest.parts(table.name)
        ]
        yield _base_relation(table, files)
    yield from mart_statements()
    for file in sql_files(_LOOKUPS):
        yield file.read_text(encoding="utf-8")


def mart_statements() -> Iterator[str]:
    """The SQL of views and macros that need no map, score or feature: what the small tables alone can answer."""
    for layer in _MART_LAYERS:
        for file in sql_files(layer):
            yield file.read_text(encoding="utf-8")


def sql_files(layer: str) -> list[Traversable]:
    """SQL files of one layer (staging, marts, macros, lookups, queries, checks), by name."""
    folder = resources.files("warehouse") / "sql" / layer
    return sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)


def duckdb_type(type_: pa.DataType) -> str:
    """The SQL type in which DuckDB reads an Arrow type of the contract."""
    if pa.types.is_list(type_):
        return f"{duckdb_type(type_.value_type)}[]"
    if pa.types.is_timestamp(type_):
        return "TIMESTAMPTZ"
    names = {
        pa.string(): "VARCHAR",
        pa.bool_(): "BOOLEAN",
        pa.int16(): "SMALLINT",
        pa.int32(): "INTEGER",
        pa.int64(): "BIGINT",
        pa.float16(): "FLOAT",
        pa.float32(): "FLOAT",
        pa.float64(): "DOUBLE",
    }
    return names[type_]


def _base_relation(table: Table, files: list[str]) -> str:
    if not files:
        # A table and not a view with WHERE false: the planner would drop such a view and, with it, the macros' checks.
        columns = ", ".join(f"{_name(c.name)} {duckdb_type(c.type)}" for c in table.columns)
        return f"CREATE OR REPLACE TABLE {_name(table.name)} ({columns});"
    columns = ", ".join(f"{_name(c.name)}::{duckdb_type(c.type)} AS {_name(c.name)}" for c in table.columns)
    listed = ", ".join("'" + file.replace("'", "''") + "'" for file in files)
    return (
        f"CREATE OR REPLACE VIEW {_name(table.name)} AS SELECT {columns} FROM read_parquet([{listed}], "
        "hive_partitioning = true, hive_types_autocast = false);"
    )


def _name(identifier: str) -> str:
    return f'"{identifier}"'
