"""Downloads against a local server that behaves like Zenodo, and like a bad one."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import threading
import zipfile
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image as PillowImage
from typer.testing import CliRunner

from ssl_attn.cli.dataset import dataset_app
from ssl_attn.datasets import read_dataset, zenodo
from ssl_attn.datasets.zenodo import download_record
from ssl_attn.errors import SslAttnError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def archive() -> bytes:
    """Two images, of which one is annotated, and noise that makes the download take several pieces."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as target:
        for name in ("Q1_wd0.png", "Q2_wd0.png"):
            picture = io.BytesIO()
            PillowImage.new("L", (30, 20)).save(picture, "PNG")
            target.writestr(f"images/{name}", picture.getvalue())
        target.writestr("noise.bin", np.random.default_rng(0).bytes(3_000_000))
    return buffer.getvalue()


BOX = {"label": 0, "left": 0.1, "top": 0.1, "width": 0.5, "height": 0.5}
ANNOTATION = {"styles": ["Q46261"], "bbox_groups": [{"group_label": 0, "elements": [BOX]}]}
PARTS = {"meta": [{"name": "Portal", "parents": []}], "annotations": {"Q1_wd0.png": ANNOTATION}}
CONTENT = {
    "building_parts.json": json.dumps(PARTS).encode(),
    "churches.json": b"{}",
    "style_names.txt": b"Q46261 Romanesque",
    "images.zip": archive(),
    "empty.txt": b"",
}
SIZE = len(CONTENT["images.zip"])


