import subprocess
import sys
from functools import cache

import numpy as np
import pytest

from ssl_attn.errors import UsageError
from ssl_attn.geometry import Placement
from ssl_attn.metrics import BOX_SCALARS, CURVES, METRICS, SCALARS
from ssl_attn.metrics.chance import chance
from ssl_attn.metrics.curves import iou_share, precision, recall
from ssl_attn.metrics.percentiles import DEFAULT_PERCENTILE, HEADLINE_PERCENTILES, PERCENTILES, selected_pixels
from ssl_attn.metrics.scoring import score_maps
from ssl_attn.metrics.target import build_target
from warehouse.contract import TABLES

BOXES = np.array([[0.15, 0.2, 0.3, 0.25], [0.4, 0.4, 0.3, 0.4]])
PLACEMENTS = {
    "squash": Placement(1.0, 0.0, 1.0, 0.0),
    "letterbox": Placement(1.0, 0.0, 0.57, 0.215),
    "processor": Placement(1.5, -0.2, 1.1, -0.05),
}


@cache
def scene(view):
    """Target, and maps with their scores: good and bad, uniform, then all sorts."""
    others = np.random.default_rng(0).random((14, 14)) * 20
    target = build_target(BOXES, PLACEMENTS[view], grid_h=14, grid_w=14, others=others)
    rng = np.random.default_rng(1)
    good = target.soft.grid[0] + target.union_coverage + 0.01 * rng.random((14, 14))
    good[0, 0] = -0.01
    bad = np.where(target.union_coverage > 0, 0, rng.random((14, 14)))
    spikes = np.zeros((3, 14, 14))
    spikes[range(3), (5, 7, 9), (4, 6, 9)] = 1
    sorts = [rng.random((5, 14, 14)), rng.normal(size=(5, 14, 14)), np.exp(3 * rng.normal(size=(5, 14, 14))), spikes]
    maps = np.concatenate([good[None], bad[None], np.full((1, 14, 14), 0.3), *sorts])
    return target, score_maps(maps, target, native_emd=True)


def values(name, scores, target):
    """Scores of a metric against the union `(m,)` or `(m, 99)`, as a reader of the warehouse has them."""
    follows = {"recall": recall, "precision": precision, "iou_share": iou_share}
    if name in follows:
        return follows[name](scores.iou, target.area, target.visible_pixels)
    return scores.iou if name == "iou" else scores.scalars[name]


@pytest.mark.parametrize("view", PLACEMENTS)
@pytest.mark.parametrize("name", METRICS)
class TestEveryMetric:
    def test_it_is_a_number_in_its_range(self, view, name):
        target, scores = scene(view)
        found, metric = values(name, scores, target), METRICS[name]
        assert found.shape == ((len(scores.outcome), 99) if metric.thresholded else (len(scores.outcome),))
        assert np.isfinite(found).all()
        assert metric.low is None or found.min() >= metric.low - 1e-12
        assert metric.high is None or found.max() <= metric.high + 1e-12

    def test_so_is_it_against_a_box(self, view, name):
        _, scores = scene(view)
        metric = METRICS[name]
        if name in BOX_SCALARS:
            found = scores.box_scalars[name]
            assert found.shape == (*scores.outcome.shape, len(BOXES))
            assert np.isfinite(found).all()
            assert metric.low is None or found.min() >= metric.low - 1e-12
            assert metric.high is None or found.max() <= metric.high + 1e-12
        else:
            assert metric.thresholded or not metric.per_box

    def test_a_good_map_beats_a_bad_and_a_uniform_one_in_its_direction(self, view, name):
        target, scores = scene(view)
        good, bad, uniform = (values(name, scores, target)[row] for row in range(3))
        match METRICS[name].direction:
            case "higher":
                assert (good > bad).all()
                assert np.mean(good) > np.mean(uniform)
            case "lower":
                assert (good < bad).all()
                assert np.mean(good) < np.mean(uniform)
            case "neither":
                assert METRICS[name].target == "none"

    def test_a_uniform_map_is_at_its_chance(self, view, name):
        target, scores = scene(view)
        if METRICS[name].null != "closed_form":
            return
        areas = {
            "visible_pixels": target.visible_pixels,
            "area": target.area,
            "area_grid": target.area_grid,
            "area_grown": target.area_grown,
            "area_mass": scores.area_mass[2],
            "area_above_mean": scores.area_above_mean[2],
        }
        uniform = values(name, scores, target)[2]
        percentiles = PERCENTILES if METRICS[name].thresholded else (None,)
        expected = [chance(name, areas, percentile) for percentile in percentiles]
        np.testing.assert_allclose(np.atleast_1d(uniform), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", METRICS)
def test_an_entry_agrees_with_itself(name):
    metric = METRICS[name]
    assert metric.name == name
    assert metric.low is None or metric.high is None or metric.low < metric.high
    assert (metric.null == "none") == metric.chance.startswith("none")
    assert metric.direction != "neither" or metric.null == "none"
    assert metric.stored or metric.thresholded
    assert all(getattr(metric, text) for text in ("label", "formula", "unit", "chance", "source"))


def test_curves_and_scalars_are_all_there_is():
    assert {*CURVES, *SCALARS} == METRICS.keys()
    assert not {*CURVES} & {*SCALARS}
    assert {*BOX_SCALARS} < {*SCALARS}


def test_the_registry_has_the_columns_of_the_metrics_table():
    columns = {column.name for column in TABLES["metrics"].columns}
    fields = {*next(iter(METRICS.values())).__dataclass_fields__}
    how_it_is_kept = {"stored", "on_request"}
    assert columns == fields - {"name", "null"} - how_it_is_kept | {"metric", "null_kind"}


def test_every_metric_is_a_column_of_the_score_tables():
    union = {column.name for column in TABLES["scores"].columns}
    box = {column.name for column in TABLES["box_scores"].columns}
    assert union >= METRICS.keys()
    assert box & METRICS.keys() == {name for name in METRICS if METRICS[name].per_box}


def test_registry_and_scoring_import_no_torch():
    code = "import sys, ssl_attn.metrics.scoring, ssl_attn.metrics.chance; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_percentiles():
    assert tuple(range(1, 100)) == PERCENTILES
    assert set(HEADLINE_PERCENTILES) < set(PERCENTILES)
    assert DEFAULT_PERCENTILE in HEADLINE_PERCENTILES


def test_selected_pixels_follow_python_rounding():
    pixels = np.concatenate([np.arange(1, 1200), [50176, 33376]])
    expected = [[max(1, round(int(n) * (100 - p) / 100)) for p in PERCENTILES] for n in pixels]
    np.testing.assert_array_equal(selected_pixels(pixels[:, None], np.array(PERCENTILES)), expected)


def test_selected_pixels_of_the_full_canvas():
    counts = selected_pixels(224 * 224, np.array([90, 85, 80, 75, 70, 60, 50]))
    assert counts.tolist() == [5018, 7526, 10035, 12544, 15053, 20070, 25088]


@pytest.mark.parametrize("percentile", [-1, 101])
def test_a_percentile_outside_the_scale_is_refused(percentile):
    with pytest.raises(UsageError, match="from 0 to 100"):
        selected_pixels(10, percentile)
