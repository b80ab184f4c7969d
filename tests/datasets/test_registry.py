"""The registry of formats is the one door to all readers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image as PillowImage

from ssl_attn.datasets import FORMATS, dataset_format, read_dataset
from ssl_attn.datasets.base import AnnotatedImages
from ssl_attn.errors import UsageError


@pytest.mark.parametrize("name", [name for name, entry in FORMATS.items() if not entry.generated])
def test_every_reader_can_be_loaded(name: str) -> None:
    assert callable(dataset_format(name).load_reader())
    assert FORMATS[name].name == name
    assert FORMATS[name].default_name(Path("/data/town/annotations.json")) == "town"
    assert FORMATS[name].default_name(None) == name


def test_registry_and_readers_load_no_torch() -> None:
    code = (
        "import sys; from ssl_attn.datasets import FORMATS; "
        "[entry.load_reader() for entry in FORMATS.values() if not entry.generated]; "
        "sys.exit(any(name in sys.modules for name in ('torch', 'transformers', 'streamlit', 'duckdb')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_generated_data_set_needs_no_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    drawn = AnnotatedImages("facade", (), (), ())
    calls: list[tuple[Path | None, str | None]] = []

    def reader(path: Path | None, *, name: str | None = None) -> AnnotatedImages:
        calls.append((path, name))
        return drawn

    monkeypatch.setattr("ssl_attn.datasets.DatasetFormat.load_reader", lambda _: reader)
    assert read_dataset("facade") is drawn
    assert read_dataset("facade", tmp_path, name="mine") is drawn
    assert calls == [(None, None), (tmp_path, "mine")]
    with pytest.raises(UsageError, match="draws its own"):
        read_dataset("facade", images=tmp_path)


def test_wrong_use_is_said_before_anything_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(UsageError, match="out of facade, facade_marked, wikichurches, coco, voc, yolo, csv"):
        read_dataset("kitti", tmp_path)
    with pytest.raises(UsageError, match="--data"):
        read_dataset("coco")
    with pytest.raises(UsageError, match="found nothing"):
        read_dataset("coco", tmp_path / "gone.json")
    with pytest.raises(UsageError, match="found a folder"):
        read_dataset("coco", tmp_path)
    with pytest.raises(UsageError, match="found a file"):
        read_dataset("voc", tmp_path / "a.json")
    with pytest.raises(UsageError, match="folder of the images"):
        read_dataset("coco", tmp_path / "a.json", images=tmp_path / "gone")
    with pytest.raises(UsageError, match="lower-case"):
        read_dataset("coco", tmp_path / "a.json", name="No Slug")


def test_the_name_comes_from_the_path_unless_given(tmp_path: Path) -> None:
    folder = tmp_path / "Old Town"
    folder.mkdir()
    PillowImage.new("L", (4, 4)).save(folder / "a.png")
    (folder / "boxes.csv").write_text("image,x,y,width,height,feature_type\na.png,0,0,1,1,door\n")
    assert read_dataset("csv", folder / "boxes.csv").name == "old_town"
    assert read_dataset("csv", folder / "boxes.csv", name="t2").name == "t2"
