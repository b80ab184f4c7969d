from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ssl_attn.errors import UsageError
from ssl_attn.metrics import overlap
from ssl_attn.metrics.chance import iou_chance, recall_chance
from ssl_attn.metrics.overlap import overlap_curves, partition
from ssl_attn.metrics.percentiles import PERCENTILES, selected_pixels


def by_hand(values, mask, percentile):
    """IoU and recall of one map, one mask and one percentile, by the definition of shared ties."""
    k = max(1, round(len(values) * (100 - percentile) / 100))
    cut = sorted(values.tolist(), reverse=True)[k - 1]
    stronger, tied = values > cut, values == cut
    weight = (k - stronger.sum()) / tied.sum()
    inside = (stronger & mask).sum() + weight * (tied & mask).sum()
    return inside / (k + mask.sum() - inside), inside / mask.sum()


# few distinct values make ties; the extremes test the order of the sort keys
TIED = st.sampled_from([-3.5, -(2.0**-100), -0.0, 0.0, 2.0**-149, 0.25, 1.0, 2.0**100])


@st.composite
def scenes(draw, elements=TIED):
    pixels = draw(st.integers(2, 60))
    canvas = draw(arrays(np.float32, (draw(st.integers(1, 4)), pixels), elements=elements))
    masks = draw(arrays(bool, (draw(st.integers(1, 20)), pixels)))
    masks[:, draw(st.integers(0, pixels - 1))] = True
    return canvas, masks


@given(scenes())
def test_equals_the_definition(scene):
    canvas, masks = scene
    iou, recall = overlap_curves(canvas, partition(masks))
    assert iou.shape == recall.shape == (len(canvas), len(masks), 99)
    for i, values in enumerate(canvas):
        for j, mask in enumerate(masks):
            expected = np.array([by_hand(values, mask, p) for p in PERCENTILES])
            np.testing.assert_allclose(iou[i, j], expected[:, 0], rtol=1e-12)
            np.testing.assert_allclose(recall[i, j], expected[:, 1], rtol=1e-12)


@given(scenes(elements=st.floats(width=32, allow_nan=False, allow_infinity=False)))
def test_equals_the_definition_for_any_finite_value(scene):
    canvas, masks = scene
    iou, _ = overlap_curves(canvas, partition(masks))
    for percentile in (1, 37, 50, 90, 99):
        expected = [[by_hand(values, mask, percentile)[0] for mask in masks] for values in canvas]
        np.testing.assert_allclose(iou[:, :, percentile - 1], expected, rtol=1e-12)


def test_shared_ties_are_the_average_over_all_ways_to_break_them():
    values = np.array([5, 3, 3, 3, 3, 1, 1, 0], dtype=np.float32)
    mask = np.array([1, 1, 1, 0, 0, 1, 0, 0], dtype=bool)
    _, recall = overlap_curves(values[None], partition(mask[None]))
    for percentile in (60, 50, 40):  # cuts among the threes
        k = int(selected_pixels(8, percentile))
        ways = [[0, *others] for others in combinations([1, 2, 3, 4], k - 1)]
        expected = np.mean([mask[way].sum() for way in ways]) / mask.sum()
        assert recall[0, 0, percentile - 1] == pytest.approx(expected, rel=1e-12)


@given(scenes(), st.randoms(use_true_random=False))
def test_the_order_of_pixels_does_not_matter(scene, random):
    canvas, masks = scene
    order = list(range(canvas.shape[1]))
    random.shuffle(order)
    np.testing.assert_allclose(
        overlap_curves(canvas, partition(masks))[0],
        overlap_curves(canvas[:, order], partition(masks[:, order]))[0],
        rtol=1e-12,
    )


@given(scenes(elements=st.integers(-50, 50).map(float)))
def test_a_monotone_transform_leaves_the_curves_alone(scene):
    canvas, masks = scene
    parts = partition(masks)
    expected = overlap_curves(canvas, parts)
    for transformed in (canvas * 8 - 3, np.arctan(canvas / 50), canvas**3):
        np.testing.assert_array_equal(overlap_curves(transformed.astype(np.float32), parts), expected)


@given(scenes(), st.floats(-1e6, 1e6, width=32))
def test_a_constant_map_scores_exactly_its_chance_at_every_percentile(scene, value):
    _, masks = scene
    pixels = masks.shape[1]
    iou, recall = overlap_curves(np.full((1, pixels), value, dtype=np.float32), partition(masks))
    area = masks.mean(axis=1)[:, None]
    np.testing.assert_allclose(iou[0], iou_chance(area, pixels, np.array(PERCENTILES)), rtol=1e-12)
    np.testing.assert_allclose(
        recall[0], np.broadcast_to(recall_chance(pixels, np.array(PERCENTILES)), recall[0].shape), rtol=1e-12
    )


def test_recall_never_grows_with_the_percentile():
    rng = np.random.default_rng(3)
    _, recall = overlap_curves(rng.integers(0, 9, (5, 500)).astype(np.float32), partition(rng.random((7, 500)) < 0.3))
    assert (np.diff(recall, axis=2) <= 1e-12).all()


def test_chunks_do_not_change_the_result(monkeypatch):
    rng = np.random.default_rng(4)
    canvas = rng.integers(-20, 20, (23, 400)).astype(np.float32)
    parts = partition(rng.random((6, 400)) < 0.2)
    whole = overlap_curves(canvas, parts)
    monkeypatch.setattr(overlap, "_CHUNK_ELEMENTS", 1)
    np.testing.assert_array_equal(overlap_curves(canvas, parts), whole)


def test_permuted_pixels_score_chance_in_the_mean():
    rng = np.random.default_rng(5)
    mask = np.arange(2000) < 300
    canvas = np.argsort(rng.random((400, 2000)), axis=1).astype(np.float32)
    iou, recall = overlap_curves(canvas, partition(mask[None]))
    for percentile in (10, 50, 90):
        scores, chance = iou[:, 0, percentile - 1], iou_chance(0.15, 2000, percentile)
        assert abs(scores.mean() - chance) < 4 * scores.std() / 20 + 1e-3 * chance
        hits, level = recall[:, 0, percentile - 1], recall_chance(2000, percentile)
        assert abs(hits.mean() - level) < 4 * hits.std() / 20


def test_a_mask_without_a_pixel_has_no_score():
    iou, recall = overlap_curves(np.ones((1, 4), np.float32), partition(np.array([[0, 0, 0, 0], [1, 0, 0, 0]], bool)))
    assert np.isnan(iou[0, 0]).all()
    assert np.isnan(recall[0, 0]).all()
    assert np.isfinite(iou[0, 1]).all()


def test_regions_are_where_the_same_masks_cover():
    masks = np.array([[1, 1, 0, 0, 1], [0, 1, 1, 0, 0]], dtype=bool)
    parts = partition(masks)
    np.testing.assert_array_equal(parts.membership[parts.region.astype(int)].T, masks)
    assert len(parts.membership) == 4
    assert parts.sizes.tolist() == [3, 2]


@pytest.mark.parametrize("shape", [(0, 10), (1, 0), (1, 65537)])
def test_what_cannot_be_keyed_is_refused(shape):
    with pytest.raises(UsageError, match="at least one mask"):
        partition(np.zeros(shape, dtype=bool))
