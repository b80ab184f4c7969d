"""Make the draft what readers see, and leave something for people at a DuckDB prompt."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import duckdb

from warehouse.catalog import catalog_statements, connect, mart_statements
from warehouse.manifest import read_manifest

if TYPE_CHECKING:
    from pathlib import Path

    from etl.store import Store
    from warehouse.manifest import Manifest

SHELL_CATALOGUE = "current.sql"

# Small enough to copy into a database file; maps, features and scores stay in Parquet alone.
_MART_TABLES = (
    "images", "boxes", "feature_types", "models", "verdicts", "methods", "metrics", "params", "targets", "quarantine",
    "aggregates", "runs",
)  # fmt: skip


def publish(store: Store) -> Manifest:
    """Publish the draft; write `marts-<generation>.duckdb` and `current.sql` beside the manifest.

    A new generation gets a new database file, so that a reader of the old one keeps what it has open.
    """
    before = read_manifest(store.root).generation
    manifest = store.publish()
    marts = store.root / f"marts-{manifest.generation:06d}.duckdb"
    if manifest.generation != before or not marts.exists():
        _write_marts(store.root, marts)
        _write_atomically(store.root / SHELL_CATALOGUE, _shell_catalogue(manifest))
        for old in store.root.glob("marts-*.duckdb"):
            if old != marts:
                old.unlink()
    return manifest


def _write_marts(root: Path, path: Path) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)
    with connect(root) as catalog:
        catalog.execute(f"ATTACH '{str(temporary).replace(chr(39), chr(39) * 2)}' AS published")
        for table in _MART_TABLES:
            catalog.execute(f"CREATE TABLE published.{table} AS FROM {table}")
        catalog.execute("DETACH published")
    # Views over the copied tables, so that the file answers the same questions on its own.
    with duckdb.connect(str(temporary)) as database:
        for statement in mart_statements():
            database.execute(statement)
    temporary.replace(path)


def _shell_catalogue(manifest: Manifest) -> str:
    header = (
        "-- Views and macros over this store. From inside its folder: duckdb -init current.sql\n"
        f"-- Generation {manifest.generation}.\n"
    )
    return header + "\n".join(catalog_statements(manifest, None))


def _write_atomically(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
