import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import average_precision_score, roc_auc_score

from ssl_attn.geometry import Placement
from ssl_attn.metrics.cells import Outside
from ssl_attn.metrics.ranking import ranking
from ssl_attn.metrics.target import build_target

FULL = Placement(1.0, 0.0, 1.0, 0.0)
TALL = Placement(0.53, 0.235, 1.0, 0.0)  # a portrait image between two bars, whose edges cut cells
CROPPED = Placement(1.3, -0.21, 1.1, -0.04)
NAMES = ("auroc", "shuffled_auc", "average_precision")

boxes_in_image = st.lists(
    st.tuples(*[st.floats(0.0, 0.6)] * 2, *[st.floats(0.02, 0.4)] * 2), min_size=1, max_size=5
).map(np.array)
VALUES = st.one_of(st.sampled_from([-2.0, -0.0, 0.0, 0.5, 3.0]), st.floats(-1e6, 1e6))


def by_scikit_learn(values, target, others):
    """Each cell twice, once positive and once negative, each time with its weight."""
    shown = target.visible_share > 0
    free = np.maximum(target.visible_share - target.union_coverage, 0)
    free[free < 1e-12] = 0
    label = np.repeat([1, 0], shown.sum())
    score = np.tile(values[shown], 2)
    expected = {name: [] for name in NAMES}
    for coverage in target.coverage:
        for name, rule, negative in (
            ("auroc", roc_auc_score, free),
            ("shuffled_auc", roc_auc_score, free * others),
            ("average_precision", average_precision_score, free),
        ):
            weight = np.concatenate([coverage[shown], negative[shown]])
            expected[name].append(rule(label[weight > 0], score[weight > 0], sample_weight=weight[weight > 0]))
    return expected


@settings(deadline=None)
@given(boxes_in_image, st.sampled_from([FULL, TALL, CROPPED]), st.data())
def test_equals_scikit_learn_with_weights(boxes, placement, data):
    target = build_target(boxes, placement, grid_h=6, grid_w=7)
    if target.masks is None:
        return
    maps = data.draw(arrays(np.float64, (3, 6, 7), elements=VALUES))
    others = np.random.default_rng(1).random((6, 7)) * 9
    result = ranking(maps, target.coverage, target.outside, target.visible_share, others)
    for i, values in enumerate(maps):
        for name, expected in by_scikit_learn(values, target, others).items():
            np.testing.assert_allclose(result[name][i], expected, rtol=1e-9, atol=1e-12, err_msg=name)


def scene(placement=FULL, grid=(14, 14), boxes=((0.1, 0.1, 0.3, 0.4), (0.3, 0.3, 0.4, 0.2), (0.55, 0.7, 0.2, 0.2))):
    target = build_target(np.array(boxes), placement, grid_h=grid[0], grid_w=grid[1])
    others = np.random.default_rng(2).random(grid) * 30
    return target, others


@settings(deadline=None)
@given(st.sampled_from([FULL, TALL]), arrays(np.int64, (2, 14, 14), elements=st.integers(-30, 30)))
def test_a_monotone_transform_changes_nothing(placement, values):
    target, others = scene(placement)
    expected = ranking(values.astype(float), target.coverage, target.outside, target.visible_share, others)
    for transformed in (values * 8.0 - 3, np.arctan(values / 50), values.astype(float) ** 3):
        result = ranking(transformed, target.coverage, target.outside, target.visible_share, others)
        for name in NAMES:
            np.testing.assert_allclose(result[name], expected[name], rtol=1e-12)


@settings(deadline=None)
@given(arrays(np.int64, (1, 14, 14), elements=st.integers(-3, 3)), st.randoms(use_true_random=False))
def test_ties_are_free_of_order(values, random):
    target, others = scene()
    order = list(range(196))
    random.shuffle(order)

    def moved(cells):
        return cells.reshape(-1, 196)[:, order].reshape(cells.shape)

    expected = ranking(values.astype(float), target.coverage, target.outside, target.visible_share, others)
    result = ranking(
        moved(values.astype(float)),
        moved(target.coverage),
        Outside(moved(target.outside.shares), target.outside.of_target),
        moved(target.visible_share[None])[0],
        moved(others[None])[0],
    )
    for name in NAMES:
        np.testing.assert_allclose(result[name], expected[name], rtol=1e-12)


