"""Image files as people see them: upright, 8-bit RGB, on white; and a fast check that a file decodes to its end."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import ExifTags, UnidentifiedImageError
from PIL import Image as PillowImage

from ssl_attn.errors import SslAttnError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

Fault = Literal["missing_image", "unreadable_image", "truncated_image"]

PREVIEW_SIZE = 768
"""Longest side of a preview in pixels."""

_MAX_BYTES = 2**30
_PREVIEW_QUALITY = 82

_BITS_PER_SAMPLE = 258
_PHOTOMETRIC = 262
_WHITE_IS_ZERO = 0

# EXIF orientation -> what makes the stored picture upright.
_UPRIGHT = {
    2: PillowImage.Transpose.FLIP_LEFT_RIGHT,
    3: PillowImage.Transpose.ROTATE_180,
    4: PillowImage.Transpose.FLIP_TOP_BOTTOM,
    5: PillowImage.Transpose.TRANSPOSE,
    6: PillowImage.Transpose.ROTATE_270,
    7: PillowImage.Transpose.TRANSVERSE,
    8: PillowImage.Transpose.ROTATE_90,
}
# The same as steps on coordinates: swap x and y, then mirror x, then mirror y.
_STEPS = {
    1: (False, False, False),
    2: (False, True, False),
    3: (False, True, True),
    4: (False, False, True),
    5: (True, False, False),
    6: (True, True, False),
    7: (True, True, True),
    8: (True, False, True),
}


class UnreadableImageError(SslAttnError):
    """An image file that is missing, not an image, too large, or broken before its end.

    `fault`, `expected` and `found` are kept apart for reports.
    """

    def __init__(self, path: Path, *, fault: Fault, expected: str, found: str) -> None:
        super().__init__(f"expected {expected}, found {found}: {path}")
        self.fault: Fault = fault
        self.expected = expected
        self.found = found


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What a full check of a file establishes: hash, and sizes in pixels as seen and as stored.

    `orientation` is the EXIF value 1..8; from 5 on, the stored sides are swapped.
    """

    sha256: str
    width: int
    height: int
    stored_width: int
    stored_height: int
    orientation: int


def open_image(path: Path) -> PillowImage.Image:
    """Read an image as 8-bit RGB, turned upright by its EXIF orientation, transparency composited on white.

    Grey values of more than 8 bits are scaled by their bit depth, never clipped.

    Raises:
        UnreadableImageError: the file is missing, not an image, too large, or does not decode to its end.
    """
    with _opened(path, _content(path)) as image:
        image.load()
        orientation = _orientation(image)
        rgb = _rgb(image)
    method = _UPRIGHT.get(orientation)
    return rgb if method is None else rgb.transpose(method)


