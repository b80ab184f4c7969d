"""A contact sheet: many images at a glance, at their true aspect, with the experts' boxes."""

from __future__ import annotations

import colorsys
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from ssl_attn.errors import UsageError
from ssl_attn.images import open_image

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ssl_attn.datasets.base import Box, Dataset, Image

    Colour = tuple[int, int, int]
    Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

SHEET_WIDTH = 1800

_MARGIN = 48
_GAP = 20
_ROW_HEIGHT = 300
_CAPTION = 40
_LABEL_FITS = 0.75
_PAPER: Colour = (250, 250, 248)
_INK: Colour = (28, 30, 33)
_SOFT: Colour = (112, 116, 122)

# Hues that stay apart for most colour-blind readers, most distinct first.
_PALETTE: tuple[Colour, ...] = (
    (0, 114, 178),
    (230, 120, 0),
    (0, 150, 110),
    (204, 60, 130),
    (196, 160, 0),
    (110, 70, 190),
    (60, 170, 220),
    (170, 50, 40),
    (110, 130, 40),
    (90, 90, 100),
)


@dataclass(frozen=True, slots=True)
class _Tile:
    image: Image
    x: int
    y: int
    width: int
    height: int


def page_count(dataset: Dataset, limit: int) -> int:
    """Number of sheets with at most `limit` images each; at least one."""
    return max(1, math.ceil(len(dataset.images) / limit))


def contact_sheet(
    dataset: Dataset, *, limit: int = 24, page: int = 1, on_progress: Callable[[int, int], None] | None = None
) -> PillowImage.Image:
    """Draw sheet `page` (from 1) of the data set's images, `limit` on a sheet, in their order.

    A feature type keeps its colour on every sheet; distractors come last in the legend. `on_progress` is called with
    images drawn and images on the sheet.

    Raises:
        UsageError: `limit` or `page` is out of range.
    """
    pages = page_count(dataset, limit) if limit > 0 else 0
    if not 1 <= page <= pages:
        message = f"expected a page out of 1..{pages} with at least one image a page, got page {page}, limit {limit}"
        raise UsageError(message)
    images = list(dataset.images[(page - 1) * limit : page * limit])
    by_image: dict[str, list[Box]] = {}
    for box in dataset.boxes:
        by_image.setdefault(box.image_id, []).append(box)
    counts = {entry.feature_type: 0 for entry in dataset.feature_types}
    for box in dataset.boxes:
        counts[box.feature_type] += 1
    distractors = {entry.feature_type for entry in dataset.feature_types if entry.distractor}
    shown = (key for key, count in counts.items() if count)
    used = sorted(shown, key=lambda key: (key in distractors, -counts[key], key))
    colours = {key: _colour(index) for index, key in enumerate(used)}
    names = {entry.feature_type: entry.name for entry in dataset.feature_types}

    roles = {key: " (distractor)" if key in distractors else "" for key in used}
    legend = [(f"{names[key]}{roles[key]}  {counts[key]}", colours[key]) for key in used]
    legend_top = _MARGIN + 96
    grid_top = legend_top + _legend_height(legend) + 24
    tiles, bottom = _justified(images, grid_top)
    sheet = PillowImage.new("RGB", (SHEET_WIDTH, bottom + _MARGIN - _GAP), _PAPER)
    draw = ImageDraw.Draw(sheet)
    _write_heading(draw, dataset, page, pages, len(used))
    _draw_legend(draw, legend, legend_top)
    for index, tile in enumerate(tiles, start=1):
        _draw_tile(sheet, tile, by_image.get(tile.image.image_id, ()), colours, names)
        if on_progress is not None:
            on_progress(index, len(tiles))
    return sheet


def _colour(index: int) -> Colour:
    """The palette first; beyond it hues by the golden ratio, which never come round to the same one."""
    if index < len(_PALETTE):
        return _PALETTE[index]
    hue = (index * 0.618034) % 1.0
    red, green, blue = colorsys.hls_to_rgb(hue, 0.36 + 0.14 * (index % 2), 0.62)
    return round(red * 255), round(green * 255), round(blue * 255)


def _font(size: int) -> Font:
    return ImageFont.load_default(size)


def _write_heading(draw: ImageDraw.ImageDraw, dataset: Dataset, page: int, pages: int, used: int) -> None:
    draw.text((_MARGIN, _MARGIN - 8), dataset.name, font=_font(44), fill=_INK)
    styles = {style for image in dataset.images for style in image.styles}
    parts = [f"{len(dataset.images)} images", f"{len(dataset.boxes)} boxes", f"{used} feature types"]
    parts += [f"{len(styles)} styles"] if styles else []
    parts += [f"{len(dataset.quarantine)} inputs left out"] if dataset.quarantine else []
    draw.text((_MARGIN, _MARGIN + 50), "   ·   ".join(parts), font=_font(22), fill=_SOFT)
    if pages > 1:
        text = f"sheet {page} of {pages}"
        draw.text((SHEET_WIDTH - _MARGIN, _MARGIN + 50), text, font=_font(22), fill=_SOFT, anchor="ra")


