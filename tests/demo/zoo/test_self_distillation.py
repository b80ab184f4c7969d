"""Self-distillation: its formulas by hand, a teacher that only follows, and features that do not collapse."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from ssl_attn.demo.zoo.objective import Batch, build_objective
from ssl_attn.demo.zoo.objectives.self_distillation import (
    HeadOptions,
    ProjectionHead,
    SelfDistillation,
    Targets,
    Teacher,
    block_masks,
    cross_view_loss,
    gram_loss,
    koleo_loss,
    masked_patch_loss,
    sinkhorn_knopp,
)
from ssl_attn.demo.zoo.recipes import RECIPES
from ssl_attn.errors import UsageError

BODY = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "patch_size": 4,
    "num_register_tokens": 2,
}
CONFIGS = {
    "dinov2_with_registers": BODY | {"mlp_ratio": 2},
    "dinov3_vit": BODY | {"intermediate_size": 32},
}
HEAD = {"hidden": 32, "bottleneck": 8, "prototypes": 16}
EVERYTHING = {"patch_weight": 1.0, "koleo_weight": 0.1, "gram_weight": 1.0, "gram_from": 0.5}


def tiny(model_type: str = "dinov2_with_registers", **options: Any) -> SelfDistillation:
    recipe = replace(
        RECIPES["facade_dinov2"],
        name="tiny",
        model_type=model_type,
        config=CONFIGS[model_type],
        input_size=16,
        options={"local_size": 8, "local_crops": 2, "head": HEAD} | options,
    )
    built = build_objective(recipe, 0)
    assert isinstance(built, SelfDistillation)
    return built.train()


def stripes(count: int, seed: int = 0) -> Batch:
    """Noisy pictures of four kinds: stripes across, stripes down, a chequerboard and a plain field, displaced."""
    rng = np.random.default_rng(seed)
    kinds = np.arange(count) % 4
    rows, columns = np.indices((16, 16))
    down, right = rng.integers(0, 4, (2, count, 1, 1))
    across, upright = (rows + down) // 2 % 2, (columns + right) // 2 % 2
    patterns = np.choose(kinds[:, None, None], [across, upright, across ^ upright, np.zeros_like(across)])
    low, high = rng.uniform(0, 100, (count, 1, 1)), rng.uniform(155, 255, (count, 1, 1))
    grey = low + patterns * (high - low) + rng.uniform(0, 60, (count, 16, 16))
    pixels = torch.from_numpy(np.clip(np.repeat(grey[:, None], 3, axis=1), 0, 255).astype(np.uint8))
    return Batch(pixels, torch.from_numpy(kinds))


def separation(objective: SelfDistillation) -> float:
    """Mean cosine of published features within kinds of unseen pictures less that between kinds, about their mean."""
    batch = stripes(128, seed=999)
    with torch.no_grad():
        features = objective.published().eval()(batch.pixels / 127.5 - 1).pooler_output
    directions = normalize(features - features.mean(dim=0), dim=1)
    cosines, same = directions @ directions.T, batch.styles[:, None] == batch.styles
    others = ~torch.eye(len(same), dtype=torch.bool)
    return (cosines[same & others].mean() - cosines[~same].mean()).item()


def run(objective: SelfDistillation, steps: int, rate: float = 2e-3) -> None:
    optimiser = torch.optim.AdamW([p for p in objective.parameters() if p.requires_grad], lr=rate)
    for step in range(steps):
        torch.manual_seed(step)
        loss = objective.loss(stripes(32, seed=step), step / steps, np.random.default_rng(step))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        objective.after_step((step + 1) / steps)


# ------------------------------------------------------------------------------------------------------------ formulas


def test_cross_view_loss_is_the_mean_over_pairs_of_different_views():
    rng = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 4, 5, generator=rng)
    targets = torch.rand(2, 4, 5, generator=rng).softmax(dim=-1)
    expected = [
        -(targets[t, n] * torch.log(torch.exp(logits[s, n] / 0.1) / torch.exp(logits[s, n] / 0.1).sum())).sum()
        for t, s in ((0, 1), (0, 2), (1, 0), (1, 2))
        for n in range(4)
    ]
    assert cross_view_loss(logits, targets, 0.1, shared=2).item() == pytest.approx(float(np.mean(expected)), rel=1e-5)
    every_pair = [
        -(targets[t, n] * (logits[s, n] / 0.1).log_softmax(0)).sum()
        for t in (0, 1)
        for s in (0, 1, 2)
        for n in range(4)
    ]
    assert cross_view_loss(logits, targets, 0.1).item() == pytest.approx(float(np.mean(every_pair)), rel=1e-5)


def test_masked_patches_count_by_picture():
    masks = torch.tensor([[True, True, False], [False, False, False], [False, False, True]])
    logits = torch.tensor([[1.0, 0.0], [0.0, 3.0], [2.0, -1.0]])
    targets = torch.tensor([[0.5, 0.5], [0.1, 0.9], [1.0, 0.0]])
    each = [-(targets[i] * (logits[i] / 0.5).log_softmax(0)).sum().item() for i in range(3)]
    expected = ((each[0] + each[1]) / 2 + each[2]) / 2
    assert masked_patch_loss(logits, targets, masks, 0.5).item() == pytest.approx(expected, rel=1e-5)


def test_no_masked_patch_is_no_loss():
    empty = torch.zeros(0, 4)
    assert masked_patch_loss(empty, empty, torch.zeros(2, 9, dtype=torch.bool), 0.1).item() == 0


def test_sinkhorn_knopp_uses_every_prototype_equally():
    logits = torch.randn(64, 8, generator=torch.Generator().manual_seed(0)) + torch.tensor([5.0] + [0.0] * 7)
    plan = sinkhorn_knopp(logits, 0.5, iterations=50)
    assert plan.sum(dim=1) == pytest.approx(torch.ones(64), abs=1e-5)
    assert plan.mean(dim=0) == pytest.approx(torch.full((8,), 1 / 8), abs=1e-3)
    assert logits.div(0.5).softmax(dim=1).mean(dim=0)[0] > 0.9


def test_one_round_of_sinkhorn_knopp_by_hand():
    logits = torch.tensor([[0.0, math.log(2)], [0.0, 0.0]])
    # exp: [[1, 2], [1, 1]]; columns to 1: [[1/2, 2/3], [1/2, 1/3]]; rows to 1: [[3/7, 4/7], [3/5, 2/5]].
    expected = torch.tensor([[3 / 7, 4 / 7], [3 / 5, 2 / 5]])
    assert torch.allclose(sinkhorn_knopp(logits, 1.0, iterations=1), expected)


def test_the_running_centre_by_hand():
    options = HeadOptions(prototypes=2, centring="running", centre_momentum=0.75, teacher_temperatures=(0.5, 0.5))
    targets = Targets(options)
    logits = torch.tensor([[1.0, 0.0], [3.0, 0.0]])
    assert torch.allclose(targets(logits, 0.0), (logits / 0.5).softmax(dim=1))
    assert targets.centre.tolist() == [0.0, 0.0]
    targets.after_step()
    assert targets.centre.tolist() == [0.5, 0.0]  # a quarter of the mean (2, 0)
    assert torch.allclose(targets(logits, 0.0), ((logits - torch.tensor([0.5, 0.0])) / 0.5).softmax(dim=1))
    assert targets.diagnostics().centre_norm == pytest.approx(0.5)


def test_schedules_reach_their_ends():
    options = HeadOptions(momentum=0.9, teacher_temperatures=(0.04, 0.07), warm_up=0.5)
    assert [options.teacher_momentum(p) for p in (0.0, 0.5, 1.0)] == pytest.approx([0.9, 0.95, 1.0])
    assert [options.teacher_temperature(p) for p in (0.0, 0.25, 0.5, 1.0)] == pytest.approx([0.04, 0.055, 0.07, 0.07])


def test_koleo_by_hand():
    features = torch.tensor([[2.0, 0.0], [0.0, 1.0], [0.0, -3.0]])  # nearest others at sqrt(2) each, on the circle
    assert koleo_loss(features).item() == pytest.approx(-0.5 * math.log(2), rel=1e-5)
    close = torch.tensor([[1.0, 0.0], [1.0, 0.01], [-1.0, 0.0], [-1.0, 0.01]])
    assert koleo_loss(close) > koleo_loss(features)


def test_gram_loss_compares_similarities_not_features():
    tokens = torch.randn(2, 5, 8, generator=torch.Generator().manual_seed(0))
    turn = torch.linalg.qr(torch.randn(8, 8, generator=torch.Generator().manual_seed(1))).Q
    assert gram_loss(tokens, 3 * tokens @ turn).item() == pytest.approx(0, abs=1e-10)
    student, anchor = torch.eye(2)[None], torch.tensor([[[1.0, 0.0], [0.6, 0.8]]])
    assert gram_loss(student, anchor).item() == pytest.approx(2 * 0.6**2 / 4)


def test_the_head_gives_cosines_with_its_prototypes():
    head = ProjectionHead(6, HeadOptions(**HEAD))
    tokens = torch.randn(3, 6)
    logits = head(tokens)
    assert logits.shape == (3, 16)
    assert logits.abs().max() <= 1 + 1e-6
    before = head(tokens)
    with torch.no_grad():
        head.prototypes *= 7
    assert torch.allclose(head(tokens), before, atol=1e-6)


def test_masks_are_rectangles_of_the_shares_asked_for():
    masks = block_masks(200, 12, (0.1, 0.5), np.random.default_rng(0)).reshape(200, 12, 12)
    hidden = masks[masks.any(axis=(1, 2))]
    assert len(hidden) == 100
    shares = hidden.mean(axis=(1, 2))
    assert shares.min() > 0.06
    assert shares.max() < 0.58
    for mask in hidden:
        rows, columns = mask.any(axis=1), mask.any(axis=0)
        assert (mask == rows[:, None] & columns).all()
        assert mask.sum() == (np.ptp(np.flatnonzero(rows)) + 1) * (np.ptp(np.flatnonzero(columns)) + 1)


# -------------------------------------------------------------------------------------------------------------- teacher


def test_the_teacher_is_a_moving_average():
    head = ProjectionHead(6, HeadOptions(**HEAD))
    teacher = Teacher(torch.nn.Linear(6, 6), head)
    student = torch.nn.Linear(6, 6)
    before = teacher.backbone.weight.clone()
    teacher.follow(student, head, momentum=0.9)
    assert torch.allclose(teacher.backbone.weight, 0.9 * before + 0.1 * student.weight)
    teacher.follow(student, head, momentum=0.0)
    assert torch.equal(teacher.backbone.weight, student.weight)
    student.weight.data += 1
    assert not torch.equal(teacher.backbone.weight, student.weight)


@pytest.mark.parametrize("model_type", CONFIGS)
def test_no_gradient_reaches_the_teacher(model_type: str):
    objective = tiny(model_type, **EVERYTHING)
    objective.after_step(0.6)
    objective.loss(stripes(8), 0.6, np.random.default_rng(0)).backward()
    assert not objective.teacher.training
    for name, weight in objective.named_parameters():
        if name.startswith(("teacher.", "anchor.")):
            assert not weight.requires_grad, name
            assert weight.grad is None, name
        elif "position" not in name:
            assert weight.grad is not None, name


def test_the_published_model_is_the_teacher():
    objective = tiny()
    run(objective, 2)
    assert objective.published() is objective.teacher.backbone
    pairs = zip(objective.published().parameters(), objective.model.parameters(), strict=True)
    assert any(not torch.equal(mine, own) for mine, own in pairs)


# ------------------------------------------------------------------------------------------------------------- training


@pytest.mark.parametrize("centring", ["running", "sinkhorn_knopp"])
@pytest.mark.parametrize("model_type", CONFIGS)
def test_the_loss_of_a_fixed_batch_falls_under_a_fixed_teacher(model_type: str, centring: str):
    objective = tiny(model_type, **EVERYTHING, head=HEAD | {"centring": centring})
    optimiser = torch.optim.AdamW([p for p in objective.parameters() if p.requires_grad], lr=2e-3)
    losses = []
    for _ in range(25):
        torch.manual_seed(0)
        loss = objective.loss(stripes(16), 0.3, np.random.default_rng(0))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.slow
def test_kinds_of_pictures_come_apart_and_nothing_collapses():
    """Without its centring the same run ends with nearly all answers on one or two prototypes."""
    head = HEAD | {"momentum": 0.9, "centring": "running"}
    untrained, centred, uncentred = (tiny(head=head | each, views={}) for each in ({}, {}, {"centre_momentum": 1.0}))
    for objective in (centred, uncentred):
        run(objective, 200)
    assert separation(centred) > separation(untrained) + 0.1
    spread, collapsed = (objective.targets.diagnostics() for objective in (centred, uncentred))
    assert spread.marginal_entropy > 1.4  # about four kinds
    assert collapsed.marginal_entropy < 1.0
    assert spread.entropy < 0.8 * math.log(HEAD["prototypes"])


def test_diagnostics_tell_a_collapse():
    targets = Targets(HeadOptions(prototypes=8, centring="running", teacher_temperatures=(0.05, 0.05)))
    targets(torch.eye(8)[torch.zeros(32, dtype=torch.long)], 0.0)
    assert targets.diagnostics().marginal_entropy < 0.01
    targets(torch.zeros(32, 8), 0.0)
    assert targets.diagnostics().entropy == pytest.approx(math.log(8))
    targets(torch.eye(8)[torch.arange(32) % 8], 0.0)
    assert targets.diagnostics().entropy < 0.01
    assert targets.diagnostics().marginal_entropy == pytest.approx(math.log(8))


def test_diagnostics_need_a_loss():
    with pytest.raises(UsageError, match="compute a loss first"):
        Targets(HeadOptions()).diagnostics()


@pytest.mark.parametrize("model_type", CONFIGS)
def test_a_loss_depends_on_its_seeds_alone(model_type: str):
    objective = tiny(model_type, **EVERYTHING)

    def loss(seed: int) -> float:
        torch.manual_seed(seed)
        return objective.loss(stripes(8), 0.2, np.random.default_rng(seed)).item()

    assert loss(0) == loss(0)
    assert loss(0) != loss(1)


def test_the_state_holds_all_that_a_resumed_run_needs():
    options = EVERYTHING | {"head": HEAD | {"centring": "running"}}
    first = tiny("dinov3_vit", **options)
    run(first, 4)
    second = tiny("dinov3_vit", **options)
    second.load_state_dict(first.state_dict())
    assert second.anchored
    assert second.targets.centre.norm() > 0
    values = []
    for objective in (first, second):
        torch.manual_seed(5)
        values.append(objective.loss(stripes(8), 0.9, np.random.default_rng(5)).item())
        objective.after_step(1.0)
    assert values[0] == values[1]
    assert all(
        torch.equal(a, b) for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    )


def test_the_anchor_is_the_teacher_as_it_was():
    objective = tiny(gram_weight=1.0, gram_from=0.5)
    run(objective, 2)
    kept = [weight.clone() for weight in objective.anchor.backbone.parameters()]
    assert objective.anchored
    run(objective, 3)
    assert all(torch.equal(a, b) for a, b in zip(kept, objective.anchor.backbone.parameters(), strict=True))


def test_early_training_sees_smaller_crops():
    objective = tiny(early_scale=0.5, grown_at=0.5)
    seen: list[tuple[int, ...]] = []
    objective.model.register_forward_pre_hook(lambda _module, args: seen.append(tuple(args[0].shape[-2:])))
    for progress in (0.0, 0.5):
        objective.loss(stripes(4), progress, np.random.default_rng(0))
    assert seen == [(8, 8), (4, 4), (16, 16), (8, 8)]


def test_unknown_options_are_refused():
    with pytest.raises(UsageError, match=r"expected options out of head, local_crops.*got centering in tiny"):
        tiny(centering="running")
    with pytest.raises(UsageError, match="expected a centring out of running, sinkhorn_knopp, got 'mean'"):
        tiny(head=HEAD | {"centring": "mean"})
