"""Stand-ins made of a model's own maps: scaled alike, the source left out, every image given another source's map."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssl_attn.baselines.own_maps import donors, mean_map, scaled


def summed(maps):
    total = np.zeros(maps.shape[1])
    for each in maps:
        total = total + each
    return total


def test_positive_parts_sum_to_one_whatever_the_scale():
    maps = np.array([[1.0, 3.0, 0.0], [200.0, 600.0, -100.0], [0.0, 0.0, 0.0], [-1.0, -2.0, 0.0], [np.nan, 1.0, 1.0]])
    np.testing.assert_allclose(scaled(maps)[:2], [[0.25, 0.75, 0.0], [0.25, 0.75, -0.125]])
    assert not scaled(maps)[2:].any()
    assert not scaled(np.array([[np.inf, 1.0]])).any()


def test_the_mean_leaves_out_what_it_is_told_to_and_counts_only_maps():
    generator = np.random.default_rng(1)
    maps = scaled(generator.random((6, 10)))
    maps[4] = 0.0  # one that was not finite
    total, same = summed(maps), summed(maps[:2])
    np.testing.assert_allclose(mean_map(total, 5, same, 2), maps[[2, 3, 5]].mean(axis=0))


def test_a_mean_of_nothing_is_zero():
    maps = scaled(np.ones((2, 4)))
    np.testing.assert_array_equal(mean_map(summed(maps), 2, summed(maps), 2), np.zeros(4))


def test_what_only_the_source_looks_at_is_exactly_zero():
    generator = np.random.default_rng(2)
    maps = generator.random((8, 12))
    maps[::2, 6:] = 0.0
    maps[1::2, :6] = 0.0
    mean = mean_map(summed(scaled(maps)), 8, summed(scaled(maps[::2])), 4)
    assert (mean[:6] == 0).all()
    assert (mean[6:] > 0).all()


@given(st.lists(st.integers(0, 6), min_size=1, max_size=40))
def test_every_image_is_given_a_map_of_another_source(kinds):
    sources = [f"s{kind}" for kind in kinds]
    ids = [f"i{number}" for number in range(len(sources))]
    given_to = donors(ids, sources)
    if len(set(sources)) == 1:
        assert given_to == [None] * len(ids)
        return
    assert all(sources[donor] != source for donor, source in zip(given_to, sources, strict=True))
    if max(Counter(sources).values()) * 2 <= len(sources):
        assert sorted(given_to) == list(range(len(ids)))  # each serves once
    else:
        served = Counter(donor for donor, source in zip(given_to, sources, strict=True))
        rest = [number for number, source in enumerate(sources) if source != Counter(sources).most_common(1)[0][0]]
        assert max(served[number] for number in rest) <= -(-len(ids) // len(rest)) + 1  # none serves far more often


@given(st.permutations(range(12)))
def test_who_gives_to_whom_does_not_depend_on_the_order(order):
    sources = [f"s{number % 5}" for number in range(12)]
    ids = [f"i{number}" for number in range(12)]
    expected = {ids[i]: ids[d] for i, d in enumerate(donors(ids, sources))}
    shuffled = donors([ids[i] for i in order], [sources[i] for i in order])
    assert {ids[order[i]]: ids[order[d]] for i, d in enumerate(shuffled)} == expected


@pytest.mark.parametrize("count", [2, 57])
def test_images_of_their_own_sources_give_in_one_ring(count):
    ids = [f"i{number}" for number in range(count)]
    ring = donors(ids, ids)
    seen, at = [], 0
    for _ in ids:
        seen.append(at)
        at = ring[at]
    assert sorted(seen) == list(range(count))
