from dataclasses import fields
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ssl_attn.errors import UsageError
from ssl_attn.metrics import overlap
from ssl_attn.metrics.chance import iou_chance, selection_chance
from ssl_attn.metrics.curves import recall
from ssl_attn.metrics.overlap import Workspace, overlaps, partition
from ssl_attn.metrics.percentiles import PERCENTILES, selected_pixels


def by_hand(values, mask, k):
    """IoU of one map, one mask and k selected pixels, by the definition of shared ties."""
    if k == 0:
        return 0.0
    cut = sorted(values.tolist(), reverse=True)[k - 1]
    stronger, tied = values > cut, values == cut
    weight = (k - stronger.sum()) / tied.sum()
    inside = (stronger & mask).sum() + weight * (tied & mask).sum()
    return inside / (k + mask.sum() - inside)


def holding_mass(values):
    """Fewest strongest pixels that hold 60 % of the positive mass, added up one by one."""
    strongest = sorted((max(float(value), 0.0) for value in values), reverse=True)
    wanted, held = 0.6 * sum(strongest) * (1 - 1e-12), 0.0
    for count, value in enumerate(strongest, start=1):
        held += value
        if held >= wanted:
            return count
    raise AssertionError


def percentile_iou(values, mask):
    return [by_hand(values, mask, int(selected_pixels(len(values), p))) for p in PERCENTILES]


# few distinct values make ties; the extremes test the order of the sort keys
TIED = st.sampled_from([-3.5, -(2.0**-100), -0.0, 0.0, 2.0**-149, 0.25, 1.0, 2.0**100])
ANY = st.floats(-(2.0**60), 2.0**60, width=32)


@st.composite
def scenes(draw, elements=TIED):
    pixels = draw(st.integers(2, 60))
    canvas = draw(arrays(np.float32, (draw(st.integers(1, 4)), pixels), elements=elements))
    masks = draw(arrays(bool, (draw(st.integers(1, 20)), pixels)))
    masks[:, draw(st.integers(0, pixels - 1))] = True
    return canvas, masks


@given(scenes() | scenes(elements=ANY))
def test_equals_the_definition(scene):
    canvas, masks = scene
    result = overlaps(canvas, partition(masks))
    assert result.iou.shape == (len(canvas), len(masks), 99)
    for i, values in enumerate(canvas):
        expected = [percentile_iou(values, mask) for mask in masks]
        np.testing.assert_allclose(result.iou[i], expected, rtol=1e-12)
        expected = [by_hand(values, mask, int(mask.sum())) for mask in masks]
        np.testing.assert_allclose(result.iou_oracle[i], expected, rtol=1e-12)


@given(scenes() | scenes(elements=ANY))
def test_above_the_mean_equals_the_definition(scene):
    canvas, masks = scene
    result = overlaps(canvas, partition(masks))
    for i, values in enumerate(canvas):
        chosen = values > np.sort(values).mean(dtype=np.float64)
        assert result.above_mean_pixels[i] == chosen.sum()
        expected = [(chosen & mask).sum() / (chosen | mask).sum() for mask in masks]
        np.testing.assert_allclose(result.iou_above_mean[i], expected, rtol=1e-12)


@given(scenes() | scenes(elements=ANY))
def test_the_mass_rule_equals_the_definition(scene):
    canvas, masks = scene
    result = overlaps(canvas, partition(masks))
    for i, values in enumerate(canvas):
        if values.max() <= 0:
            assert result.mass_pixels[i] == 0
            assert np.isnan(result.iou_mass[i]).all()
            continue
        count = holding_mass(values)
        assert result.mass_pixels[i] == count
        np.testing.assert_allclose(result.iou_mass[i], [by_hand(values, m, count) for m in masks], rtol=1e-12)


def test_shared_ties_are_the_average_over_all_ways_to_break_them():
    values = np.array([5, 3, 3, 3, 3, 1, 1, 0], dtype=np.float32)
    mask = np.array([1, 1, 1, 0, 0, 1, 0, 0], dtype=bool)
    hits = recall(overlaps(values[None], partition(mask[None])).iou[0, 0], mask.mean(), 8)
    for percentile in (60, 50, 40):  # cuts among the threes
        k = int(selected_pixels(8, percentile))
        ways = [[0, *others] for others in combinations([1, 2, 3, 4], k - 1)]
        expected = np.mean([mask[way].sum() for way in ways]) / mask.sum()
        assert hits[percentile - 1] == pytest.approx(expected, rel=1e-12)


def assert_same(result, expected, rtol=0.0):
    for field in fields(result):
        np.testing.assert_allclose(getattr(result, field.name), getattr(expected, field.name), rtol=rtol)


@given(scenes() | scenes(elements=ANY), st.randoms(use_true_random=False))
def test_the_order_of_pixels_does_not_matter(scene, random):
    canvas, masks = scene
    order = list(range(canvas.shape[1]))
    random.shuffle(order)
    moved = overlaps(canvas[:, order], partition(masks[:, order]))
    assert_same(moved, overlaps(canvas, partition(masks)), rtol=1e-12)


