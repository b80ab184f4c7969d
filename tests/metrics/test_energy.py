import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ssl_attn.geometry import Placement
from ssl_attn.metrics.energy import energy, energy_normalised, lift
from ssl_attn.metrics.target import build_target

FULL = Placement(1.0, 0.0, 1.0, 0.0)
TALL = Placement(0.5, 0.25, 1.0, 0.0)  # a portrait image between two bars


def test_by_hand():
    maps = np.array([[[4.0, -2.0], [1.0, 3.0]]])
    coverages = np.array([[[0.5, 1.0], [0.0, 0.25]]])
    visible = np.array([[1.0, 1.0], [0.5, 0.5]])
    # positive mass 4, 0, 1, 3: inside 2 + 0.75, visible 4 + 0.5 + 1.5
    assert energy(maps, coverages, visible)[0, 0] == pytest.approx(2.75 / 6, rel=1e-15)


boxes_in_image = st.lists(
    st.tuples(*[st.floats(0.0, 0.8)] * 2, *[st.floats(0.01, 0.2)] * 2), min_size=1, max_size=6
).map(np.array)


@given(boxes_in_image, st.sampled_from([FULL, TALL]), st.integers(1, 20), st.integers(1, 20), st.floats(1e-20, 1e20))
def test_a_uniform_map_has_the_area_of_the_target(boxes, placement, grid_h, grid_w, value):
    target = build_target(boxes, placement, grid_h=grid_h, grid_w=grid_w)
    coverages = np.concatenate([target.union_coverage[None], target.box_coverage])
    result = energy(np.full((1, grid_h, grid_w), value), coverages, target.visible_share)[0]
    assert result[0] == pytest.approx(target.area_grid, rel=1e-12)
    np.testing.assert_allclose(result[1:], target.box_area_grid, rtol=1e-12)


@given(boxes_in_image)
def test_the_coverage_itself_is_the_ceiling(boxes):
    coverage = build_target(boxes, FULL, grid_h=14, grid_w=14).union_coverage
    result = energy(coverage[None], coverage[None], np.ones((14, 14)))[0, 0]
    assert result == pytest.approx((coverage**2).sum() / coverage.sum(), rel=1e-12)


def test_a_box_on_the_grid_holds_all_energy_of_its_coverage():
    coverage = build_target(np.array([[2 / 14, 3 / 14, 5 / 14, 4 / 14]]), FULL, grid_h=14, grid_w=14).union_coverage
    assert coverage.sum() == pytest.approx(20)
    assert energy(coverage[None], coverage[None], np.ones((14, 14)))[0, 0] == pytest.approx(1, rel=1e-12)


@given(
    arrays(np.float64, (2, 5, 6), elements=st.floats(0.0, 10.0)),
    arrays(np.float64, (3, 5, 6), elements=st.floats(0.0, 1.0)),
    st.integers(0, 4),
    st.integers(0, 5),
)
def test_map_and_target_may_move_together(maps, coverages, down, right):
    def moved(cells):
        return np.roll(cells, (down, right), axis=(1, 2))

    visible = np.ones((5, 6))
    result = energy(maps, coverages, visible)
    np.testing.assert_allclose(result, energy(moved(maps), moved(coverages), visible), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("fill", [0.0, -1.0, -0.0])
def test_a_map_without_positive_mass_has_no_energy(fill):
    assert np.isnan(energy(np.full((1, 3, 3), fill), np.ones((2, 3, 3)), np.ones((3, 3)))).all()


def test_mass_on_padding_alone_is_no_mass():
    target = build_target(np.array([[0.1, 0.1, 0.5, 0.5]]), TALL, grid_h=8, grid_w=8)
    maps = np.zeros((1, 8, 8))
    maps[0, :, :2] = 1
    assert np.isnan(energy(maps, target.union_coverage[None], target.visible_share)).all()


def test_lift_and_normalised_energy_by_hand():
    held, area = np.array([[0.3, 0.0, 1.0], [0.2, 0.5, 0.9]]), np.array([0.2, 0.5, 0.8])
    np.testing.assert_allclose(lift(held, area), [[1.5, 0, 1.25], [1, 1, 1.125]], rtol=1e-12)
    np.testing.assert_allclose(energy_normalised(held, area), [[0.125, -1, 1], [0, 0, 0.5]], atol=1e-12)


@pytest.mark.parametrize("rounding", [0.0, 1e-15, -1e-15])
def test_all_of_the_image_as_target_leaves_nothing_to_normalise(rounding):
    area = np.array([1.0 + rounding])
    assert np.isnan(energy_normalised(np.ones((1, 1)), area)).all()
    assert lift(np.ones((1, 1)), area)[0, 0] == pytest.approx(1)
