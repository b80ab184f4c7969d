"""Maps that see boxes: the prior really leaves its source out, the ceiling is not to be beaten where it says so."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from ssl_attn.baselines.annotation import box_prior, ceiling, ceiling_of_ranks
from ssl_attn.geometry import Placement, coverage, union_coverage
from ssl_attn.metrics.cells import Outside, outside_boxes

EVERYWHERE = np.ones((6, 6))


def unions(boxes):
    return [union_coverage(np.array(of_image), 6, 6) for of_image in boxes]


def test_the_prior_is_the_mean_of_the_other_sources():
    of_images = unions([[[0.1, 0.1, 0.3, 0.4]], [[0.5, 0.5, 0.4, 0.2]], [[0.0, 0.6, 1.0, 0.4], [0.2, 0.2, 0.2, 0.2]]])
    prior = box_prior(sum(of_images), of_images[0], 2, EVERYWHERE)
    np.testing.assert_allclose(prior, (of_images[1] + of_images[2]) / 2)


def test_what_is_left_out_leaves_no_rounding_behind():
    """Cells that only the left-out images cover are exactly 0: a trace would rank them above empty ones."""
    generator = np.random.default_rng(3)
    left_out = generator.random((7, 6, 6)) * (np.arange(36).reshape(6, 6) < 18)
    others = generator.random((5, 6, 6)) * (np.arange(36).reshape(6, 6) >= 18)
    mixed = [image for pair in zip(left_out, [*others, others[0], others[1]], strict=True) for image in pair]
    prior = box_prior(sum(mixed), sum(left_out), 7, EVERYWHERE)
    assert (prior[:3] == 0).all()
    assert (prior[3:] > 0).all()


def test_a_prior_of_symmetric_boxes_is_symmetric():
    of_images = unions([[[0.1, 0.2, 0.2, 0.6]], [[0.7, 0.2, 0.2, 0.6]]])
    prior = box_prior(sum(of_images), np.zeros((6, 6)), 2, EVERYWHERE)
    np.testing.assert_allclose(prior, prior[:, ::-1])


def test_the_prior_is_zero_where_the_image_is_not():
    share = coverage(Placement(1.0, 0.0, 0.5, 0.25).visible_canvas[None], 6, 6)[0]
    prior = box_prior(np.ones((6, 6)), np.zeros((6, 6)), 3, share)
    assert (prior[share == 0] == 0).all()
    assert (prior[share > 0] > 0).all()


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), st.sampled_from([Placement(1, 0, 1, 0), Placement(1, 0, 0.53, 0.2)]), st.booleans())
def test_no_map_ranks_cells_better(seed, placement, one_of_two):
    """AUROC by scikit-learn, cells weighing as in the metric, bars of a letterbox and another box among them."""
    generator = np.random.default_rng(seed)
    corner = generator.uniform(0.05, 0.5, size=(2, 2))
    boxes = placement.to_canvas(np.concatenate([corner, generator.uniform(0.1, 0.45, size=(2, 2))], axis=1))
    union = union_coverage(boxes, 6, 6)
    covered = coverage(boxes[:1], 6, 6)[0] if one_of_two else union
    share = coverage(placement.visible_canvas[None], 6, 6)[0]
    free = share - union
    labels, weights = np.repeat([1, 0], 36), np.concatenate([covered, np.where(free > 1e-12, free, 0)]).ravel()

    def auroc(values):
        return roc_auc_score(labels, np.tile(values.ravel(), 2), sample_weight=weights)

    outside = Outside(outside_boxes(share, union)[None], np.array([0, 0]))
    best = auroc(ceiling_of_ranks(np.stack([union, covered]), outside)[1])
    for rival in (generator.random((6, 6)), covered**3 + 0.05 * generator.random((6, 6)), covered.round(1), covered):
        assert auroc(rival) <= best + 1e-12


def test_for_the_union_both_ceilings_are_one():
    covered = union_coverage(np.array([[0.11, 0.2, 0.43, 0.5], [0.3, 0.3, 0.5, 0.31]]), 6, 6)[None]
    outside = Outside(outside_boxes(EVERYWHERE, covered[0])[None], np.array([0]))
    np.testing.assert_allclose(ceiling_of_ranks(covered, outside), ceiling(covered, EVERYWHERE), atol=1e-12)


def test_the_ceiling_is_the_share_of_what_is_visible():
    share = np.array([[1.0, 0.5], [0.25, 0.0]])
    covered = np.array([[[0.5, 0.5], [0.0, 0.0]]])
    np.testing.assert_array_equal(ceiling(covered, share), [[[0.5, 1.0], [0.0, 0.0]]])
    assert ceiling(covered, share) == pytest.approx(ceiling(covered, share).clip(0, 1))
