"""Images out of a zip, safely."""

from __future__ import annotations

import io
import shutil
import zipfile
from typing import TYPE_CHECKING

import pytest
from PIL import Image as PillowImage

from ssl_attn.datasets import archive
from ssl_attn.datasets.archive import extract_images
from ssl_attn.errors import SslAttnError

if TYPE_CHECKING:
    from pathlib import Path


def picture(shade: int) -> bytes:
    buffer = io.BytesIO()
    PillowImage.new("L", (30, 30), shade).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def zipped(tmp_path: Path) -> Path:
    path = tmp_path / "images.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr("images/", "")
        target.writestr("images/Q1_wd0.png", picture(1))
        target.writestr("images/Q2_wd0.png", picture(2))
        target.writestr("../../Q3_wd0.png", picture(3))
        target.writestr("/etc/Q4_wd0.png", picture(4))
        target.writestr("images/notes.txt", "text")
        target.writestr("__MACOSX/._Q1_wd0.png", "rubbish")
    return path


def test_only_the_wanted_images_are_extracted(zipped: Path, tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    paths = extract_images(
        zipped, tmp_path / "out", wanted={"Q1_wd0.png"}, on_progress=lambda done, total: calls.append((done, total))
    )
    assert paths == [tmp_path / "out" / "Q1_wd0.png"]
    assert paths[0].read_bytes() == picture(1)
    assert calls == [(1, 1)]


def test_all_images_stay_inside_the_folder(zipped: Path, tmp_path: Path) -> None:
    extract_images(zipped, tmp_path / "deep" / "er" / "out")
    found = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.png"))
    assert found == [f"deep/er/out/Q{index}_wd0.png" for index in (1, 2, 3, 4)]


def test_a_second_run_mends_what_is_short_and_leaves_the_rest(zipped: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    extract_images(zipped, out)
    (out / "Q1_wd0.png").write_bytes(b"short")
    kept = (out / "Q2_wd0.png").stat().st_mtime_ns
    extract_images(zipped, out)
    assert (out / "Q1_wd0.png").read_bytes() == picture(1)
    assert (out / "Q2_wd0.png").stat().st_mtime_ns == kept


def test_a_missing_image_is_an_error(zipped: Path, tmp_path: Path) -> None:
    with pytest.raises(SslAttnError, match=r"1 more images .*Q9_wd0\.png"):
        extract_images(zipped, tmp_path / "out", wanted={"Q1_wd0.png", "Q9_wd0.png"})


def test_a_damaged_member_is_an_error_and_leaves_no_image(zipped: Path, tmp_path: Path) -> None:
    content = bytearray(zipped.read_bytes())
    with zipfile.ZipFile(zipped) as source:
        offset = source.getinfo("images/Q1_wd0.png").header_offset
    content[offset + 60] ^= 0xFF
    zipped.write_bytes(content)
    with pytest.raises(SslAttnError, match="download the archive again"):
        extract_images(zipped, tmp_path / "out", wanted={"Q1_wd0.png"})
    assert not (tmp_path / "out" / "Q1_wd0.png").exists()


@pytest.mark.parametrize("content", [b"", b"not a zip"])
def test_what_is_no_archive_is_an_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "images.zip").write_bytes(content)
    with pytest.raises(SslAttnError, match="download the archive again"):
        extract_images(tmp_path / "images.zip", tmp_path / "out")


def test_a_full_disk_is_said_first(zipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(archive.shutil, "disk_usage", lambda _: usage._replace(free=10))
    with pytest.raises(SslAttnError, match="free disk"):
        extract_images(zipped, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
