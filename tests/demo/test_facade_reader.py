"""The reader of synthetic facades: writes once, mends what is damaged, and says exactly what lies on disk."""

from __future__ import annotations

import hashlib
import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ssl_attn.datasets.facade import read_facade, read_marked_facade
from ssl_attn.demo.cache import cache_folder
from ssl_attn.demo.facades.facade import draw_facade
from ssl_attn.demo.facades.splits import GENERATOR_SEED, HELD_OUT, PROBING, SHOWN, TRAINING, TUNING
from ssl_attn.demo.facades.styles import FEATURE_TYPES, STYLES
from ssl_attn.errors import SslAttnError, UsageError


def test_what_it_says_is_what_lies_there(tmp_path: Path):
    data = read_facade(tmp_path, name="front", count=4)
    assert data.name == "front"
    assert data.quarantine == ()
    assert [image.styles for image in data.images] == [(style,) for style in STYLES]
    assert len({image.source_id for image in data.images}) == 4
    for index, image in enumerate(data.images):
        assert hashlib.sha256(image.path.read_bytes()).hexdigest() == image.sha256
        facade = draw_facade(index, seed=GENERATOR_SEED)
        with Image.open(image.path) as picture:
            assert picture.size == (image.width, image.height)
            assert picture.tobytes() == facade.image.tobytes()
        boxes = [box for box in data.boxes if box.image_id == image.image_id]
        assert [(b.feature_type, b.x, b.y, b.width, b.height) for b in boxes] == [
            (b.feature_type, b.x, b.y, b.width, b.height) for b in facade.boxes
        ]
    known = {kind.feature_type for kind in data.feature_types}
    assert {box.feature_type for box in data.boxes} <= known
    assert len({box.box_id for box in data.boxes}) == len(data.boxes)


def test_files_are_written_once(tmp_path: Path):
    first = read_facade(tmp_path, count=3)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert read_facade(tmp_path, count=3) == first
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before


def test_more_facades_leave_the_first_ones_alone(tmp_path: Path):
    first = read_facade(tmp_path, count=2)
    before = first.images[0].path.stat().st_mtime_ns
    more = read_facade(tmp_path, count=3)
    assert more.images[:2] == first.images
    assert first.images[0].path.stat().st_mtime_ns == before


@pytest.mark.parametrize("damage", ["truncated", "swapped", "missing"])
def test_a_damaged_picture_is_drawn_again(tmp_path: Path, damage: str):
    first = read_facade(tmp_path, count=3)
    victim = first.images[1].path
    sound = victim.read_bytes()
    if damage == "truncated":
        victim.write_bytes(sound[:1000])
    elif damage == "swapped":
        victim.write_bytes(first.images[0].path.read_bytes())
    else:
        victim.unlink()
    assert read_facade(tmp_path, count=3) == first
    assert victim.read_bytes() == sound


@pytest.mark.parametrize("content", ["", "{", "[]", '{"generator_version": 0, "seed": 0, "sha256": {}}'])
def test_a_useless_list_of_files_is_replaced(tmp_path: Path, content: str):
    first = read_facade(tmp_path, count=2)
    (tmp_path / "facades.json").write_text(content, encoding="utf-8")
    assert read_facade(tmp_path, count=2) == first


def test_the_default_folder_is_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    data = read_facade(count=1)
    assert data.name == "facade"
    assert data.images[0].path.parent.parent == tmp_path / "ssl_attn"


def test_a_relative_cache_setting_is_ignored(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "cache")
    assert cache_folder() == Path.home() / ".cache" / "ssl_attn"


@pytest.mark.parametrize("count", [0, -1, len(SHOWN) + 1])
def test_an_impossible_number_of_facades_is_refused(tmp_path: Path, count: int):
    with pytest.raises(UsageError, match="facades"):
        read_facade(tmp_path, count=count)


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SslAttnError, match="--data"):
        read_facade(tmp_path / "file" / "folder", count=1)


def test_marked_facades_are_the_same_pictures_with_one_more_box(tmp_path: Path):
    clean = read_facade(tmp_path / "clean", count=6)
    marked = read_marked_facade(tmp_path / "marked", count=6)
    assert (clean.name, marked.name) == ("facade", "facade_marked")
    assert [image.image_id for image in clean.images] == [image.image_id for image in marked.images]
    for first, second in zip(clean.images, marked.images, strict=True):
        assert (first.styles, first.width, first.height) == (second.styles, second.width, second.height)
        without = [box for box in marked.boxes if box.image_id == second.image_id and box.feature_type != "mark"]
        (mark,) = (box for box in marked.boxes if box.image_id == second.image_id and box.feature_type == "mark")
        places = {(box.feature_type, box.x, box.y, box.width, box.height) for box in without}
        known = {(b.feature_type, b.x, b.y, b.width, b.height) for b in clean.boxes if b.image_id == first.image_id}
        assert places <= known  # the mark may hide a box, and changes none
        with Image.open(first.path) as before, Image.open(second.path) as after:
            changed = (np.asarray(before) != np.asarray(after)).any(axis=2)
        rows, columns = np.nonzero(changed)
        assert columns.min() >= mark.x * first.width - 1
        assert columns.max() < (mark.x + mark.width) * first.width + 1
        assert rows.min() >= mark.y * first.height - 1
        assert rows.max() < (mark.y + mark.height) * first.height + 1


def test_a_folder_of_clean_pictures_is_not_taken_for_marked_ones(tmp_path: Path):
    clean = read_facade(tmp_path, count=1).images[0].sha256
    assert read_marked_facade(tmp_path, count=1).images[0].sha256 != clean


def test_distractors_are_those_that_tell_nothing_of_the_style():
    distractors = {kind.feature_type for kind in FEATURE_TYPES if kind.distractor}
    assert distractors == {"clutter", "tree", "car", "person", "lamp", "clock", "steps", "mark"}


def test_no_facade_serves_two_purposes():
    ranges = (SHOWN, TUNING, PROBING, HELD_OUT, TRAINING)
    assert all(first.stop <= second.start for first, second in itertools.pairwise(ranges))


def test_reading_facades_imports_no_torch():
    program = "import sys, ssl_attn.datasets.facade, ssl_attn.cli.demo_train\nsys.exit('torch' in sys.modules)\n"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
