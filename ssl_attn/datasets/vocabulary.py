"""From a format's labels to feature types: keys made of names, parents resolved, circles cut, roles handed down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ssl_attn.datasets.base import FeatureType, Quarantined
from ssl_attn.datasets.quarantine import Rule, leave_out
from ssl_attn.datasets.slugs import feature_slug

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True, slots=True)
class RawFeatureType:
    """A feature type as its format has it: `label` is what boxes refer to, `parents` are labels."""

    label: str
    name: str
    parents: tuple[str, ...] = ()
    distractor: bool = False


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The feature types of a data set, the key of each label, and what was wrong with the list."""

    feature_types: tuple[FeatureType, ...]
    key_of: Mapping[str, str]
    quarantine: tuple[Quarantined, ...] = ()


def build_vocabulary(raw: Iterable[RawFeatureType]) -> Vocabulary:
    """Give every label a readable, unique key; of two entries with one label the first counts.

    A parent that is unknown, or an entry's own descendant, is left out and reported. A kind of a distractor is one.
    """
    entries: dict[str, RawFeatureType] = {}
    quarantine: list[Quarantined] = []
    for entry in raw:
        if entry.label in entries:
            quarantine.append(leave_out("feature_type", entry.label, Rule.DUPLICATE_ID, f"'{entry.name}' again"))
        else:
            entries[entry.label] = entry
    keys = _unique_keys(entries)

    parents: dict[str, tuple[str, ...]] = {}
    for label, entry in entries.items():
        sound: list[str] = []
        for parent in dict.fromkeys(entry.parents):
            if parent not in entries:
                found = f"parent {parent}, which is not listed"
            elif label in _ancestors(parent, parents):
                found = f"parent {keys[parent]}, which is itself a kind of {keys[label]}"
            else:
                sound.append(parent)
                continue
            quarantine.append(leave_out("feature_type", keys[label], Rule.BAD_PARENT, found))
        parents[label] = tuple(sound)

    feature_types = tuple(
        FeatureType(
            keys[label],
            entry.name.strip() or keys[label],
            tuple(keys[parent] for parent in parents[label]),
            any(entries[ancestor].distractor for ancestor in _ancestors(label, parents)),
        )
        for label, entry in entries.items()
    )
    return Vocabulary(feature_types, keys, tuple(quarantine))


def vocabulary_of_names(names: Iterable[str], distractors: Iterable[str] = ()) -> Vocabulary:
    """The vocabulary of a format whose boxes bear the names themselves; distractors need not be among the names."""
    marked = dict.fromkeys(distractors)
    return build_vocabulary(
        RawFeatureType(name, name, distractor=name in marked) for name in dict.fromkeys([*names, *marked])
    )


def _unique_keys(entries: Mapping[str, RawFeatureType]) -> dict[str, str]:
    keys: dict[str, str] = {}
    taken: set[str] = set()
    for label, entry in entries.items():
        base = feature_slug(entry.name) or feature_slug(f"feature {label}")
        key, count = base, 1
        while key in taken:
            count += 1
            key = f"{base}_{count}"
        taken.add(key)
        keys[label] = key
    return keys


def _ancestors(label: str, parents: Mapping[str, tuple[str, ...]]) -> set[str]:
    """`label` and everything above it."""
    seen: set[str] = set()
    waiting = [label]
    while waiting:
        current = waiting.pop()
        if current not in seen:
            seen.add(current)
            waiting.extend(parents.get(current, ()))
    return seen
