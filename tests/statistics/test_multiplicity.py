import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ssl_attn.statistics.multiplicity import holm

P_VALUES = arrays(np.float64, st.integers(1, 15), elements=st.floats(1e-300, 1) | st.just(0.05) | st.just(np.nan))


def by_stepping_down(p):
    """Holm's definition, rank by rank."""
    members = sorted(p[~np.isnan(p)])
    m = len(members)
    adjusted = [max(min(1.0, (m - j) * members[j]) for j in range(i + 1)) for i in range(m)]
    return np.array([np.nan if np.isnan(x) else adjusted[members.index(x)] for x in p])


@given(P_VALUES)
def test_equals_the_definition(p):
    np.testing.assert_array_equal(holm(p), by_stepping_down(p))


@given(P_VALUES, st.floats(0.001, 0.999))
def test_rejects_what_the_procedure_rejects(p, alpha):
    # the procedure itself: from the smallest up, stop at the first that exceeds alpha over the number left
    rejected, left = np.zeros(len(p), dtype=bool), int((~np.isnan(p)).sum())
    for i in np.argsort(p, kind="stable"):
        if np.isnan(p[i]) or left * p[i] > alpha:
            break
        rejected[i] = True
        left -= 1
    # ties with the last one rejected cannot be told apart, so they are rejected alike by the adjusted value
    assert (holm(p)[rejected] <= alpha).all()
    assert (rejected | np.isnan(p) | (holm(p) > alpha) | np.isin(p, p[rejected])).all()


@given(P_VALUES)
def test_never_smaller_never_out_of_order_never_above_bonferroni(p):
    adjusted = holm(p)
    there = ~np.isnan(p)
    assert (np.isnan(adjusted) == ~there).all()
    assert (adjusted[there] >= p[there]).all()
    assert (adjusted[there] <= np.minimum(1, there.sum() * p[there])).all()
    order = np.argsort(p[there], kind="stable")
    assert (np.diff(adjusted[there][order]) >= 0).all()


@given(P_VALUES, st.randoms(use_true_random=False))
def test_order_of_the_family_does_not_matter(p, random):
    order = list(range(len(p)))
    random.shuffle(order)
    np.testing.assert_array_equal(holm(p[order]), holm(p)[order])


def test_a_known_family():
    np.testing.assert_allclose(holm(np.array([0.01, 0.04, 0.03, np.nan])), [0.03, 0.06, 0.06, np.nan])


def test_families_lie_along_the_last_axis():
    p = np.random.default_rng(0).random((3, 4, 6))
    whole = holm(p)
    for i in range(3):
        for j in range(4):
            np.testing.assert_array_equal(whole[i, j], holm(p[i, j]))


@pytest.mark.parametrize("p", [np.empty(0), np.full(3, np.nan)])
def test_no_members_no_values(p):
    assert np.isnan(holm(p)).all()
    assert holm(p).shape == p.shape


def test_errs_anywhere_in_the_family_as_rarely_as_it_says():
    p = np.random.default_rng(1).random((20_000, 12))
    error = 3 * np.sqrt(0.05 * 0.95 / 20_000)
    assert (holm(p) < 0.05).any(axis=1).mean() == pytest.approx(1 - (1 - 0.05 / 12) ** 12, abs=error)
    assert (p < 0.05).any(axis=1).mean() > 0.4  # what happens without
