"""Writing to a store: parts appear whole or not at all, and readers see them only once they are published."""

from __future__ import annotations

import hashlib
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from ssl_attn.errors import SslAttnError
from warehouse.contract import TABLES
from warehouse.manifest import DRAFT, Part, partition_path, read_manifest, write_manifest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from warehouse.manifest import Manifest

# Small enough that one image lies in one or two row groups, large enough that a scan does not notice.
ROWS_PER_GROUP = 2048

_RUN_KEY = b"ssl_attn.run_id"


class Store:
    """A folder of Parquet parts with a draft manifest, which the pipeline fills, and a published one for readers."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._listed: dict[str, Part] | None = None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other writers out.

        Raises:
            SslAttnError: another process is writing to this store.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.root / ".lock", timeout=0)
        try:
            lock.acquire()
        except Timeout as error:
            message = (
                f"expected to be the only writer of {self.root}, but another ssl-attn is at work there; wait for it"
            )
            raise SslAttnError(message) from error
        try:
            yield
        finally:
            lock.release()

    def draft(self) -> Manifest:
        """What the pipeline has prepared so far; the published manifest where nothing has changed since."""
        return read_manifest(self.root, draft=True)

    def part_path(self, table: str, partition: dict[str, str], key: str) -> str:
        """File of a part, relative to the store."""
        return f"{partition_path(table, partition)}/part-{key[:20]}.parquet"

    def existing(self, table: str, partition: dict[str, str], slice_: str, key: str) -> Part | None:
        """The part with this key, if an earlier run finished it: only whole files bear their own name."""
        file = self.part_path(table, partition, key)
        path = self.root / file
        if not path.exists():
            return None
        if self._listed is None:
            self._listed = {part.file: part for parts in self.draft().tables.values() for part in parts}
        known = self._listed.get(file)
        if known is not None and (known.key, known.slice, known.bytes) == (key, slice_, path.stat().st_size):
            return known
        metadata = pq.read_metadata(path)
        run_id = (metadata.metadata or {}).get(_RUN_KEY, b"").decode()
        return Part(file, key, partition, slice_, metadata.num_rows, path.stat().st_size, sha256_of(path), run_id)

    def write(self, table: str, partition: dict[str, str], slice_: str, key: str, rows: pa.Table, run_id: str) -> Part:
        """Write one part: to a temporary name, to the disk, then to its own name."""
        spec = TABLES[table]
        file = self.part_path(table, partition, key)
        path = self.root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        rows = (
            rows.select(spec.stored_schema.names).cast(spec.stored_schema).replace_schema_metadata({_RUN_KEY: run_id})
        )
        pq.write_table(
            rows,
            temporary,
            compression="zstd",
            row_group_size=ROWS_PER_GROUP,
            # DuckDB does not read BYTE_STREAM_SPLIT on float16, and a dictionary of curve values only costs space.
            use_dictionary=[
                c.name for c in spec.columns if c.type in (pa.string(), pa.int16(), pa.int32(), pa.float64())
            ],
            sorting_columns=pq.SortingColumn.from_ordering(
                spec.stored_schema, [(name, "ascending") for name in spec.order_by]
            )
            if spec.order_by
            else None,
        )
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
        temporary.replace(path)
        return Part(file, key, partition, slice_, rows.num_rows, path.stat().st_size, sha256_of(path), run_id)

    def replace(self, table: str, partition: dict[str, str], slice_: str, parts: Iterable[Part]) -> None:
        """Put parts into the draft in the place of whatever stood in this slice of this partition."""
        manifest = self.draft()
        before = {(p.file, p.slice) for p in manifest.parts(table)}
        manifest.replace(table, partition, slice_, parts)
        if {(p.file, p.slice) for p in manifest.parts(table)} != before:
            write_manifest(self.root, manifest, draft=True)

    def publish(self) -> Manifest:
        """Make the draft what readers see; a draft that changes nothing publishes nothing."""
        published, draft = read_manifest(self.root), self.draft()
        if draft.files() != published.files():
            draft.generation = published.generation + 1
            write_manifest(self.root, draft)
        else:
            draft = published
        (self.root / DRAFT).unlink(missing_ok=True)
        return draft


def content_key(*parts: object) -> str:
    """Hash of everything that determines a part's content."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(repr(part).encode())
        digest.update(b"\0")
    return digest.hexdigest()


def sha256_of(path: Path) -> str:
    """Hash of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
