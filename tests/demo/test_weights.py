"""The weights that come with the package: they load, are small, and know of facades what their cards say."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors import safe_open

from ssl_attn.demo.facades.facade import GENERATOR_VERSION
from ssl_attn.demo.facades.splits import HELD_OUT
from ssl_attn.demo.facades.styles import STYLES
from ssl_attn.demo.zoo.contrast import CONTRAST_FILE, read_contrast
from ssl_attn.demo.zoo.evaluation import Splits, accuracies, load_trained
from ssl_attn.demo.zoo.measured import read_measured
from ssl_attn.demo.zoo.model_card import LOSS_FILE, model_card
from ssl_attn.demo.zoo.protocol import PROTOCOL
from ssl_attn.demo.zoo.publication import WEIGHTS
from ssl_attn.demo.zoo.recipes import RECIPES, TWINS, ZOO
from ssl_attn.models.card import CARDS
from ssl_attn.statistics.multiplicity import holm

BUNDLED = [name for name in RECIPES if (WEIGHTS / name / "measured.json").is_file()]
JUDGED = [name for name in BUNDLED if name in ZOO]
LARGEST = 25 * 2**20  # bytes of all that comes with the package


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("pictures")


def test_all_weights_together_are_small():
    assert sum(path.stat().st_size for path in WEIGHTS.rglob("*") if path.is_file()) <= LARGEST


@pytest.mark.parametrize("name", BUNDLED)
def test_weights_are_of_half_precision_and_load_as_the_product_loads_them(name: str):
    with safe_open(WEIGHTS / name / "model.safetensors", framework="pt") as tensors:
        kinds = {tensors.get_tensor(key).dtype for key in tensors.keys()}  # noqa: SIM118 - not a dict
    assert torch.float16 in kinds
    assert kinds <= {torch.float16, torch.int64}
    recipe = RECIPES[name]
    model = load_trained(recipe, WEIGHTS / name)
    layout = model.layout_for(recipe.input_size, recipe.input_size)
    assert min(layout.grid_h, layout.grid_w) >= 12
    assert model.preprocessing.input_size == recipe.input_size == CARDS[model.name].input_size
    assert model.family.name == CARDS[model.name].family
    if recipe.objective == "classification":
        assert model.config.id2label == dict(enumerate(STYLES))


@pytest.mark.parametrize("name", BUNDLED)
def test_what_is_on_record_belongs_to_the_recipe_and_the_generator(name: str):
    measured = read_measured(WEIGHTS / name)
    assert measured.generator_version == GENERATOR_VERSION
    assert measured.steps == RECIPES[name].steps == measured.loss[-1][0]
    assert measured.seed == RECIPES[name].seed
    assert RECIPES[name].name in measured.command
    assert {accuracy.n for accuracy in measured.accuracy} == {len(HELD_OUT)}
    card = (WEIGHTS / name / "README.md").read_text(encoding="utf-8")
    written = model_card(RECIPES[name], measured, p_holm=None, family=0)
    assert card.partition("## Energy")[0] == written.partition("## Energy")[0]
    assert card.partition("## Training")[2] == written.partition("## Training")[2]
    assert (WEIGHTS / name / LOSS_FILE).is_file()


@pytest.mark.parametrize("name", [name for name in BUNDLED if RECIPES[name].objective == "classification"])
def test_classifiers_know_facades_they_never_saw_as_well_as_is_on_record(name: str, cache):
    recipe, splits = RECIPES[name], Splits(cache, held_out=HELD_OUT[:100], probing=range(60))
    on_record = {(entry.data, entry.readout): entry for entry in read_measured(WEIGHTS / name).accuracy}
    for found in accuracies(recipe, WEIGHTS / name, splits):
        if found.readout == "head":
            expected = on_record[found.data, "head"]
            # 100 of 2,000 pictures: four standard errors on either side of what is on record.
            error = (expected.share * (1 - expected.share) / found.n) ** 0.5
            assert abs(found.share - expected.share) <= 4 * error + 0.01


def test_a_model_that_failed_says_so_in_its_card():
    on_record = {name: read_measured(WEIGHTS / name) for name in JUDGED}
    adjusted = holm(np.array([measured.energy.p for measured in on_record.values()]))
    for (name, measured), p in zip(on_record.items(), adjusted, strict=True):
        card = (WEIGHTS / name / "README.md").read_text(encoding="utf-8")
        probe = next(entry for entry in measured.accuracy if entry.readout == "linear_probe")
        learned = probe.share - probe.untrained_share >= PROTOCOL.probe_margin
        assert ("**Failed.**" in card) == (not learned), name
        looks = p < PROTOCOL.alpha and measured.energy.difference > 0
        assert ("**Failed: training" in card) == (not looks), name


def test_the_twins_differ_in_where_they_look_and_not_in_accuracy():
    if not (WEIGHTS / TWINS / CONTRAST_FILE).is_file():
        pytest.skip("the twins are not trained yet")
    twins = read_contrast(WEIGHTS / TWINS)
    card = (WEIGHTS / TWINS / "README.md").read_text(encoding="utf-8")
    assert len(twins.measures) == 9
    assert [contrast.seed for contrast in twins.contrasts] == [0, 1, 2]
    assert card.count("**It fails**") == sum(not contrast.holds for contrast in twins.contrasts)
