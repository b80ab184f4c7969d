"""The registry of methods, and how a person names one with its parameters."""

import subprocess
import sys

import pytest

from ssl_attn.errors import UsageError
from ssl_attn.methods import METHODS, parse_request
from ssl_attn.models.card import FAMILIES


def test_every_family_names_methods_of_the_registry_and_only_those_that_it_can_have():
    for family in FAMILIES.values():
        convolutional = family.readout == "gap" and family.cls == 0
        has = {"stages"} if convolutional else {"attention"}
        has |= {"cls"} if family.cls else set()
        has |= {"map_head"} if family.readout == "map_probe" else set()
        assert set(family.methods) == {m.name for m in METHODS.values() if m.needs <= has}, family.name


def test_defaults_are_filled_in():
    assert parse_request("gradcam") == parse_request("gradcam:target=predicted")
    assert parse_request("gradcam").params_id == "gradcam,target=predicted"
    assert parse_request("cls").params_id == "cls"
    assert parse_request("gradcam:target=sum_logits")["target"] == "sum_logits"


def test_other_parameters_are_another_key():
    keys = {parse_request(text).key for text in ("cls", "received", "gradcam", "gradcam:target=sum_logits")}
    assert len(keys) == 4


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cheese", "expected a method out of cls, received"),
        ("cls:target=predicted", "expected a parameter of cls"),
        ("gradcam:target=nothing", "expected target of gradcam to be one of predicted, sum_logits"),
    ],
)
def test_what_is_unknown_is_refused_with_what_is_known(text, expected):
    with pytest.raises(UsageError, match=expected):
        parse_request(text)


def test_the_registry_imports_no_torch():
    code = "import sys, ssl_attn.methods, ssl_attn.models.card; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
