from __future__ import annotations

import cmap
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssl_attn.errors import UsageError
from ssl_attn.geometry import CANVAS_SIZE, Placement
from ssl_attn.metrics.canvas import to_canvas
from ssl_attn.overlay import (
    COLOUR_MAPS,
    HIDDEN_SHADE,
    colour_table,
    composite,
    cut_value,
    on_image,
    outlined,
    overlay,
    visible_range,
)

WHOLE = Placement(1.0, 0.0, 1.0, 0.0)
MIDDLE_HALF = Placement(2.0, -0.5, 1.0, 0.0)
"""A crop: the canvas shows the middle half of the width."""
PADDED = Placement(1.0, 0.0, 0.5, 0.25)
"""A letterbox: the image takes the middle half of the canvas's height."""


def test_on_the_whole_canvas_the_drawing_is_the_one_that_is_scored():
    values = np.random.default_rng(0).random((7, 9))
    drawn, visible = on_image(values, WHOLE, width=CANVAS_SIZE, height=CANVAS_SIZE)
    assert visible.all()
    assert drawn == pytest.approx(to_canvas(values[None])[0], abs=1e-6)


def test_patches_are_drawn_as_squares():
    values = np.arange(6.0).reshape(2, 3)
    drawn, _ = on_image(values, WHOLE, width=30, height=20, smooth=False)
    assert drawn.tolist() == np.kron(values, np.ones((10, 10))).tolist()


def test_a_crop_is_drawn_where_it_lies_and_the_rest_is_hidden():
    values = np.arange(4.0).reshape(1, 4)
    drawn, visible = on_image(values, MIDDLE_HALF, width=16, height=2, smooth=False)
    assert visible[0].tolist() == [False] * 4 + [True] * 8 + [False] * 4
    assert drawn[0, 4:12].tolist() == [0, 0, 1, 1, 2, 2, 3, 3]


def test_padding_is_not_drawn_on_the_image():
    values = np.array([[9.0], [1.0], [2.0], [9.0]])
    drawn, visible = on_image(values, PADDED, width=1, height=8, smooth=False)
    assert visible.all()
    assert drawn[:, 0].tolist() == [1, 1, 1, 1, 2, 2, 2, 2]


@given(
    x=st.integers(1, 12),
    y=st.integers(1, 12),
    scale=st.floats(1.0, 2.5),
    share=st.floats(0, 1),
    aspect=st.floats(0.4, 2.5),
)
def test_a_hot_cell_is_brightest_where_the_placement_puts_it(x, y, scale, share, aspect):
    """Planted signal: the centre of the one hot cell, mapped to the image, is the brightest pixel drawn."""
    placement = Placement(scale, (1 - scale) * share, 1.0, 0.0)
    values = np.zeros((14, 14))
    values[y, x] = 1.0
    width, height = 280, round(280 / aspect)
    drawn, visible = on_image(values, placement, width=width, height=height)
    column = ((x + 0.5) / 14 - placement.offset_x) / placement.scale_x * width
    row = (y + 0.5) / 14 * height
    found_row, found_column = np.unravel_index(drawn.argmax(), drawn.shape)
    assert abs(found_row + 0.5 - row) <= 1
    assert abs(found_column + 0.5 - column) <= 1
    assert visible[found_row, found_column]


@pytest.mark.parametrize("percentile", [1, 50, 90, 99])
def test_the_cut_selects_as_many_pixels_as_the_percentile_says(percentile):
    values = np.random.default_rng(1).random((14, 14))
    canvas = to_canvas(values[None])[0]
    cut = cut_value(values, WHOLE, percentile)
    wanted = round(CANVAS_SIZE**2 * (100 - percentile) / 100)
    assert (canvas > cut + 2e-6).sum() < wanted <= (canvas >= cut).sum()


def test_a_plateau_at_the_cut_is_drawn_whole_at_any_size():
    values = np.full((5, 5), 0.1)
    values[2, 2] = 0.7
    for width, height in ((97, 61), (640, 360)):
        layer = overlay(values, WHOLE, width=width, height=height, threshold="mask", percentile=50)
        assert (layer[..., 3] > 0).all()


def test_the_cut_counts_visible_pixels_only():
    values = np.array([[100.0, 100.0], [1.0, 2.0], [1.0, 2.0], [100.0, 100.0]])
    assert cut_value(values, Placement(1.0, 0.0, 1.0, 0.0), 60) > 2
    assert cut_value(np.tile([[0.0, 1.0]], (4, 1)), PADDED, 99) == pytest.approx(1.0, abs=1e-5)


