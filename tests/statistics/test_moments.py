import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ssl_attn.statistics.moments import moments, ratio


@given(
    arrays(
        np.float64, st.tuples(st.integers(0, 12), st.integers(0, 4)), elements=st.floats(-1e6, 1e6) | st.just(np.nan)
    )
)
def test_equal_numpy_on_what_is_there(values):
    result = moments(values)
    for j in range(values.shape[1]):
        there = values[~np.isnan(values[:, j]), j]
        assert result.n[j] == len(there)
        if len(there):
            np.testing.assert_allclose(result.mean[j], there.mean(), rtol=1e-12, atol=1e-9)
            assert there.min() <= result.mean[j] <= there.max()
        else:
            assert np.isnan(result.mean[j])
        if len(there) > 1:
            np.testing.assert_allclose(result.sd[j], there.std(ddof=1), rtol=1e-9, atol=1e-9)
        else:
            assert np.isnan(result.sd[j])


@given(st.floats(-1e150, 1e150), st.integers(2, 50))
def test_equal_values_have_no_spread(value, n):
    result = moments(np.full(n, value))
    assert result.mean == value
    assert result.sd == 0


def test_nothing_to_divide_by_is_nan():
    np.testing.assert_array_equal(ratio(np.array([1.0, 1.0, 1.0]), np.array([2, 0, -1])), [0.5, np.nan, np.nan])
