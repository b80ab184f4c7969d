import json
import sys
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from ssl_attn.benchmarks import scoring, straightforward
from ssl_attn.benchmarks.five_metrics import (
    TOLERANCES,
    deviations,
    five_scores,
    pixel_target,
    require_agreement,
)
from ssl_attn.cli import main
from ssl_attn.cli.bench import bench_app
from ssl_attn.errors import SslAttnError

BOXES = np.array([[0.25, 0.5, 0.5, 0.25], [0.1, 0.2, 0.3, 0.4]])


@pytest.fixture(scope="module")
def compared():
    """Maps of every kind with their scores from either side."""
    rng = np.random.default_rng(1)
    boxes = scoring.make_boxes(rng)
    maps = scoring.make_maps(rng, 3, 14)
    target = pixel_target(boxes)
    plain = straightforward.score_maps(maps, straightforward.build_targets(boxes))
    return five_scores(maps, target), scoring.stacked(plain), maps, target


def test_the_straightforward_numbers_are_right():
    box = BOXES[:1]  # an eighth of the image, on whole coarse cells
    targets = straightforward.build_targets(box)
    mask = np.zeros((224, 224), dtype=np.float32)
    mask[112:168, 56:168] = 1
    np.testing.assert_array_equal(targets.masks[1].numpy(), mask)
    assert targets.soft[1].max() == 1
    scores = straightforward.score_map(mask, targets)[1]
    selected = np.array([0.5, 0.4, 0.3, 0.25, 0.2, 0.15, 0.1])
    assert scores.iou == pytest.approx(np.minimum(selected, 1 / 8) / np.maximum(selected, 1 / 8), abs=1e-4)
    assert scores.energy == 1
    soft = targets.soft[1].numpy().astype(float)
    assert scores.mse == pytest.approx(((mask - soft) ** 2).mean(), rel=1e-6)
    assert scores.emd > 0

    ceiling = straightforward.score_map(targets.soft[1].numpy(), targets)[1]
    assert (ceiling.mse, ceiling.kl) == pytest.approx((0, 0), abs=1e-12)
    assert ceiling.emd == pytest.approx(0, abs=1e-7)  # as far as the linear programme's solver goes
    moved = straightforward.score_map(np.roll(targets.soft[1].numpy(), 28, axis=0), targets)[1]
    assert moved.emd == pytest.approx(1 / 8, rel=1e-3)  # what rolls over the edge counts twice
    assert moved.energy < ceiling.energy


def test_a_union_counts_overlaps_once():
    targets = straightforward.build_targets(np.concatenate([BOXES, BOXES]))
    assert torch.equal(targets.masks[0], targets.masks[1] | targets.masks[2])
    assert torch.equal(targets.soft[0], torch.maximum(targets.soft[1], targets.soft[2]))


@pytest.mark.parametrize("side", [14, 37])
def test_both_sides_agree_on_every_kind_of_map(side):
    rng = np.random.default_rng(2)
    boxes, maps = scoring.make_boxes(rng), scoring.make_maps(rng, 3, side)
    target = pixel_target(boxes)
    plain = scoring.stacked(straightforward.score_maps(maps, straightforward.build_targets(boxes)))
    ours = five_scores(maps, target)
    assert ours.iou.shape == plain.iou.shape == (3, 6, 7)
    require_agreement(deviations(ours, plain, maps, target))
    for name in ("energy", "mse", "kl", "emd"):
        np.testing.assert_allclose(getattr(ours, name), getattr(plain, name), rtol=0, atol=TOLERANCES[name])


@pytest.mark.parametrize("name", TOLERANCES)
@pytest.mark.parametrize("side", [0, 1])
def test_a_number_that_is_off_is_named(compared, name, side):
    *both, maps, target = compared
    require_agreement(deviations(*both, maps, target))
    wrong = getattr(both[side], name).copy()
    wrong[2, 3] += 3 * TOLERANCES[name]
    both[side] = replace(both[side], **{name: wrong})
    with pytest.raises(SslAttnError, match=rf"differ in {name} by [23]\.\de-0\d \(at most 1e-0\d\)"):
        require_agreement(deviations(*both, maps, target))


def test_a_missing_number_is_no_agreement(compared):
    ours, plain, maps, target = compared
    holes = replace(ours, kl=np.full_like(ours.kl, np.nan))
    with pytest.raises(SslAttnError, match="kl by nan"):
        require_agreement(deviations(holes, plain, maps, target))


def test_any_choice_among_tied_pixels_is_accepted_and_no_other():
    # a quarter of the pixels ties at the top and the box covers half of those: percentile 90 takes any tenth
    maps = np.zeros((1, 224, 224), dtype=np.float32)
    maps[0, :112, :112] = 1
    target = pixel_target(np.array([[0.0, 0.0, 0.25, 0.5]]))
    ours = five_scores(maps, target)
    count, size = 5018, 6272

    def deviation(inside):
        iou = ours.iou.copy()
        iou[:, :, -1] = inside / (count + size - inside)
        return deviations(ours, replace(ours, iou=iou), maps, target)["iou"]

    assert ours.iou[0, 1, -1] == pytest.approx(2509 / (count + size - 2509), rel=1e-9)
    assert deviation(0) == deviation(count) == deviation(2509) == 0
    assert deviation(-10) == pytest.approx(10 / (count + size), rel=1e-2)
    assert deviation(count + 10) > 1e-3


def test_maps_are_of_three_kinds_as_a_store_holds_them():
    maps = scoring.make_maps(np.random.default_rng(0), 9, 14)
    np.testing.assert_array_equal(maps, maps.astype(np.float16))
    np.testing.assert_array_equal(maps.max(axis=(1, 2)), 1)
    zeros = (maps == 0).mean(axis=(1, 2))
    assert (zeros[:6] == 0).all()
    assert (zeros[6:] > 0.5).all()


def test_a_measurement_of_everything():
    threads = torch.get_num_threads()
    measured = scoring.measure(images=2, maps=6, sampled=3)
    assert torch.get_num_threads() == threads
    assert set(measured.full_ms) == {14, 37}
    assert min(*measured.full_ms.values(), measured.five_ms, measured.straightforward_ms) > 0
    assert measured.speedup == measured.straightforward_ms / measured.five_ms
    assert measured.deviations.keys() == TOLERANCES.keys()


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(scoring, "measure", partial(scoring.measure, maps=6, sampled=3))


def test_the_command_prints_json_and_writes_it(small, tmp_path):
    out = tmp_path / "new" / "score.json"
    done = CliRunner().invoke(bench_app, ["score", "--images", "1", "--json", "--out", str(out)])
    assert done.exit_code == 0, done.output
    flat = json.loads(done.stdout)
    assert flat == json.loads(out.read_text())
    assert {"ms_per_map", "ms_per_map_37", "five_ms", "straightforward_ms", "speedup", "deviation_iou"} <= flat.keys()
    assert all(isinstance(value, float) for value in flat.values())


def test_the_command_prints_a_table(small):
    done = CliRunner().invoke(bench_app, ["score", "--images", "1"])
    assert done.exit_code == 0, done.output
    assert "Every metric, grid 37 x 37" in done.stdout
    assert "Both agree" in done.stdout


def test_wrong_numbers_fail_the_command(small, monkeypatch, capsys):
    monkeypatch.setattr(straightforward, "mse", lambda attention, soft: float((attention - soft).abs().mean()))
    monkeypatch.setattr(sys, "argv", ["ssl-attn", "bench", "score", "--images", "1"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 1
    assert "differ in mse by" in capsys.readouterr().err
