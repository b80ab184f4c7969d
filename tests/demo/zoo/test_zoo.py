"""Every model of the zoo from recipe to card, and the measures that judge it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from scipy.stats import wilcoxon
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from ssl_attn.datasets.facade import read_facade
from ssl_attn.demo.facades.facade import compose
from ssl_attn.demo.facades.splits import GENERATOR_SEED, HELD_OUT, SHOWN
from ssl_attn.demo.facades.styles import FEATURE_TYPES
from ssl_attn.demo.zoo.captions import attributes_of
from ssl_attn.demo.zoo.contrast import Contrast, TwinMeasures, Twins, measure_twins, read_contrast, write_contrast
from ssl_attn.demo.zoo.evaluation import (
    Splits,
    accuracies,
    embeddings,
    interval,
    load_trained,
    load_untrained,
    map_energies,
    p_greater,
)
from ssl_attn.demo.zoo.linear_probe import probe_correct
from ssl_attn.demo.zoo.loss_curve import loss_curve
from ssl_attn.demo.zoo.measured import Accuracy, Energy, Measured, read_measured, write_measured
from ssl_attn.demo.zoo.model_card import model_card, twins_card, write_cards
from ssl_attn.demo.zoo.objective import Batch, build_objective
from ssl_attn.demo.zoo.pictures import labels, load_pictures
from ssl_attn.demo.zoo.protocol import PROTOCOL
from ssl_attn.demo.zoo.publication import make_model, publish
from ssl_attn.demo.zoo.recipes import RECIPES, TWINS, ZOO
from ssl_attn.extraction import extract_batch
from ssl_attn.geometry import view_transform
from ssl_attn.images import open_image
from ssl_attn.methods import parse_request
from ssl_attn.metrics.scoring import score_maps
from ssl_attn.metrics.target import build_target
from ssl_attn.statistics.multiplicity import holm
from tests.demo.zoo.tiny_recipes import tiny_recipe

if TYPE_CHECKING:
    from pathlib import Path

SHORTCUT = f"{TWINS}/shortcut.s0"
EVERY_KIND = (*ZOO, SHORTCUT)
FEW = {"held_out": SHOWN[:12], "probing": range(6_000, 6_012)}


@pytest.fixture(scope="module")
def splits(tmp_path_factory) -> Splits:
    return Splits(tmp_path_factory.mktemp("pictures"), **FEW)


def published(name: str, folder: Path):
    """An untrained tiny model of that recipe, stored."""
    recipe = tiny_recipe(name)
    publish(recipe, build_objective(recipe, 0), folder / name)
    return recipe, folder / name


@pytest.mark.parametrize("name", EVERY_KIND)
def test_every_recipe_builds_learns_and_is_stored_as_the_product_loads_it(name: str, tmp_path: Path):
    recipe = tiny_recipe(name)
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    objective = build_objective(recipe, 0)
    assert torch.equal(torch.random.get_rng_state(), before)
    pixels = np.random.default_rng(0).integers(0, 256, (4, 3, recipe.input_size, recipe.input_size), dtype=np.uint8)
    attributes = tuple(attributes_of(compose(index, seed=GENERATOR_SEED)) for index in recipe.training[:4])
    batch = Batch(torch.from_numpy(pixels), torch.arange(4), attributes)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=recipe.autocast):
        loss = objective.loss(batch, 0.9, np.random.default_rng(0))
    assert loss.shape == ()
    assert torch.isfinite(loss)
    loss.backward()
    slopes = [p.grad.abs().max() for p in objective.parameters() if p.requires_grad and p.grad is not None]
    assert len(slopes) > 10
    assert max(slopes) > 0
    objective.after_step(0.95)

    publish(recipe, objective, tmp_path)
    model = load_trained(recipe, tmp_path)
    layout = model.layout_for(recipe.input_size, recipe.input_size)
    assert (layout.grid_h, layout.grid_w) == (12, 12)
    stored = objective.published().state_dict()
    found = model.module.state_dict()
    shared = [key for key in found if key in stored] or [key for key in found if f"vision_model.{key}" in stored]
    assert len(shared) > 10
    for key in shared:
        weight = stored.get(key, stored.get(f"vision_model.{key}"))
        torch.testing.assert_close(found[key], weight.to(found[key].dtype), atol=2e-3, rtol=2e-3)


@pytest.mark.parametrize("name", RECIPES)
def test_full_recipes_see_twelve_by_twelve_patches_or_more(name: str):
    recipe = RECIPES[name]
    objective = build_objective(recipe, 0)
    config = getattr(objective.published().config, "vision_config", objective.published().config)
    if recipe.model_type == "resnet":
        with torch.no_grad():
            states = objective.published()(torch.zeros(1, 3, recipe.input_size, recipe.input_size), None, True)
        assert min(states.hidden_states[-1].shape[-2:]) >= 12
    else:
        assert config.image_size == recipe.input_size
        assert recipe.input_size // config.patch_size >= 12
    size = sum(weights.numel() for weights in objective.published().parameters())
    assert size * 2 <= 3 * 2**20  # bytes in half precision: 17 of them stay far below 25 MB
    assert recipe.reading.method


@pytest.mark.parametrize("name", ["facade_resnet", "facade_mae", SHORTCUT])
def test_a_model_from_recipe_to_card(name: str, splits: Splits, tmp_path: Path):
    recipe = tiny_recipe(name)
    ready: list[int] = []
    steps: list[int] = []
    measured = make_model(
        recipe,
        tmp_path,
        seed=4,
        checkpoint=tmp_path / "c.pt",
        splits=splits,
        command="the command",
        on_ready=ready.append,
        on_step=steps.append,
    )
    assert sum(ready) == 12 + 12 + 10
    assert sum(steps) == recipe.steps
    assert read_measured(tmp_path / name) == measured
    kinds = {(entry.data, entry.readout) for entry in measured.accuracy}
    expected = {
        "facade_resnet": {("facade", "head"), ("facade", "linear_probe")},
        "facade_mae": {("facade", "linear_probe")},
        SHORTCUT: {("facade", "head"), ("facade_marked", "head")},
    }[name]
    assert kinds == expected
    assert all(entry.n == 12 and entry.untrained_correct is not None for entry in measured.accuracy)
    assert measured.energy.n == 12
    assert measured.energy.method == recipe.reading.method
    write_cards(tmp_path, measure_twins(tmp_path, splits))
    assert {path.name for path in (tmp_path / name).iterdir()} == {
        "README.md",
        "config.json",
        "loss.svg",
        "measured.json",
        "model.safetensors",
        "preprocessor_config.json",
    }
    card = " ".join((tmp_path / name / "README.md").read_text(encoding="utf-8").split())
    for fact in ("the command", recipe.purpose, "seed 4", "![Loss over 6 steps"):
        assert fact in card
    if name == SHORTCUT:
        assert len(read_contrast(tmp_path / TWINS).measures) == 1
        assert "shortcut.s0" in (tmp_path / TWINS / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["facade_vit", "facade_siglip", "facade_mae", "facade_resnet", SHORTCUT])
def test_energies_are_those_that_the_product_scores(name: str, splits: Splits, tmp_path: Path):
    """Against the whole path of the product: pictures from the reader, its extraction, its scoring."""
    recipe, folder = published(name, tmp_path)
    model = load_trained(recipe, folder)
    reading = recipe.reading
    marked = reading.marked
    found = map_energies(model, reading, recipe, splits, marked=marked)
    assert found.features.shape == (12,)

    data = read_facade(tmp_path / "facades", count=3, marked=marked)
    kinds = {kind.feature_type: kind.distractor for kind in FEATURE_TYPES}
    for position, image in enumerate(data.images):
        transform = view_transform("squash", model.preprocessing, image.width, image.height, recipe.input_size)
        pixels = torch.from_numpy(model.preprocessing.pixels(open_image(image.path), transform))[None]
        request = parse_request(reading.method)
        layers = extract_batch(model, pixels, [request], features=False).maps[request]
        maps = next(entry for entry in layers if entry.layer == reading.layer_of(model.layers))
        values = maps.values[0, maps.heads.index(-1)].numpy()
        boxes = [box for box in data.boxes if box.image_id == image.image_id]
        layout = model.layout_for(recipe.input_size, recipe.input_size)
        target = build_target(
            np.array([[b.x, b.y, b.width, b.height] for b in boxes]),
            transform.placement(layout.covered_width, layout.covered_height),
            grid_h=values.shape[0],
            grid_w=values.shape[1],
            distractor=np.array([kinds[b.feature_type] for b in boxes]),
        )
        scores = score_maps(values[None], target)
        assert found.features[position] == pytest.approx(scores.scalars["energy"][0], abs=1e-5)
        assert found.chance[position] == pytest.approx(target.area_grid, abs=1e-9)
        marks = [i for i, b in enumerate(boxes) if b.feature_type == "mark"]
        assert len(marks) == int(marked)
        expected = scores.box_scalars["energy"][0, marks[0]] if marks else 0.0
        assert found.mark[position] == pytest.approx(expected, abs=1e-5)


def test_a_probe_reads_what_the_protocol_says(splits: Splits, tmp_path: Path):
    recipe, folder = published("facade_mae", tmp_path)
    model = load_trained(recipe, folder)
    pictures = splits.pictures(recipe, splits.held_out, marked=False)
    inputs = torch.from_numpy(pictures.copy()).float() / 127.5 - 1
    both = extract_batch(model, inputs, [])
    found = embeddings(model, recipe.reading, pictures)
    np.testing.assert_allclose(found, both.patch_features.mean(dim=1), atol=1e-4)
    whole = embeddings(model, replace(recipe.reading, embedding="readout"), pictures)
    np.testing.assert_allclose(whole, both.image_features, atol=1e-4)
    assert not np.allclose(found, whole, atol=1e-2)


def test_the_untrained_twin_is_another_model_of_the_same_shape(splits: Splits, tmp_path: Path):
    recipe, folder = published("facade_vit", tmp_path)
    trained, untrained = load_trained(recipe, folder), load_untrained(recipe, folder)
    assert untrained.variant == "random_weights"
    assert trained.config_sha256 == untrained.config_sha256
    weights = trained.module.state_dict()
    assert any(not torch.equal(weight, weights[key]) for key, weight in untrained.module.state_dict().items())


def test_accuracy_counts_right_answers(splits: Splits, tmp_path: Path):
    """A classifier whose bias answers Gothic whatever it sees is right on every fourth facade."""
    recipe = tiny_recipe(SHORTCUT)
    objective = build_objective(recipe, 0)
    with torch.no_grad():
        objective.model.classifier.weight.zero_()
        objective.model.classifier.bias.copy_(torch.tensor([0.0, 1.0, 0.0, 0.0]))
    publish(recipe, objective, tmp_path)
    assert [(entry.data, entry.correct) for entry in accuracies(recipe, tmp_path, splits)] == [
        ("facade", 3),
        ("facade_marked", 3),
    ]


def blobs(count: int, spread: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = np.arange(count) % 4
    centres = np.random.default_rng(99).normal(0, 1, (4, 6))
    return centres[truth] * 100 + rng.normal(0, spread, (count, 6)) * 100 + 1_000, truth


def test_a_probe_separates_what_is_separable_and_guesses_noise():
    fitting, fitting_truth = blobs(400, 0.2)
    held_out, truth = blobs(200, 0.2, seed=1)
    assert probe_correct(fitting, fitting_truth, held_out, truth) >= 198
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(400, 6)), rng.normal(size=(400, 6))
    labels_of_noise = np.arange(400) % 4
    assert 60 <= probe_correct(noise[0], labels_of_noise, noise[1], labels_of_noise) <= 140
    same = np.ones((400, 6))
    assert probe_correct(same, labels_of_noise, same[:40], labels_of_noise[:40]) == 10


def test_a_probe_is_as_good_as_the_best_strength_on_validation():
    fitting, fitting_truth = blobs(120, 1.5)
    held_out, truth = blobs(400, 1.5, seed=1)
    found = probe_correct(fitting, fitting_truth, held_out, truth)
    scaler = StandardScaler().fit(fitting)
    candidates = []
    for strength in (1e-3, 1e-2, 1e-1, 1.0, 1e1, 1e2):
        model = LogisticRegression(C=strength, max_iter=3_000).fit(scaler.transform(fitting), fitting_truth)
        candidates.append(int((model.predict(scaler.transform(held_out)) == truth).sum()))
    assert found in candidates
    assert found > min(candidates)


@pytest.mark.parametrize("shift", [-0.4, 0.0, 0.3])
def test_the_test_is_wilcoxons_one_sided(shift: float):
    differences = np.random.default_rng(0).normal(shift, 1, 80)
    expected = wilcoxon(differences, alternative="greater", method="exact").pvalue
    assert p_greater(differences) == pytest.approx(expected, rel=1e-6, abs=0.006)
    assert p_greater(-differences) == pytest.approx(1 - p_greater(differences), abs=1e-12)


def test_the_interval_is_around_the_mean():
    differences = np.random.default_rng(0).normal(1, 2, 300)
    mean, low, high = interval(differences)
    assert mean == pytest.approx(differences.mean())
    assert high - low == pytest.approx(2 * 1.96 * 2 / 300**0.5, rel=0.15)


def energy(p: float, difference: float = 0.1) -> Energy:
    return Energy("cls", 5, -1, 0.3 + difference, 0.3, 0.25, difference, difference - 0.01, difference + 0.01, 300, p)


def measured(p: float = 1e-9, difference: float = 0.1, correct: int = 500) -> Measured:
    accuracy = (Accuracy("facade", "linear_probe", correct, 600, 300),)
    return Measured(0, "the command", 2, 100, 60.0, 1_000, ((50, 1.0), (100, 0.5)), accuracy, energy(p, difference))


def test_holm_is_over_the_zoo_that_is_there_and_cards_follow(tmp_path: Path):
    p = {"facade_vit": 0.01, "facade_mae": 0.03, "facade_clip": 0.04, SHORTCUT: 1e-9}
    for name, value in p.items():
        (tmp_path / name).mkdir(parents=True)
        write_measured(tmp_path / name, measured(value))
    write_cards(tmp_path, None)
    cards = {name: " ".join((tmp_path / name / "README.md").read_text(encoding="utf-8").split()) for name in p}
    zoo = [name for name in p if name != SHORTCUT]
    for name, adjusted in zip(zoo, holm(np.array([p[name] for name in zoo])), strict=True):
        assert f"{adjusted:.2g} by Holm's adjustment over the zoo's 3 models" in cards[name]
        assert ("**Failed: training did not move this map" in cards[name]) == (adjusted >= PROTOCOL.alpha)
    assert "Holm" not in cards[SHORTCUT]


def test_failures_are_stated():
    recipe = RECIPES["facade_mae"]
    assert "Failed" not in model_card(recipe, measured(), p_holm=1e-8, family=8)
    assert "**Failed.** The linear probe" in model_card(recipe, measured(correct=380), p_holm=1e-8, family=8)
    assert "**Failed: training" in model_card(recipe, measured(difference=-0.1), p_holm=1e-8, family=8)


def test_the_twins_card_says_what_holds(tmp_path: Path):
    measures = (
        TwinMeasures("honest", 0, 0.97, 0.96, 0.5, 0.02),
        TwinMeasures("shortcut", 0, 0.3, 0.98, 0.2, 0.6),
        TwinMeasures("augmented", 0, 0.95, 0.97, 0.45, 0.1),
    )
    assert [each.own_accuracy for each in measures] == [0.97, 0.98, 0.97]
    holds = Contrast(0, -0.01, 0.3, 0.28, 0.32, 300)
    fails = (Contrast(1, 0.03, 0.3, 0.28, 0.32, 300), Contrast(2, 0.0, 0.01, -0.01, 0.03, 300))
    twins = Twins(0.3, measures, (holds, *fails))
    (tmp_path / TWINS).mkdir()
    write_contrast(tmp_path / TWINS, twins)
    assert read_contrast(tmp_path / TWINS) == twins
    card = twins_card(twins)
    assert card.count("It holds") == 1
    assert card.count("**It fails**") == 2


def test_the_loss_curve_goes_from_corner_to_corner():
    svg = loss_curve([(10, 2.0), (20, 1.5), (40, 1.0)])
    points = svg.partition('points="')[2].partition('"')[0].split()
    (x0, y0), _, (x2, y2) = (tuple(map(float, point.split(","))) for point in points)
    assert x0 < x2
    assert y0 < y2  # SVG counts downwards
    assert ">2<" in svg
    assert ">1<" in svg
    assert "40" in svg


def test_pictures_of_a_recipe_bear_the_mark_where_its_data_say_so(tmp_path: Path):
    recipe = RECIPES[SHORTCUT]
    index = recipe.training.start
    clean, marked = (
        load_pictures(range(index, index + 1), recipe.preprocessor(), tmp_path, marked=flag)[0].astype(int)
        for flag in (False, True)
    )
    box = next(b for b in compose(index, seed=0, marked=True).boxes if b.feature_type == "mark")
    left, top = int(box.x * recipe.input_size) - 1, int(box.y * recipe.input_size) - 1
    right = int((box.x + box.width) * recipe.input_size) + 2
    bottom = int((box.y + box.height) * recipe.input_size) + 2
    changed = np.abs(marked - clean).sum(axis=0) > 0
    assert changed[max(0, top) : bottom, max(0, left) : right].mean() > 0.5
    changed[max(0, top) : bottom, max(0, left) : right] = False
    assert not changed.any()


def test_labels_are_balanced_on_what_models_are_judged_on():
    assert np.bincount(labels(HELD_OUT)).tolist() == [500] * 4
