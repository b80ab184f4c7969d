"""Training of the zoo: from (seed, step) alone, resumable to the same weights."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from ssl_attn.demo.facades.facade import compose
from ssl_attn.demo.facades.splits import GENERATOR_SEED
from ssl_attn.demo.zoo.augmentation import model_inputs, random_views
from ssl_attn.demo.zoo.captions import attributes_of
from ssl_attn.demo.zoo.objective import OBJECTIVES, build_objective
from ssl_attn.demo.zoo.patch_dropout import PatchDropout, kept_patches
from ssl_attn.demo.zoo.pictures import TrainingPictures, labels, load_pictures
from ssl_attn.demo.zoo.positions import waves
from ssl_attn.demo.zoo.recipes import RECIPES, SEEDS, TWINS, ZOO, find_recipes
from ssl_attn.demo.zoo.training import Run, build_optimisers, schedule, train
from ssl_attn.errors import SslAttnError, UsageError
from ssl_attn.images import open_image
from ssl_attn.models.preprocessing import parse_preprocessing
from tests.demo.zoo.tiny_recipes import SIDE, tiny_recipe

if TYPE_CHECKING:
    from pathlib import Path

    from ssl_attn.demo.zoo.recipe import Recipe

ONE_EACH = ("facade_vit", "facade_resnet", "facade_mae", "facade_dinov2", "facade_siglip2", f"{TWINS}/augmented.s1")

STILL = {"brightness": 0.0, "contrast": 0.0, "colour": 0.0}


def noise(recipe: Recipe) -> TrainingPictures:
    rng = np.random.default_rng(0)
    shape = (len(recipe.training), 3, recipe.input_size, recipe.input_size)
    sources = tuple(rng.integers(0, 256, shape, dtype=np.uint8) for _ in recipe.marks)
    attributes = tuple(
        attributes_of(compose(index, seed=GENERATOR_SEED)) for index in recipe.training if recipe.captions
    )
    return TrainingPictures(recipe.training, sources, attributes)


@pytest.mark.parametrize("name", ONE_EACH)
def test_a_stopped_run_goes_on_to_the_same_weights(name: str, tmp_path: Path):
    recipe = tiny_recipe(name)
    pictures = noise(recipe)

    def run(file: str, stop_after: int | None = None):
        return train(recipe, pictures, seed=3, checkpoint=tmp_path / file, stop_after=stop_after)

    whole, of_whole = run("whole.pt")
    run("stopped.pt", stop_after=2)
    torch.manual_seed(99)
    run("stopped.pt", stop_after=5)
    resumed, of_resumed = run("stopped.pt")
    assert of_resumed.losses == of_whole.losses
    assert len(of_whole.losses) == recipe.steps
    for key, weight in whole.state_dict().items():
        assert torch.equal(weight, resumed.state_dict()[key]), key


def test_a_killed_run_loses_no_more_than_since_its_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A crash between checkpoints leaves the last one whole, and the resumed run ends as an uninterrupted one."""
    monkeypatch.setattr("ssl_attn.demo.zoo.training._CHECKPOINT_EVERY", 4)
    recipe = replace(tiny_recipe("facade_vit"), steps=10)
    pictures = noise(recipe)

    class KilledError(Exception):
        pass

    done = 0

    def kill(steps: int) -> None:
        nonlocal done
        done += steps
        if done == 7:
            raise KilledError

    with pytest.raises(KilledError):
        train(recipe, pictures, seed=0, checkpoint=tmp_path / "killed.pt", on_step=kill)
    reported: list[int] = []
    resumed, run = train(recipe, pictures, seed=0, checkpoint=tmp_path / "killed.pt", on_step=reported.append)
    assert reported == [4, *[1] * 6]
    whole, _ = train(recipe, pictures, seed=0, checkpoint=tmp_path / "whole.pt")
    assert len(run.losses) == 10
    for key, weight in whole.state_dict().items():
        assert torch.equal(weight, resumed.state_dict()[key]), key


def test_seconds_add_up_over_resumptions(tmp_path: Path):
    recipe = tiny_recipe("facade_vit")
    _, first = train(recipe, noise(recipe), seed=0, checkpoint=tmp_path / "c.pt", stop_after=3)
    _, again = train(recipe, noise(recipe), seed=0, checkpoint=tmp_path / "c.pt")
    _, nothing_left = train(recipe, noise(recipe), seed=0, checkpoint=tmp_path / "c.pt")
    assert 0 < first.seconds < again.seconds == nothing_left.seconds


def test_training_leaves_the_global_generator_alone(tmp_path: Path):
    recipe = tiny_recipe("facade_vit")
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    train(recipe, noise(recipe), seed=0, checkpoint=tmp_path / "c.pt", stop_after=1)
    assert torch.equal(torch.rand(3), expected)


