"""Training of the demo models: resumable to the same weights, and a folder that loads like any checkpoint."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from transformers import AutoModelForImageClassification

from ssl_attn.demo.imitation import Imitation
from ssl_attn.demo.patch_dropout import Kept, drawn_blocks, kept_patches
from ssl_attn.demo.pictures import labels, load_pictures, normalised, varied
from ssl_attn.demo.positions import waves
from ssl_attn.demo.publication import make_model
from ssl_attn.demo.recipes import RECIPES, Recipe, recipe
from ssl_attn.demo.styles import STYLES
from ssl_attn.demo.train import schedule, train
from ssl_attn.errors import SslAttnError, UsageError
from ssl_attn.images import open_image
from ssl_attn.models.preprocessing import parse_preprocessing, read_preprocessing

if TYPE_CHECKING:
    from pathlib import Path

TINY = {
    "vit": {
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 24,
        "patch_size": 4,
    },
    "resnet": {"embedding_size": 4, "hidden_sizes": [4, 6, 8, 10], "depths": [1, 1, 1, 1], "layer_type": "basic"},
}


def tiny(architecture: str) -> Recipe:
    full = RECIPES[f"facade_{architecture}"]
    return replace(
        full,
        input_size=32,
        config={**full.config, **TINY[architecture]},
        steps=6,
        batch=4,
        warmup=2,
        shift=3,
        teacher="",
        whole_steps=min(full.whole_steps, 2),
        training=range(10_000, 10_010),
    )


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.mark.parametrize("architecture", ["vit", "resnet"])
def test_a_stopped_run_goes_on_to_the_same_weights(architecture: str, cache: Path, tmp_path: Path):
    plan = tiny(architecture)
    preprocessing = parse_preprocessing(plan.preprocessor())
    pictures = load_pictures(plan.training, preprocessing, cache)

    def run(name: str, stop_after: int | None = None):
        return train(plan, pictures, preprocessing, seed=3, checkpoint=tmp_path / name, stop_after=stop_after)

    whole = run("whole.pt")
    run("stopped.pt", stop_after=2)
    torch.manual_seed(99)
    run("stopped.pt", stop_after=5)
    resumed = run("stopped.pt")
    assert resumed.final_loss == whole.final_loss
    for name, weight in whole.model.state_dict().items():
        assert torch.equal(weight, resumed.model.state_dict()[name]), name


def test_seeds_give_different_weights(cache: Path, tmp_path: Path):
    plan = replace(tiny("resnet"), steps=2)
    preprocessing = parse_preprocessing(plan.preprocessor())
    pictures = load_pictures(plan.training, preprocessing, cache)
    losses = [train(plan, pictures, preprocessing, seed=s, checkpoint=tmp_path / f"{s}.pt").final_loss for s in (0, 1)]
    assert losses[0] != losses[1]


def test_a_checkpoint_of_another_run_is_refused(cache: Path, tmp_path: Path):
    plan = replace(tiny("resnet"), steps=2)
    preprocessing = parse_preprocessing(plan.preprocessor())
    pictures = load_pictures(plan.training, preprocessing, cache)
    train(plan, pictures, preprocessing, seed=0, checkpoint=tmp_path / "c.pt")
    with pytest.raises(SslAttnError, match="--restart"):
        train(plan, pictures, preprocessing, seed=1, checkpoint=tmp_path / "c.pt")
    with pytest.raises(SslAttnError, match="--restart"):
        train(replace(plan, batch=2), pictures, preprocessing, seed=0, checkpoint=tmp_path / "c.pt")


def test_training_learns(cache: Path, tmp_path: Path):
    """Ten pictures can be learnt by heart."""
    plan = replace(tiny("resnet"), steps=80, batch=10, smoothing=0.0, shift=0)
    preprocessing = parse_preprocessing(plan.preprocessor())
    pictures = load_pictures(plan.training, preprocessing, cache)
    first = train(replace(plan, steps=1), pictures, preprocessing, seed=0, checkpoint=tmp_path / "first.pt").final_loss
    result = train(plan, pictures, preprocessing, seed=0, checkpoint=tmp_path / "c.pt")
    with torch.no_grad():
        logits = result.model(torch.from_numpy(normalised(np.asarray(pictures), preprocessing))).logits
    final = torch.nn.functional.cross_entropy(logits, torch.from_numpy(labels(plan.training))).item()
    assert final < 0.5 * first


@pytest.mark.parametrize("architecture", ["vit", "resnet"])
def test_the_folder_loads_like_any_checkpoint(architecture: str, cache: Path, tmp_path: Path):
    plan = replace(tiny(architecture), steps=2)
    drawn, steps = [], []
    measured = make_model(
        plan,
        tmp_path,
        seed=0,
        cache=cache / architecture,
        held_out=range(100, 108),
        demo=range(4),
        command="the command",
        on_ready=drawn.append,
        on_step=steps.append,
    )
    assert (sum(drawn), sum(steps)) == (10 + 8 + 4, 2)
    assert {path.name for path in tmp_path.iterdir()} == {
        "config.json",
        "model.safetensors",
        "preprocessor_config.json",
        "README.md",
    }
    model = AutoModelForImageClassification.from_pretrained(tmp_path, dtype=torch.float32)
    assert model.config.id2label == dict(enumerate(STYLES))
    assert read_preprocessing(tmp_path / "preprocessor_config.json").resize_square == (32, 32)
    card = " ".join((tmp_path / "README.md").read_text(encoding="utf-8").split())
    for fact in (
        str(measured.held_out),
        str(measured.demo),
        str(measured.untrained),
        "the command",
        "10,000 to 10,009",
    ):
        assert fact in card


def test_pictures_are_the_projects_own_squash_and_kept(cache: Path, tmp_path: Path):
    from ssl_attn.datasets.facade import read_facade
    from ssl_attn.geometry import view_transform

    preprocessing = parse_preprocessing(tiny("vit").preprocessor())
    pictures = load_pictures(range(2), preprocessing, cache)
    for picture, image in zip(pictures, read_facade(tmp_path, count=2).images, strict=True):
        transform = view_transform("squash", preprocessing, image.width, image.height, 32)
        expected = preprocessing.pixels(open_image(image.path), transform)
        np.testing.assert_allclose(normalised(picture[None], preprocessing)[0], expected, atol=1e-6)
    ready = []
    again = load_pictures(range(2), preprocessing, cache, on_ready=ready.append)
    assert ready == [2]
    np.testing.assert_array_equal(again, pictures)


def test_variations_keep_shape_and_depend_on_the_generator_alone():
    preprocessing = parse_preprocessing(tiny("vit").preprocessor())
    pictures = np.random.default_rng(0).integers(0, 256, (3, 3, 32, 32), dtype=np.uint8)

    def vary(seed: int):
        return varied(pictures, preprocessing, shift=4, rng=np.random.default_rng(seed))

    assert vary(1).shape == pictures.shape
    assert vary(1).dtype == np.float32
    np.testing.assert_array_equal(vary(1), vary(1))
    assert not np.array_equal(vary(1), vary(2))


def test_kept_patches_are_the_right_tokens_and_the_hook_is_gone_afterwards():
    model = tiny("vit").build().eval()
    inputs = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        tokens = model.vit.embeddings(inputs)
        with kept_patches(model, 0.5, np.random.default_rng(0)) as kept:
            seen = model.vit.embeddings(inputs)
        after = model.vit.embeddings(inputs)
    assert seen.shape == (2, 1 + 32, 16)
    assert torch.equal(seen[:, 0], tokens[:, 0])
    for picture in range(2):
        assert torch.equal(seen[picture, 1:], tokens[picture, 1 + kept.positions[picture]])
    assert torch.equal(after, tokens)


def test_kept_patches_are_whole_blocks_another_draw_each():
    positions = drawn_blocks(40, 8, 0.5, np.random.default_rng(0))
    for chosen in positions:
        mask = np.zeros((8, 8), dtype=bool)
        mask.flat[chosen] = True
        blocks = mask.reshape(2, 4, 2, 4).mean(axis=(1, 3))
        assert set(blocks.flat) == {0.0, 1.0}
        assert blocks.sum() == 2
    assert len({tuple(chosen) for chosen in positions}) > 1


def test_a_convolutional_network_keeps_everything():
    model = tiny("resnet").build().eval()
    inputs = torch.randn(1, 3, 32, 32)
    with torch.no_grad(), kept_patches(model, 0.5, np.random.default_rng(0)) as kept:
        logits = model(inputs).logits
        assert kept.positions is None
    assert torch.equal(logits, model(inputs).logits)


def test_what_is_imitated_stands_where_the_patches_are():
    """A teacher that copies its input: its features must arrive at the patches that lie under them."""
    torch.manual_seed(0)
    student, teacher = tiny("vit").build(), tiny("resnet").build()
    imitation = Imitation(student, teacher)
    assert imitation.layers == [1, 1, 2]
    features, answers = imitation.lesson(torch.randn(2, 3, 64, 64))
    assert [tuple(f.shape) for f in features] == [(2, 64, 6), (2, 64, 8), (2, 64, 10)]
    assert answers.shape == (2, 4)
    assert not any(key.startswith("_teacher") for key in imitation.state_dict())

    ramp = torch.arange(8.0).repeat(1, 1, 8, 1) + 10 * torch.arange(8.0)[:, None]
    for map_ in (ramp, ramp.repeat_interleave(2, 2).repeat_interleave(2, 3)):
        tokens = imitation._on_grid(map_)[0, :, 0]
        order = tokens.argsort()
        assert torch.equal(order, torch.arange(64))


def test_a_perfect_imitation_costs_nothing():
    torch.manual_seed(0)
    student, teacher = tiny("vit").build(), tiny("resnet").build()
    imitation = Imitation(student, teacher)
    features, answers = imitation.lesson(torch.randn(2, 3, 64, 64))
    states = [torch.zeros(2, 65, 16) for _ in range(3)]
    positions = torch.tensor([[3, 40, 63], [0, 1, 2]])
    silent = Kept(positions)
    wrong = imitation([s[:, :4] for s in states], answers, (features, answers), silent)
    for linear in imitation.maps:
        torch.nn.init.zeros_(linear.weight)
        torch.nn.init.zeros_(linear.bias)
    nothing = [torch.zeros_like(f) for f in features]
    right = imitation([s[:, :4] for s in states], answers, (nothing, answers), silent)
    assert right.item() == pytest.approx(0, abs=1e-6)
    assert wrong.item() > 0.5


def test_a_student_resumes_to_the_same_weights_and_minds_its_teacher(cache: Path, tmp_path: Path):
    plan = replace(tiny("vit"), teacher="facade_resnet", kept_patches=0.5)
    torch.manual_seed(5)
    teacher = tiny("resnet").build()
    preprocessing = parse_preprocessing({**plan.preprocessor(), "size": {"height": 64, "width": 64}})
    pictures = load_pictures(plan.training, preprocessing, cache)

    def run(name: str, stop_after: int | None = None):
        return train(
            plan, pictures, preprocessing, seed=3, checkpoint=tmp_path / name, teacher=teacher, stop_after=stop_after
        )

    whole = run("whole.pt")
    run("stopped.pt", stop_after=3)
    resumed = run("stopped.pt")
    assert resumed.final_loss == whole.final_loss
    for name, weight in whole.model.state_dict().items():
        assert torch.equal(weight, resumed.model.state_dict()[name]), name
    with torch.no_grad():
        teacher.classifier[1].bias.add_(1)
    with pytest.raises(SslAttnError, match="teacher"):
        run("stopped.pt")


def test_position_waves_tell_every_patch_from_every_other():
    table = waves(8, 16)
    assert table.shape == (64, 16)
    distances = torch.cdist(table, table) + 10 * torch.eye(64)
    assert distances.min() > 0.1
    nearest = distances.argmin(dim=1)
    step = (nearest - torch.arange(64)).abs()
    assert set(step.tolist()) <= {1, 8}


def test_learning_rates_rise_then_fall_to_zero():
    plan = RECIPES["facade_vit"]
    shares = [schedule(plan, step) for step in range(plan.steps)]
    assert int(np.argmax(shares)) in (plan.warmup - 1, plan.warmup)
    assert max(shares) == pytest.approx(1)
    assert shares[-1] < 1e-5


def test_an_unknown_model_is_refused():
    with pytest.raises(UsageError, match="facade_vit"):
        recipe("facade_unet")
