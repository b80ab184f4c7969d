"""Facades as arrays for training: drawn once by all processors, kept in a file, read from it ever after."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

import numpy as np
from filelock import FileLock

from ssl_attn.demo.facades.facade import GENERATOR_VERSION, draw_facade
from ssl_attn.demo.facades.splits import GENERATOR_SEED
from ssl_attn.demo.facades.styles import STYLES
from ssl_attn.demo.zoo.captions import load_attributes
from ssl_attn.files import replacing
from ssl_attn.geometry import view_transform
from ssl_attn.models.preprocessing import parse_preprocessing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from ssl_attn.demo.zoo.captions import Attributes
    from ssl_attn.demo.zoo.recipe import Recipe

    Pictures = NDArray[np.uint8]
    Ints = NDArray[np.int64]

_CHUNK = 32  # facades that one process draws at a time
_FEW = 64  # so few are drawn sooner than a second process starts


def labels(indices: range) -> Ints:
    """The class of each facade: styles take turns."""
    return np.arange(indices.start, indices.stop) % len(STYLES)


def load_pictures(
    indices: range,
    preprocessor: dict[str, Any],
    cache: Path,
    *,
    marked: bool = False,
    on_ready: Callable[[int], None] | None = None,
) -> Pictures:
    """Facades `(n, 3, side, side)` in the view squash, before normalisation; from the cache, or drawn into it.

    `preprocessor` is the content of a `preprocessor_config.json`. `on_ready` is called with the number of facades read
    or drawn since the last call. Of several processes that want the same pictures one draws, the others wait.
    """
    side = parse_preprocessing(preprocessor).input_size
    mark = "-marked" if marked else ""
    path = cache / f"facade-v{GENERATOR_VERSION}-{indices.start}-{indices.stop}-{side}px{mark}.npy"
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        if path.exists():
            if on_ready is not None:
                on_ready(len(indices))
        else:
            _draw_into(path, indices, side, preprocessor, marked=marked, on_ready=on_ready)
    stored: Pictures = np.load(path, mmap_mode="r")
    return stored


def _draw_into(
    path: Path,
    indices: range,
    side: int,
    preprocessor: dict[str, Any],
    *,
    marked: bool,
    on_ready: Callable[[int], None] | None,
) -> None:
    chunks = [indices[start : start + _CHUNK] for start in range(0, len(indices), _CHUNK)]
    with replacing(path) as temporary:
        pictures = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.uint8, shape=(len(indices), 3, side, side))

        def keep(chunk: range, drawn: Pictures) -> None:
            start = chunk.start - indices.start
            pictures[start : start + len(chunk)] = drawn
            if on_ready is not None:
                on_ready(len(chunk))

        if len(indices) <= _FEW:
            for chunk in chunks:
                keep(chunk, squashed(chunk, preprocessor, marked=marked))
        else:
            # Started afresh, not forked: a fork would share the locks of torch's threads.
            with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
                waiting = {pool.submit(squashed, chunk, preprocessor, marked=marked): chunk for chunk in chunks}
                for done in as_completed(waiting):
                    keep(waiting[done], done.result())
        pictures.flush()


def squashed(indices: range, preprocessor: dict[str, Any], *, marked: bool) -> Pictures:
    """Facades drawn and resized `(n, 3, side, side)`, as the product's own preprocessing does it."""
    preprocessing = parse_preprocessing(preprocessor)
    side = preprocessing.input_size
    mean, std = (np.reshape(values, (3, 1, 1)) for values in (preprocessing.mean, preprocessing.std))
    pictures = np.empty((len(indices), 3, side, side), dtype=np.uint8)
    for i, index in enumerate(indices):
        image = draw_facade(index, seed=GENERATOR_SEED, marked=marked).image
        transform = view_transform("squash", preprocessing, image.width, image.height, side)
        pictures[i] = np.rint((preprocessing.pixels(image, transform) * std + mean) * 255)
    return pictures


@dataclass(frozen=True, slots=True)
class TrainingPictures:
    """The pictures that a recipe learns from: facades `indices`, and one or two `sources` `(n, 3, side, side)` of them.

    Of two, each picture of each step comes from either by the toss of a coin. `attributes` are what there is to say
    about each facade, where the recipe asks for captions.
    """

    indices: range
    sources: tuple[Pictures, ...]
    attributes: tuple[Attributes, ...] = ()

    def batch(self, size: int, *, seed: int, step: int) -> tuple[Ints, Pictures]:
        """Positions `(size,)` and pictures of a step's facades, which depend on seed and step alone.

        Each facade comes once an epoch, in another order each.
        """
        first, last, count = step * size, (step + 1) * size, len(self.indices)
        epochs = range(first // count, (last - 1) // count + 1)
        orders = np.concatenate([_order(seed, epoch, count) for epoch in epochs])
        start = first - epochs.start * count
        positions: Ints = orders[start : start + size]
        pictures = self.sources[0][positions]
        for other in self.sources[1:]:
            swapped = np.random.default_rng((seed, _SOURCES, step)).random(size) < 0.5
            pictures[swapped] = other[positions[swapped]]
        return positions, pictures


# Streams of random numbers of one seed; what happens within a step has another one.
_ORDERS, _SOURCES = 0, 2


def load_training(recipe: Recipe, cache: Path, *, on_ready: Callable[[int], None] | None = None) -> TrainingPictures:
    """What a recipe learns from, from the cache or made into it; `on_ready` counts pictures, and captioned facades."""
    sources = [
        load_pictures(recipe.training, recipe.preprocessor(), cache, marked=marked, on_ready=on_ready)
        for marked in recipe.marks
    ]
    attributes: tuple[Attributes, ...] = ()
    if recipe.captions:
        attributes = load_attributes(recipe.training, cache, seed=GENERATOR_SEED, on_ready=on_ready)
    return TrainingPictures(recipe.training, tuple(sources), attributes)


@lru_cache(maxsize=4)
def _order(seed: int, epoch: int, count: int) -> Ints:
    return np.random.default_rng((seed, _ORDERS, epoch)).permutation(count)
