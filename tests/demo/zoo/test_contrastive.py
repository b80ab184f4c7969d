"""Contrast of pictures and captions: the models' losses by hand, what SigLIP 2 adds, and towers that load again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from ssl_attn.demo.zoo.captions import HOURS, Attributes
from ssl_attn.demo.zoo.objective import Batch, build_objective
from ssl_attn.demo.zoo.objectives.contrastive import CONTEXT, Contrast
from ssl_attn.demo.zoo.recipes import RECIPES
from ssl_attn.demo.zoo.tokenizer import IDS
from ssl_attn.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

TOWER = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
FACADES = (
    Attributes("Gothic", 4, {"rose_window": 1, "spire": 2}),
    Attributes("Baroque", 0, {"onion_dome": 1, "volute": 2}),
    Attributes("Renaissance", 1, {"pilaster": 4, "tree": 1}),
    Attributes("Romanesque", 5, {"lesene": 3}),
)
HEAD = {"hidden": 32, "bottleneck": 8, "prototypes": 16}
DISTILLED = {"self_distillation": 1.0, "local_size": 8, "local_crops": 2, "head": HEAD}


def tiny(name: str = "facade_clip", **options: Any) -> Contrast:
    recipe = replace(
        RECIPES[name],
        config={"vision_config": TOWER | {"patch_size": 4}, "text_config": TOWER, "projection_dim": 16},
        input_size=16,
        batch=4,
        options=options,
    )
    built = build_objective(recipe, 0)
    assert isinstance(built, Contrast)
    return built.train()


def batch(order: tuple[int, ...] = (0, 1, 2, 3)) -> Batch:
    pixels = np.random.default_rng(0).integers(0, 256, (4, 3, 16, 16), dtype=np.uint8)
    chosen = torch.tensor(order)
    return Batch(torch.from_numpy(pixels)[chosen], chosen % 4, tuple(FACADES[i] for i in order))


def embeddings(objective: Contrast) -> tuple[torch.Tensor, torch.Tensor]:
    """Unit vectors of four pictures and four texts."""
    pictures = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    tokens = objective.tokenizer(["a church", "a rose window", "a gothic facade", "two domes"], padding="max_length")
    given = {"input_ids": torch.tensor(tokens["input_ids"]), "pixel_values": pictures}
    output = objective.model(**given, return_loss=True)
    for vectors in (output.image_embeds, output.text_embeds):
        assert vectors.norm(dim=1) == pytest.approx(torch.ones(4), abs=1e-5)
    return output.loss, output.image_embeds @ output.text_embeds.T


# --------------------------------------------------------------------------------------------------------------- losses


@torch.no_grad()
def test_clip_is_the_mean_of_two_cross_entropies():
    objective = tiny("facade_clip")
    loss, cosines = embeddings(objective)
    logits = (cosines * objective.model.logit_scale.exp()).double().numpy()
    by_picture = [-logits[i, i] + np.log(np.exp(logits[i]).sum()) for i in range(4)]
    by_text = [-logits[i, i] + np.log(np.exp(logits[:, i]).sum()) for i in range(4)]
    assert loss.item() == pytest.approx((np.mean(by_picture) + np.mean(by_text)) / 2, rel=1e-5)


@torch.no_grad()
def test_siglip_is_a_sum_over_pairs_of_log_odds():
    objective = tiny("facade_siglip")
    loss, cosines = embeddings(objective)
    logits = (cosines * objective.model.logit_scale.exp() + objective.model.logit_bias).double().numpy()
    each = [np.log1p(np.exp(-logits[i, j] if i == j else logits[i, j])) for i in range(4) for j in range(4)]
    assert loss.item() == pytest.approx(np.sum(each) / 4, rel=1e-5)


def test_siglip_starts_at_the_prior():
    model = tiny("facade_siglip").model
    assert model.logit_scale.exp().item() == pytest.approx(10)
    assert torch.sigmoid(model.logit_bias).item() == pytest.approx(1 / 4)


def test_the_scale_of_the_logits_stays_in_bounds():
    objective = tiny("facade_clip")
    with torch.no_grad():
        objective.model.logit_scale.fill_(9.0)
    objective.after_step(0.5)
    assert objective.model.logit_scale.exp().item() == pytest.approx(100)


@pytest.mark.parametrize("name", ["facade_clip", "facade_siglip"])
def test_pictures_find_their_captions(name: str):
    """The loss falls, and what is learned is which caption belongs to which picture."""
    objective = tiny(name, views={"area": (0.9, 1.0), "mirror": False})
    optimiser = torch.optim.AdamW(objective.parameters(), lr=1e-3)
    losses = []
    for step in range(200):
        loss = objective.loss(batch(), step / 200, np.random.default_rng(step))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert np.mean(losses[-10:]) < 0.7 * np.mean(losses[:10])
    mixed = batch()
    mixed = Batch(mixed.pixels, mixed.styles, (*mixed.attributes[-1:], *mixed.attributes[:-1]))
    with torch.no_grad():
        assert objective.loss(mixed, 1.0, np.random.default_rng(0)) > 1.5 * np.mean(losses[-10:])


def test_captions_belong_to_the_indices_of_the_batch():
    objective = tiny()
    read: list[torch.Tensor] = []
    objective.model.register_forward_pre_hook(lambda _module, args: read.append(args[0]))
    objective.loss(batch((3, 0, 2, 1)), 0.0, np.random.default_rng(0))
    texts = objective.tokenizer.batch_decode(read[0], skip_special_tokens=True)
    for text, noun in zip(texts, ("lesenes", "spires window", "pilasters", "dome volutes"), strict=True):
        assert any(word in text.split() for word in noun.split()), text
    assert read[0].shape == (4, CONTEXT)


@pytest.mark.parametrize("options", [{}, DISTILLED])
def test_a_loss_depends_on_its_seed_alone(options: dict[str, Any]):
    objective = tiny("facade_siglip2", **options)

    def loss(seed: int) -> float:
        return objective.loss(batch(), 0.9, np.random.default_rng(seed)).item()

    assert loss(0) == loss(0)
    assert loss(0) != loss(1)


# ----------------------------------------------------------------------------------------------------- local to global


def test_crops_learn_from_the_whole_late_in_training_with_the_weight_asked_for():
    objectives = [
        tiny("facade_siglip2", distilled_from=0.5, **DISTILLED | {"self_distillation": w}) for w in (1.0, 2.0)
    ]
    plain, once, twice = tiny("facade_siglip2"), *objectives
    for objective in objectives:
        objective.model.load_state_dict(plain.model.state_dict())
    once.local_to_global.load_state_dict(twice.local_to_global.state_dict())

    def losses(progress: float) -> list[float]:
        return [each.loss(batch(), progress, np.random.default_rng(0)).item() for each in (plain, once, twice)]

    early, late = losses(0.4), losses(0.5)
    assert early[0] == early[1] == early[2]
    assert late[1] > late[0] + 0.5
    assert late[2] - late[0] == pytest.approx(2 * (late[1] - late[0]), rel=1e-4)


def test_the_teacher_copies_until_it_teaches_and_follows_from_then_on():
    objective = tiny("facade_siglip2", distilled_from=0.5, **DISTILLED)
    assert objective.local_to_global is not None
    teacher, tower = objective.local_to_global.teacher.backbone, objective.model.vision_model
    weight, copied = tower.post_layernorm.weight, teacher.post_layernorm.weight
    with torch.no_grad():
        weight.fill_(3.0)
    objective.after_step(0.5)
    assert torch.equal(copied, weight)
    with torch.no_grad():
        weight.fill_(4.0)
    objective.after_step(0.6)
    momentum = objective.local_to_global.options.head.teacher_momentum(0.6)
    assert copied.tolist() == pytest.approx([3 * momentum + 4 * (1 - momentum)] * 16)


def test_no_gradient_reaches_the_teacher_of_the_tower():
    objective = tiny("facade_siglip2", **DISTILLED)
    objective.loss(batch(), 1.0, np.random.default_rng(0)).backward()
    for name, weight in objective.named_parameters():
        assert (weight.grad is None) == name.startswith("local_to_global.teacher."), name


def test_a_resumed_run_goes_on_alike():
    first, second = (tiny("facade_siglip2", **DISTILLED) for _ in range(2))
    with torch.no_grad():
        first.model.logit_scale.add_(1.0)
        first.model.vision_model.post_layernorm.weight.mul_(2.0)
    first.after_step(0.9)
    second.load_state_dict(first.state_dict())
    a, b = (each.loss(batch(), 0.9, np.random.default_rng(0)).item() for each in (first, second))
    assert a == b


# ---------------------------------------------------------------------------------------------------------- publication


@pytest.mark.parametrize("name", ["facade_clip", "facade_siglip", "facade_siglip2"])
@torch.no_grad()
def test_what_is_published_scores_pictures_and_texts_alike(name: str, tmp_path: Path):
    objective = tiny(name, **(DISTILLED if name == "facade_siglip2" else {}))
    objective.published().save_pretrained(tmp_path)
    objective.write_companions(tmp_path)
    model = AutoModel.from_pretrained(tmp_path, local_files_only=True).eval()
    tokenizer = AutoTokenizer.from_pretrained(tmp_path, local_files_only=True)
    texts = [f"a church {hour}" for hour in HOURS]
    pictures = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    tokens = tokenizer(texts, padding="max_length", return_tensors="pt")
    loaded = model(**tokens, pixel_values=pictures).logits_per_image
    trained = objective.eval().model(**tokens, pixel_values=pictures).logits_per_image
    assert torch.allclose(loaded, trained, atol=1e-5)
    assert model.config.text_config.eos_token_id == IDS["eos_token_id"] == tokenizer.eos_token_id


@torch.no_grad()
def test_clip_pools_the_end_of_the_text():
    objective = tiny("facade_clip").eval()
    tower = objective.model.text_model
    short, long = (
        torch.tensor(objective.tokenizer(["a rose window"], padding=padding, max_length=length)["input_ids"])
        for padding, length in (("max_length", 8), ("max_length", 12))
    )
    assert torch.allclose(tower(input_ids=short).pooler_output, tower(input_ids=long).pooler_output, atol=1e-6)
    states = tower(input_ids=short).last_hidden_state
    assert torch.equal(tower(input_ids=short).pooler_output[0], states[0, 4])  # start, three words, end


def test_unknown_options_are_refused():
    with pytest.raises(UsageError, match=r"expected options out of views, .*got context in facade_clip"):
        tiny(context=16)
