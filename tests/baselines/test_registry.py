"""The registry of baselines: complete, light, and what the store's rows are named after."""

import subprocess
import sys

import pytest

from ssl_attn.baselines import BASELINES, DRAWS, MODEL_FREE, OWN_MAPS


def test_every_baseline_of_the_protocol_is_there_and_says_what_it_is():
    assert set(BASELINES) == {
        "uniform", "zero", "patch_random", "centre_gaussian", "edge", "box_prior", "ceiling",
        "mean_map", "other_image", "random_weights",
    }  # fmt: skip
    for baseline in BASELINES.values():
        assert all((baseline.label, baseline.description, baseline.source))


def test_one_upper_bound_and_who_needs_a_model():
    assert [b.name for b in BASELINES.values() if b.bound == "upper"] == ["ceiling"]
    assert {b.name for b in BASELINES.values() if b.needs_model} == {*OWN_MAPS, "random_weights"}
    assert set(MODEL_FREE) == {b.name for b in BASELINES.values() if not b.needs_model}


def test_only_what_draws_has_a_seed():
    assert {b.name for b in BASELINES.values() if b.seed >= 0} == {"patch_random", "other_image"}
    assert f'"draws": {DRAWS}' in BASELINES["patch_random"].parameters_json


@pytest.mark.parametrize("module", ["position", "image", "annotation", "own_maps"])
def test_nothing_here_needs_torch(module):
    code = f"import sys, ssl_attn.baselines.{module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
