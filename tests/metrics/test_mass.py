import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ssl_attn.metrics.mass import pixels_holding_mass


def one_by_one(ascending):
    strongest = ascending[::-1].astype(np.float64)
    held = np.cumsum(strongest)
    return int(np.argmax(held >= 0.6 * held[-1] * (1 - 1e-12))) + 1 if held[-1] > 0 else 0


# around the length of a block, where counting by blocks could go wrong
@pytest.mark.parametrize("pixels", [1, 2, 255, 256, 257, 511, 512, 513, 50176])
@pytest.mark.parametrize("power", [0, 0.2, 1, 30, 3000])
def test_equals_adding_up_one_by_one(pixels, power):
    values = np.random.default_rng(pixels).random((3, pixels)) ** power
    ascending = np.sort(values.astype(np.float32), axis=1)
    assert pixels_holding_mass(ascending).tolist() == [one_by_one(row) for row in ascending]


@given(arrays(np.float32, st.tuples(st.integers(1, 3), st.integers(1, 700)), elements=st.sampled_from([0, 0.5, 1, 7])))
def test_equals_adding_up_one_by_one_among_ties(values):
    ascending = np.sort(values, axis=1)
    assert pixels_holding_mass(ascending).tolist() == [one_by_one(row) for row in ascending]


def test_a_single_pixel_holds_all_the_mass_of_a_spike():
    ascending = np.zeros((2, 1000), dtype=np.float32)
    ascending[0, -1] = 1e-30
    assert pixels_holding_mass(ascending).tolist() == [1, 0]


@pytest.mark.parametrize("pixels", [5, 10, 1000, 50175])
@pytest.mark.parametrize("value", [1 / 3, 0.1, 7e-5])
def test_a_share_that_is_reached_exactly_is_enough(pixels, value):
    flat = np.full((1, pixels), value, dtype=np.float32)
    assert pixels_holding_mass(flat).tolist() == [pixels * 3 // 5]
