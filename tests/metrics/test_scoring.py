import numpy as np
import pytest

from ssl_attn.errors import UsageError
from ssl_attn.geometry import Placement
from ssl_attn.metrics import scoring
from ssl_attn.metrics.chance import iou_chance, recall_chance
from ssl_attn.metrics.percentiles import PERCENTILES
from ssl_attn.metrics.scoring import OUTCOMES, score_maps
from ssl_attn.metrics.target import build_target

FULL = Placement(1.0, 0.0, 1.0, 0.0)
WIDE = Placement(1.0, 0.0, 0.5, 0.25)
CROPPED = Placement(2.0, -0.5, 1.0, 0.0)
BOXES = np.array([[0.3, 0.1, 0.2, 0.3], [0.0, 0.0, 0.1, 0.1], [0.4, 0.2, 0.3, 0.3]])


def maps_and_target(placement=FULL, boxes=BOXES, count=4, grid=(14, 14)):
    maps = np.random.default_rng(0).random((count, *grid)).astype(np.float16)
    return maps, build_target(boxes, placement, grid_h=grid[0], grid_w=grid[1])


def test_shapes_and_outcomes():
    maps, target = maps_and_target(CROPPED)
    scores = score_maps(maps, target)
    assert scores.iou.shape == (4, 99)
    assert scores.box_iou.shape == scores.box_recall.shape == (4, 3, 99)
    assert scores.outcome.tolist() == ["scored"] * 4
    assert scores.box_outcome.tolist() == [["scored", "hidden", "scored"]] * 4
    assert np.isnan(scores.box_iou[:, 1]).all()
    assert np.isnan(scores.box_recall[:, 1]).all()
    assert np.isnan(scores.box_energy[:, 1]).all()
    for values in (scores.iou, scores.energy, scores.box_iou[:, ::2], scores.box_recall[:, ::2]):
        assert ((values >= 0) & (values <= 1 + 1e-12)).all()


def test_a_single_box_is_its_own_union():
    maps, target = maps_and_target(boxes=BOXES[:1])
    scores = score_maps(maps, target)
    np.testing.assert_array_equal(scores.iou, scores.box_iou[:, 0])
    np.testing.assert_allclose(scores.energy, scores.box_energy[:, 0], rtol=1e-14)


@pytest.mark.parametrize("placement", [FULL, WIDE, CROPPED])
@pytest.mark.parametrize("grid", [(14, 14), (37, 37), (5, 9)])
def test_a_uniform_map_scores_exactly_chance(placement, grid):
    _, target = maps_and_target(placement, grid=grid)
    scores = score_maps(np.full((1, *grid), 0.1, dtype=np.float32), target)
    p, n = np.array(PERCENTILES), target.visible_pixels
    np.testing.assert_allclose(scores.iou[0], iou_chance(target.area, n, p), rtol=1e-12)
    kept = target.kept
    np.testing.assert_allclose(scores.box_iou[0, kept], iou_chance(target.box_area[kept, None], n, p), rtol=1e-12)
    np.testing.assert_allclose(scores.box_recall[0, kept], np.tile(recall_chance(n, p), (kept.sum(), 1)), rtol=1e-12)
    assert scores.energy[0] == pytest.approx(target.area_grid, rel=1e-12)
    assert scores.outcome[0] == "scored"


def test_every_map_without_scores_says_why():
    maps, target = maps_and_target(WIDE, count=6)
    maps[1] = 0
    maps[2] = -1
    maps[3, 0, 0] = np.nan
    maps[4, 5, 5] = np.inf
    maps[5, 3:11] = 0  # all its mass lies on the padding
    scores = score_maps(maps, target)
    assert scores.outcome.tolist() == ["scored", "zero_map", "zero_map", "not_finite", "not_finite", "zero_map"]
    assert (scores.box_outcome == scores.outcome[:, None]).all()
    assert set(scores.outcome) <= OUTCOMES.keys()
    for values in (scores.iou, scores.energy, scores.box_iou, scores.box_recall, scores.box_energy):
        assert np.isnan(values[1:]).all()
        assert np.isfinite(values[0]).all()


@pytest.mark.parametrize("boxes", [np.empty((0, 4)), BOXES[1:2]])
def test_an_image_without_a_visible_box_has_no_scores(boxes):
    maps, target = maps_and_target(CROPPED, boxes=boxes)
    maps[0] = np.nan
    scores = score_maps(maps, target)
    assert scores.outcome.tolist() == ["no_box"] * 4
    assert (scores.box_outcome == "hidden").all()
    assert scores.box_iou.shape == (4, len(boxes), 99)
    assert all(np.isnan(v).all() for v in (scores.iou, scores.energy, scores.box_iou, scores.box_energy))


def test_what_lies_on_the_padding_does_not_matter():
    maps, target = maps_and_target(WIDE, grid=(16, 16))
    other = maps.copy()
    other[:, [0, 1, 2, 13, 14, 15]] = 60000  # rows 4 to 12 are the image; interpolation reaches half a cell
    np.testing.assert_array_equal(score_maps(maps, target).iou, score_maps(other, target).iou)
    np.testing.assert_array_equal(score_maps(maps, target).energy, score_maps(other, target).energy)


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
    np.testing.assert_allclose(scores.energy, stretched.energy, rtol=1e-9)


@pytest.mark.parametrize("scale", [2.0, 2.0**-20])
def test_the_scale_of_a_map_does_not_matter(scale):
    maps, target = maps_and_target()
    scaled = score_maps(maps.astype(np.float32) * scale, target)
    np.testing.assert_array_equal(scaled.iou, score_maps(maps, target).iou)
    np.testing.assert_allclose(scaled.energy, score_maps(maps, target).energy, rtol=1e-12)


def test_negative_values_rank_below_zero_and_carry_no_energy():
    target = build_target(np.array([[0.0, 0.0, 0.5, 1.0]]), FULL, grid_h=224, grid_w=224)
    values = np.zeros((1, 224, 224))
    values[0, :, 112:] = -1
    values[0, 0, 0] = 1
    scores = score_maps(values, target)
    assert scores.iou[0, 49] == 1
    assert scores.energy[0] == pytest.approx(1, rel=1e-14)


def test_maps_are_scored_one_by_one_or_together_alike(monkeypatch):
    maps, target = maps_and_target(count=37)
    maps[3] = 0
    together = score_maps(maps, target)
    monkeypatch.setattr(scoring, "_CHUNK_MAPS", 1)
    apart = score_maps(maps, target)
    for name in ("iou", "energy", "box_iou", "box_recall", "box_energy"):
        np.testing.assert_allclose(getattr(together, name), getattr(apart, name), rtol=1e-12)
    np.testing.assert_array_equal(together.outcome, apart.outcome)


def test_maps_may_be_none():
    _, target = maps_and_target()
    assert score_maps(np.empty((0, 14, 14)), target).iou.shape == (0, 99)


def test_maps_on_another_grid_are_refused():
    _, target = maps_and_target()
    with pytest.raises(UsageError, match=r"\(n, 14, 14\), got \(2, 16, 16\)"):
        score_maps(np.ones((2, 16, 16)), target)
