"""What a stored map says of itself."""

import pytest

from pages._shared.stored_map import StoredMap

ROW = {
    "peak": 2.0,
    "grid_h": 4,
    "grid_w": 2,
    "values": [0.5, 0.5, 1, 0, 1, 0, 0.5, 0.5],
    "scale_x": 1.0,
    "offset_x": 0.0,
}


def test_padding_is_counted_and_hides_nothing():
    letterboxed = StoredMap.of({**ROW, "scale_y": 0.5, "offset_y": 0.25})
    assert letterboxed.on_padding == pytest.approx(0.5)
    assert letterboxed.hidden == 0


def test_a_crop_hides_and_has_no_padding():
    cropped = StoredMap.of({**ROW, "scale_y": 2.0, "offset_y": -0.5})
    assert cropped.on_padding == 0
    assert cropped.hidden == pytest.approx(0.5)
