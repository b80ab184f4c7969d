"""`ssl-attn models` and `ssl-attn doctor` as a person and as a script see them."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from ssl_attn.cli import app
from ssl_attn.cli import models as cli
from ssl_attn.models.card import CARDS
from ssl_attn.models.hub import Availability


@pytest.fixture
def run():
    def call(*arguments: str) -> str:
        result = CliRunner().invoke(app, arguments, env={"COLUMNS": "200"})
        assert result.exit_code == 0, result.output
        return result.output

    return call


def test_models_lists_every_card_with_its_verdicts(run):
    output = run("models")
    for card in CARDS.values():
        assert card.name in output
        assert card.label in output
    assert "gradcam: correct" in output


def test_models_lists_the_variants_of_a_card(run):
    output = run("models")
    assert all(f":{variant}" in output for variant in CARDS["facade_twin"].variants)
    assert "bundled, 9 variants" in output


def test_models_as_json(run):
    cards = {card["name"]: card for card in json.loads(run("models", "--json"))}
    assert list(cards) == list(CARDS)
    assert cards["siglip"]["default_method"] == "received"
    assert cards["dinov3"]["gated"] is True
    assert {"method", "verdict", "note"} == set(cards["mae"]["verdicts"][0])


def test_models_as_markdown_has_a_row_for_each_card(run):
    assert all(f"| `{name}` |" in run("models", "--markdown") for name in CARDS)


@pytest.fixture
def hub(monkeypatch):
    """Answers in place of the hub; the protocol itself is tested against a server."""
    answers = {
        "facebook/dinov3-vitb16-pretrain-lvd1689m": Availability("gated", "accept its licence"),
        "openai/clip-vit-base-patch16": Availability("cached", "commit 111111111111"),
    }

    def availability(hf_id: str, *, timeout: float) -> Availability:
        assert timeout <= 10
        return answers.get(hf_id, Availability("unreachable", "check the connection"))

    monkeypatch.setattr("ssl_attn.models.hub.availability", availability)


@pytest.mark.usefixtures("hub")
class TestDoctor:
    def test_says_what_to_do_once_for_each_obstacle(self, run):
        output = run("doctor")
        assert "dinov3: accept its licence" in output
        assert "cached, commit 111111111111" in output
        assert output.count("check the connection") == 1

    def test_as_json(self, run):
        report = json.loads(run("doctor", "--json"))
        assert report["devices"][0] == "cpu"
        versions = {package["name"]: package["version"] for package in report["packages"]}
        assert versions["torch"]
        states = {state["name"]: state["status"] for state in report["models"]}
        assert list(states) == list(CARDS)
        assert (states["dinov3"], states["clip"], states["mae"]) == ("gated", "cached", "unreachable")

    def test_bundled_weights_that_are_missing_are_named(self, run, tmp_path, monkeypatch):
        monkeypatch.setattr("ssl_attn.models.card.resources.files", lambda _package: tmp_path)
        weights = tmp_path / "demo" / "weights"
        present = [weights / "facade_vit", *(weights / "facade_twin" / v for v in CARDS["facade_twin"].variants[1:])]
        for folder in present:
            folder.mkdir(parents=True)
            (folder / "model.safetensors").touch()
        states = {state["name"]: state for state in json.loads(run("doctor", "--json"))["models"]}
        assert states["facade_vit"]["status"] == "local"
        assert states["facade_resnet"]["status"] == states["facade_twin"]["status"] == "missing"
        assert states["facade_twin"]["detail"].startswith("without honest.s0; ")
        assert "ssl-attn demo train" in states["facade_resnet"]["detail"]

    def test_a_missing_package_is_named(self, run, monkeypatch):
        packages = [cli.Package("torch", "2.13.0", required=True), cli.Package("captum", "", required=False)]
        monkeypatch.setattr(cli, "installed_packages", lambda: packages)
        assert "Missing: captum (optional: pip install captum)" in run("doctor")
