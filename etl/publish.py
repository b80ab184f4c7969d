"""Make the draft what readers see, and leave something for people at a DuckDB prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb

from etl.check import run_checks
from ssl_attn.errors import SslAttnError
from ssl_attn.files import replacing
from warehouse.catalog import catalog_statements, connect, mart_statements

if TYPE_CHECKING:
    from pathlib import Path

    from etl.store import Store
    from warehouse.manifest import Manifest

SHELL_CATALOGUE = "current.sql"

# Small enough to copy into a database file; maps, features and scores stay in Parquet alone.
_MART_TABLES = (
    "images", "boxes", "feature_types", "models", "verdicts", "accuracies", "methods", "metrics", "baselines", "params",
    "targets", "quarantine", "series", "aggregates", "aggregate_index", "layer_choices", "head_ranks", "comparisons",
    "runs",
)  # fmt: skip

# Rows that one question reads stand together, so that the database skips the others.
_ASKED_BY = {
    "aggregates": "group_kind, metric, percentile, head < 0, model, variant, method, head, layer, group_key",
    "head_ranks": "metric, percentile, model, variant, method, layer, head",
    "comparisons": "metric, percentile, kind, a_model, a_variant, a_method, b_model, b_variant, b_method",
}


def publish(store: Store) -> Manifest:
    """Check the draft and publish it, with `current.sql` and `marts-<generation>.duckdb` beside the manifest.

    A new generation gets a new database file, so that a reader of the old one keeps what it has open.

    Raises:
        SslAttnError: a check found rows that must not be; what was published before stays.
    """
    if store.has_draft():
        _require_sound(store)
    manifest = store.publish()
    marts = store.root / f"marts-{manifest.generation:06d}.duckdb"
    if not marts.exists():
        with replacing(store.root / SHELL_CATALOGUE) as temporary:
            temporary.write_text(_shell_catalogue(manifest), encoding="utf-8")
        # last, so that a run killed in between comes back here
        with connect(store.root) as catalog:
            write_marts(catalog, marts)
        for old in store.root.glob("marts-*.duckdb"):
            if old != marts:
                old.unlink()
    return manifest


def _require_sound(store: Store) -> None:
    broken = [result for result in run_checks(store, draft=True) if result.broken]
    if broken:
        listed = "; ".join(f"{result.name}: {result.broken} rows, such as {result.examples[0]}" for result in broken)
        message = (
            f"expected every check of the draft to find nothing, got {listed}; nothing was published: finish the draft "
            "with ssl-attn score and aggregate, or forget it with ssl-attn discard and build again"
        )
        raise SslAttnError(message)


def write_marts(catalog: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Write a database file with the small tables of a catalogue, its views and its macros."""
    with replacing(path) as temporary:
        catalog.execute(f"ATTACH '{str(temporary).replace(chr(39), chr(39) * 2)}' AS published")
        for table in _MART_TABLES:
            order = f" ORDER BY {_ASKED_BY[table]}" if table in _ASKED_BY else ""
            catalog.execute(f"CREATE TABLE published.{table} AS FROM {table}{order}")
        catalog.execute("DETACH published")
        # Views over the copied tables, so that the file answers the same questions on its own.
        with duckdb.connect(str(temporary)) as database:
            for statement in mart_statements():
                database.execute(statement)


def _shell_catalogue(manifest: Manifest) -> str:
    header = (
        "-- Views and macros over this store. From inside its folder: duckdb -init current.sql\n"
        f"-- Generation {manifest.generation}.\n"
    )
    return header + "\n".join(catalog_statements(manifest, None))
