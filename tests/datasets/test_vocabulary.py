"""Feature types: readable unique keys, sound hierarchies, names of data sets."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssl_attn.datasets.slugs import checked_dataset_slug, dataset_slug, feature_slug
from ssl_attn.datasets.vocabulary import RawFeatureType, build_vocabulary, vocabulary_of_names
from ssl_attn.errors import UsageError


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Round-Arch Window", "round_arch_window"),
        ("win_ad", "win_ad"),
        ("  Lunette (blind) ", "lunette_blind"),
        ("Fenêtre", "fenêtre"),
        ("Окно", "окно"),
        ("???", ""),
    ],
)
def test_feature_slug(name: str, slug: str) -> None:
    assert feature_slug(name) == slug


def test_names_that_share_a_slug_get_keys_of_their_own() -> None:
    vocabulary = vocabulary_of_names(["Rose Window", "rose window", "rose-window", "rose window 2", "!", "?"])
    keys = [entry.feature_type for entry in vocabulary.feature_types]
    assert keys[:3] == ["rose_window", "rose_window_2", "rose_window_3"]
    assert len(set(keys)) == 6
    assert all(keys)
    assert vocabulary.key_of["rose-window"] == "rose_window_3"


def test_parents_become_keys() -> None:
    vocabulary = build_vocabulary(
        [RawFeatureType("0", "Rose Window", ("2", "1")), RawFeatureType("1", "Tracery"), RawFeatureType("2", "Window")]
    )
    assert vocabulary.feature_types[0].parents == ("window", "tracery")
    assert vocabulary.quarantine == ()


def test_bad_parents_and_second_entries_are_reported() -> None:
    vocabulary = build_vocabulary(
        [
            RawFeatureType("0", "A", ("9",)),
            RawFeatureType("1", "B", ("1",)),
            RawFeatureType("2", "C", ("3",)),
            RawFeatureType("3", "D", ("2",)),
            RawFeatureType("3", "E"),
        ]
    )
    assert [(entry.identifier, entry.rule) for entry in vocabulary.quarantine] == [
        ("3", "duplicate_id"),
        ("a", "bad_parent"),
        ("b", "bad_parent"),
        ("d", "bad_parent"),
    ]
    assert {entry.feature_type: entry.parents for entry in vocabulary.feature_types} == {
        "a": (),
        "b": (),
        "c": ("d",),
        "d": (),
    }


@given(st.lists(st.lists(st.integers(0, 9), max_size=4), min_size=1, max_size=10))
def test_no_circle_survives(parents: list[list[int]]) -> None:
    vocabulary = build_vocabulary(
        RawFeatureType(str(index), f"type {index}", tuple(map(str, entry))) for index, entry in enumerate(parents)
    )
    above = {entry.feature_type: set(entry.parents) for entry in vocabulary.feature_types}
    while above:
        roots = {key for key, broader in above.items() if not broader & above.keys()}
        assert roots
        above = {key: broader for key, broader in above.items() if key not in roots}


@pytest.mark.parametrize(
    ("path", "slug"),
    [
        ("/data/facades/annotations.coco.json", "facades"),
        ("/data/facades/annotations/instances_val2017.json", "instances_val2017"),
        ("/data/My Church Photos (2024)/boxes.csv", "my_church_photos_2024"),
        ("/data/2024/annotations.json", "2024"),
        ("/data/Éğlises/labels", "eglises"),
        ("/data/annotations.json", "coco"),
    ],
)
def test_dataset_slug_takes_the_nearest_telling_name(path: str, slug: str) -> None:
    assert dataset_slug(Path(path), fallback="coco") == slug
    assert checked_dataset_slug(slug) == slug


@pytest.mark.parametrize("name", ["", "Upper", "a b", "a/b", "../x", "-a", "x" * 65, "a=b"])
def test_a_name_that_is_no_slug_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="lower-case"):
        checked_dataset_slug(name)


def test_a_kind_of_a_distractor_is_one_and_a_broader_kind_is_not() -> None:
    vocabulary = build_vocabulary(
        [
            RawFeatureType("0", "Bus", ("1",)),
            RawFeatureType("1", "Vehicle", ("2",), distractor=True),
            RawFeatureType("2", "Thing"),
            RawFeatureType("3", "Portal", ("2",)),
        ]
    )
    assert {entry.name for entry in vocabulary.feature_types if entry.distractor} == {"Bus", "Vehicle"}


def test_names_become_distractors_where_they_are_listed() -> None:
    vocabulary = vocabulary_of_names(["door", "car"], ["car", "tree"])
    assert [(entry.name, entry.distractor) for entry in vocabulary.feature_types] == [
        ("door", False),
        ("car", True),
        ("tree", True),
    ]
