import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssl_attn.errors import UsageError
from ssl_attn.geometry import Placement
from ssl_attn.metrics import BOX_SCALARS, METRICS, SCALARS, scoring
from ssl_attn.metrics.chance import chance, iou_chance
from ssl_attn.metrics.energy import energy
from ssl_attn.metrics.nss import nss
from ssl_attn.metrics.percentiles import PERCENTILES
from ssl_attn.metrics.ranking import ranking
from ssl_attn.metrics.scoring import OUTCOMES, score_maps
from ssl_attn.metrics.target import build_target
from ssl_attn.metrics.transport import emd_native

FULL = Placement(1.0, 0.0, 1.0, 0.0)
WIDE = Placement(1.0, 0.0, 0.5, 0.25)
CROPPED = Placement(2.0, -0.5, 1.0, 0.0)
ODD = Placement(1.0, 0.0, 0.57, 0.215)  # bars whose edges cut cells
BOXES = np.array([[0.3, 0.1, 0.2, 0.3], [0.0, 0.0, 0.1, 0.1], [0.4, 0.2, 0.3, 0.3]])

UNASKED = [name for name in SCALARS if not METRICS[name].on_request]
SCALE_FREE = [name for name in UNASKED if name != "kl"]  # the 1e-8 of KL is added to maps at maximum 1


def maps_and_target(placement=FULL, boxes=BOXES, count=4, grid=(14, 14)):
    rng = np.random.default_rng(0)
    maps, others = rng.random((count, *grid)).astype(np.float16), rng.random(grid) * 20
    return maps, build_target(boxes, placement, grid_h=grid[0], grid_w=grid[1], others=others)


def everything(scores):
    """All numbers of all scores, by name."""
    return {
        "iou": scores.iou,
        "box_iou": scores.box_iou,
        "area_mass": scores.area_mass,
        "area_above_mean": scores.area_above_mean,
        **scores.scalars,
        **{f"box_{name}": values for name, values in scores.box_scalars.items()},
    }


def assert_same(result, expected, names=None, **tolerance):
    expected = everything(expected)
    for name, values in everything(result).items():
        if names is None or name.removeprefix("box_") in names:
            np.testing.assert_allclose(values, expected[name], err_msg=name, **tolerance)


@pytest.mark.parametrize("placement", [FULL, WIDE, ODD])
def test_every_metric_of_the_registry_has_a_score(placement):
    maps, target = maps_and_target(placement)
    scores = score_maps(maps, target)
    assert scores.outcome.tolist() == ["scored"] * 4
    assert tuple(scores.scalars) == SCALARS
    assert tuple(scores.box_scalars) == BOX_SCALARS
    for name, values in everything(scores).items():
        assert values.shape[:1] == (4,), name
        assert np.isfinite(values).all() == (name != "emd_native"), name
    assert scores.iou.shape == (4, 99)
    assert scores.box_iou.shape == (4, 3, 99)
    assert np.isnan(scores.scalars["emd_native"]).all()


def test_hidden_boxes_have_no_scores():
    maps, target = maps_and_target(CROPPED)
    scores = score_maps(maps, target)
    assert scores.box_outcome.tolist() == [["scored", "hidden", "scored"]] * 4
    for name, values in everything(scores).items():
        if name.startswith("box_"):
            assert np.isnan(values[:, 1]).all(), name
            assert np.isfinite(values[:, ::2]).all(), name


def test_scores_are_those_of_the_metrics_own_functions():
    maps, target = maps_and_target(ODD)
    scores, values = score_maps(maps, target, native_emd=True), maps.astype(np.float64)
    expected = {
        "energy": energy(values, target.coverage, target.visible_share),
        "nss": nss(values, target.coverage, target.outside, target.visible_share),
        **ranking(values, target.coverage, target.outside, target.visible_share, target.others),
    }
    for name, of_all in expected.items():
        np.testing.assert_allclose(scores.scalars[name], of_all[:, 0], rtol=1e-12)
        np.testing.assert_allclose(scores.box_scalars[name], of_all[:, 1:], rtol=1e-12)
    np.testing.assert_allclose(
        scores.scalars["emd_native"], emd_native(values, target.soft, target.visible_share), rtol=1e-9
    )
    np.testing.assert_allclose(scores.scalars["iou_mean"], scores.iou.mean(axis=1), rtol=1e-12)
    np.testing.assert_allclose(scores.box_scalars["iou_mean"], scores.box_iou.mean(axis=2), rtol=1e-12)


