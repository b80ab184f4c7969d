"""The registry agrees with itself, with the methods and with the documentation, and imports no torch."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import get_args

import pytest

from ssl_attn.methods import METHODS
from ssl_attn.models.card import ARCHITECTURES, CARDS, FAMILIES, MODEL_TYPES, VerdictName
from ssl_attn.models.layout import Readout
from ssl_attn.models.preprocessing import read_preprocessing
from ssl_attn.models.variants import trained_variant


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
class TestFamily:
    def test_architectures_are_described(self, family):
        assert family.architectures
        assert set(family.architectures) <= set(ARCHITECTURES)

    def test_verdicts_are_on_methods_that_exist_and_say_why(self, family):
        assert family.methods[0] == family.default_method
        assert len(set(family.methods)) == len(family.methods)
        for verdict in family.verdicts:
            assert verdict.method in METHODS
            assert verdict.verdict in get_args(VerdictName)
            assert verdict.note.endswith(".")

    def test_methods_fit_what_the_family_has(self, family):
        has = {"stages"} if family.readout == "gap" else {"attention"}
        has |= {"cls"} if family.cls else set()
        has |= {"map_head"} if family.readout == "map_probe" else set()
        assert set(family.methods) == {name for name, method in METHODS.items() if method.needs <= has}

    def test_readout_is_known_and_has_its_tokens(self, family):
        assert family.readout in get_args(Readout)
        assert (family.cls > 0) == family.readout.startswith("cls")
        assert (family.distillation > 0) == (family.readout == "cls+dist")

    def test_some_card_stands_for_it(self, family):
        assert any(card.family == family.name for card in CARDS.values())


@pytest.mark.parametrize("card", CARDS.values(), ids=CARDS)
class TestCard:
    def test_comes_from_exactly_one_place(self, card):
        assert bool(card.hf_id) != card.bundled
        assert (card.folder is None) != card.bundled

    def test_is_a_slug_with_a_known_family_and_a_licence(self, card):
        assert re.fullmatch(r"[a-z0-9_]+", card.name)
        assert card.family in FAMILIES
        assert card.licence
        assert card.label

    def test_has_variants_by_strategy_and_seed_in_folders_of_their_own(self, card):
        assert [trained_variant(variant).name for variant in card.variants] == list(card.variants)
        assert len(set(card.variants)) == len(card.variants)
        assert card.bundled or not card.variants
        folders = (
            {variant: card.folder / variant for variant in card.variants} if card.variants else {"frozen": card.folder}
        )
        assert card.folders == (folders if card.bundled else {})

    def test_writes_down_no_revision(self, card):
        assert not re.search(r"[0-9a-f]{40}", repr(card))


def test_the_reference_study_and_its_controls_are_there():
    wanted = {"dinov2", "dinov3", "clip", "mae", "siglip", "siglip2", "resnet50", "dinov2_noreg", "dino", "vit", "deit"}
    assert wanted <= set(CARDS)
    assert CARDS["dinov3"].gated


@pytest.mark.parametrize(
    ("card", "method", "verdict"),
    [
        ("dinov2", "cls", "excellent"),
        ("dinov3", "cls", "excellent"),
        ("clip", "cls", "good"),
        ("mae", "cls", "questionable"),
        ("siglip", "received", "acceptable"),
        ("siglip2", "received", "acceptable"),
        ("resnet50", "gradcam", "correct"),
    ],
)
def test_default_methods_and_their_verdicts(card, method, verdict):
    first = FAMILIES[CARDS[card].family].verdicts[0]
    assert (first.method, first.verdict) == (method, verdict)


_BUNDLED = [(card, folder) for card in CARDS.values() for folder in card.folders.values()]


@pytest.mark.parametrize(
    ("card", "folder"), _BUNDLED, ids=[f"{folder.parent.name}/{folder.name}" for _, folder in _BUNDLED]
)
def test_a_bundled_card_states_the_input_of_its_checkpoint(card, folder):
    assert read_preprocessing(folder / "preprocessor_config.json").input_size == card.input_size


def test_a_checkpoint_without_card_goes_to_the_first_family_that_takes_it():
    first = {kind: next(f.name for f in FAMILIES.values() if kind in f.model_types) for kind in MODEL_TYPES}
    assert first["vit"] == "vit"
    assert first["siglip"] == "siglip"


def test_the_registry_imports_no_torch():
    program = "import sys, ssl_attn.models.card, ssl_attn.models.spec; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
