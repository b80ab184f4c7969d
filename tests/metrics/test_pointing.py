import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import distance_transform_edt

from ssl_attn.geometry import rasterise
from ssl_attn.metrics.pointing import TOLERANCE, grown, pointing


@given(
    arrays(np.float32, st.tuples(st.integers(1, 5), st.just(12)), elements=st.integers(-2, 2).map(float)),
    arrays(bool, st.tuples(st.integers(1, 4), st.just(12))),
)
def test_credit_is_the_share_of_tied_maxima_inside(canvas, masks):
    credit = pointing(canvas, masks)
    for i, values in enumerate(canvas):
        for j, mask in enumerate(masks):
            strongest = np.flatnonzero(values == values.max())
            assert credit[i, j] == pytest.approx(np.mean([mask[pixel] for pixel in strongest]), rel=1e-15)


def test_a_single_maximum_hits_or_misses():
    mask = np.array([[True, True, False, False]])
    assert pointing(np.eye(4, dtype=np.float32), mask).tolist() == [[1], [1], [0], [0]]


boxes = st.lists(st.tuples(*[st.floats(0, 0.99)] * 2, *[st.floats(1e-4, 1)] * 2), min_size=1, max_size=4).map(np.array)


@settings(deadline=None)
@given(boxes)
def test_a_grown_mask_holds_all_pixels_within_the_tolerance(places):
    masks = rasterise(places, 224, 224)
    for mask, near in zip(masks, grown(masks), strict=True):
        np.testing.assert_array_equal(near, distance_transform_edt(~mask) <= TOLERANCE)


def test_nothing_grows_out_of_nothing():
    masks = np.zeros((2, 224, 224), dtype=bool)
    masks[1, 100, 100] = True
    near = grown(masks)
    assert not near[0].any()
    assert near[1, 100, 85]
    assert near[1, 109, 112]  # 9, 12, 15
    assert not near[1, 100, 84]
    assert not near[1, 110, 112]
