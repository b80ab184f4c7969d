"""Captions of facades, made from what the generator knows of them: many for each picture.

They say nothing of where in the picture something is, since training shows pictures mirrored and cropped.
"""

from __future__ import annotations

import json
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing import get_context
from typing import TYPE_CHECKING

from filelock import FileLock

from ssl_attn.demo.facades.facade import GENERATOR_VERSION, compose
from ssl_attn.demo.facades.palette import MOODS
from ssl_attn.demo.facades.styles import FEATURE_TYPES, STYLES
from ssl_attn.files import replacing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import numpy as np

    from ssl_attn.demo.facades.facade import Scene

HOURS: tuple[str, ...] = (
    "on a clear day",
    "in the morning",
    "under a grey sky",
    "in golden light",
    "at dusk",
    "in spring haze",
)
"""How a caption puts the hour and the weather; one for each mood of the palette, in its order."""

AROUND: tuple[str, ...] = ("tree", "car", "person", "lamp")
"""Feature types of what stands around the building, which a caption may name as its surroundings."""

_NAMES = {entry.feature_type: entry.name.lower().replace("-", " ") for entry in FEATURE_TYPES}
_ON_BUILDING = {entry.feature_type for entry in FEATURE_TYPES if not entry.distractor}

_SUBJECTS = ("facade", "church", "building")
_OPENINGS = ("a picture of", "an illustration of")
_WITH = ("with", "that has", "showing")
_BESIDE = ("near", "beside")
_MANY = "several"
_COUNTS = {2: "two"}
_MOST_FEATURES = 3
_UNCOUNTED = frozenset({"tracery"})
_PLURALS = {"passer by": "passers by"}

_OPENING_SHARE, _STYLE_SHARE, _AROUND_SHARE, _HOUR_SHARE = 0.4, 0.6, 0.35, 0.35
_PICTURES_A_TASK = 64


@dataclass(frozen=True, slots=True)
class Attributes:
    """What there is to say about a facade: its style, its hour as a place in `HOURS`, how many boxes of each type."""

    style: str
    hour: int
    counts: dict[str, int]


def attributes_of(scene: Scene) -> Attributes:
    """The attributes of a composed facade; the counts are in the order of their names."""
    types = [box.feature_type for box in scene.boxes]
    return Attributes(scene.style, MOODS.index(scene.mood), {name: types.count(name) for name in sorted(set(types))})


def load_attributes(
    indices: range, cache: Path, *, seed: int, on_ready: Callable[[int], None] | None = None
) -> tuple[Attributes, ...]:
    """The attributes of the facades `indices` of a generator's `seed`: from the cache, or composed into it.

    Facades are composed on all cores. `on_ready` is called with the number of facades ready since the last call. Of
    several processes that want the same attributes one composes, the others wait.
    """
    path = cache / f"facade-v{GENERATOR_VERSION}-s{seed}-{indices.start}-{indices.stop}-attributes.json"
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        if path.exists():
            stored = json.loads(path.read_text(encoding="utf-8"))
            if on_ready is not None:
                on_ready(len(stored))
            return tuple(Attributes(**entry) for entry in stored)
        found: list[Attributes] = []
        for part in _composed(indices, seed):
            found += part
            if on_ready is not None:
                on_ready(len(part))
        with replacing(path) as temporary:
            temporary.write_text(json.dumps([asdict(entry) for entry in found]), encoding="utf-8")
    return tuple(found)


def caption(attributes: Attributes, rng: np.random.Generator) -> str:
    """One of the many captions of a facade: up to three of its features, often its style, sometimes more."""
    style = f"{attributes.style.lower()} " if rng.random() < _STYLE_SHARE else ""
    subject = f"{style}{_pick(_SUBJECTS, rng)}"
    parts = [_pick(_OPENINGS, rng)] if rng.random() < _OPENING_SHARE else []
    parts.append(f"{_article(subject)} {subject}")
    features = [name for name in attributes.counts if name in _ON_BUILDING]
    if features:
        named = rng.permutation(features)[: rng.integers(1, _MOST_FEATURES + 1)]
        parts += [_pick(_WITH, rng), " and ".join(_counted(str(name), attributes.counts[name]) for name in named)]
    around = [name for name in AROUND if name in attributes.counts]
    if around and rng.random() < _AROUND_SHARE:
        name = _pick(around, rng)
        parts += [_pick(_BESIDE, rng), _counted(name, attributes.counts[name])]
    if rng.random() < _HOUR_SHARE:
        parts.append(HOURS[attributes.hour])
    return " ".join(parts)


def words() -> tuple[str, ...]:
    """Every word that a caption can hold, in alphabetical order."""
    phrases = [*_SUBJECTS, *_OPENINGS, *_WITH, *_BESIDE, *HOURS, *_COUNTS.values(), _MANY, "a an and"]
    phrases += [style.lower() for style in STYLES]
    for name in sorted(_ON_BUILDING | set(AROUND)):
        phrases += [_NAMES[name], _plural(_NAMES[name])]
    return tuple(sorted({word for phrase in phrases for word in phrase.split()}))


def _composed(indices: range, seed: int) -> Iterator[list[Attributes]]:
    """The attributes, some facades at a time; a few are not worth the start of processes."""
    tasks = [indices[start : start + _PICTURES_A_TASK] for start in range(0, len(indices), _PICTURES_A_TASK)]
    compose_part = partial(_compose_part, seed)
    if len(tasks) == 1:
        yield compose_part(tasks[0])
        return
    # Started afresh, not forked: a fork would share the locks of torch's threads.
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        yield from pool.map(compose_part, tasks)


def _compose_part(seed: int, indices: range) -> list[Attributes]:
    return [attributes_of(compose(index, seed=seed)) for index in indices]


def _pick(choices: tuple[str, ...] | list[str], rng: np.random.Generator) -> str:
    return choices[rng.integers(len(choices))]


def _counted(name: str, count: int) -> str:
    noun = _NAMES[name]
    if noun in _UNCOUNTED:
        return noun
    if count == 1:
        return f"{_article(noun)} {noun}"
    return f"{_COUNTS.get(count, _MANY)} {_plural(noun)}"


def _article(noun: str) -> str:
    return "an" if noun[0] in "aeiou" else "a"


def _plural(noun: str) -> str:
    if noun in _UNCOUNTED:
        return noun
    if noun.endswith(("s", "x", "ch", "sh")):
        return f"{noun}es"
    return _PLURALS.get(noun, f"{noun}s")
