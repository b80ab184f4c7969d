"""Any image file is read as a person sees it, or refused with a reason."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image as PillowImage
from PIL import ImageOps

from ssl_attn.errors import SslAttnError
from ssl_attn.images import UnreadableImageError, check_image, open_image, preview, upright_box

if TYPE_CHECKING:
    from pathlib import Path

ORIENTATION = 0x0112
LOSSLESS = {"WEBP": {"lossless": True}, "JPEG": {"quality": 100, "subsampling": 0}}


def scene(width: int = 96, height: int = 64) -> PillowImage.Image:
    """A picture without symmetry: a colour gradient with one bright patch."""
    y, x = np.mgrid[0:height, 0:width]
    pixels = np.stack([x * 255 / width, y * 255 / height, np.full_like(x, 60)], axis=-1).astype(np.uint8)
    pixels[8:24, 16:48] = (250, 250, 250)
    return PillowImage.fromarray(pixels)


def save_rotated(upright: PillowImage.Image, orientation: int, path: Path, kind: str) -> PillowImage.Image:
    """Store `upright` the way a camera would; returns the stored picture."""
    probe = PillowImage.fromarray(np.arange(6, dtype=np.uint8).reshape(2, 3))
    for method in (None, *PillowImage.Transpose):
        stored = probe if method is None else probe.transpose(method)
        exif = stored.getexif()
        exif[ORIENTATION] = orientation
        if np.array_equal(np.asarray(ImageOps.exif_transpose(stored)), np.asarray(probe)):
            picture = upright if method is None else upright.transpose(method)
            exif = PillowImage.Exif()
            exif[ORIENTATION] = orientation
            picture.save(path, kind, exif=exif, **LOSSLESS.get(kind, {}))
            return picture
    raise AssertionError(orientation)


def difference(image: PillowImage.Image, expected: PillowImage.Image) -> float:
    return float(np.abs(np.asarray(image, dtype=float) - np.asarray(expected, dtype=float)).mean())


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_all_exif_orientations_come_out_upright(tmp_path: Path, orientation: int, kind: str) -> None:
    path = tmp_path / f"picture.{kind.lower()}"
    stored = save_rotated(scene(), orientation, path, kind)

    image = open_image(path)
    facts = check_image(path)

    assert image.mode == "RGB"
    assert image.size == (96, 64)
    assert difference(image, scene()) < 2
    assert (facts.width, facts.height) == (96, 64)
    assert (facts.stored_width, facts.stored_height) == stored.size
    assert facts.orientation == orientation


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_box_in_stored_pixels_lands_on_the_same_object(tmp_path: Path, orientation: int) -> None:
    path = tmp_path / "picture.png"
    stored = np.asarray(save_rotated(scene(), orientation, path, "PNG"))
    rows, columns = np.nonzero(stored.min(axis=2) == 250)
    height, width = stored.shape[:2]
    box = (columns.min() / width, rows.min() / height, np.ptp(columns) / width, np.ptp(rows) / height)
    box = (*box[:2], box[2] + 1 / width, box[3] + 1 / height)

    assert upright_box(orientation, *box) == pytest.approx((16 / 96, 8 / 64, 32 / 96, 16 / 64))


def test_an_invalid_orientation_is_ignored(tmp_path: Path) -> None:
    exif = PillowImage.Exif()
    exif[ORIENTATION] = 77
    scene().save(tmp_path / "a.png", exif=exif)
    assert open_image(tmp_path / "a.png").size == (96, 64)
    assert check_image(tmp_path / "a.png").orientation == 1


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_keeps_its_colours(tmp_path: Path, kind: str) -> None:
    # JPEG stores CMYK inverted, by Adobe's convention; TIFF stores it as it is.
    path = tmp_path / "ink"
    PillowImage.new("CMYK", (32, 32), (0, 255, 255, 0)).save(path, kind)
    if kind == "JPEG":
        with PillowImage.open(path) as stored:
            assert "adobe" in stored.info
    red, green, blue = open_image(path).getpixel((16, 16))
    assert red > 245
    assert max(green, blue) < 10


def test_palette_images_keep_their_colours(tmp_path: Path) -> None:
    scene().quantize(256).save(tmp_path / "a.png")
    with PillowImage.open(tmp_path / "a.png") as stored:
        assert stored.mode == "P"
    assert difference(open_image(tmp_path / "a.png"), scene()) < 4


@pytest.mark.parametrize("transparency", [0, bytes([0, 255])])
def test_a_transparent_palette_entry_becomes_white(tmp_path: Path, transparency: int | bytes) -> None:
    image = PillowImage.new("P", (4, 1))
    image.putpalette([10, 20, 30, 200, 0, 0])
    image.putdata([0, 0, 1, 1])
    image.save(tmp_path / "a.png", transparency=transparency)
    opened = open_image(tmp_path / "a.png")
    assert [opened.getpixel((x, 0)) for x in range(4)] == [(255,) * 3, (255,) * 3, (200, 0, 0), (200, 0, 0)]


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("RGBA", (200, 0, 0, 255), (200, 0, 0)),
        ("RGBA", (200, 0, 0, 0), (255, 255, 255)),
        ("RGBA", (0, 0, 0, 51), (204, 204, 204)),
        ("LA", (0, 51), (204, 204, 204)),
        ("L", 77, (77, 77, 77)),
        ("1", 1, (255, 255, 255)),
    ],
)
def test_alpha_is_composited_on_white_and_grey_stays_grey(
    tmp_path: Path, mode: str, colour: tuple[int, ...] | int, expected: tuple[int, int, int]
) -> None:
    PillowImage.new(mode, (3, 3), colour).save(tmp_path / "a.png")
    assert open_image(tmp_path / "a.png").getpixel((1, 1)) == expected


def test_a_transparent_colour_of_an_rgb_image_becomes_white(tmp_path: Path) -> None:
    PillowImage.new("RGB", (2, 2), (1, 2, 3)).save(tmp_path / "a.png", transparency=(1, 2, 3))
    assert open_image(tmp_path / "a.png").getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_sixteen_bits_are_scaled_not_clipped(tmp_path: Path, name: str) -> None:
    levels = np.array([[0, 256, 32768, 65535]], dtype=np.uint16)
    PillowImage.fromarray(levels).save(tmp_path / name)
    assert np.asarray(open_image(tmp_path / name))[0, :, 0].tolist() == [0, 1, 128, 255]


def test_a_dark_sixteen_bit_image_stays_dark(tmp_path: Path) -> None:
    PillowImage.fromarray(np.full((2, 2), 200, dtype=np.uint16)).save(tmp_path / "a.png")
    assert open_image(tmp_path / "a.png").getpixel((0, 0)) == (1, 1, 1)


def test_sixteen_bit_colour(tmp_path: Path) -> None:
    row = b"\0" + struct.pack(">6H", 65535, 0, 0, 32768, 32768, 65535)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(row)) + chunk(b"IEND", b"")
    (tmp_path / "a.png").write_bytes(content)
    image = open_image(tmp_path / "a.png")
    assert [image.getpixel((x, 0)) for x in range(2)] == [(255, 0, 0), (128, 128, 255)]


def grey_tiff(data: bytes, *, width: int, bits: int, white_is_zero: bool = False) -> bytes:
    """A one-row grey TIFF, little-endian."""
    tags = [(256, 3, width), (257, 3, 1), (258, 3, bits), (259, 3, 1), (262, 3, 0 if white_is_zero else 1)]
    tags += [(273, 4, 8), (277, 3, 1), (278, 3, 1), (279, 4, len(data))]
    body = data + b"\0" * (len(data) % 2)
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    return b"II*\0" + struct.pack("<I", 8 + len(body)) + body + struct.pack("<H", len(tags)) + entries + b"\0" * 4


def test_twelve_bits_are_scaled_by_their_own_depth(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(grey_tiff(bytes([0xFF, 0xF8, 0x00]), width=2, bits=12))
    assert np.asarray(open_image(tmp_path / "a.tif"))[0, :, 0].tolist() == [255, 128]


def test_a_sixteen_bit_negative_is_turned_positive(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(grey_tiff(struct.pack("<2H", 0, 65535), width=2, bits=16, white_is_zero=True))
    assert np.asarray(open_image(tmp_path / "a.tif"))[0, :, 0].tolist() == [255, 0]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 0.5, 1.0], [0, 128, 255]),
        ([0.0, 100.0, 255.0], [0, 100, 255]),
        ([0.0, 32768.0, 65535.0], [0, 128, 255]),
        ([-1.0, 0.0, 1.0], [0, 128, 255]),
        ([np.nan, 0.5, np.inf], [0, 128, 0]),
    ],
)
def test_float_images_use_the_tightest_scale_that_fits(
    tmp_path: Path, values: list[float], expected: list[int]
) -> None:
    PillowImage.fromarray(np.array([values], dtype=np.float32)).save(tmp_path / "a.tif")
    assert np.asarray(open_image(tmp_path / "a.tif"))[0, :, 0].tolist() == expected


def test_portable_grey_map_with_its_own_maximum(tmp_path: Path) -> None:
    (tmp_path / "a.pgm").write_bytes(b"P2\n2 1\n1000\n0 500\n")
    assert np.asarray(open_image(tmp_path / "a.pgm"))[0, :, 0].tolist() == [0, 128]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_truncated_file_is_refused_by_check_and_open(tmp_path: Path, kind: str) -> None:
    buffer = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (200, 300, 3), dtype=np.uint8)
    PillowImage.fromarray(noise).save(buffer, kind)
    path = tmp_path / "half"
    path.write_bytes(buffer.getvalue()[: len(buffer.getvalue()) // 2])
    with pytest.raises(UnreadableImageError, match=r"half") as checked:
        check_image(path)
    with pytest.raises(UnreadableImageError) as opened:
        open_image(path)
    assert checked.value.fault == opened.value.fault
    if kind in ("JPEG", "PNG"):
        assert checked.value.fault == "truncated_image"


@pytest.mark.parametrize(
    ("content", "fault", "words"),
    [
        (None, "missing_image", "no such file"),
        (b"", "unreadable_image", "empty file"),
        (b"<html>not an image</html>", "unreadable_image", "JPEG, PNG"),
    ],
)
def test_what_is_no_image_is_refused(tmp_path: Path, content: bytes | None, fault: str, words: str) -> None:
    path = tmp_path / "a.jpg"
    if content is not None:
        path.write_bytes(content)
    for read in (open_image, check_image):
        with pytest.raises(UnreadableImageError, match=words) as caught:
            read(path)
        assert caught.value.fault == fault
        assert isinstance(caught.value, SslAttnError)


def test_a_folder_is_no_image(tmp_path: Path) -> None:
    with pytest.raises(UnreadableImageError, match="readable file"):
        open_image(tmp_path)


@pytest.mark.parametrize("side", [12, 40])
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_decompression_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, side: int) -> None:
    PillowImage.new("1", (side, side)).save(tmp_path / "bomb.png")
    monkeypatch.setattr(PillowImage, "MAX_IMAGE_PIXELS", 100)
    for read in (open_image, check_image):
        with pytest.raises(UnreadableImageError, match=r"at most .* megapixels .*smaller copy") as caught:
            read(tmp_path / "bomb.png")
        assert caught.value.fault == "unreadable_image"


def test_an_oversized_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.tif"
    with path.open("wb") as sink:
        sink.truncate(2**30 + 1)
    with pytest.raises(UnreadableImageError, match="MiB"):
        check_image(path)


def test_the_hash_is_the_files(tmp_path: Path) -> None:
    scene().save(tmp_path / "a.jpg")
    assert check_image(tmp_path / "a.jpg").sha256 == hashlib.sha256((tmp_path / "a.jpg").read_bytes()).hexdigest()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(keep=st.floats(0, 1), kind=st.sampled_from(["JPEG", "PNG", "GIF", "BMP"]))
def test_check_and_open_agree_on_any_cut(tmp_path: Path, keep: float, kind: str) -> None:
    buffer = io.BytesIO()
    scene().save(buffer, kind)
    path = tmp_path / "cut"
    path.write_bytes(buffer.getvalue()[: round(keep * len(buffer.getvalue()))])

    def outcome(read: object) -> str:
        try:
            read(path)  # type: ignore[operator]
        except UnreadableImageError as error:
            return error.fault
        return "fine"

    assert outcome(check_image) == outcome(open_image)


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(position=st.integers(0, 400), value=st.integers(0, 255), kind=st.sampled_from(["JPEG", "PNG", "TIFF", "WEBP"]))
@pytest.mark.filterwarnings("ignore")
def test_a_damaged_byte_raises_nothing_but_the_one_error(tmp_path: Path, position: int, value: int, kind: str) -> None:
    buffer = io.BytesIO()
    scene(24, 16).save(buffer, kind)
    content = bytearray(buffer.getvalue())
    content[position % len(content)] = value
    path = tmp_path / "damaged"
    path.write_bytes(content)
    try:
        image = open_image(path)
    except UnreadableImageError:
        return
    assert image.mode == "RGB"


def test_preview_is_a_small_webp_that_is_never_enlarged() -> None:
    large = preview(scene(2000, 1000))
    decoded = PillowImage.open(io.BytesIO(large))
    assert decoded.format == "WEBP"
    assert decoded.size == (768, 384)
    assert len(large) < 40_000
    assert difference(decoded.convert("RGB"), scene(2000, 1000).resize((768, 384))) < 6
    assert PillowImage.open(io.BytesIO(preview(scene(96, 64)))).size == (96, 64)
