from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from ssl_attn.statistics.ranks import head_ranks

SCORES = arrays(np.float64, st.tuples(st.integers(1, 8), st.integers(1, 7)), elements=st.integers(0, 4))


@given(SCORES)
def test_mean_rank_is_scipys_and_credit_is_whole(scores):
    result = head_ranks(scores)
    heads = scores.shape[1]
    assert result.n == len(scores)
    np.testing.assert_allclose(result.mean_rank, stats.rankdata(-scores, axis=1).mean(axis=0), rtol=1e-12)
    assert result.top1.sum() == pytest.approx(1)
    assert result.top3.sum() == pytest.approx(min(3, heads))
    assert (result.top1 <= result.top3 + 1e-12).all()


@given(arrays(np.float64, st.tuples(st.integers(1, 3), st.integers(1, 5)), elements=st.integers(0, 3)))
def test_credit_is_what_ties_broken_in_every_way_earn(scores):
    heads = scores.shape[1]
    result = head_ranks(scores)
    preferences = list(permutations(range(heads)))
    for share, places in ((result.top1, 1), (result.top3, 3)):
        earned = np.zeros(heads)
        for row in scores:
            for preference in preferences:
                earned[sorted(preference, key=lambda head: -row[head])[:places]] += 1
        np.testing.assert_allclose(share, earned / len(scores) / len(preferences), rtol=1e-12, atol=1e-12)


def test_ties_share_places_and_credit():
    result = head_ranks(np.array([[5.0, 3.0, 3.0, 3.0, 1.0]]))
    assert result.mean_rank.tolist() == [1, 3, 3, 3, 5]
    assert result.top1.tolist() == [1, 0, 0, 0, 0]
    np.testing.assert_allclose(result.top3, [1, 2 / 3, 2 / 3, 2 / 3, 0])
    flat = head_ranks(np.zeros((4, 6)))
    np.testing.assert_allclose(flat.top1, 1 / 6)
    np.testing.assert_allclose(flat.top3, 1 / 2)


@given(SCORES)
def test_lower_is_better_is_the_mirror(scores):
    up, down = head_ranks(scores), head_ranks(-scores, higher_is_better=False)
    for name in ("n", "mean_rank", "top1", "top3"):
        np.testing.assert_array_equal(getattr(up, name), getattr(down, name))


@given(SCORES)
def test_only_the_order_matters(scores):
    np.testing.assert_array_equal(head_ranks(np.exp(scores)).mean_rank, head_ranks(scores).mean_rank)


def test_images_with_a_gap_are_left_out_of_that_column():
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 6, (12, 5, 4)).astype(float)
    scores[3, 2, 1], scores[5, 0, 1], scores[:, 0, 2] = np.nan, np.nan, np.nan
    higher = np.array([True, False, True, False])
    whole = head_ranks(scores, higher)
    assert whole.n.tolist() == [12, 10, 0, 12]
    assert np.isnan(whole.mean_rank[:, 2]).all()
    for j in (0, 1, 3):
        kept = scores[~np.isnan(scores[:, :, j]).any(axis=1), :, j]
        alone = head_ranks(kept, bool(higher[j]))
        for name in ("mean_rank", "top1", "top3"):
            np.testing.assert_allclose(getattr(whole, name)[:, j], getattr(alone, name), rtol=1e-12)


def test_without_images_nothing_is_ranked():
    result = head_ranks(np.empty((0, 3)))
    assert result.n == 0
    assert np.isnan(result.mean_rank).all()
