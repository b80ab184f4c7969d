"""What a person may write after --models."""

from __future__ import annotations

import pytest

from ssl_attn.errors import UsageError
from ssl_attn.models.card import CARDS
from ssl_attn.models.spec import parse_model_spec


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
