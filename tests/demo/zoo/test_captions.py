"""Captions: what they say is there, and the tokenizer knows every word of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from transformers import AutoTokenizer

from ssl_attn.demo.facades.facade import compose
from ssl_attn.demo.facades.palette import MOODS
from ssl_attn.demo.facades.styles import FEATURE_TYPES, STYLES
from ssl_attn.demo.zoo.captions import AROUND, HOURS, Attributes, attributes_of, caption, load_attributes, words
from ssl_attn.demo.zoo.objectives.contrastive import CONTEXT
from ssl_attn.demo.zoo.tokenizer import IDS, word_tokenizer

if TYPE_CHECKING:
    from pathlib import Path

ROSE = Attributes("Gothic", 4, {"rose_window": 1, "spire": 2, "buttress": 6, "tree": 1})


def captions(attributes: Attributes, count: int, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    return [caption(attributes, rng) for _ in range(count)]


def test_every_mood_has_its_words():
    assert len(HOURS) == len(MOODS)


def test_what_stands_around_is_no_feature():
    distractors = {entry.feature_type for entry in FEATURE_TYPES if entry.distractor}
    assert set(AROUND) <= distractors


def test_attributes_are_those_of_the_scene():
    scene = compose(10_001, seed=0)
    attributes = attributes_of(scene)
    assert attributes.style == scene.style
    assert MOODS[attributes.hour] == scene.mood
    assert sum(attributes.counts.values()) == len(scene.boxes)
    assert set(attributes.counts) == {box.feature_type for box in scene.boxes}


def test_one_picture_has_many_captions_and_a_seed_has_one():
    assert captions(ROSE, 50) == captions(ROSE, 50)
    assert captions(ROSE, 50) != captions(ROSE, 50, seed=1)
    assert len(set(captions(ROSE, 50))) > 30


def test_captions_name_style_and_features_as_often_as_they_should():
    found = captions(ROSE, 2000)
    assert 0.55 < np.mean(["gothic" in text for text in found]) < 0.65
    assert all(any(noun in text for noun in ("a rose window", "two spires", "several buttresses")) for text in found)
    assert 0.3 < np.mean(["at dusk" in text for text in found]) < 0.4
    assert 0.3 < np.mean([" a tree" in text for text in found]) < 0.4


def test_captions_name_nothing_that_is_not_there():
    bare = Attributes("Baroque", 0, {"car": 1, "clock": 1})
    for text in captions(bare, 300):
        assert not {"window", "windows", "clock", "tree", "trees", "with", "two", "several"} & set(text.split())


def test_only_what_is_seen_of_a_style_tells_it():
    """Two facades that differ in nothing but the style have the same captions wherever it is not named."""
    gothic = [text for text in captions(ROSE, 300) if "gothic" not in text]
    other = Attributes("Baroque", ROSE.hour, ROSE.counts)
    assert gothic == [text for text in captions(other, 300) if "baroque" not in text]


@pytest.mark.parametrize("style", STYLES)
def test_the_tokenizer_knows_every_word(style: str):
    tokenizer = word_tokenizer(words(), CONTEXT)
    rng = np.random.default_rng(0)
    names = [entry.feature_type for entry in FEATURE_TYPES]
    for _ in range(200):
        present = rng.permutation(names)[:8]
        attributes = Attributes(
            style, int(rng.integers(len(HOURS))), {str(name): int(rng.integers(1, 5)) for name in present}
        )
        text = caption(attributes, rng)
        ids = tokenizer(text).input_ids
        assert IDS["unk_token_id"] not in ids
        assert len(ids) <= CONTEXT
        assert tokenizer.decode(ids, skip_special_tokens=True) == text


def test_the_tokenizer_says_what_it_does_not_know():
    ids = word_tokenizer(words(), CONTEXT)("a dog").input_ids
    assert ids.count(IDS["unk_token_id"]) == 1


def test_the_tokenizer_loads_from_its_folder(tmp_path: Path):
    tokenizer = word_tokenizer(words(), CONTEXT)
    tokenizer.save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path, local_files_only=True)
    texts = ["A Gothic church with a rose window", "round-arch windows"]
    given, again = (each(texts, padding="max_length")["input_ids"] for each in (tokenizer, loaded))
    assert given == again
    assert {len(ids) for ids in again} == {CONTEXT}
    assert again[0][0] == IDS["bos_token_id"]
    assert again[0][-1] == IDS["pad_token_id"]
    assert again[0].count(IDS["eos_token_id"]) == 1
    assert set(loaded(texts)) == {"input_ids"}
    assert {
        f"{name}_id": getattr(loaded, f"{name}_id") for name in ("pad_token", "bos_token", "eos_token")
    }.items() <= IDS.items()


def test_attributes_are_composed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    indices = range(10_000, 10_006)
    ready: list[int] = []
    composed = load_attributes(indices, tmp_path, seed=0, on_ready=ready.append)
    assert composed == tuple(attributes_of(compose(index, seed=0)) for index in indices)
    monkeypatch.setattr("ssl_attn.demo.zoo.captions.compose", None)
    assert load_attributes(indices, tmp_path, seed=0, on_ready=ready.append) == composed
    assert ready == [6, 6]


def test_several_processes_compose_in_order(tmp_path: Path):
    indices = range(10_000, 10_130)
    found = load_attributes(indices, tmp_path, seed=0)
    assert len(found) == len(indices)
    for place in (0, 64, 129):
        assert found[place] == attributes_of(compose(indices[place], seed=0))
