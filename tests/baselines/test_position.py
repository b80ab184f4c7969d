"""Maps that see neither image nor boxes: where they are zero, what they integrate to, what they score."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import dblquad

from ssl_attn.baselines.position import cell_spans, centre_gaussian, patch_random, uniform, zero
from ssl_attn.geometry import Placement, coverage, union_coverage

WHOLE = Placement(1.0, 0.0, 1.0, 0.0)
# an image twice as wide as high, with bars above and below, and one of which the view cuts the sides off
LETTERBOX = Placement(1.0, 0.0, 0.5, 0.25)
CROP = Placement(2.0, -0.5, 1.0, 0.0)


def visible(placement, grid_h, grid_w):
    return coverage(placement.visible_canvas[None], grid_h, grid_w)[0]


placements = st.builds(
    Placement,
    scale_x=st.floats(0.3, 3),
    offset_x=st.floats(-0.2, 0.2),
    scale_y=st.floats(0.3, 3),
    offset_y=st.floats(-0.2, 0.2),
)


@given(placements, st.integers(1, 20), st.integers(1, 20))
def test_what_shows_nothing_of_the_image_is_zero_and_all_else_is_not(placement, grid_h, grid_w):
    share = visible(placement, grid_h, grid_w)
    for made in (
        uniform(share),
        patch_random(share, image_id="a", frame="f", draws=1)[0],
        centre_gaussian(placement, grid_h=grid_h, grid_w=grid_w),
    ):
        assert made.shape == (grid_h, grid_w)
        assert (made[share == 0] == 0).all()
        assert (made[share > 1e-9] > 0).all()
    assert not zero(share).any()


def test_draws_depend_on_image_and_frame_and_on_nothing_else():
    share = visible(LETTERBOX, 8, 8)
    first = patch_random(share, image_id="a", frame="8x8_letterbox")
    assert first.shape == (100, 8, 8)
    np.testing.assert_array_equal(first, patch_random(share, image_id="a", frame="8x8_letterbox"))
    np.testing.assert_array_equal(first[:7], patch_random(share, image_id="a", frame="8x8_letterbox", draws=7))
    for image_id, frame in (("b", "8x8_letterbox"), ("a", "8x8_squash")):
        assert (first != patch_random(share, image_id=image_id, frame=frame))[:, share > 0].all()


@pytest.mark.parametrize("placement", [WHOLE, LETTERBOX, CROP])
def test_the_mean_energy_of_random_maps_is_the_area(placement):
    share = visible(placement, 14, 14)
    covered = union_coverage(placement.to_canvas(np.array([[0.3, 0.1, 0.35, 0.5], [0.5, 0.4, 0.2, 0.3]])), 14, 14)
    draws = patch_random(share, image_id="a", frame="14x14", draws=2000)
    energies = (draws * covered).sum(axis=(1, 2)) / (draws * share).sum(axis=(1, 2))
    error = energies.std(ddof=1) / np.sqrt(len(energies))
    assert abs(energies.mean() - covered.sum() / share.sum()) < 4 * error
    assert error < 0.002


@pytest.mark.parametrize("placement", [WHOLE, LETTERBOX, CROP])
def test_the_gaussian_is_the_mean_over_what_a_cell_shows(placement):
    """Against a numerical integral over each cell's part of the image, in the image's own frame."""
    grid_h, grid_w = 3, 5
    made = centre_gaussian(placement, grid_h=grid_h, grid_w=grid_w)
    tops, bottoms = cell_spans(grid_h, placement.scale_y, placement.offset_y)
    lefts, rights = cell_spans(grid_w, placement.scale_x, placement.offset_x)
    for row in range(grid_h):
        for column in range(grid_w):
            left, right, top, bottom = lefts[column], rights[column], tops[row], bottoms[row]
            if right == left or bottom == top:
                assert made[row, column] == 0
                continue
            volume, _ = dblquad(
                lambda y, x: np.exp(-0.5 * ((x - 0.5) ** 2 + (y - 0.5) ** 2) / 0.25**2), left, right, top, bottom
            )
            assert made[row, column] == pytest.approx(volume / (right - left) / (bottom - top), rel=1e-6)


@given(placements)
def test_the_gaussian_is_centred_where_the_images_middle_is(placement):
    """The mass that cells hold, weighed by what they show, balances at the middle of an image that is seen whole."""
    seen = placement.visible_image
    made = centre_gaussian(placement, grid_h=40, grid_w=40)
    x = (placement.to_canvas(np.array([[0.5, 0.5, 0.0, 0.0]]))[0])[:2]
    inside = (x > 0) & (x < 1)
    if inside.all():
        row, column = np.unravel_index(made.argmax(), made.shape)
        assert abs((column + 0.5) / 40 - x[0]) <= 0.5 / 40 + 1e-9
        assert abs((row + 0.5) / 40 - x[1]) <= 0.5 / 40 + 1e-9
    if np.allclose(seen, [0, 0, 1, 1]):
        weighed = made * visible(placement, 40, 40)
        centres = (np.arange(40) + 0.5) / 40
        assert (weighed.sum(axis=0) @ centres) / weighed.sum() == pytest.approx(x[0], abs=0.01)


def test_a_squashed_image_gives_a_symmetric_gaussian():
    made = centre_gaussian(WHOLE, grid_h=14, grid_w=14)
    np.testing.assert_allclose(made, made[::-1])
    np.testing.assert_allclose(made, made[:, ::-1])
    np.testing.assert_allclose(made, made.T)


@given(placements, st.integers(1, 30))
def test_cells_show_the_parts_of_the_image_that_geometry_says(placement, cells):
    start, end = cell_spans(cells, placement.scale_x, placement.offset_x)
    shown = visible(Placement(placement.scale_x, placement.offset_x, 1.0, 0.0), 1, cells)[0]
    np.testing.assert_allclose((end - start) * placement.scale_x * cells, shown, atol=1e-9)
