"""Writing to a store: parts appear whole or not at all, and readers see them only once they are published."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from ssl_attn.errors import SslAttnError
from ssl_attn.files import replacing, sha256_of
from warehouse.contract import TABLES
from warehouse.manifest import DRAFT, MANIFEST, Part, partition_path, read_manifest, write_manifest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from warehouse.manifest import Manifest

# Small enough that one image lies in one or two row groups, large enough that a scan does not notice.
ROWS_PER_GROUP = 2048

_RUN_KEY = b"ssl_attn.run_id"

# A dictionary pays for columns that repeat; one of curve values only costs space.
_REPEATING = (pa.string(), pa.int16(), pa.int32(), pa.float64())


class Store:
    """A folder of Parquet parts with a draft manifest, which the pipeline fills, and a published one for readers."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._listed: dict[str, Part] | None = None
        self._draft: tuple[tuple[tuple[int, int, int] | None, ...], Manifest] | None = None

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
        """What the pipeline has prepared so far; the published manifest where nothing has changed since.

        It is read anew when it has been written anew: a build that finds nothing missing asks for it hundreds of times.
        """
        written = tuple(_stamp(self.root / name) for name in (DRAFT, MANIFEST))
        if self._draft is None or self._draft[0] != written:
            self._draft = written, read_manifest(self.root, draft=True)
        manifest = self._draft[1]
        return replace(manifest, tables={name: list(parts) for name, parts in manifest.tables.items()})

    def has_draft(self) -> bool:
        """Whether something is prepared that is not published."""
        return (self.root / DRAFT).exists()

    def discard(self) -> None:
        """Forget the draft, all but who ran: its parts stay, and the next build takes up those that are right."""
        manifest, runs = read_manifest(self.root), self.draft().parts("runs")
        if manifest.parts("runs") == runs:
            self._forget_draft()
        else:
            manifest.tables["runs"] = runs
            write_manifest(self.root, manifest, draft=True)
        self._listed = None

    def _forget_draft(self) -> None:
        (self.root / DRAFT).unlink(missing_ok=True)

    def existing(self, table: str, partition: dict[str, str], slice_: str, key: str) -> Part | None:
        """The part with this key, if an earlier run finished it: only whole files bear their own name."""
        file = _file(table, partition, slice_, key)
        path = self.root / file
        if not path.exists():
            return None
        if self._listed is None:
            self._listed = {part.file: part for parts in self.draft().tables.values() for part in parts}
        known = self._listed.get(file)
        if known is not None and known.bytes == path.stat().st_size:
            return known
        metadata = pq.read_metadata(path)
        run_id = (metadata.metadata or {}).get(_RUN_KEY, b"").decode()
        return Part(file, key, partition, slice_, metadata.num_rows, path.stat().st_size, sha256_of(path), run_id)

    def write(self, table: str, partition: dict[str, str], slice_: str, key: str, rows: pa.Table, run_id: str) -> Part:
        """Write one part: to a temporary name, to the disk, then to its own name."""
        spec = TABLES[table]
        schema = spec.stored_schema
        file = _file(table, partition, slice_, key)
        path = self.root / file
        rows = rows.select(schema.names).cast(schema).replace_schema_metadata({_RUN_KEY: run_id})
        order = [(name, "ascending") for name in spec.order_by]
        with replacing(path) as temporary:
            pq.write_table(
                rows,
                temporary,
                compression="zstd",
                row_group_size=ROWS_PER_GROUP,
                # float16 stays PLAIN: DuckDB does not read BYTE_STREAM_SPLIT on it
                use_dictionary=[column.name for column in spec.columns if column.type in _REPEATING],
                sorting_columns=pq.SortingColumn.from_ordering(schema, order) if order else None,
            )
        return Part(file, key, partition, slice_, rows.num_rows, path.stat().st_size, sha256_of(path), run_id)

    @contextmanager
    def edited_draft(self) -> Iterator[Manifest]:
        """The draft, to be changed; it is written once, when the block ends, if anything is other than before."""
        manifest = self.draft()
        before = _listing(manifest)
        yield manifest
        if _listing(manifest) != before:
            write_manifest(self.root, manifest, draft=True)

    def replace(self, table: str, partition: dict[str, str], slice_: str, parts: Iterable[Part]) -> None:
        """Put parts into the draft in the place of whatever stood in this slice of this partition."""
        with self.edited_draft() as manifest:
            manifest.replace(table, partition, slice_, parts)

    def publish(self) -> Manifest:
        """Make the draft what readers see; a draft that changes nothing publishes nothing."""
        published, draft = read_manifest(self.root), self.draft()
        if _listing(draft) != _listing(published):
            draft.generation = published.generation + 1
            write_manifest(self.root, draft)
        else:
            draft = published
        self._forget_draft()
        return draft


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """What changes whenever a file is replaced; None where there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def content_key(*parts: object) -> str:
    """Hash of the things that determine a part's content, each by its `repr`."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(repr(part).encode())
        digest.update(b"\0")
    return digest.hexdigest()


def _file(table: str, partition: dict[str, str], slice_: str, key: str) -> str:
    """File of a part, relative to the store: its place and its columns are part of what its name stands for.

    So no two series share a file, however equal their content, and a part of an older contract is not taken for one of
    this.
    """
    name = content_key(key, table, partition, slice_, str(TABLES[table].stored_schema))
    return f"{partition_path(table, partition)}/part-{name[:20]}.parquet"


def _listing(manifest: Manifest) -> set[tuple[str, str, str, str]]:
    return {(table, part.file, part.slice, part.sha256) for table, parts in manifest.tables.items() for part in parts}
