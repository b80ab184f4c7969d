"""Grad-CAM on the stages of a convolutional network (Selvaraju et al., ICCV 2017)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from ssl_attn.methods import FUSED
from ssl_attn.methods.maps import LayerMaps, Target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


def explained_scalars(logits: Tensor, target: str, labels: dict[int, str]) -> tuple[Tensor, tuple[Target, ...]]:
    """The scalar (B,) that each image's map explains, from `logits` (B, C), and its description.

    `predicted` takes the largest logit. `sum_logits` takes the sum of all: under softmax cross-entropy no gradient ever
    reaches that direction, so it says little; it is kept for comparison with earlier work.
    """
    if target == "sum_logits":
        scalars = logits.sum(dim=1)
        return scalars, tuple(Target("sum_logits", float(value)) for value in scalars.detach())
    scalars, classes = logits.max(dim=1)
    return scalars, tuple(
        Target(f"class:{labels.get(int(index), int(index))}", float(value))
        for index, value in zip(classes, scalars.detach(), strict=True)
    )


def gradcam_maps(stages: Sequence[Tensor], scalars: Tensor, targets: tuple[Target, ...]) -> list[LayerMaps]:
    """One map a stage: relu(sum over channels of (mean gradient) x activation).

    Images do not influence each other (normalisation layers are in evaluation mode), so one backward pass of the summed
    scalars gives every image's gradient. Departure from the publication: the map stays at the stage's own grid.

    Args:
        stages: activations (B, C, grid_h, grid_w), part of the graph that leads to `scalars`.
        scalars: what is explained, (B,).
        targets: descriptions of `scalars`, one an image.
    """
    gradients = torch.autograd.grad(scalars.sum(), list(stages), retain_graph=True)
    maps = []
    for index, (stage, gradient) in enumerate(zip(stages, gradients, strict=True)):
        weights = gradient.mean(dim=(2, 3), keepdim=True)
        values = (weights * stage).sum(dim=1, keepdim=True).relu().detach().float()
        masses = torch.full((len(stage), 1, 3), float("nan"), device=stage.device)
        maps.append(LayerMaps(index, (FUSED,), values, masses, targets))
    return maps