def test_what_ranks_the_target_first_is_perfect_and_the_reverse_is_worst():
    target, others = scene(boxes=[[2 / 14, 3 / 14, 5 / 14, 4 / 14]])
    covered = (target.union_coverage > 0.5).astype(float)
    maps = np.stack([covered, -covered])
    result = ranking(maps, target.coverage, target.outside, target.visible_share, others)
    for name in NAMES:
        np.testing.assert_allclose(result[name][0], 1, rtol=1e-12)
    assert np.abs(result["auroc"][1]).max() < 1e-12
    assert np.abs(result["shuffled_auc"][1]).max() < 1e-12
    np.testing.assert_allclose(result["average_precision"][1], 20 / 196, rtol=1e-12)


def test_against_a_box_what_other_boxes_cover_does_not_matter():
    target, others = scene(boxes=[[0, 0, 0.5, 0.5], [0.5, 0.5, 0.5, 0.5]])
    maps = np.random.default_rng(3).random((2, 14, 14))
    other = maps.copy()
    other[:, 7:, 7:] = [[[5.0]], [[-5.0]]]
    before, after = (ranking(m, target.coverage, target.outside, target.visible_share, others) for m in (maps, other))
    for name in NAMES:
        np.testing.assert_allclose(after[name][:, 1], before[name][:, 1], rtol=1e-12)
        assert (np.abs(after[name][:, 0] - before[name][:, 0]) > 0.02).all()


def test_what_lies_on_the_padding_does_not_matter():
    target, others = scene(TALL)
    maps = np.random.default_rng(4).random((2, 14, 14))
    other = np.where(target.visible_share > 0, maps, 1e9)
    assert (other == 1e9).any()
    before, after = (ranking(m, target.coverage, target.outside, target.visible_share, others) for m in (maps, other))
    for name in NAMES:
        np.testing.assert_array_equal(after[name], before[name])


def test_a_constant_map_is_at_chance():
    target, others = scene(TALL)
    result = ranking(np.full((2, 14, 14), -3.7), target.coverage, target.outside, target.visible_share, others)
    np.testing.assert_allclose(result["auroc"], 0.5, rtol=1e-12)
    np.testing.assert_allclose(result["shuffled_auc"], 0.5, rtol=1e-12)
    free = (target.visible_share - target.union_coverage).sum()
    inside = target.coverage.sum(axis=(1, 2))
    np.testing.assert_allclose(result["average_precision"][0], inside / (inside + free), rtol=1e-12)


@pytest.mark.parametrize("boxes", [[[0, 0, 1, 1]], [[0, 0, 0.3, 1], [0.3, 0, 0.4, 1], [0.7, 0, 0.3, 1]]])
@pytest.mark.parametrize("placement", [FULL, TALL, CROPPED])
def test_without_negatives_there_is_no_score(boxes, placement):
    target, others = scene(placement, boxes=boxes)
    maps = np.random.default_rng(5).random((2, 14, 14))
    result = ranking(maps, target.coverage, target.outside, target.visible_share, others)
    assert all(np.isnan(result[name]).all() for name in NAMES)


def test_shuffled_auc_needs_boxes_of_other_images():
    target, _ = scene()
    maps = np.random.default_rng(6).random((2, 14, 14))
    for others in (None, np.zeros((14, 14)), target.union_coverage.round() * (target.union_coverage == 1)):
        result = ranking(maps, target.coverage, target.outside, target.visible_share, others)
        assert np.isnan(result["shuffled_auc"]).all()
        assert np.isfinite(result["auroc"]).all()
        assert np.isfinite(result["average_precision"]).all()


def test_position_bias_alone_gains_little_against_shuffled_negatives():
    """Small boxes around the middle of every image: a map of the middle, the same for all, looks good by AUROC."""
    rows, columns = np.mgrid[0:14, 0:14] - 6.5
    centre = np.exp(-(rows**2 + columns**2) / 30)[None]
    rng = np.random.default_rng(7)
    boxes = np.column_stack([rng.normal(0.45, 0.15, (80, 2)).clip(0, 0.9), np.full((80, 2), 0.1)])
    targets = [build_target(box[None], FULL, grid_h=14, grid_w=14) for box in boxes]
    everywhere = sum(target.union_coverage for target in targets)
    results = [ranking(centre, t.coverage, t.outside, t.visible_share, everywhere - t.union_coverage) for t in targets]
    auroc, shuffled = (np.mean([result[name][0, 0] for result in results]) for name in ("auroc", "shuffled_auc"))
    assert auroc > 0.8
    assert abs(shuffled - 0.5) < 0.05
