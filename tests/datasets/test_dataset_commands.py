"""`ssl-attn dataset ...` as a person runs it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from PIL import Image as PillowImage
from typer.testing import CliRunner

from ssl_attn.cli.dataset import dataset_app
from ssl_attn.errors import SslAttnError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

HEADER = "image,x,y,width,height,feature_type\n"
runner = CliRunner()


@pytest.fixture
def table(tmp_path: Path) -> Path:
    folder = tmp_path / "town"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        PillowImage.new("RGB", (60, 40), "grey").save(folder / name)
    (folder / "boxes.csv").write_text(f"{HEADER}a.png,0.1,0.1,0.5,0.5,door\nb.png,,,,,\n")
    return folder / "boxes.csv"


def test_check_counts_and_warns(table: Path) -> None:
    result = runner.invoke(dataset_app, ["check", "--dataset", "csv", "--data", str(table)])
    assert result.exit_code == 0, result.output
    assert "town: 2 images of 2 sources, 1 boxes" in result.stdout
    assert "door" in result.stdout
    assert "identical image files" in result.stdout


def test_check_exits_with_3_when_something_was_left_out(table: Path) -> None:
    table.write_text(f"{table.read_text()}gone.png,0.1,0.1,0.5,0.5,door\na.png,0.1,0.1,0,0.5,door\n")
    arguments = ["check", "--dataset", "csv", "--data", str(table), "--name", "mine"]
    result = runner.invoke(dataset_app, [*arguments, "--json"])
    assert result.exit_code == 3
    report = json.loads(result.stdout)
    assert (report["name"], report["images"], report["boxes"]) == ("mine", 2, 1)
    assert report["quarantined_by_rule"] == {"image_left_out": 1, "missing_image": 1, "size_not_positive": 1}
    assert [entry["rule"] for entry in report["quarantine"]] == ["missing_image", "image_left_out", "size_not_positive"]
    shown = runner.invoke(dataset_app, arguments)
    assert shown.exit_code == 3
    assert "size_not_positive" in shown.stdout


def test_a_broken_table_is_a_failure_and_a_wrong_format_wrong_use(table: Path) -> None:
    table.write_text("nothing")
    result = runner.invoke(dataset_app, ["check", "--dataset", "csv", "--data", str(table)])
    assert isinstance(result.exception, SslAttnError)
    assert not isinstance(result.exception, UsageError)
    result = runner.invoke(dataset_app, ["check", "--dataset", "kitti", "--data", str(table)])
    assert isinstance(result.exception, UsageError)


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp"])
def test_preview_writes_a_sheet(table: Path, tmp_path: Path, suffix: str) -> None:
    output = tmp_path / "new" / f"sheet.{suffix}"
    arguments = ["preview", "--dataset", "csv", "--data", str(table), "--limit", "1", "--page", "2", "-o", str(output)]
    result = runner.invoke(dataset_app, arguments)
    assert result.exit_code == 0, result.output
    assert f"sheet 2 of 2: {output}" in result.stdout
    with PillowImage.open(output) as sheet:
        assert sheet.width == 1800


def test_preview_refuses_a_picture_it_cannot_write(table: Path, tmp_path: Path) -> None:
    result = runner.invoke(
        dataset_app, ["preview", "--dataset", "csv", "--data", str(table), "-o", str(tmp_path / "a.svg")]
    )
    assert isinstance(result.exception, UsageError)


def test_images_in_another_folder(table: Path, tmp_path: Path) -> None:
    moved = tmp_path / "town.csv"
    table.rename(moved)
    result = runner.invoke(
        dataset_app, ["check", "--dataset", "csv", "--data", str(moved), "--images", str(tmp_path / "town"), "--json"]
    )
    assert result.exit_code == 0
    assert json.loads(result.stdout)["images"] == 2