def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path):
    recipe = replace(tiny_recipe("facade_resnet"), steps=2)
    pictures = noise(recipe)
    train(recipe, pictures, seed=0, checkpoint=tmp_path / "c.pt")
    with pytest.raises(SslAttnError, match="--restart"):
        train(recipe, pictures, seed=1, checkpoint=tmp_path / "c.pt")
    with pytest.raises(SslAttnError, match="--restart"):
        train(replace(recipe, learning_rate=1e-5), pictures, seed=0, checkpoint=tmp_path / "c.pt")
    _, run = train(replace(recipe, purpose="told in other words"), pictures, seed=0, checkpoint=tmp_path / "c.pt")
    assert len(run.losses) == 2


def test_a_loss_that_is_no_number_ends_the_run(tmp_path: Path):
    recipe = replace(tiny_recipe("facade_vit"), learning_rate=float("inf"), matrix_rate=0.0)
    with pytest.raises(SslAttnError, match="learning rate"):
        train(recipe, noise(recipe), seed=0, checkpoint=tmp_path / "c.pt")


def test_training_learns(tmp_path: Path):
    """Ten pictures can be learnt by heart."""
    views = {"area": (1.0, 1.0), "aspect": (1.0, 1.0), "mirror": False}
    options = {"smoothing": 0.0, "views": views | STILL}
    recipe = replace(tiny_recipe("facade_vit"), steps=60, batch=10, learning_rate=0.01, options=options)
    _, run = train(recipe, noise(recipe), seed=0, checkpoint=tmp_path / "c.pt")
    assert np.mean(run.losses[-5:]) < 0.5 * run.losses[0]


def test_every_facade_comes_once_an_epoch():
    pictures = noise(tiny_recipe("facade_vit"))
    seen = np.concatenate([pictures.batch(4, seed=1, step=step)[0] for step in range(5)])
    assert sorted(seen[:10]) == sorted(seen[10:]) == list(range(10))
    assert list(seen[:10]) != list(seen[10:])
    other = np.concatenate([pictures.batch(4, seed=2, step=step)[0] for step in range(5)])
    assert list(seen) != list(other)


def test_half_of_the_pictures_come_marked_another_half_each_time():
    count, draws = 10, 200
    clean, marked = np.zeros((count, 3, 1, 1), np.uint8), np.ones((count, 3, 1, 1), np.uint8)
    pictures = TrainingPictures(range(count), (clean, marked))
    is_marked = np.zeros((draws, count), dtype=bool)
    for step in range(draws):
        positions, drawn = pictures.batch(count, seed=0, step=step)
        is_marked[step, positions] = drawn[:, 0, 0, 0] == 1
    assert (np.abs(is_marked.mean(axis=0) - 0.5) < 0.15).all()
    again = pictures.batch(count, seed=0, step=7)[1]
    np.testing.assert_array_equal(again, pictures.batch(count, seed=0, step=7)[1])


def test_pictures_are_the_projects_own_squash_and_kept(tmp_path: Path):
    from ssl_attn.datasets.facade import read_facade
    from ssl_attn.demo.facades.splits import SHOWN
    from ssl_attn.geometry import view_transform

    recipe = tiny_recipe("facade_vit")
    preprocessing = parse_preprocessing(recipe.preprocessor())
    ready: list[int] = []
    for marked in (False, True):
        pictures = load_pictures(SHOWN[:2], recipe.preprocessor(), tmp_path, marked=marked, on_ready=ready.append)
        images = read_facade(tmp_path / str(marked), count=2, marked=marked).images
        for picture, image in zip(pictures, images, strict=True):
            transform = view_transform("squash", preprocessing, image.width, image.height, SIDE)
            expected = preprocessing.pixels(open_image(image.path), transform)
            inputs = model_inputs(torch.from_numpy(picture[None].copy()))[0]
            np.testing.assert_allclose(inputs, expected, atol=1e-6)
        again = load_pictures(SHOWN[:2], recipe.preprocessor(), tmp_path, marked=marked, on_ready=ready.append)
        np.testing.assert_array_equal(again, pictures)
    assert ready == [2, 2, 2, 2]


def test_several_processes_draw_what_one_does(tmp_path: Path):
    recipe = replace(tiny_recipe("facade_vit"), input_size=8)
    many = load_pictures(range(100), recipe.preprocessor(), tmp_path)
    few = load_pictures(range(40, 44), recipe.preprocessor(), tmp_path)
    np.testing.assert_array_equal(many[40:44], few)
    assert (many.reshape(100, -1).std(axis=1) > 0).all()


def test_styles_take_turns():
    from ssl_attn.demo.facades.facade import compose
    from ssl_attn.demo.facades.styles import STYLES

    names = tuple(STYLES)
    for index, label in zip(range(10_001, 10_006), labels(range(10_001, 10_006)), strict=True):
        assert compose(index, seed=0).style == names[label]


