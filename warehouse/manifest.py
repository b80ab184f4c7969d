"""The manifest: which part files a reader sees. What is not listed is not there."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote

from ssl_attn.errors import SslAttnError
from ssl_attn.files import replacing
from warehouse.contract import FORMAT_VERSION, TABLES

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

MANIFEST = "manifest.json"
DRAFT = "manifest.draft.json"


class StoreFormatError(SslAttnError):
    """The store was written by a newer program, or its manifest is damaged."""


@dataclass(frozen=True, slots=True)
class Part:
    """One Parquet file of a table.

    `slice` says which share of the partition it belongs to (a view, input size and parameter set, say): parts are
    replaced slice by slice. `key` is the hash of everything that determines the content.
    """

    file: str
    key: str
    partition: dict[str, str]
    slice: str
    rows: int
    bytes: int
    sha256: str
    run_id: str


@dataclass(slots=True)
class Manifest:
    """The parts of every table; `generation` counts publications."""

    generation: int = 0
    tables: dict[str, list[Part]] = field(default_factory=dict)

    def parts(self, table: str) -> list[Part]:
        """Parts of one table, in a stable order."""
        return sorted(self.tables.get(table, []), key=lambda part: part.file)

    def replace(self, table: str, partition: dict[str, str], slice_: str, parts: Iterable[Part]) -> None:
        """Put `parts` in the place of whatever stood in this slice of this partition."""
        kept = [p for p in self.tables.get(table, []) if (p.partition, p.slice) != (partition, slice_)]
        self.tables[table] = [*kept, *parts]

    def files(self) -> set[str]:
        """Every listed file, relative to the store."""
        return {part.file for parts in self.tables.values() for part in parts}


def partition_path(table: str, partition: dict[str, str]) -> str:
    """Hive path of a partition, relative to the store: `maps/dataset=facade/model=dinov2/...`."""
    keys = TABLES[table].partition_by
    return "/".join([table, *(f"{key}={quote(partition[key], safe='')}" for key in keys)])


def read_manifest(root: Path, *, draft: bool = False) -> Manifest:
    """The published manifest, or with `draft` the one that the pipeline prepares (the published one if there is none).

    A store that does not exist yet has an empty manifest. The draft leaves out parts whose file is gone, so that the
    pipeline makes them again.

    Raises:
        StoreFormatError: the store's format is not this program's, or the file is damaged.
    """
    path = root / MANIFEST
    if draft and (root / DRAFT).exists():
        path = root / DRAFT
    if not path.exists():
        return Manifest()
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        version = int(document["format"])
        if version != FORMAT_VERSION:
            remedy = (
                "it was written by a newer ssl-attn: upgrade this one"
                if version > FORMAT_VERSION
                else "it was written by an older ssl-attn, and its columns mean something else: delete the folder, or "
                "name another with --store, and build again"
            )
            message = f"expected a store of format {FORMAT_VERSION}, got format {version} in {path}; {remedy}"
            raise StoreFormatError(message)
        tables = {name: [Part(**part) for part in parts] for name, parts in document["tables"].items()}
        generation = int(document["generation"])
    except (ValueError, KeyError, TypeError) as error:
        message = f"expected a manifest in {path}, got a damaged file ({error}); restore it or build the store again"
        raise StoreFormatError(message) from error
    if draft:
        tables = {name: [part for part in parts if (root / part.file).exists()] for name, parts in tables.items()}
    return Manifest(generation, tables)


def write_manifest(root: Path, manifest: Manifest, *, draft: bool = False) -> None:
    """Replace the manifest (or the draft) atomically: a reader sees the old list or the new one, never a part of it."""
    path = root / (DRAFT if draft else MANIFEST)
    document = {
        "format": FORMAT_VERSION,
        "generation": manifest.generation,
        "tables": {name: [asdict(part) for part in manifest.parts(name)] for name in sorted(manifest.tables)},
    }
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(document, indent=1), encoding="utf-8")