@given(scenes(elements=st.integers(-50, 50).map(float)))
def test_a_monotone_transform_leaves_what_only_ranks_alone(scene):
    canvas, masks = scene
    parts = partition(masks)
    expected = overlaps(canvas, parts)
    for transformed in (canvas * 8 - 3, np.arctan(canvas / 50), canvas**3):
        result = overlaps(transformed.astype(np.float32), parts)
        np.testing.assert_array_equal(result.iou, expected.iou)
        np.testing.assert_array_equal(result.iou_oracle, expected.iou_oracle)


@given(scenes(elements=st.integers(-50, 50).map(float)), st.integers(-30, 30))
def test_scale_leaves_all_alone(scene, exponent):
    canvas, masks = scene
    parts = partition(masks)
    assert_same(overlaps(np.ldexp(canvas, exponent), parts), overlaps(canvas, parts))


@given(scenes(), st.floats(2.0**-100, 2.0**100, width=32))
def test_a_constant_map_scores_exactly_its_chance_at_every_cut(scene, value):
    _, masks = scene
    pixels = masks.shape[1]
    result = overlaps(np.full((1, pixels), value, dtype=np.float32), partition(masks))
    area = masks.mean(axis=1)
    expected = iou_chance(area[:, None], pixels, np.array(PERCENTILES))
    np.testing.assert_allclose(result.iou[0], expected, rtol=1e-12)
    np.testing.assert_allclose(result.iou_oracle[0], selection_chance(area, area), rtol=1e-12)
    assert result.mass_pixels[0] == -(-6 * pixels // 10)
    np.testing.assert_allclose(result.iou_mass[0], selection_chance(area, result.mass_pixels[0] / pixels), rtol=1e-12)
    assert result.above_mean_pixels[0] == 0
    assert (result.iou_above_mean[0] == 0).all()


@given(arrays(bool, st.integers(2, 60)).map(lambda mask: mask if mask.any() else ~mask))
def test_a_map_that_is_the_mask_is_perfect_at_its_area(mask):
    result = overlaps(mask[None].astype(np.float32), partition(mask[None]))
    assert result.iou_oracle[0, 0] == 1
    assert result.iou_above_mean[0, 0] == (not mask.all())


def test_chunks_do_not_change_the_result(monkeypatch):
    rng = np.random.default_rng(4)
    canvas = rng.integers(-20, 20, (23, 400)).astype(np.float32)
    parts = partition(rng.random((6, 400)) < 0.2)
    whole = overlaps(canvas, parts)
    monkeypatch.setattr(overlap, "_CHUNK_ELEMENTS", 3 * 400)
    assert_same(overlaps(canvas, parts), whole)


def test_a_used_workspace_changes_nothing():
    rng = np.random.default_rng(5)
    parts = partition(rng.random((6, 40000)) < 0.2)
    canvas = rng.integers(-20, 20, (8, 40000)).astype(np.float32)
    before = canvas.copy()
    workspace = Workspace(40000, parts)
    overlaps(rng.random((7, 40000)).astype(np.float32), parts, workspace)
    assert_same(overlaps(canvas, parts, workspace), overlaps(canvas, parts))
    np.testing.assert_array_equal(canvas, before)


def test_many_masks_cut_finely_are_counted_right():
    rng = np.random.default_rng(6)
    masks = rng.random((70, 3000)) < 0.5  # nearly every pixel is a region of its own
    canvas = rng.integers(0, 100, (2, 3000)).astype(np.float32)
    parts = partition(masks)
    assert len(parts.membership) == 3000
    result = overlaps(canvas, parts)
    for j in (0, 8, 69):
        assert result.iou[1, j, 89] == pytest.approx(by_hand(canvas[1], masks[j], 300), rel=1e-12)


@pytest.mark.parametrize("other", [[1, 0, 0, 0], [1, 1, 1, 1], [0, 0, 0, 0]])
def test_a_mask_without_a_pixel_has_no_score(other):
    result = overlaps(np.arange(4, dtype=np.float32)[None], partition(np.array([[0, 0, 0, 0], other], bool)))
    for name in ("iou", "iou_oracle", "iou_mass", "iou_above_mean"):
        assert np.isnan(getattr(result, name)[0, 0]).all()
        assert np.isfinite(getattr(result, name)[0, 1]).all() == any(other)


def test_regions_are_where_the_same_masks_cover():
    masks = np.array([[1, 1, 0, 0, 1], [0, 1, 1, 0, 0]], dtype=bool)
    parts = partition(masks)
    assert parts.pixels.tolist() == [0, 1, 2, 4]
    np.testing.assert_array_equal(parts.membership[parts.region].T, masks[:, parts.pixels])
    assert len(parts.membership) == 3
    assert parts.sizes.tolist() == [3, 2]


@pytest.mark.parametrize("shape", [(0, 10), (1, 0), (1, 65537)])
def test_what_cannot_be_keyed_is_refused(shape):
    with pytest.raises(UsageError, match="at least one mask"):
        partition(np.zeros(shape, dtype=bool))