def coordinates(side: int) -> torch.Tensor:
    """A picture that tells where each pixel lies: x in red, y in green."""
    ramp = torch.arange(side).mul(255 // (side - 1)).to(torch.uint8)
    picture = torch.zeros(1, 3, side, side, dtype=torch.uint8)
    picture[0, 0], picture[0, 1] = ramp[None, :], ramp[:, None]
    return picture


def test_a_view_of_everything_is_the_picture():
    pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (3, 3, 16, 16), dtype=np.uint8))
    rng = np.random.default_rng(0)
    views = random_views(pixels, 16, rng=rng, area=(1, 1), aspect=(1, 1), mirror=False, **STILL)
    torch.testing.assert_close(views, model_inputs(pixels), atol=1e-5, rtol=0)


def test_views_are_crops_of_the_area_asked_for_mirrored_at_times():
    side = 52
    pixels = coordinates(side).expand(200, -1, -1, -1)
    rng = np.random.default_rng(0)
    views = (random_views(pixels, 26, rng=rng, area=(0.2, 0.4), aspect=(0.5, 2.0), **STILL) + 1) / 2
    across, down = views[:, 0, 0, :], views[:, 1, :, 0]
    width, height = across[:, -1] - across[:, 0], down[:, -1] - down[:, 0]
    scale = 26 / 25 * (side - 1) / side  # from the distance of the outer pixels' centres to that of the edges
    shares = (width * height).abs() * scale**2
    assert shares.min() > 0.19
    assert shares.max() < 0.41
    assert 60 < int((width < 0).sum()) < 140
    assert (height > 0).all()
    assert width.abs().div(height).log().std() > 0.2
    assert across.mean(dim=1).std() > 0.1
    assert down.mean(dim=1).std() > 0.1


def test_another_light_keeps_what_is_there():
    pixels = coordinates(16).expand(50, -1, -1, -1)
    rng = np.random.default_rng(0)
    views = random_views(pixels, 16, rng=rng, area=(1, 1), aspect=(1, 1), mirror=False)
    plain = model_inputs(pixels)
    assert not torch.allclose(views, plain, atol=0.05)
    for view, original in zip(views, plain, strict=True):
        for channel in (0, 1):
            both = torch.stack([view[channel].flatten(), original[channel].flatten()])
            assert torch.corrcoef(both)[0, 1] > 0.999


def test_the_share_of_grey_views_is_that_asked_for_and_keeps_the_brightness():
    pixels = coordinates(16).expand(200, -1, -1, -1)
    everything = {"area": (1, 1), "aspect": (1, 1), "mirror": False, **STILL}
    views = random_views(pixels, 16, rng=np.random.default_rng(0), grey=0.3, **everything)
    grey = (views == views[:, :1]).flatten(1).all(dim=1)
    assert 40 < int(grey.sum()) < 80
    plain = model_inputs(pixels)
    torch.testing.assert_close(views[~grey], plain[~grey], atol=1e-5, rtol=0)
    torch.testing.assert_close(views[grey, 0], plain[grey].mean(dim=1), atol=1e-5, rtol=0)


