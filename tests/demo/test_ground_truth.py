"""What decides a style is known, so every method can be asked: does its map show what the model really relies on?

Readings are the last layer, or the whole model, all heads fused. Energies are compared per area, so that large regions
are not favoured, and picture by picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from ssl_attn.demo.facades.splits import HELD_OUT
from ssl_attn.demo.zoo.evaluation import Splits, load_trained, map_energies
from ssl_attn.demo.zoo.protocol import Reading
from ssl_attn.demo.zoo.publication import WEIGHTS
from ssl_attn.demo.zoo.recipes import RECIPES
from ssl_attn.methods import METHODS
from ssl_attn.models.card import CARDS, FAMILIES
from ssl_attn.statistics.paired import paired_test

LEVEL = 0.001


@dataclass(frozen=True)
class Statement:
    """Models that a method is tried on, and what its maps show of them.

    `features_over_clutter`: of the honest model, more on what tells the style than on trees, cars and people.
    `mark_over_features`: of the shortcut model, more on the mark than on the features; None where there is none.
    """

    honest: str
    features_over_clutter: bool
    shortcut: str = ""
    mark_over_features: bool | None = None


TWINS = {"honest": "facade_twin/honest.s0", "shortcut": "facade_twin/shortcut.s0"}
STATEMENTS = {
    "cls": Statement(**TWINS, features_over_clutter=True, mark_over_features=True),
    "received": Statement(**TWINS, features_over_clutter=True, mark_over_features=True),
    "rollout": Statement(**TWINS, features_over_clutter=True, mark_over_features=True),
    "value_norm": Statement(**TWINS, features_over_clutter=True, mark_over_features=True),
    "gradcam": Statement("facade_resnet", features_over_clutter=True),
    "map_pool": Statement("facade_siglip", features_over_clutter=True),
}


@pytest.fixture(scope="module")
def splits(tmp_path_factory) -> Splits:
    return Splits(tmp_path_factory.mktemp("pictures"), held_out=HELD_OUT[:60])


def densities(name: str, method: str, splits: Splits, *, marked: bool) -> dict[str, np.ndarray]:
    """Energy per area of each picture's regions; NaN where a picture has no such region."""
    recipe = RECIPES[name]
    layer = "whole_model" if "map_head" in METHODS[method].needs else "last"
    reading = Reading(method, layer, -1, "facade_marked" if marked else "facade", "readout")
    found = map_energies(load_trained(recipe, WEIGHTS / name), reading, recipe, splits, marked=marked)
    regions = {
        "features": (found.features, found.chance),
        "mark": (found.mark, found.mark_area),
        "clutter": (found.clutter, found.clutter_area),
    }
    return {
        region: np.divide(held, area, out=np.full(len(area), np.nan), where=area > 0)
        for region, (held, area) in regions.items()
    }


def more(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether the first is significantly larger, in the mean and by ranks."""
    difference = first - second
    difference = difference[~np.isnan(difference)]
    assert len(difference) >= 40
    return bool(difference.mean() > 0 and float(paired_test(difference).p) < LEVEL)


def test_there_is_a_statement_on_every_method_that_a_bundled_model_has():
    families = {card.family for card in CARDS.values() if card.bundled}
    assert set(STATEMENTS) == {method for family in families for method in FAMILIES[family].methods}


@pytest.mark.parametrize("method", STATEMENTS)
def test_features_above_clutter_where_the_model_is_honest(method: str, splits: Splits):
    statement = STATEMENTS[method]
    found = densities(statement.honest, method, splits, marked=False)
    assert more(found["features"], found["clutter"]) == statement.features_over_clutter


@pytest.mark.parametrize("method", [name for name, each in STATEMENTS.items() if each.shortcut])
def test_the_mark_above_the_features_where_it_is_a_shortcut(method: str, splits: Splits):
    statement = STATEMENTS[method]
    found = densities(statement.shortcut, method, splits, marked=True)
    assert more(found["mark"], found["features"]) == statement.mark_over_features
    honest = densities(statement.honest, method, splits, marked=True)
    assert more(found["mark"], honest["mark"])
    assert more(honest["features"], found["features"])


def test_augmentation_teaches_to_do_without_the_mark_and_not_to_ignore_it(splits: Splits):
    clean, marked = (densities("facade_twin/augmented.s0", "cls", splits, marked=marked) for marked in (False, True))
    assert more(clean["features"], clean["clutter"])
    assert more(marked["mark"], marked["features"])
    assert more(clean["features"], marked["features"])
