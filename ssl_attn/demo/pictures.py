"""Facades as arrays for training: drawn once, kept in a file, varied afresh at every step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ssl_attn.demo.facade import GENERATOR_VERSION, draw_facade
from ssl_attn.demo.recipes import GENERATOR_SEED
from ssl_attn.demo.styles import STYLES
from ssl_attn.files import replacing
from ssl_attn.geometry import view_transform

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from ssl_attn.models.preprocessing import Preprocessing

    Pictures = NDArray[np.uint8]

_CONTRAST = 0.2  # largest relative change
_GAIN = 0.15  # the same, of each colour channel


def labels(indices: range) -> NDArray[np.int64]:
    """The class of each facade: styles take turns."""
    return np.arange(indices.start, indices.stop) % len(STYLES)


def load_pictures(
    indices: range, preprocessing: Preprocessing, cache: Path, *, on_ready: Callable[[int], None] | None = None
) -> Pictures:
    """Facades `(n, 3, side, side)` in the view squash, before normalisation; from the cache, or drawn into it.

    `on_ready` is called with the number of facades read or drawn since the last call.
    """
    side = preprocessing.input_size
    path = cache / f"facade-v{GENERATOR_VERSION}-{indices.start}-{indices.stop}-{side}px.npy"
    if path.exists():
        stored: Pictures = np.load(path, mmap_mode="r")
        if on_ready is not None:
            on_ready(len(stored))
        return stored
    pictures = np.empty((len(indices), 3, side, side), dtype=np.uint8)
    for i, index in enumerate(indices):
        pictures[i] = _squashed(index, preprocessing)
        if on_ready is not None:
            on_ready(1)
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.save(file, pictures)
    return pictures


def _squashed(index: int, preprocessing: Preprocessing) -> Pictures:
    image = draw_facade(index, seed=GENERATOR_SEED).image
    transform = view_transform("squash", preprocessing, image.width, image.height, preprocessing.input_size)
    inputs = preprocessing.pixels(image, transform)
    mean, std = (
        np.asarray(values, dtype=np.float32)[:, None, None] for values in (preprocessing.mean, preprocessing.std)
    )
    squashed: Pictures = np.rint((inputs * std + mean) * 255).astype(np.uint8)
    return squashed


def normalised(pictures: Pictures, preprocessing: Preprocessing) -> NDArray[np.float32]:
    """Model inputs of pictures `(n, 3, side, side)`, as the preprocessing gives them."""
    return _normalise(pictures.astype(np.float32) / np.float32(255), preprocessing)


def varied(
    pictures: Pictures, preprocessing: Preprocessing, *, shift: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Model inputs, each mirrored or not, displaced by up to `shift` pixels and in another light."""
    count, _, side, _ = pictures.shape
    padded = np.pad(pictures, ((0, 0), (0, 0), (shift, shift), (shift, shift)), mode="edge")
    moved = np.empty(pictures.shape, dtype=np.float32)
    for i, (top, left) in enumerate(rng.integers(0, 2 * shift + 1, (count, 2))):
        window = padded[i, :, top : top + side, left : left + side]
        moved[i] = window[:, :, ::-1] if rng.random() < 0.5 else window
    moved /= 255
    gain = np.float32(1) + rng.uniform(-_GAIN, _GAIN, (count, 3, 1, 1)).astype(np.float32)
    contrast = np.float32(1) + rng.uniform(-_CONTRAST, _CONTRAST, (count, 1, 1, 1)).astype(np.float32)
    grey = moved.mean(axis=(1, 2, 3), keepdims=True)
    return _normalise(((moved - grey) * contrast + grey) * gain, preprocessing)


def _normalise(values: NDArray[np.float32], preprocessing: Preprocessing) -> NDArray[np.float32]:
    mean, std = (
        np.asarray(numbers, dtype=np.float32)[:, None, None] for numbers in (preprocessing.mean, preprocessing.std)
    )
    return (values - mean) / std
