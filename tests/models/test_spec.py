"""What a person may write after --models."""

from __future__ import annotations

import pytest

from ssl_attn.errors import SslAttnError, UsageError
from ssl_attn.models.card import CARDS
from ssl_attn.models.spec import parse_model_family, parse_model_spec, parse_model_specs


def test_a_registry_name():
    spec = parse_model_spec("dinov2")
    assert (spec.name, spec.hf_id, spec.path) == ("dinov2", "facebook/dinov2-with-registers-base", None)
    assert spec.card is CARDS["dinov2"]


def test_a_bundled_model_lies_in_the_package():
    spec = parse_model_spec("facade_vit")
    assert spec.hf_id == ""
    assert spec.path == CARDS["facade_vit"].folder


def test_a_hub_id_gets_a_slug_and_keeps_its_revision():
    spec = parse_model_spec("facebook/dinov2-with-registers-large@refs/pr/3")
    assert spec.name == "dinov2_with_registers_large"
    assert spec.hf_id == "facebook/dinov2-with-registers-large"
    assert spec.revision == "refs/pr/3"
    assert spec.card is None


def test_the_hub_id_of_a_card_is_that_card():
    spec = parse_model_spec("facebook/dinov2-base@main")
    assert (spec.name, spec.revision) == ("dinov2_noreg", "main")


def test_a_folder_of_ones_own(tmp_path):
    spec = parse_model_spec(f"mine={tmp_path}")
    assert (spec.name, spec.path, spec.card, spec.hf_id) == ("mine", tmp_path, None, "")


def test_a_local_copy_of_a_card_keeps_the_card_and_claims_no_hub_id(tmp_path):
    spec = parse_model_spec(f"dinov3={tmp_path}")
    assert spec.card is CARDS["dinov3"]
    assert spec.hf_id == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dinov22", "did you mean dinov2"),
        ("nothing at all", "the registry has dinov2"),
        ("", "expected a registry name"),
        ("Mine={folder}", "lower-case letters"),
        ("baseline={folder}", "other than baseline"),
        ("../x={folder}", "lower-case letters"),
        ("mine={folder}/none", "nothing there"),
        ("mine={folder}/file", "got a file"),
        ("{folder}", "expected a name for the local folder"),
        ("facade_twin:honest.s7", r"did you mean facade_twin:honest\.s"),
        ("facade_twin:zzz", "for all of them write facade_twin"),
        ("facade_twin:", "expected a variant of facade_twin"),
        ("dinov2:lora.s0", r"dinov2:lora\.s0=FOLDER"),
        ("dinov22:lora.s0", r"did you mean dinov2:lora\.s0"),
        ("mine:lora={folder}", r"<strategy>\.s<seed>"),
        ("mine:frozen.s0={folder}", "other than frozen and random_weights"),
        ("baseline:lora.s0={folder}", "other than baseline"),
        ("facade_twin={folder}", r"honest\.s0 to be a folder"),
        ("facade_twin={folder}/none", "a folder for each variant"),
    ],
)
def test_mistakes_say_what_to_write(text, message, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=message):
        parse_model_spec(text.replace("{folder}", str(tmp_path)))


def test_a_relative_folder_is_not_mistaken_for_a_hub_id(tmp_path, monkeypatch):
    (tmp_path / "weights" / "my-model").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="write my_model=weights/my-model"):
        parse_model_spec("weights/my-model")


class TestVariants:
    @pytest.fixture
    def weights(self, tmp_path, monkeypatch):
        """A package in which the twin has every variant but one."""
        monkeypatch.setattr("ssl_attn.models.card.resources.files", lambda _package: tmp_path)
        for variant in CARDS["facade_twin"].variants[:-1]:
            (tmp_path / "demo" / "weights" / "facade_twin" / variant).mkdir(parents=True)
        return tmp_path / "demo" / "weights"

    def test_a_name_stands_for_all_of_them(self, weights):
        last = CARDS["facade_twin"].variants[-1]
        (weights / "facade_twin" / last).mkdir()
        specs = parse_model_family("facade_twin")
        assert [spec.variant for spec in specs] == list(CARDS["facade_twin"].variants)
        assert [spec.path for spec in specs] == [weights / "facade_twin" / spec.variant for spec in specs]
        assert {spec.name for spec in specs} == {"facade_twin"}

    def test_one_of_them_is_named_behind_a_colon(self, weights):
        spec = parse_model_spec("facade_twin:shortcut.s1")
        assert (spec.variant, spec.path) == ("shortcut.s1", weights / "facade_twin" / "shortcut.s1")
        assert spec.written == "facade_twin:shortcut.s1"

    @pytest.mark.usefixtures("weights")
    @pytest.mark.parametrize("text", ["facade_twin", "facade_twin:augmented.s2", "facade_vit"])
    def test_weights_that_are_not_in_the_package_are_named(self, text):
        with pytest.raises(SslAttnError, match=r"come with the package.*install the package again, or train"):
            parse_model_family(text)

    def test_a_folder_of_ones_own_can_be_one(self, tmp_path):
        spec = parse_model_spec(f"dinov3:lora.s4={tmp_path}")
        assert (spec.name, spec.variant, spec.path) == ("dinov3", "lora.s4", tmp_path)
        assert spec.card is CARDS["dinov3"]

    def test_a_folder_can_hold_all_of_them(self, tmp_path):
        variants = CARDS["facade_twin"].variants
        for variant in variants:
            (tmp_path / variant).mkdir()
        specs = parse_model_family(f"facade_twin={tmp_path}")
        assert [(spec.variant, spec.path) for spec in specs] == [(each, tmp_path / each) for each in variants]

    @pytest.mark.usefixtures("weights")
    def test_where_one_is_asked_for_several_are_refused(self, tmp_path):
        for variant in CARDS["facade_twin"].variants:
            (tmp_path / "own" / variant).mkdir(parents=True)
        with pytest.raises(
            UsageError, match=r"expected one checkpoint.*facade_twin:honest\.s0, facade_twin:honest\.s1"
        ):
            parse_model_spec(f"facade_twin={tmp_path / 'own'}")

    def test_each_is_taken_once(self, tmp_path):
        texts = [f"mine:lora.s0={tmp_path}", f"mine:lora.s1={tmp_path}", f"mine={tmp_path}"]
        assert [spec.written for spec in parse_model_specs(texts)] == ["mine:lora.s0", "mine:lora.s1", "mine"]
        with pytest.raises(UsageError, match=r"expected every model once, got mine:lora\.s0 again"):
            parse_model_specs([*texts, texts[0]])