def check_image(path: Path) -> ImageFacts:
    """Decode a file to its end, at an eighth of its size where JPEG allows, and hash it.

    Raises:
        UnreadableImageError: `open_image` would fail on it.
    """
    content = _content(path)
    with _opened(path, content) as image:
        orientation = _orientation(image)
        swapped = orientation >= 5
        # Pillow's TIFF reader announces the upright size and turns the pixels itself; the others leave both as stored.
        seen = image.size if image.format == "TIFF" or not swapped else image.size[::-1]
        image.draft("RGB", (max(1, image.width // 8), max(1, image.height // 8)))
        image.load()
        _rgb(image.crop((0, 0, 1, 1)))
    stored = seen[::-1] if swapped else seen
    return ImageFacts(hashlib.sha256(content).hexdigest(), *seen, *stored, orientation)


def upright_box(orientation: int, x: float, y: float, width: float, height: float) -> tuple[float, float, float, float]:
    """A box in fractions of the stored picture as x, y, width, height in fractions of the upright one."""
    swap, mirror_x, mirror_y = _STEPS[orientation]
    if swap:
        x, y, width, height = y, x, height, width
    return (1 - x - width if mirror_x else x), (1 - y - height if mirror_y else y), width, height


def preview(image: PillowImage.Image, *, longest: int = PREVIEW_SIZE) -> bytes:
    """A WebP copy for people, its longest side at most `longest` pixels; small images are not enlarged."""
    picture = image.copy()
    picture.thumbnail((longest, longest), PillowImage.Resampling.LANCZOS)
    buffer = BytesIO()
    picture.save(buffer, "WEBP", quality=_PREVIEW_QUALITY, method=4)
    return buffer.getvalue()


def _content(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > _MAX_BYTES:
            raise UnreadableImageError(
                path,
                fault="unreadable_image",
                expected=f"a file of at most {_MAX_BYTES // 2**20} MiB",
                found=f"{size // 2**20} MiB",
            )
        return path.read_bytes()
    except FileNotFoundError as error:
        raise UnreadableImageError(
            path, fault="missing_image", expected="an image file", found="no such file"
        ) from error
    except OSError as error:
        found = error.strerror or str(error)
        raise UnreadableImageError(path, fault="unreadable_image", expected="a readable file", found=found) from error


@contextmanager
def _opened(path: Path, content: bytes) -> Iterator[PillowImage.Image]:
    try:
        image = PillowImage.open(BytesIO(content))
        limit = PillowImage.MAX_IMAGE_PIXELS
        if limit is not None and image.width * image.height > limit:
            raise _too_large(path, f"{image.width} x {image.height} pixels")
    except UnreadableImageError:
        raise
    except (PillowImage.DecompressionBombError, PillowImage.DecompressionBombWarning) as error:
        raise _too_large(path, str(error)) from error
    except UnidentifiedImageError as error:
        raise UnreadableImageError(
            path,
            fault="unreadable_image",
            expected="an image in a format that Pillow reads, such as JPEG, PNG, TIFF or WebP",
            found=f"{len(content)} bytes of something else" if content else "an empty file",
        ) from error
    except Exception as error:  # a broken header makes Pillow's parsers raise nearly anything
        raise UnreadableImageError(
            path, fault="unreadable_image", expected="an image with a sound header", found=_reason(error)
        ) from error
    try:
        with image:
            yield image
    except Exception as error:  # so do its decoders on broken data
        raise UnreadableImageError(
            path, fault="truncated_image", expected="an image that decodes to its end, into RGB", found=_reason(error)
        ) from error


def _too_large(path: Path, found: str) -> UnreadableImageError:
    limit = PillowImage.MAX_IMAGE_PIXELS or 0
    expected = f"an image of at most {limit / 1e6:.0f} megapixels (store a smaller copy)"
    return UnreadableImageError(path, fault="unreadable_image", expected=expected, found=found)


def _reason(error: Exception) -> str:
    return f"{error}" or type(error).__name__


def _orientation(image: PillowImage.Image) -> int:
    value = image.getexif().get(ExifTags.Base.Orientation, 1)
    return value if value in _STEPS else 1


def _rgb(image: PillowImage.Image) -> PillowImage.Image:
    if image.mode.startswith("I") or image.mode == "F":
        return PillowImage.fromarray(_eight_bits(image)).convert("RGB")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        return PillowImage.alpha_composite(PillowImage.new("RGBA", layer.size, "white"), layer).convert("RGB")
    return image.convert("RGB")


def _eight_bits(image: PillowImage.Image) -> NDArray[np.uint8]:
    """Grey values `(height, width)` of any depth on the scale 0..255."""
    values = np.nan_to_num(np.asarray(image, dtype=np.float32), posinf=0.0, neginf=0.0)
    black, white = _range(image, values)
    scaled = (values - black) / (white - black)
    tags = getattr(image, "tag_v2", {})
    # Pillow inverts such TIFFs at 8 bits but not at 16.
    if image.mode.startswith("I;16") and tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
        scaled = 1 - scaled
    return np.asarray(np.rint(np.clip(scaled, 0, 1) * 255), dtype=np.uint8)


def _range(image: PillowImage.Image, values: NDArray[np.float32]) -> tuple[float, float]:
    """Values of black and white: from the bit depth where it is known, else the tightest usual scale that fits."""
    if image.mode.startswith("I;16"):
        bits = getattr(image, "tag_v2", {}).get(_BITS_PER_SAMPLE, (16,))[0]
        return 0.0, float(2**bits - 1)
    if image.format == "PPM":
        return 0.0, (65535.0 if image.mode == "I" else 1.0)
    low, high = float(values.min()), float(values.max())
    if low < 0:
        return low, max(high, low + 1)
    scales = (1.0, 255.0, 65535.0) if image.mode == "F" else (255.0, 65535.0)
    return 0.0, next((scale for scale in scales if high <= scale), high)
