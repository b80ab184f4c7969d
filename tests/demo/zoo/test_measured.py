"""`measured.json`: what is written is what is read, and a file that cannot be right is refused with the reason."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys

import pytest
from scipy.stats import norm

from ssl_attn.demo.zoo.measured import (
    CHANCE,
    MEASURED_FILE,
    Accuracy,
    Energy,
    Measured,
    read_measured,
    write_measured,
)
from ssl_attn.errors import SslAttnError

MEASURED = Measured(
    seed=0,
    command="ssl-attn demo train",
    generator_version=2,
    steps=3000,
    seconds=512.5,
    parameters=661_000,
    loss=((50, 1.4), (100, 0.7)),
    accuracy=(
        Accuracy("facade", "head", 588, 600, untrained_correct=150),
        Accuracy("facade_marked", "linear_probe", 590, 600),
    ),
    energy=Energy("cls", 5, -1, 0.4, 0.3, 0.25, 0.1, 0.08, 0.12, 300, 1e-9),
)


@pytest.mark.parametrize("measured", [MEASURED, dataclasses.replace(MEASURED, energy=None, accuracy=())])
def test_what_is_written_is_read(measured, tmp_path):
    write_measured(tmp_path, measured)
    assert read_measured(tmp_path) == measured


def test_nothing_on_record_is_none(tmp_path):
    assert read_measured(tmp_path) is None


@pytest.mark.parametrize("correct", [0, 150, 588, 600])
def test_the_interval_is_wilsons(correct):
    """Wilson (1927), eq. of the score interval, written out."""
    n, z = 600, norm.ppf(0.975)
    p = correct / n
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * (p * (1 - p) / n + z**2 / (4 * n**2)) ** 0.5
    assert Accuracy("facade", "head", correct, n).interval == pytest.approx((centre - half, centre + half), abs=1e-12)


def test_chance_is_one_style_out_of_all():
    assert pytest.approx(1 / 4) == CHANCE


def test_shares():
    accuracy = Accuracy("facade", "head", 588, 600, untrained_correct=150)
    assert (accuracy.share, accuracy.untrained_share) == (0.98, 0.25)
    assert Accuracy("facade", "head", 588, 600).untrained_share is None


ACCURACY = {"data": "facade", "readout": "head", "correct": 5, "n": 6, "untrained_correct": None}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seed": 1.5}, "expected a whole number as seed in the file, got 1.5"),
        ({"seed": True}, "expected a whole number as seed in the file, got True"),
        ({"seconds": "long"}, "expected a finite number as seconds in the file, got 'long'"),
        ({"command": None}, "expected text as command in the file, got None"),
        ({"grade": 1}, "got also grade"),
        ({"loss": None}, "expected a list as loss"),
        ({"loss": [[1, 2, 3]]}, "expected pairs of step and loss"),
        ({"loss": [[2, 0.5], [1, 0.7]]}, "the steps of the loss in order"),
        ({"accuracy": [3]}, "expected accuracy to be an object, got 3"),
        ({"accuracy": [{"data": "facade"}]}, "got no correct, n, readout, untrained_correct"),
        ({"accuracy": [{**ACCURACY, "data": "photographs"}]}, "expected data out of facade, facade_marked"),
        ({"accuracy": [{**ACCURACY, "readout": "guess"}]}, "expected a readout out of head, linear_probe"),
        ({"accuracy": [{**ACCURACY, "correct": 7}]}, "expected correct between 0 and n = 6, got 7"),
        ({"accuracy": [{**ACCURACY, "untrained_correct": -1}]}, "expected untrained_correct between 0 and n = 6"),
        ({"accuracy": [{**ACCURACY, "n": 0, "correct": 0}]}, "at least one picture"),
        ({"accuracy": [ACCURACY, ACCURACY]}, "got several for facade, head"),
        ({"energy": {"method": "cls"}}, "in energy, got no"),
        ({"energy": {**dataclasses.asdict(MEASURED.energy), "mean": 1.2}}, "expected mean between 0 and 1, got 1.2"),
        ({"energy": {**dataclasses.asdict(MEASURED.energy), "ci_low": 0.5}}, "ci_low to be at most ci_high"),
    ],
)
def test_a_record_that_cannot_be_right_is_refused(change, said, tmp_path):
    content = json.loads(json.dumps(dataclasses.asdict(MEASURED)))
    (tmp_path / MEASURED_FILE).write_text(json.dumps(content | change))
    with pytest.raises(SslAttnError) as error:
        read_measured(tmp_path)
    assert said in str(error.value)
    assert str(tmp_path) in str(error.value)


def test_a_file_that_is_no_json_is_refused(tmp_path):
    (tmp_path / MEASURED_FILE).write_text("{")
    with pytest.raises(SslAttnError, match=r"cannot read .*measured\.json"):
        read_measured(tmp_path)


def test_it_imports_no_torch():
    program = "import sys, ssl_attn.demo.zoo.measured; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
