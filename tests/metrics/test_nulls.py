"""The mean of every metric with a chance level in closed form, over maps drawn from its null, is that level."""

from functools import cache

import numpy as np
import pytest

from ssl_attn.geometry import Placement
from ssl_attn.metrics import METRICS
from ssl_attn.metrics.chance import chance
from ssl_attn.metrics.curves import iou_share, precision, recall
from ssl_attn.metrics.energy import energy, energy_normalised, lift
from ssl_attn.metrics.nss import nss
from ssl_attn.metrics.overlap import overlaps
from ssl_attn.metrics.pointing import pointing
from ssl_attn.metrics.ranking import ranking
from ssl_attn.metrics.target import build_target

PLACEMENTS = {
    "squash": Placement(1.0, 0.0, 1.0, 0.0),
    "letterbox": Placement(0.53, 0.235, 1.0, 0.0),  # bars whose edges cut cells
    "processor": Placement(1.4, -0.2, 1.1, -0.05),
}
BOXES = np.array([[0.2, 0.1, 0.25, 0.3], [0.35, 0.3, 0.3, 0.25], [0.6, 0.72, 0.08, 0.06]])
PERCENTILES = (10, 50, 90, 97)
PIXEL_DRAWS, CELL_DRAWS = 300, 4000

CLOSED = {name for name, metric in METRICS.items() if metric.null == "closed_form"}
ON_CELLS = {"energy", "lift", "energy_normalised", "auroc", "shuffled_auc", "nss"}


@cache
def scene(view):
    others = np.random.default_rng(1).random((14, 14)) * 30
    target = build_target(BOXES, PLACEMENTS[view], grid_h=14, grid_w=14, others=others)
    assert target.kept.all()
    areas = {
        "visible_pixels": np.full(4, target.visible_pixels),
        "area": np.array([target.area, *target.box_area]),
        "area_grid": np.array([target.area_grid, *target.box_area_grid]),
        "area_grown": np.array([target.area_grown, *target.box_area_grown]),
    }
    return target, areas


@cache
def permuted_pixels(view):
    """Scores `(draws, targets)`, curves `(draws, targets, 99)`, of one skewed map with ties, its pixels permuted.

    Some 25 pixels tie at the maximum, so that the pointing game has more to give than hit or miss.
    """
    target, areas = scene(view)
    pixels, rng = target.visible_pixels, np.random.default_rng(2)
    values = (rng.exponential(size=pixels) ** 2).astype(np.float16).astype(np.float32)
    values = np.minimum(values, np.sort(values)[-25])
    canvas = rng.permuted(np.tile(values, (PIXEL_DRAWS, 1)), axis=1)
    result, hits = overlaps(canvas, target.masks), pointing(canvas, target.pointing_masks)
    scores = {
        "iou": result.iou,
        "iou_share": iou_share(result.iou, areas["area"], pixels),
        "recall": recall(result.iou, areas["area"], pixels),
        "precision": precision(result.iou, areas["area"], pixels),
        "iou_mean": result.iou.mean(axis=2),
        "iou_oracle": result.iou_oracle,
        "iou_mass": result.iou_mass,
        "iou_above_mean": result.iou_above_mean,
        "pointing": hits[:, :4],
        "pointing_15": hits[:, 4:],
    }
    # a permutation changes no value: every draw selects as many pixels
    selected = {
        "area_mass": result.mass_pixels[0] / pixels,
        "area_above_mean": result.above_mean_pixels[0] / pixels,
    }
    return scores, areas | selected


@cache
def permuted_cells(view):
    target, areas = scene(view)
    shown, rng = target.visible_share > 0, np.random.default_rng(3)
    values = rng.exponential(size=int(shown.sum())).round(1) - 0.2
    maps = np.full((CELL_DRAWS, 14, 14), 99.0)
    maps[:, shown] = rng.permuted(np.tile(values, (CELL_DRAWS, 1)), axis=1)
    held = energy(maps, target.coverage, target.visible_share)
    scores = {
        "energy": held,
        "lift": lift(held, areas["area_grid"]),
        "energy_normalised": energy_normalised(held, areas["area_grid"]),
        "nss": nss(maps, target.coverage, target.outside, target.visible_share),
        **ranking(maps, target.coverage, target.outside, target.visible_share, target.others),
    }
    return scores, areas


def assert_at_chance(scores, expected):
    """Each target's mean `(draws, targets)` lies within the error of its own spread."""
    error = scores.std(axis=0, ddof=1) / np.sqrt(len(scores))
    assert (error > 0).all()
    assert (np.abs(scores.mean(axis=0) - expected) < 4 * error).all(), (scores.mean(axis=0), expected, error)


@pytest.mark.parametrize("view", PLACEMENTS)
@pytest.mark.parametrize("name", sorted(CLOSED - ON_CELLS))
def test_permuted_pixels_are_at_chance(view, name):
    scores, areas = permuted_pixels(view)
    if METRICS[name].thresholded:
        for percentile in PERCENTILES:
            assert_at_chance(scores[name][:, :, percentile - 1], chance(name, areas, percentile))
    else:
        assert_at_chance(scores[name], chance(name, areas))


@pytest.mark.parametrize("view", PLACEMENTS)
@pytest.mark.parametrize("name", sorted(CLOSED & ON_CELLS))
def test_permuted_cells_are_at_chance(view, name):
    scores, areas = permuted_cells(view)
    assert_at_chance(scores[name], chance(name, areas))


def test_the_error_is_small_enough_to_tell():
    """A level that is off by 3 % of itself, or by 0.01, would be noticed in most metrics."""
    scores, areas = permuted_cells("squash")
    for name in ("energy", "auroc", "shuffled_auc"):
        with pytest.raises(AssertionError):
            assert_at_chance(scores[name][:, :1], 1.03 * chance(name, areas)[:1])
    scores, areas = permuted_pixels("squash")
    for name in ("iou_mean", "iou_oracle", "iou_mass", "iou_above_mean"):
        with pytest.raises(AssertionError):
            assert_at_chance(scores[name][:, :1], 1.03 * chance(name, areas)[:1])