@dataclass
class Behaviour:
    ranges: bool = True
    drop_after: int | None = None
    """Close the connection after so many bytes, once."""
    refusals: list[int] = field(default_factory=list)
    """Status codes of the next answers."""
    corrupt: set[str] = field(default_factory=set)
    checksum: str = "md5"
    wrong_range: bool = False
    requests: list[tuple[str, str | None]] = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    behaviour: Behaviour
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Keep the test output clean."""

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        limit = self.behaviour.drop_after
        if limit is not None and len(body) > limit:
            self.behaviour.drop_after = None
            self.wfile.write(body[:limit])
            self.close_connection = True
        else:
            self.wfile.write(body)

    def do_GET(self) -> None:
        self.behaviour.requests.append((self.path, self.headers.get("Range")))
        if self.behaviour.refusals:
            self.answer(self.behaviour.refusals.pop(0), b"busy", Retry_After="0")
        elif self.path == "/api/records/1":
            self.answer(200, json.dumps(self.record()).encode())
        elif self.path.startswith("/files/") and self.path[7:] in CONTENT:
            self.file(self.path[7:])
        else:
            self.answer(404, b"{}")

    def record(self) -> dict[str, Any]:
        port = self.server.server_address[1]
        return {
            "files": [
                {
                    "key": name,
                    "size": len(content),
                    "checksum": f"{self.behaviour.checksum}:{hashlib.md5(content, usedforsecurity=False).hexdigest()}",
                    "links": {"self": f"http://127.0.0.1:{port}/files/{name}"},
                }
                for name, content in CONTENT.items()
            ]
            + [{"key": "../evil", "size": 1, "checksum": "md5:0", "links": {"self": "http://127.0.0.1/x"}}]
        }

    def file(self, name: str) -> None:
        content = CONTENT[name]
        if name in self.behaviour.corrupt:
            content = bytes(len(content))
        asked = self.headers.get("Range")
        if asked is None or not self.behaviour.ranges:
            self.answer(200, content)
            return
        start = int(asked.removeprefix("bytes=").rstrip("-")) - (5 if self.behaviour.wrong_range else 0)
        if start >= len(content):
            self.answer(416, b"")
        else:
            self.answer(206, content[start:], Content_Range=f"bytes {start}-{len(content) - 1}/{len(content)}")


@pytest.fixture
def behaviour() -> Behaviour:
    return Behaviour()


@pytest.fixture
def record(behaviour: Behaviour) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"behaviour": behaviour}))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/api/records/1"
    server.shutdown()
    thread.join()
    server.server_close()


def fetch(record: str, folder: Path, *files: str) -> list[Path]:
    return download_record(folder, files=files or ("images.zip",), record_url=record, first_pause=0.001)


def test_files_arrive_whole_and_a_second_run_fetches_nothing(record: str, behaviour: Behaviour, tmp_path: Path) -> None:
    calls: list[tuple[str, int, int]] = []
    paths = download_record(
        tmp_path / "new" / "folder", files=CONTENT, record_url=record, on_bytes=lambda *call: calls.append(call)
    )
    assert {path.name: path.read_bytes() for path in paths} == CONTENT
    assert calls[-1] == ("empty.txt", 0, 0)
    done = [done for name, done, _ in calls if name == "images.zip"]
    assert done == sorted(done)
    assert done[-1] == SIZE
    assert sorted(path.name for path in (tmp_path / "new" / "folder").iterdir()) == sorted(CONTENT)
    behaviour.requests.clear()
    fetch(record, tmp_path / "new" / "folder", *CONTENT)
    assert behaviour.requests == [("/api/records/1", None)]


def test_a_broken_connection_is_continued_where_it_stopped(record: str, behaviour: Behaviour, tmp_path: Path) -> None:
    behaviour.drop_after = 1_200_000
    (path,) = fetch(record, tmp_path)
    assert path.read_bytes() == CONTENT["images.zip"]
    first, second = behaviour.requests[1:]
    assert first == ("/files/images.zip", None)
    start = int((second[1] or "").removeprefix("bytes=").rstrip("-"))
    assert 0 < start <= 1_200_000


def test_a_part_of_an_earlier_run_is_continued(record: str, behaviour: Behaviour, tmp_path: Path) -> None:
    (tmp_path / "images.zip.part").write_bytes(CONTENT["images.zip"][:2_000_000])
    (path,) = fetch(record, tmp_path)
    assert path.read_bytes() == CONTENT["images.zip"]
    assert behaviour.requests[1:] == [("/files/images.zip", "bytes=2000000-")]
    assert not (tmp_path / "images.zip.part").exists()


def test_a_whole_part_needs_no_request(record: str, behaviour: Behaviour, tmp_path: Path) -> None:
    (tmp_path / "images.zip.part").write_bytes(CONTENT["images.zip"])
    fetch(record, tmp_path)
    assert len(behaviour.requests) == 1


@pytest.mark.parametrize("ranges", [True, False])
def test_a_part_of_something_else_is_thrown_away(
    record: str, behaviour: Behaviour, tmp_path: Path, *, ranges: bool
) -> None:
    behaviour.ranges = ranges
    (tmp_path / "images.zip.part").write_bytes(bytes(1_000_000))
    (path,) = fetch(record, tmp_path)
    assert path.read_bytes() == CONTENT["images.zip"]


def test_a_part_that_is_too_long_is_thrown_away(record: str, tmp_path: Path) -> None:
    (tmp_path / "images.zip.part").write_bytes(bytes(4_000_000))
    (path,) = fetch(record, tmp_path)
    assert path.read_bytes() == CONTENT["images.zip"]


def test_a_server_that_sends_another_range_makes_it_begin_anew(
    record: str, behaviour: Behaviour, tmp_path: Path
) -> None:
    behaviour.wrong_range = True
    (tmp_path / "images.zip.part").write_bytes(CONTENT["images.zip"][:1000])
    (path,) = fetch(record, tmp_path)
    assert path.read_bytes() == CONTENT["images.zip"]


def test_a_changed_file_is_fetched_again(record: str, tmp_path: Path) -> None:
    (tmp_path / "images.zip").write_bytes(bytes(SIZE))
    (path,) = fetch(record, tmp_path)
    assert path.read_bytes() == CONTENT["images.zip"]


def test_a_checksum_that_does_not_match_is_an_error_and_leaves_nothing(
    record: str, behaviour: Behaviour, tmp_path: Path
) -> None:
    behaviour.corrupt.add("images.zip")
    with pytest.raises(SslAttnError, match=r"checksum md5:.*deleted"):
        fetch(record, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_kind_of_checksum_is_an_error(record: str, behaviour: Behaviour, tmp_path: Path) -> None:
    behaviour.checksum = "crc9"
    with pytest.raises(SslAttnError, match="crc9"):
        fetch(record, tmp_path)


def test_a_busy_server_is_asked_again(record: str, behaviour: Behaviour, tmp_path: Path) -> None:
    behaviour.refusals = [503, 429]
    fetch(record, tmp_path, "building_parts.json")
    assert [path for path, _ in behaviour.requests] == ["/api/records/1"] * 3 + ["/files/building_parts.json"]


def test_a_server_that_stays_busy_is_given_up_with_a_reason(record: str, behaviour: Behaviour, tmp_path: Path) -> None:
    behaviour.refusals = [503] * 50
    with pytest.raises(SslAttnError, match=r"attempts \(the server answered 503.*goes on where it stopped"):
        fetch(record, tmp_path)


def test_a_record_that_is_gone_is_an_error_at_once(record: str, behaviour: Behaviour, tmp_path: Path) -> None:
    with pytest.raises(SslAttnError, match=r"answered 404.*check the address"):
        fetch(record.replace("records/1", "records/2"), tmp_path)
    assert len(behaviour.requests) == 1


def test_something_that_is_no_record_is_an_error(record: str, tmp_path: Path) -> None:
    with pytest.raises(SslAttnError, match="expected a record with files"):
        fetch(record.replace("api/records/1", "files/building_parts.json"), tmp_path)


@pytest.mark.parametrize("name", ["gone.zip", "../evil"])
def test_a_file_that_the_record_lacks_is_wrong_use(record: str, tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"building_parts\.json"):
        fetch(record, tmp_path, name)
    assert list(tmp_path.iterdir()) == []


def test_offline_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(SslAttnError, match="check the network connection"):
        fetch("http://127.0.0.1:9/api/records/1", tmp_path)


def test_a_full_disk_is_said_before_the_download(
    record: str, behaviour: Behaviour, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(zenodo.shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(SslAttnError, match=r"GB of free disk .* images\.zip"):
        fetch(record, tmp_path)
    assert len(behaviour.requests) == 1


def test_a_folder_that_cannot_be_written_is_an_error(record: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SslAttnError, match="expected to write into"):
        fetch(record, tmp_path / "file" / "folder")


def test_the_command_fetches_unpacks_and_the_reader_reads(record: str, tmp_path: Path) -> None:
    folder = tmp_path / "wikichurches"
    result = CliRunner().invoke(dataset_app, ["download", str(folder), "--record-url", record])
    assert result.exit_code == 0, result.output
    assert "4 files and 1 images" in result.stdout
    assert f"--data {folder / 'building_parts.json'}" in result.stdout
    dataset = read_dataset("wikichurches", folder)
    assert (dataset.name, len(dataset.images), len(dataset.boxes)) == ("wikichurches", 1, 1)
    assert dataset.images[0].styles == ("Romanesque",)


def test_the_command_fetches_all_images_or_none_on_request(record: str, tmp_path: Path) -> None:
    runner = CliRunner()
    arguments = ["download", str(tmp_path), "--record-url", record, "--json"]
    result = runner.invoke(dataset_app, [*arguments, "--no-images"])
    assert json.loads(result.stdout)["images"] == 0
    assert not (tmp_path / "images.zip").exists()
    result = runner.invoke(dataset_app, [*arguments, "--all-images"])
    assert json.loads(result.stdout)["images"] == 2
    assert sorted(path.name for path in (tmp_path / "images").iterdir()) == ["Q1_wd0.png", "Q2_wd0.png"]
    result = runner.invoke(dataset_app, [*arguments, "--all-images", "--no-images"])
    assert isinstance(result.exception, UsageError)