def test_a_single_box_is_its_own_union():
    maps, target = maps_and_target(boxes=BOXES[:1])
    scores = score_maps(maps, target)
    np.testing.assert_array_equal(scores.iou, scores.box_iou[:, 0])
    for name in BOX_SCALARS:
        np.testing.assert_allclose(scores.scalars[name], scores.box_scalars[name][:, 0], rtol=1e-9, err_msg=name)


@pytest.mark.parametrize("placement", [FULL, WIDE, CROPPED, ODD])
@pytest.mark.parametrize("grid", [(14, 14), (37, 37), (5, 9)])
@pytest.mark.parametrize("value", [0.1, 3e-7])
def test_a_constant_map_scores_exactly_chance(placement, grid, value):
    _, target = maps_and_target(placement, grid=grid)
    maps = np.where(target.visible_share > 0, value, 7).astype(np.float32)[None]  # on padding it may be anything
    scores, kept = score_maps(maps, target), target.kept
    assert scores.outcome.tolist() == ["constant"]
    assert scores.box_outcome[0, kept].tolist() == ["constant"] * kept.sum()
    p, n = np.array(PERCENTILES), target.visible_pixels
    np.testing.assert_allclose(scores.iou[0], iou_chance(target.area, n, p), rtol=1e-12)
    np.testing.assert_allclose(scores.box_iou[0, kept], iou_chance(target.box_area[kept, None], n, p), rtol=1e-12)
    selected = {"area_mass": scores.area_mass[0], "area_above_mean": scores.area_above_mean[0], "visible_pixels": n}
    of_union = {"area": target.area, "area_grid": target.area_grid, "area_grown": target.area_grown}
    of_boxes = {"area": target.box_area, "area_grid": target.box_area_grid, "area_grown": target.box_area_grown}
    for name in SCALARS:
        if METRICS[name].null == "closed_form":
            expected = chance(name, of_union | selected)
            np.testing.assert_allclose(scores.scalars[name][0], expected, rtol=1e-9, atol=1e-12, err_msg=name)
            expected = chance(name, {key: area[kept] for key, area in of_boxes.items()} | selected)
            np.testing.assert_allclose(scores.box_scalars[name][0, kept], expected, rtol=1e-9, atol=1e-12, err_msg=name)
    assert scores.scalars["cc"][0] == 0
    assert scores.scalars["density"][0] == pytest.approx(1)


def test_every_map_without_scores_says_why():
    maps, target = maps_and_target(WIDE, count=7)
    maps[1] = 0
    maps[2] = -1
    maps[3, 0, 0] = np.nan
    maps[4, 5, 5] = np.inf
    maps[5, 3:11] = 0  # all its mass lies on the padding
    maps[6] = np.nan
    scores = score_maps(maps, target)
    reasons = ["zero_map", "zero_map", "not_finite", "not_finite", "zero_map", "not_finite"]
    assert scores.outcome.tolist() == ["scored", *reasons]
    assert (scores.box_outcome == scores.outcome[:, None]).all()
    assert set(scores.outcome) <= OUTCOMES.keys()
    for name, values in everything(scores).items():
        has_score = np.isin(scores.outcome, ["scored", "zero_map"] if name.endswith("mse") else ["scored"])
        if name != "emd_native":
            assert np.isfinite(values[has_score]).all(), name
        assert np.isnan(values[~has_score]).all(), name


def test_the_squared_error_of_nothing_is_the_mean_square_of_the_target():
    _, target = maps_and_target(ODD)
    scores = score_maps(np.zeros((1, 14, 14)), target)
    soft = target.soft.grid / target.soft.grid.max(axis=(1, 2), keepdims=True)
    expected = (soft**2 * target.visible_share).sum(axis=(1, 2)) / target.visible_share.sum()
    assert scores.scalars["mse"][0] == pytest.approx(expected[0], rel=1e-12)
    np.testing.assert_allclose(scores.box_scalars["mse"][0], expected[1:], rtol=1e-12)


