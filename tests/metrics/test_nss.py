import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ssl_attn.geometry import Placement
from ssl_attn.metrics.nss import nss
from ssl_attn.metrics.target import build_target

FULL = Placement(1.0, 0.0, 1.0, 0.0)
TALL = Placement(0.53, 0.235, 1.0, 0.0)
BOXES = np.array([[0.1, 0.1, 0.3, 0.4], [0.3, 0.3, 0.4, 0.2], [0.55, 0.7, 0.2, 0.2]])


def by_hand(values, inside, weight):
    mean = np.average(values, weights=weight)
    deviation = np.sqrt(np.average((values - mean) ** 2, weights=weight))
    return np.average((values - mean) / deviation, weights=inside)


@settings(deadline=None)
@given(st.sampled_from([FULL, TALL]), arrays(np.float64, (2, 9, 8), elements=st.integers(-1000, 1000).map(float)))
def test_equals_the_definition(placement, maps):
    target = build_target(BOXES, placement, grid_h=9, grid_w=8)
    maps[:, 1, 4], maps[:, 8, 4] = 1001, -1001  # not one value alone, against any target
    result = nss(maps, target.coverage, target.outside, target.visible_share)
    for i, values in enumerate(maps):
        for j, inside in enumerate(target.coverage):
            weight = target.visible_share - (target.union_coverage - inside)
            assert result[i, j] == pytest.approx(by_hand(values, inside, weight), rel=1e-9, abs=1e-12)


@settings(deadline=None)
@given(arrays(np.float64, (2, 9, 8), elements=st.floats(-10, 10)), st.integers(-20, 20), st.floats(-10, 10))
def test_scale_and_shift_do_not_matter(maps, exponent, shift):
    target = build_target(BOXES, TALL, grid_h=9, grid_w=8)
    maps = maps.round(3)
    result = nss(maps, target.coverage, target.outside, target.visible_share)
    scaled = nss(np.ldexp(maps, exponent), target.coverage, target.outside, target.visible_share)
    np.testing.assert_allclose(scaled, result, rtol=1e-12, atol=1e-12)
    shifted = nss(maps + round(shift, 3), target.coverage, target.outside, target.visible_share)
    np.testing.assert_allclose(shifted, result, rtol=1e-6, atol=1e-9)


def test_against_a_box_what_other_boxes_cover_does_not_matter():
    target = build_target(np.array([[0, 0, 0.5, 0.5], [0.5, 0.5, 0.5, 0.5]]), FULL, grid_h=14, grid_w=14)
    maps = np.random.default_rng(0).random((1, 14, 14))
    other = maps.copy()
    other[:, 7:, 7:] += 100
    before, after = (nss(m, target.coverage, target.outside, target.visible_share) for m in (maps, other))
    np.testing.assert_allclose(after[0, 1], before[0, 1], rtol=1e-9)
    assert after[0, 0] - before[0, 0] > 0.5


@pytest.mark.parametrize("value", [0.1, 1 / 3, -7.3e-6, 1e30])
def test_a_map_of_one_value_is_exactly_at_chance(value):
    target = build_target(BOXES, TALL, grid_h=14, grid_w=14)
    maps = np.where(target.visible_share > 0, value, 5 * value)[None]
    assert (nss(maps, target.coverage, target.outside, target.visible_share) == 0).all()


def test_one_value_outside_the_other_boxes_is_enough():
    target = build_target(np.array([[0, 0, 0.5, 0.5], [0.5, 0.5, 0.5, 0.5]]), FULL, grid_h=14, grid_w=14)
    maps = np.full((1, 14, 14), 0.1)
    maps[:, 7:, 7:] = 0.7
    result = nss(maps, target.coverage, target.outside, target.visible_share)[0]
    assert result[1] == 0
    assert result[2] > 1


def test_where_the_target_is_all_there_is_no_score():
    target = build_target(np.array([[0, 0, 0.3, 1], [0.3, 0, 0.7, 1]]), TALL, grid_h=14, grid_w=14)
    maps = np.random.default_rng(1).random((2, 14, 14))
    assert np.isnan(nss(maps, target.coverage, target.outside, target.visible_share)).all()
