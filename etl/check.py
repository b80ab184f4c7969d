"""Is a store sound? SQL checks that must find nothing, and a look at every part file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from etl.progress import SILENT
from ssl_attn.files import sha256_of
from warehouse.catalog import connect, sql_files
from warehouse.contract import TABLES
from warehouse.manifest import read_manifest

if TYPE_CHECKING:
    from etl.progress import Progress
    from etl.store import Store

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check: what it asserts, how many rows break it, and the first of them."""

    name: str
    asserts: str
    broken: int
    examples: tuple[dict[str, object], ...]


def run_checks(store: Store, *, draft: bool = False) -> list[CheckResult]:
    """Run every check of `warehouse/sql/checks`; each must find no row."""
    results = []
    with connect(store.root, draft=draft) as catalog:
        for file in sql_files("checks"):
            text = file.read_text(encoding="utf-8")
            asserts = text.partition("\n")[0].removeprefix("--").strip()
            rows = catalog.execute(text)
            names = [column[0] for column in rows.description or ()]
            found = rows.fetchall()
            examples = tuple(dict(zip(names, row, strict=True)) for row in found[:_SHOWN])
            results.append(CheckResult(file.name.removesuffix(".sql"), asserts, len(found), examples))
    return results


def verify(store: Store, *, progress: Progress = SILENT) -> list[str]:
    """Read every published part: it is there, its hash is the manifest's, its columns are the contract's.

    Returns:
        One line for each fault; empty when all is well.
    """
    faults = []
    manifest = read_manifest(store.root)
    listed = [(table, part) for table in TABLES for part in manifest.parts(table)]
    task = progress.task("Verifying", len(listed), "parts")
    for table, part in listed:
        path = store.root / part.file
        task.advance()
        if not path.exists():
            faults.append(f"{part.file}: expected a file, found none; build again to restore it")
        elif sha256_of(path) != part.sha256:
            faults.append(f"{part.file}: expected hash {part.sha256[:12]}, found another; delete it and build again")
        elif not pq.read_schema(path).equals(TABLES[table].stored_schema):
            faults.append(f"{part.file}: its columns are not those of the contract; delete it and build again")
    return faults


def prune(store: Store) -> tuple[int, int]:
    """Delete parts and previews that neither the manifest nor the draft lists; returns files and bytes freed."""
    manifests = [read_manifest(store.root), store.draft()]
    kept = {file for manifest in manifests for file in manifest.files()}
    with connect(store.root) as published, connect(store.root, draft=True) as draft:
        for catalog in (published, draft):
            kept.update(preview for (preview,) in catalog.execute("SELECT DISTINCT preview FROM images").fetchall())
    files = freed = 0
    folders = [store.root / name for name in (*TABLES, "previews")]
    for path in [p for folder in folders if folder.exists() for p in folder.rglob("*") if p.is_file()]:
        if path.relative_to(store.root).as_posix() not in kept:
            freed += path.stat().st_size
            files += 1
            path.unlink()
    for folder in folders:
        for path in sorted((p for p in folder.rglob("*") if p.is_dir()), reverse=True):
            if not any(path.iterdir()):
                path.rmdir()
    return files, freed