def test_one_positive_cell_is_a_map():
    _, target = maps_and_target()
    maps = np.zeros((2, 14, 14), dtype=np.float16)
    maps[0, 4, 5] = maps[1, 13, 0] = 6e-8  # the smallest number of half precision; in the first box, and in none
    scores = score_maps(maps, target)
    assert scores.outcome.tolist() == ["scored", "scored"]
    np.testing.assert_allclose(scores.scalars["energy"], [1, 0], rtol=1e-12)
    np.testing.assert_allclose(scores.box_scalars["energy"][0], [1, 0, 0.4], rtol=1e-12)
    assert scores.scalars["pointing"].tolist() == [1, 0]
    np.testing.assert_allclose(scores.scalars["density"], 196)
    for name in UNASKED:
        assert np.isfinite(scores.scalars[name]).all(), name
        direction = 1 if METRICS[name].direction == "higher" else -1
        if METRICS[name].direction != "neither":
            assert direction * scores.scalars[name][0] > direction * scores.scalars[name][1], name


@pytest.mark.parametrize("boxes", [np.empty((0, 4)), BOXES[1:2]])
def test_an_image_without_a_visible_box_has_no_scores(boxes):
    maps, target = maps_and_target(CROPPED, boxes=boxes)
    maps[0], maps[1] = np.nan, 0
    scores = score_maps(maps, target)
    assert scores.outcome.tolist() == ["no_box"] * 4
    assert (scores.box_outcome == "hidden").all()
    assert scores.box_iou.shape == (4, len(boxes), 99)
    assert all(np.isnan(values).all() for values in everything(scores).values())


def test_a_score_that_is_undefined_is_missing_for_itself():
    maps, _ = maps_and_target()
    whole = build_target(np.array([[0.0, 0.0, 1.0, 1.0]]), ODD, grid_h=14, grid_w=14)
    scores = score_maps(maps, whole)
    assert scores.outcome.tolist() == ["scored"] * 4
    undefined = {"auroc", "average_precision", "nss", "shuffled_auc", "energy_normalised", "emd_native"}
    for name, values in scores.scalars.items():
        assert np.isnan(values).all() == (name in undefined), name
        assert np.isfinite(values).all() == (name not in undefined), name
    np.testing.assert_allclose(scores.scalars["energy"], 1, rtol=1e-12)


def test_a_map_that_is_positive_off_the_canvas_alone_has_no_mass_rule():
    # the only positive cell shows less than a pixel of the image, among strong negative ones
    placement = Placement(1.0, 0.0, 0.5 + 1e-4, 0.25 - 1e-4)
    target = build_target(np.array([[0.2, 0.3, 0.5, 0.5]]), placement, grid_h=8, grid_w=8)
    maps = np.full((1, 8, 8), -1.0)
    maps[0, 1] = 1e-3
    assert 0 < target.visible_share[1, 0] < 0.01
    scores = score_maps(maps, target)
    assert scores.outcome.tolist() == ["scored"]
    assert np.isnan(scores.scalars["iou_mass"][0])
    assert scores.area_mass[0] == 0
    assert np.isfinite(scores.iou).all()


def test_what_lies_on_the_padding_does_not_matter():
    maps, target = maps_and_target(WIDE, grid=(16, 16))
    other = maps.copy()
    other[:, [0, 1, 2, 3, 12, 13, 14, 15]] = 60000  # rows 4 to 11 are the image
    assert_same(score_maps(other, target), score_maps(maps, target), rtol=1e-12)


