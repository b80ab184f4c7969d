from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssl_attn.errors import SslAttnError
from ssl_attn.geometry import Placement
from ssl_attn.similarity import box_similarity

WHOLE = Placement(1.0, 0.0, 1.0, 0.0)


def test_cells_of_the_same_direction_as_the_box_have_similarity_1_and_opposite_ones_minus_1():
    features = np.zeros((2, 4, 3))
    features[..., 0] = 1.0
    features[:, 2:, 0] = -5.0
    found = box_similarity(features, np.array([0.0, 0.0, 0.5, 1.0]), WHOLE)
    assert found.values[:, :2] == pytest.approx(1.0)
    assert found.values[:, 2:] == pytest.approx(-1.0)
    assert (found.low, found.high) == pytest.approx((-1.0, 1.0))


def test_vectors_are_made_unit_length_before_they_are_averaged():
    """A long vector must not outweigh a short one: the query is the bisector of the two directions."""
    features = np.array([[[100.0, 0.0], [0.0, 1.0]]])
    found = box_similarity(features, np.array([0.0, 0.0, 1.0, 1.0]), WHOLE)
    assert found.values == pytest.approx(np.full((1, 2), np.sqrt(0.5)))


def test_cells_weigh_by_the_share_that_the_box_covers():
    features = np.array([[[1.0, 0.0], [0.0, 1.0]]])
    found = box_similarity(features, np.array([0.0, 0.0, 0.75, 1.0]), WHOLE)
    assert found.weight == pytest.approx(np.array([[1.0, 0.5]]))
    query = np.array([2.0, 1.0]) / np.sqrt(5)
    assert found.values == pytest.approx(query[None])


def test_the_box_goes_through_the_placement():
    """The middle half of the image fills the canvas: a box at its left edge lies in the first column."""
    features = np.eye(4).reshape(1, 4, 4)
    cropped = Placement(2.0, -0.5, 1.0, 0.0)
    found = box_similarity(features, np.array([0.25, 0.0, 0.125, 1.0]), cropped)
    assert found.values == pytest.approx(np.array([[1.0, 0.0, 0.0, 0.0]]))


def test_a_box_outside_the_view_is_refused():
    with pytest.raises(SslAttnError, match="squash"):
        box_similarity(np.ones((2, 2, 3)), np.array([0.0, 0.0, 0.2, 1.0]), Placement(2.0, -0.5, 1.0, 0.0))


def test_features_that_cancel_out_are_refused():
    features = np.array([[[1.0, 0.0], [-1.0, 0.0]]])
    with pytest.raises(SslAttnError, match="cancel"):
        box_similarity(features, np.array([0.0, 0.0, 1.0, 1.0]), WHOLE)


def test_a_patch_without_direction_has_similarity_0():
    features = np.array([[[1.0, 0.0], [0.0, 0.0]]])
    found = box_similarity(features, np.array([0.0, 0.0, 0.5, 1.0]), WHOLE)
    assert found.values.tolist() == [[1.0, 0.0]]


@given(
    scale=st.floats(0.01, 1e3),
    seed=st.integers(0, 2**32 - 1),
    x=st.floats(0, 0.7),
    y=st.floats(0, 0.7),
)
def test_similarity_does_not_depend_on_the_length_of_features(scale, seed, x, y):
    features = np.random.default_rng(seed).normal(size=(4, 5, 8))
    box = np.array([x, y, 0.3, 0.3])
    plain, scaled = box_similarity(features, box, WHOLE), box_similarity(features * scale, box, WHOLE)
    assert scaled.values == pytest.approx(plain.values)
    assert -1 - 1e-9 <= plain.low <= plain.high <= 1 + 1e-9