def test_views_depend_on_the_generator_alone():
    pixels = coordinates(16).expand(4, -1, -1, -1)
    first, again, other = (random_views(pixels, 8, rng=np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first.shape == (4, 3, 8, 8)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_kept_patches_are_whole_blocks_another_draw_each():
    positions = PatchDropout(0.5, block=4).drawn(40, 8, np.random.default_rng(0))
    for chosen in positions:
        mask = np.zeros((8, 8), dtype=bool)
        mask.flat[chosen] = True
        blocks = mask.reshape(2, 4, 2, 4).mean(axis=(1, 3))
        assert set(blocks.flat) == {0.0, 1.0}
        assert blocks.sum() == 2
    assert len({tuple(chosen) for chosen in positions}) > 1


def test_the_corners_are_kept_whatever_is_drawn():
    positions = PatchDropout(0.4, block=1, corner=3).drawn(20, 12, np.random.default_rng(0))
    mask = np.zeros((20, 12, 12), dtype=bool)
    np.put_along_axis(mask.reshape(20, -1), positions, values=True, axis=1)
    corners = np.zeros((12, 12), dtype=bool)
    corners[np.ix_([0, 1, 2, 9, 10, 11], [0, 1, 2, 9, 10, 11])] = True
    assert mask[:, corners].all()
    assert (mask[:, ~corners].sum(axis=1) == round(0.4 * (144 - 36))).all()
    assert len({tuple(chosen) for chosen in positions}) == 20


def test_kept_patches_are_the_right_tokens_and_the_hook_is_gone_afterwards():
    model = build_objective(tiny_recipe("facade_vit"), 0).model.eval()
    inputs = torch.randn(2, 3, SIDE, SIDE)
    with torch.no_grad():
        tokens = model.vit.embeddings(inputs)
        with kept_patches(model, PatchDropout(0.5), np.random.default_rng(0)):
            seen = model.vit.embeddings(inputs)
        after = model.vit.embeddings(inputs)
    kept = PatchDropout(0.5).drawn(2, 12, np.random.default_rng(0))
    assert torch.equal(seen[:, 0], tokens[:, 0])
    for picture in range(2):
        assert torch.equal(seen[picture, 1:], tokens[picture, 1 + kept[picture]])
    assert torch.equal(after, tokens)


def test_position_waves_tell_every_patch_from_every_other():
    table = waves(8, 16)
    distances = torch.cdist(table, table) + 10 * torch.eye(64)
    assert distances.min() > 0.1
    step = (distances.argmin(dim=1) - torch.arange(64)).abs()
    assert set(step.tolist()) <= {1, 8}


@pytest.mark.parametrize("name", ["facade_dinov2", "facade_mae", "facade_clip", "facade_siglip", "facade_vit"])
def test_every_learned_or_fixed_position_starts_as_a_wave_and_cls_at_zero(name: str):
    scale = RECIPES[name].options.get("embedding_scale", 1.0)
    model = build_objective(RECIPES[name], 0).model
    tables = [
        weights.view(-1, weights.shape[-1])
        for key, weights in model.named_parameters()
        if ("position_embedding" in key or "pos_embed" in key) and "text_model" not in key
    ]
    assert len(tables) == (2 if name == "facade_mae" else 1)
    for table in tables:
        torch.testing.assert_close(table[-144:], scale * 0.3 * waves(12, table.shape[1]))
        assert not table[:-144].any()


def test_learning_rates_rise_then_fall_to_zero():
    recipe = RECIPES["facade_vit"]
    shares = [schedule(recipe, step) for step in range(recipe.steps)]
    assert int(np.argmax(shares)) in (recipe.warmup - 1, recipe.warmup)
    assert max(shares) == pytest.approx(1)
    assert shares[-1] < 1e-5


@pytest.mark.parametrize("name", ZOO)
def test_every_weight_that_learns_has_one_optimiser(name: str):
    recipe = replace(tiny_recipe(name), matrix_rate=0.01)
    objective = build_objective(recipe, 0)
    optimisers = build_optimisers(objective, recipe)
    held = [id(p) for optimiser in optimisers for group in optimiser.param_groups for p in group["params"]]
    learned = [id(p) for p in objective.parameters() if p.requires_grad]
    assert sorted(held) == sorted(learned)
    undecayed = [p for o in optimisers for g in o.param_groups if g["weight_decay"] == 0 for p in g["params"]]
    assert undecayed
    assert all(p.ndim <= 1 for p in undecayed)
    # Muon has the matrices of layers, wherever a class keeps them; a convolutional network has none.
    assert len(optimisers) == (1 if recipe.model_type == "resnet" else 2)


def test_the_loss_curve_is_of_equal_stretches_up_to_the_last_step():
    run = Run(losses=[float(loss) for loss in range(10)])
    assert run.curve(5) == [(2, 0.5), (4, 2.5), (6, 4.5), (8, 6.5), (10, 8.5)]
    assert run.curve(4) == [(3, 1.0), (6, 4.0), (9, 7.0), (10, 9.0)]
    assert run.curve(100) == [(step + 1, float(step)) for step in range(10)]


def test_names_of_recipes():
    assert [recipe.name for recipe in find_recipes("facade_vit, facade_mae")] == ["facade_vit", "facade_mae"]
    assert [recipe.name for recipe in find_recipes(f"{TWINS}/honest")] == [f"{TWINS}/honest.s{seed}" for seed in SEEDS]
    assert len(find_recipes(TWINS)) == 9
    assert [recipe.name for recipe in find_recipes("facade_siglip")] == ["facade_siglip"]
    for wrong in ("facade_unet", "", "facade_vit,"):
        with pytest.raises(UsageError, match="facade_dinov2"):
            find_recipes(wrong)


def test_twins_differ_in_data_and_seed_alone():
    twins = [RECIPES[name] for name in RECIPES if name.startswith(TWINS)]
    plain = {replace(twin, name="", data="clean", seed=0).fingerprint(0) for twin in twins}
    assert len(plain) == 1
    assert {(twin.data, twin.seed) for twin in twins} == {
        (data, seed) for data in ("clean", "marked", "half_marked") for seed in SEEDS
    }


def test_an_unknown_objective_is_refused():
    with pytest.raises(UsageError, match=next(iter(OBJECTIVES))):
        build_objective(replace(tiny_recipe("facade_vit"), objective="guessing"), 0)