def test_padding_changes_nothing_for_a_map_of_the_image():
    box = np.array([[0.25, 0.25, 0.5, 0.5]])
    rng = np.random.default_rng(1)
    image_map = rng.random((3, 112, 224)).astype(np.float32)
    padded = np.full((3, 224, 224), -5, dtype=np.float32)
    padded[:, 56:168] = image_map
    scores = score_maps(padded, build_target(box, WIDE, grid_h=224, grid_w=224))
    # the same picture at twice the height: every pixel counted twice
    stretched = score_maps(np.repeat(image_map, 2, axis=1), build_target(box, FULL, grid_h=224, grid_w=224))
    np.testing.assert_allclose(scores.iou[:, 49], stretched.iou[:, 49], rtol=1e-9)
    hard = [name for name in BOX_SCALARS if METRICS[name].target == "boxes"]
    for name in set(hard) - {"iou_mean", "pointing_15", "shuffled_auc"}:
        tolerance = 1e-4 if name == "iou_mass" else 1e-9  # the pixel in which the share is reached counts twice
        np.testing.assert_allclose(scores.scalars[name], stretched.scalars[name], rtol=tolerance, err_msg=name)


@pytest.mark.parametrize("scale", [2.0, 2.0**-20, 2.0**-600, 2.0**600])
def test_the_scale_of_a_map_does_not_matter(scale):
    maps, target = maps_and_target()
    values = maps.astype(np.float64) - 0.2
    assert_same(score_maps(values * scale, target), score_maps(values, target), SCALE_FREE, rtol=1e-12)
    assert_same(score_maps(values * scale, target), score_maps(values, target), ["kl"], rtol=1e-9)


def test_negative_values_rank_below_zero_and_carry_no_energy():
    target = build_target(np.array([[0.0, 0.0, 0.5, 1.0]]), FULL, grid_h=224, grid_w=224)
    values = np.zeros((1, 224, 224))
    values[0, :, 112:] = -1
    values[0, 0, 0] = 1
    scores = score_maps(values, target)
    assert scores.iou[0, 49] == 1
    assert scores.scalars["iou_oracle"][0] == 1
    assert scores.scalars["iou_above_mean"][0] == 1
    assert scores.scalars["auroc"][0] == 1
    assert scores.area_mass[0] == 1 / 224**2
    assert scores.scalars["energy"][0] == pytest.approx(1, rel=1e-14)


