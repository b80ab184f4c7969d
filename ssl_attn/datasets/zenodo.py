"""Downloads of a Zenodo record's files: resumable, verified by the size and checksum that the record states today."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import httpx

from ssl_attn.errors import SslAttnError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    OnBytes = Callable[[str, int, int], None]

_T = TypeVar("_T")

WIKICHURCHES_RECORD = "https://zenodo.org/api/records/5166987"
WIKICHURCHES_FILES = ("building_parts.json", "churches.json", "style_names.txt", "images.zip")
"""What the reader uses; the record holds more (labels, metadata, trained models)."""

_ATTEMPTS = 6
_LONGEST_PAUSE = 60.0
_CHUNK = 2**20
_TIMEOUT = httpx.Timeout(30.0)
_TRY_AGAIN = frozenset({408, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class RecordFile:
    """One file of a record: its size in bytes, checksum as `algorithm:hexdigest`, and address."""

    name: str
    size: int
    checksum: str
    url: str


class _InterruptedError(Exception):
    """Worth another attempt, after `pause` seconds where the server asked for a pause."""

    def __init__(self, reason: str, pause: float | None = None) -> None:
        super().__init__(reason)
        self.pause = pause


def download_record(
    destination: Path,
    *,
    files: Iterable[str] = WIKICHURCHES_FILES,
    record_url: str = WIKICHURCHES_RECORD,
    first_pause: float = 1.0,
    on_bytes: OnBytes | None = None,
) -> list[Path]:
    """Download `files` of a record into `destination` and return their paths.

    A file that is there and whole is left alone; a `.part` file is continued. After a failure the pause doubles,
    from `first_pause` seconds. `on_bytes` is called with file name, bytes there, and bytes in all.

    Raises:
        UsageError: the record has no such file.
        SslAttnError: the server cannot be reached or refuses, a file is not as stated, or the disk is full.
    """
    with httpx.Client(follow_redirects=True, timeout=_TIMEOUT, headers={"Accept-Encoding": "identity"}) as client:
        listed = _with_retries(lambda: _read_record(client, record_url), first_pause, record_url)
        wanted = list(dict.fromkeys(files))
        unknown = [name for name in wanted if name not in listed]
        if unknown:
            message = f"expected files of {record_url} ({', '.join(sorted(listed))}), got {', '.join(unknown)}"
            raise UsageError(message)
        try:
            destination.mkdir(parents=True, exist_ok=True)
            return [_download(client, listed[name], destination, first_pause, on_bytes) for name in wanted]
        except OSError as error:
            reason = "the disk is full" if error.errno == errno.ENOSPC else error.strerror or str(error)
            message = (
                f"expected to write into {destination}, but {reason}; make room or choose another folder, "
                "then run it again: it goes on where it stopped"
            )
            raise SslAttnError(message) from error


def _read_record(client: httpx.Client, url: str) -> dict[str, RecordFile]:
    response = client.get(url, headers={"Accept": "application/json"})
    _check_status(response)
    try:
        entries: list[dict[str, Any]] = response.json()["files"]
        files = [RecordFile(e["key"], int(e["size"]), e["checksum"], e["links"]["self"]) for e in entries]
    except (ValueError, KeyError, TypeError) as error:
        message = (
            f"expected a record with files, their sizes, checksums and links at {url}, "
            f"got something else ({error!r}); check the address"
        )
        raise SslAttnError(message) from error
    return {file.name: file for file in files if file.name not in ("", ".", "..") and Path(file.name).name == file.name}


def _download(
    client: httpx.Client, file: RecordFile, folder: Path, first_pause: float, on_bytes: OnBytes | None
) -> Path:
    target, part = folder / file.name, folder / f"{file.name}.part"

    def report(done: int) -> None:
        if on_bytes is not None:
            on_bytes(file.name, done, file.size)

    if _is_whole(target, file):
        report(file.size)
        return target
    missing = file.size - _size(part)
    free = shutil.disk_usage(folder).free
    if free < missing:
        message = (
            f"expected {missing / 1e9:.2f} GB of free disk in {folder} for {file.name}, found {free / 1e9:.2f} GB; "
            "make room or choose another folder"
        )
        raise SslAttnError(message)
    _with_retries(lambda: _fetch(client, file, part, report), first_pause, file.url)
    part.replace(target)
    return target


def _fetch(client: httpx.Client, file: RecordFile, part: Path, report: Callable[[int], None]) -> None:
    """Bring `part` to the whole file, from where it stands."""
    start = _size(part)
    if start > file.size:
        part.unlink()
        start = 0
    if start == 0 or start < file.size:
        start = _receive(client, file, part, start, report)
    size = _size(part)
    if size < file.size:
        reason = f"the connection ended after {size} of {file.size} bytes"
        raise _InterruptedError(reason)
    if not _is_whole(part, file):
        part.unlink()
        reason = f"expected {file.name} with {file.size} bytes and checksum {file.checksum}, got {size} others"
        if start > 0:
            raise _InterruptedError(reason)
        message = f"{reason}; the broken download was deleted, run it again"
        raise SslAttnError(message)
    report(file.size)


def _receive(client: httpx.Client, file: RecordFile, part: Path, start: int, report: Callable[[int], None]) -> int:
    """Append to `part` from byte `start`, or from 0 when the server knows no ranges; return where it began."""
    headers = {"Range": f"bytes={start}-"} if start else {}
    with client.stream("GET", file.url, headers=headers) as response:
        if start and _is_other_range(response, start):
            part.unlink()
            raise _InterruptedError(reason="the server would not continue the file, which begins anew")
        _check_status(response)
        resumed = start > 0 and response.status_code == httpx.codes.PARTIAL_CONTENT
        done = start if resumed else 0
        with part.open("ab" if resumed else "wb") as sink:
            report(done)
            for chunk in response.iter_raw(_CHUNK):
                sink.write(chunk)
                done += len(chunk)
                report(min(done, file.size))
                if done > file.size:
                    break
            sink.flush()
            os.fsync(sink.fileno())
    return start if resumed else 0


def _is_other_range(response: httpx.Response, start: int) -> bool:
    if response.status_code == httpx.codes.PARTIAL_CONTENT:
        return not response.headers.get("Content-Range", "").startswith(f"bytes {start}-")
    return response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _is_whole(path: Path, file: RecordFile) -> bool:
    if not path.is_file() or _size(path) != file.size:
        return False
    algorithm, _, expected = file.checksum.partition(":")
    if algorithm not in hashlib.algorithms_available or not expected:
        message = f"expected a checksum like 'md5:...' for {file.name}, the record states {file.checksum!r}"
        raise SslAttnError(message)
    with path.open("rb") as content:
        return (
            hashlib.file_digest(content, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest() == expected
        )


def _check_status(response: httpx.Response) -> None:
    status = response.status_code
    if response.is_success:
        return
    if status in _TRY_AGAIN:
        asked = response.headers.get("Retry-After", "")
        reason = f"the server answered {status} {response.reason_phrase}"
        raise _InterruptedError(reason, float(asked) if asked.isdigit() else None)
    message = (
        f"expected a file at {response.url}, the server answered {status} {response.reason_phrase}; check the address"
    )
    raise SslAttnError(message)


def _with_retries(step: Callable[[], _T], first_pause: float, url: str) -> _T:
    """Run `step` until it passes, with growing pauses, and give up after some attempts."""
    reason: Exception | None = None
    for attempt in range(_ATTEMPTS):
        if reason is not None:
            asked = reason.pause if isinstance(reason, _InterruptedError) else None
            time.sleep(min(_LONGEST_PAUSE, asked if asked is not None else first_pause * 2 ** (attempt - 1)))
        try:
            return step()
        except (httpx.TransportError, _InterruptedError) as error:
            reason = error
    message = (
        f"could not get {url} in {_ATTEMPTS} attempts ({reason}); check the network connection, "
        "then run it again: it goes on where it stopped"
    )
    raise SslAttnError(message) from reason
