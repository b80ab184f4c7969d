import numpy as np

from ssl_attn.metrics.cells import outside_boxes, visible_cells


def test_visible_cells_are_taken_row_by_row():
    visible = np.array([[0.0, 0.5, 1.0], [1e-9, 0.0, 1.0]])
    maps = np.arange(12.0).reshape(2, 2, 3)
    assert visible_cells(maps, visible).tolist() == [[1, 2, 3, 5], [7, 8, 9, 11]]


def test_there_may_be_no_map():
    assert visible_cells(np.empty((0, 2, 3)), np.ones((2, 3))).shape == (0, 6)


def test_each_map_lies_in_one_piece():
    assert visible_cells(np.ones((5, 14, 14)), np.ones((14, 14))).flags.c_contiguous


def test_what_no_box_covers_is_not_made_of_rounding():
    visible = np.array([1.0, 1.0, 0.7, 0.0, 0.1 + 0.2])
    union = np.array([0.25, 1.0, 0.1, 0.0, 0.3])
    assert visible[4] > union[4]
    np.testing.assert_allclose(outside_boxes(visible, union), [0.75, 0, 0.6, 0, 0], rtol=1e-12, atol=0)