@pytest.mark.parametrize("placement", [FULL, ODD])
def test_maps_are_scored_one_by_one_or_together_alike(monkeypatch, placement):
    maps, target = maps_and_target(placement, count=37)
    maps[3], maps[4], maps[5] = 0, 0.5, np.nan
    together = score_maps(maps, target)
    monkeypatch.setattr(scoring, "_CHUNK_CELLS", 1)
    apart = score_maps(maps, target)
    assert_same(apart, together, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(together.outcome, apart.outcome)


def test_memory_beyond_the_result_does_not_grow_with_the_number_of_maps(monkeypatch):
    maps, target = maps_and_target(grid=(64, 64), count=8)
    monkeypatch.setattr(scoring, "_CHUNK_CELLS", maps.size * len(target.coverage))
    score_maps(maps, target)  # imports and tables that are kept

    def beyond(values):
        tracemalloc.start()
        scores = score_maps(values, target)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak - sum(numbers.nbytes for numbers in everything(scores).values())

    assert beyond(np.tile(maps, (5, 1, 1))) < 1.1 * beyond(maps)


def test_maps_are_left_as_they_are():
    maps, target = maps_and_target(WIDE)
    maps[1] = 0.5
    before, values = maps.copy(), maps.astype(np.float64)
    score_maps(values, target)
    np.testing.assert_array_equal(values, before)


def test_maps_may_be_none():
    _, target = maps_and_target()
    assert score_maps(np.empty((0, 14, 14)), target).iou.shape == (0, 99)


def test_maps_on_another_grid_are_refused():
    _, target = maps_and_target()
    with pytest.raises(UsageError, match=r"\(n, 14, 14\), got \(2, 16, 16\)"):
        score_maps(np.ones((2, 16, 16)), target)


boxes_of_roles = st.lists(
    st.tuples(
        st.tuples(st.floats(0, 0.9), st.floats(0, 0.9), st.floats(0.01, 0.6), st.floats(0.01, 0.6)), st.booleans()
    ),
    min_size=1,
    max_size=6,
)


class TestDistractors:
    """What they change: nothing but their own scores."""

    @settings(max_examples=60, deadline=None)
    @given(boxes_of_roles, st.sampled_from([FULL, WIDE, CROPPED, ODD]), st.integers(0, 2**32 - 1), st.booleans())
    def test_features_and_their_union_score_as_if_there_were_none(self, drawn, placement, seed, flat):
        boxes, roles = np.array([box for box, _ in drawn]), np.array([role for _, role in drawn])
        maps, others = drawn_maps(seed, flat=flat)
        place = {"grid_h": 8, "grid_w": 9, "others": others}
        mixed, features = (
            score_maps(maps, build_target(boxes[chosen], placement, distractor=roles[chosen], **place))
            for chosen in (np.full(len(boxes), True), ~roles)
        )
        assert mixed.outcome.tolist() == features.outcome.tolist()
        assert mixed.box_outcome[:, ~roles].tolist() == features.box_outcome.tolist()
        same = {"rtol": 1e-9, "atol": 1e-12}
        np.testing.assert_allclose(mixed.iou, features.iou, **same)
        np.testing.assert_allclose(mixed.box_iou[:, ~roles], features.box_iou, **same)
        for name in SCALARS:
            np.testing.assert_allclose(mixed.scalars[name], features.scalars[name], err_msg=name, **same)
        for name in BOX_SCALARS:
            of_features = mixed.box_scalars[name][:, ~roles]
            np.testing.assert_allclose(of_features, features.box_scalars[name], err_msg=name, **same)

    @settings(max_examples=60, deadline=None)
    @given(boxes_of_roles, st.sampled_from([FULL, WIDE, CROPPED, ODD]), st.integers(0, 2**32 - 1), st.booleans())
    def test_a_distractor_scores_what_the_same_box_scores_as_a_feature(self, drawn, placement, seed, flat):
        boxes, roles = np.array([box for box, _ in drawn]), np.array([role for _, role in drawn])
        maps, others = drawn_maps(seed, flat=flat)
        place = {"grid_h": 8, "grid_w": 9, "others": others}
        mixed = score_maps(maps, build_target(boxes, placement, distractor=roles, **place))
        for box in np.flatnonzero(roles):
            relabelled = roles.copy()
            relabelled[box] = False
            promoted = score_maps(maps, build_target(boxes, placement, distractor=relabelled, **place))
            assert mixed.box_outcome[:, box].tolist() == promoted.box_outcome[:, box].tolist()
            np.testing.assert_allclose(mixed.box_iou[:, box], promoted.box_iou[:, box], rtol=1e-9, atol=1e-12)
            for name in BOX_SCALARS:
                ours, theirs = mixed.box_scalars[name][:, box], promoted.box_scalars[name][:, box]
                np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12, err_msg=name)

    def test_an_image_of_distractors_alone_has_scores_of_its_boxes_and_none_of_a_union(self):
        maps = np.random.default_rng(1).random((3, 14, 14))
        maps[1], maps[2, 0, 0] = -1, np.nan
        target = build_target(BOXES, FULL, grid_h=14, grid_w=14, distractor=np.full(3, True), others=np.ones((14, 14)))
        scores = score_maps(maps, target, native_emd=True)
        assert scores.outcome.tolist() == ["no_box"] * 3
        assert scores.box_outcome.tolist() == [[outcome] * 3 for outcome in ("scored", "zero_map", "not_finite")]
        assert np.isnan(scores.iou).all()
        assert all(np.isnan(values).all() for values in scores.scalars.values())
        assert np.isfinite(scores.box_iou[0]).all()
        assert all(np.isfinite(values[0]).all() for values in scores.box_scalars.values())
        assert np.isfinite(scores.area_mass[0])


def drawn_maps(seed, *, flat):
    """Three maps on a grid of 8 x 9, the last without a positive value, and the other images' coverage."""
    generator = np.random.default_rng(seed)
    maps = generator.normal(size=(3, 8, 9))
    maps[2] = -np.abs(maps[2])
    if flat:
        maps[0] = 0.25
    return maps, generator.random((8, 9)) * 5