def test_colours_span_the_least_to_the_greatest_value():
    values = np.array([[-3.0, 5.0]])
    layer = overlay(values, WHOLE, width=2, height=1, smooth=False, opacity=1)
    assert layer[0, 0, :3].tolist() == colour_table("viridis")[0].tolist()
    assert layer[0, 1, :3].tolist() == colour_table("viridis")[255].tolist()
    assert (layer[..., 3] == 255).all()


def test_a_constant_map_has_the_lowest_colour():
    layer = overlay(np.full((3, 3), 0.25), WHOLE, width=6, height=6)
    assert (layer[..., :3] == colour_table("viridis")[0]).all()


def test_a_mask_leaves_only_what_the_percentile_selects():
    values = np.zeros((4, 4))
    values[:2, :2] = 1.0
    layer = overlay(values, WHOLE, width=100, height=100, opacity=0.5, smooth=False, threshold="mask", percentile=90)
    share = (layer[..., 3] > 0).mean()
    assert share == pytest.approx(0.1, abs=0.05)
    assert layer[10, 10, 3] == 128
    assert layer[90, 90, 3] == 0


def test_a_contour_encloses_what_the_percentile_selects():
    values = np.random.default_rng(2).random((6, 6))
    mask = overlay(values, WHOLE, width=120, height=90, threshold="mask", percentile=75)
    contour = overlay(values, WHOLE, width=120, height=90, threshold="contour", percentile=75)
    inside = mask[..., 3] > 0
    line = (contour == 255).all(axis=-1)
    assert line.any()
    assert (inside | ~line).all()
    assert (contour[~line][:, 3] > 0).all()


def test_what_the_view_hides_is_shaded_black():
    layer = overlay(np.ones((2, 2)), MIDDLE_HALF, width=8, height=2)
    assert layer[0, 0].tolist() == [0, 0, 0, round(HIDDEN_SHADE * 255)]
    assert layer[0, 4, 3] == round(0.6 * 255)


def test_a_composite_mixes_by_opacity():
    picture = np.full((1, 2, 3), 100, dtype=np.uint8)
    layer = np.array([[[200, 0, 100, 128], [9, 9, 9, 0]]], dtype=np.uint8)
    assert composite(picture, layer)[0].tolist() == [[150, 50, 100], [100, 100, 100]]


@pytest.mark.parametrize("name", COLOUR_MAPS)
def test_colour_maps_have_256_rows_and_rise_in_lightness(name):
    table = colour_table(name)
    assert table.shape == (256, 3)
    assert table[128].tolist() == [round(c * 255) for c in cmap.Colormap(name).lut(256)[128][:3].tolist()]
    lightness = table @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(lightness[::16]) > 0).all()


def test_other_colour_maps_are_refused_by_name():
    with pytest.raises(UsageError, match="viridis, magma"):
        colour_table("jet")


def test_colours_span_what_the_image_shows_and_not_the_padding():
    """Half as high as wide, letterboxed: the outer rows of a 4 x 4 grid lie on padding."""
    placement = Placement(scale_x=1.0, offset_x=0.0, scale_y=0.5, offset_y=0.25)
    values = np.array([[9.0] * 4, [1.0, 2.0, 3.0, 4.0], [1.0] * 4, [9.0] * 4])
    assert visible_range(values, placement) == (1.0, 4.0)
    layer = overlay(values, placement, width=64, height=32, smooth=False)
    brightest = colour_table("viridis")[255]
    assert (layer[2, 60, :3] == brightest).all()


def test_outlines_run_along_the_inside_of_their_boxes():
    picture = np.zeros((20, 30, 3), dtype=np.uint8)
    drawn = outlined(picture, np.array([[0.1, 0.2, 0.5, 0.5]]), (255, 0, 0))
    red = drawn[..., 0] == 255
    assert red[4:14, 3:18].sum() == red.sum() == 2 * 10 + 2 * 15 - 4
    assert not red[5:13, 4:17].any()
    assert not picture.any()


def test_a_fading_layer_lets_the_picture_through_where_the_map_is_low():
    values = np.array([[0.0, 1.0], [0.5, 1.0]])
    layer = overlay(values, WHOLE, width=40, height=40, opacity=0.8, smooth=False, fading=True)
    assert layer[5, 5, 3] == 0
    assert layer[5, 35, 3] == round(0.8 * 255)
    assert 95 <= layer[35, 5, 3] <= 107
