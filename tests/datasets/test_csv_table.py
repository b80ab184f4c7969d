"""The plain table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PIL import Image as PillowImage

from ssl_attn.datasets.csv_table import read_csv
from ssl_attn.errors import SslAttnError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.png", "b.png"):
        PillowImage.new("L", (40, 20)).save(tmp_path / name)
    return tmp_path


def table(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "boxes.csv"
    path.write_text(text, encoding=encoding)
    return path


def test_fractions_pixels_groups_and_images_without_boxes(folder: Path) -> None:
    path = table(
        folder,
        "image,x,y,width,height,feature_type,unit,style,source_id,split,box_id,feature_group,licence\n"
        "a.png,0.1,0.2,0.3,0.4,rose window,,Gothic | Baroque,h1,test,first,window,CC0\n"
        "a.png,4,2,8,10,door,pixel,,,,,,\n"
        "b.png,,,,,,,,,,,,\n"
        ",,,,,,,,,,,,\n",
    )
    dataset = read_csv(path)
    a, b = dataset.images
    assert (a.styles, a.source_id, a.split, a.licence) == (("Gothic", "Baroque"), "h1", "test", "CC0")
    assert (b.styles, b.source_id) == ((), "b.png")
    first, second = dataset.boxes
    assert (first.box_id, first.feature_type, first.feature_group) == ("first", "rose_window", "window")
    assert (second.box_id, second.feature_type, second.feature_group) == ("a.png#1", "door", "door")
    assert (second.x, second.y, second.width, second.height) == pytest.approx((0.1, 0.1, 0.2, 0.5))
    assert dataset.quarantine == ()


def test_a_spreadsheet_with_semicolons_and_decimal_commas(folder: Path) -> None:
    path = table(folder, "Image;X;Y;Width;Height;Feature_Type\r\na.png;0,1;0,2;0,3;0,4;door\r\n", "utf-8-sig")
    (box,) = read_csv(path).boxes
    assert (box.x, box.y, box.width, box.height) == (0.1, 0.2, 0.3, 0.4)


def test_quoted_cells(folder: Path) -> None:
    (folder / "a.png").rename(folder / "a, b.png")
    path = table(folder, 'image,x,y,width,height,feature_type\n"a, b.png",0.1,0.2,0.3,0.4,"door ""A"""\n')
    dataset = read_csv(path)
    assert dataset.images[0].image_id == "a, b.png"
    assert dataset.feature_types[0].name == 'door "A"'


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        ("a.png,120,80,40,30,door,", "outside_image"),
        ("a.png,0.1,0.1,,0.2,door,", "not_finite"),
        ("a.png,0.1,0.1,0.1,0.2,,", "unknown_label"),
        ("a.png,0.1,0.1,0.1,0.2,door,inch", "unknown_unit"),
        ("a.png,0.1", "unknown_label"),
        (",0.1,0.1,0.1,0.2,door,", "incomplete_entry"),
    ],
)
def test_a_bad_row_is_left_out(folder: Path, row: str, rule: str) -> None:
    path = table(folder, f"image,x,y,width,height,feature_type,unit\n{row}\nb.png,0.1,0.2,0.3,0.4,door,fraction\n")
    dataset = read_csv(path)
    assert [box.image_id for box in dataset.boxes] == ["b.png"]
    assert [entry.rule for entry in dataset.quarantine] == [rule]


def test_classes_txt_makes_other_names_unknown(folder: Path) -> None:
    (folder / "classes.txt").write_text("window\n")
    path = table(folder, "image,x,y,width,height,feature_type\na.png,0.1,0.2,0.3,0.4,door\n")
    assert [entry.rule for entry in read_csv(path).quarantine] == ["unknown_label"]


@pytest.mark.parametrize("text", ["", "image,x,y\n", "a.png,0.1,0.2,0.3,0.4,door\n"])
def test_a_table_without_the_columns_is_an_error(folder: Path, text: str) -> None:
    with pytest.raises(SslAttnError, match=r"expected the columns image, x, y.*first line"):
        read_csv(table(folder, text))
