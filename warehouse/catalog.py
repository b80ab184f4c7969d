"""DuckDB over the store: views and macros are made in memory at connect time; the store holds no copy of anything."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from warehouse.contract import TABLES, Column, Table
from warehouse.manifest import StoreFormatError, read_manifest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from importlib.resources.abc import Traversable

    from warehouse.manifest import Manifest

QueryError = duckdb.Error
"""What a query that DuckDB refuses raises."""

# Functions of plain values, which the columns that are computed on reading call.
_FUNCTIONS = "functions"
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

    Raises:
        StoreFormatError: the store is of another format, or a part that it lists is gone.
    """
    root = Path(store)
    try:
        return _database(catalog_statements(read_manifest(root, draft=draft), root))
    except duckdb.IOException as error:
        message = (
            f"expected every part that the manifest of {root} lists, got {str(error).strip()}; ssl-attn verify names "
            "them all, and building again makes them anew"
        )
        raise StoreFormatError(message) from error


def connect_to_tables(manifest: Manifest, root: Path) -> duckdb.DuckDBPyConnection:
    """An in-memory database with the tables that a manifest names and nothing else: no mart, no macro, opened fast."""
    return _database(_table_statements([TABLES[name] for name in manifest.tables], manifest, root))


def _database(statements: Iterator[str]) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(":memory:")
    connection.execute("SET enable_progress_bar = false")
    # Parts never change, and a question reads little of each: their footers would be most of the work.
    connection.execute("SET parquet_metadata_cache = true")
    for statement in statements:
        connection.execute(statement)
    return connection


def catalog_statements(manifest: Manifest, root: Path | None) -> Iterator[str]:
    """The SQL that makes the catalogue; with `root` None, part files are named relative to the store's own folder."""
    yield from _table_statements(TABLES.values(), manifest, root)
    yield from _texts(*_MART_LAYERS, _LOOKUPS)


def mart_statements() -> Iterator[str]:
    """The SQL of views and macros that need no map, score or feature: what the small tables alone can answer."""
    yield from _texts(_FUNCTIONS, *_MART_LAYERS)


def sql_files(layer: str) -> list[Traversable]:
    """SQL files of one layer (functions, staging, marts, macros, lookups, checks), by name."""
    folder = resources.files("warehouse") / "sql" / layer
    return sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)


def _table_statements(tables: Iterable[Table], manifest: Manifest, root: Path | None) -> Iterator[str]:
    """Tables, and before them the functions that their computed columns call."""
    yield from _texts(_FUNCTIONS)
    for table in tables:
        files = [
            part.file if root is None else str((root / part.file).resolve()) for part in manifest.parts(table.name)
        ]
        yield _base_relation(table, files)


def _texts(*layers: str) -> Iterator[str]:
    for layer in layers:
        for file in sql_files(layer):
            yield file.read_text(encoding="utf-8")


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
    # Computed columns stand outside: the planner drops the ones that a query does not ask for.
    columns = ", ".join(_column(c, c.expression or _name(c.name)) for c in table.columns)
    stored = ", ".join(_column(c, _name(c.name)) for c in table.columns if c.expression is None)
    listed = ", ".join("'" + file.replace("'", "''") + "'" for file in files)
    return (
        f"CREATE OR REPLACE VIEW {_name(table.name)} AS SELECT {columns} FROM (SELECT {stored} FROM "
        f"read_parquet([{listed}], hive_partitioning = true, hive_types_autocast = false));"
    )


def _column(column: Column, expression: str) -> str:
    return f"({expression})::{duckdb_type(column.type)} AS {_name(column.name)}"


def _name(identifier: str) -> str:
    return f'"{identifier}"'