def _legend_places(legend: Sequence[tuple[str, Colour]]) -> list[tuple[int, int]]:
    """Top left corner of each entry, wrapped into lines, relative to the legend."""
    font = _font(20)
    places: list[tuple[int, int]] = []
    x = y = 0
    for text, _ in legend:
        width = 28 + round(font.getlength(text)) + 36
        if x and x + width > SHEET_WIDTH - 2 * _MARGIN:
            x, y = 0, y + 34
        places.append((x, y))
        x += width
    return places


def _legend_height(legend: Sequence[tuple[str, Colour]]) -> int:
    return _legend_places(legend)[-1][1] + 34 if legend else 0


def _draw_legend(draw: ImageDraw.ImageDraw, legend: Sequence[tuple[str, Colour]], top: int) -> None:
    for (text, colour), (x, y) in zip(legend, _legend_places(legend), strict=True):
        left, middle = _MARGIN + x, top + y + 12
        draw.rounded_rectangle((left, middle - 9, left + 18, middle + 9), radius=5, fill=colour)
        draw.text((left + 28, middle), text, font=_font(20), fill=_INK, anchor="lm")


def _justified(images: Sequence[Image], top: int) -> tuple[list[_Tile], int]:
    """Rows that fill the sheet's width, each image at its own aspect; returns the tiles and where they end."""
    width = SHEET_WIDTH - 2 * _MARGIN
    tiles: list[_Tile] = []
    row: list[Image] = []
    y, usual = top, float(_ROW_HEIGHT)
    for index, image in enumerate(images):
        row.append(image)
        # Panoramas and slits would starve their neighbours of space.
        aspects = [min(max(item.width / item.height, 0.4), 3.0) for item in row]
        height = (width - _GAP * (len(row) - 1)) / sum(aspects)
        if height <= _ROW_HEIGHT:
            usual = height
        elif index + 1 < len(images):
            continue
        height = min(height, usual)
        x = float(_MARGIN)
        for item, aspect in zip(row, aspects, strict=True):
            tiles.append(_Tile(item, round(x), y, round(x + aspect * height) - round(x), round(height)))
            x += aspect * height + _GAP
        y += round(height) + _CAPTION + _GAP
        row = []
    return tiles, y


def _draw_tile(
    sheet: PillowImage.Image, tile: _Tile, boxes: Sequence[Box], colours: dict[str, Colour], names: dict[str, str]
) -> None:
    picture = open_image(tile.image.path)
    picture.thumbnail((tile.width, tile.height), PillowImage.Resampling.LANCZOS)
    left = tile.x + (tile.width - picture.width) // 2
    top = tile.y + (tile.height - picture.height) // 2
    sheet.paste(picture, (left, top))
    draw = ImageDraw.Draw(sheet)
    # Large boxes first, so that small ones stay visible on top of them.
    for box in sorted(boxes, key=lambda item: -item.area):
        _draw_box(draw, box, (left, top, picture.width, picture.height), colours[box.feature_type])
    taken: list[tuple[float, float, float, float]] = []
    for box in sorted(boxes, key=lambda item: -item.area):
        label = names[box.feature_type]
        _draw_label(draw, box, (left, top, picture.width, picture.height), label, colours[box.feature_type], taken)
    count = f"{len(boxes)}  box" if len(boxes) == 1 else f"{len(boxes)}  boxes"
    details = "   ·   ".join([*tile.image.styles, count])
    baseline = tile.y + tile.height + 10
    room = tile.width - _font(16).getlength(details) - 16
    draw.text((tile.x, baseline), _shortened(tile.image.image_id, _font(16), room), font=_font(16), fill=_INK)
    draw.text((tile.x + tile.width, baseline), details, font=_font(16), fill=_SOFT, anchor="ra")


def _draw_box(draw: ImageDraw.ImageDraw, box: Box, frame: tuple[int, int, int, int], colour: Colour) -> None:
    left, top, width, height = frame
    x0, y0 = left + box.x * width, top + box.y * height
    x1, y1 = max(x0 + 2, x0 + box.width * width - 1), max(y0 + 2, y0 + box.height * height - 1)
    draw.rectangle((x0 - 1, y0 - 1, x1 + 1, y1 + 1), outline="white", width=1)
    draw.rectangle((x0, y0, x1, y1), outline=colour, width=2)


def _draw_label(
    draw: ImageDraw.ImageDraw,
    box: Box,
    frame: tuple[int, int, int, int],
    label: str,
    colour: Colour,
    taken: list[tuple[float, float, float, float]],
) -> None:
    """The label above the box, or inside at its top; without room for it the colour must do."""
    font = _font(13)
    left, top, width, height = frame
    text_width, tag_height = font.getlength(label) + 8, 17
    x = min(left + box.x * width - 1, left + width - text_width)
    above = top + box.y * height - tag_height
    y = above if above >= top else top + box.y * height
    place = (x, y, x + text_width, y + tag_height)
    if text_width * _LABEL_FITS > box.width * width or x < left or any(_overlaps(place, other) for other in taken):
        return
    taken.append(place)
    draw.rectangle(place, fill=colour)
    draw.text((x + 4, y + tag_height / 2), label, font=font, fill="white", anchor="lm")


def _overlaps(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _shortened(text: str, font: Font, room: float) -> str:
    if font.getlength(text) <= room:
        return text
    while text and font.getlength(f"{text}…") > room:
        text = text[:-1]
    return f"{text}…"
