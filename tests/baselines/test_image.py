"""Edges: strongest at the step of a step picture, wherever the view puts it, and nothing at the picture's border."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssl_attn.baselines.image import edges
from ssl_attn.geometry import Placement, coverage

WHOLE = Placement(1.0, 0.0, 1.0, 0.0)


def step(width=96, height=64, at=0.5):
    picture = np.zeros((height, width), dtype=np.uint8)
    picture[:, round(width * at) :] = 200
    return picture


@pytest.mark.parametrize(
    ("placement", "column"),
    [
        (WHOLE, 2),  # the step at 0.3 of the width lies in column 2 of 8
        (Placement(0.5, 0.25, 1.0, 0.0), 3),  # bars left and right: 0.25 + 0.15 = 0.4
        (Placement(2.0, -0.5, 1.0, 0.0), 0),  # the sides cut off: 0.6 - 0.5 = 0.1
    ],
)
def test_the_edge_of_a_step_is_at_the_step(placement, column):
    made = edges(step(at=0.3), placement, grid_h=4, grid_w=8)
    assert (made.argmax(axis=1) == column).all()
    others = np.delete(made, column, axis=1)
    assert (others < 1e-9).all()
    assert made.max() > 1


def test_an_even_picture_has_no_edge_not_even_at_its_border():
    made = edges(np.full((40, 30), 255, dtype=np.uint8), Placement(0.6, 0.2, 0.9, 0.05), grid_h=7, grid_w=7)
    np.testing.assert_allclose(made, 0, atol=1e-9)


@given(
    st.builds(
        Placement,
        scale_x=st.floats(0.4, 2.5),
        offset_x=st.floats(-0.3, 0.3),
        scale_y=st.floats(0.4, 2.5),
        offset_y=st.floats(-0.3, 0.3),
    ),
    st.integers(0, 2**32 - 1),
)
def test_pooling_loses_nothing_of_what_is_seen(placement, seed):
    """Cells weighed by what they show add up to the mean over the seen part, computed pixel by pixel."""
    grey = np.random.default_rng(seed).integers(0, 256, size=(12, 17))
    grid_h, grid_w = 5, 6
    made = edges(grey, placement, grid_h=grid_h, grid_w=grid_w)
    share = coverage(placement.visible_canvas[None], grid_h, grid_w)[0]
    single = edges(grey, WHOLE, grid_h=12, grid_w=17)
    x, y, width, height = placement.visible_image
    seen_x = np.clip(np.minimum(np.arange(1, 18) / 17, x + width) - np.maximum(np.arange(17) / 17, x), 0, None)
    seen_y = np.clip(np.minimum(np.arange(1, 13) / 12, y + height) - np.maximum(np.arange(12) / 12, y), 0, None)
    mean = (single * np.outer(seen_y, seen_x)).sum() / (seen_x.sum() * seen_y.sum())
    assert (made * share).sum() / share.sum() == pytest.approx(mean, rel=1e-6)


def test_a_gradient_does_not_depend_on_direction_or_sign():
    made = edges(step(64, 64), WHOLE, grid_h=8, grid_w=8)
    np.testing.assert_allclose(edges(step(64, 64).T, WHOLE, grid_h=8, grid_w=8), made.T)
    np.testing.assert_allclose(edges(255 - step(64, 64).astype(int), WHOLE, grid_h=8, grid_w=8), made)
