"""A ViT that learns from a small convolutional network, patch by patch, what a few thousand labels teach too slowly.

After FitNets (Romero et al. 2015): tokens after some of the student's layers predict, through a linear map that is
thrown away afterwards, the teacher's features at the same place. The teacher was taught styles alone, so no box reaches
the student either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn.functional import adaptive_avg_pool2d, interpolate, kl_div, mse_loss

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers import PreTrainedModel

    from ssl_attn.demo.patch_dropout import Kept

STAGES = (2, 3, 4)
"""Stages of the teacher whose features the tokens predict at a third, two thirds and the end of the student."""

_SMALLEST_SPREAD = 1e-2


class Imitation(nn.Module):
    """The linear maps from a student's tokens to a teacher's features."""

    def __init__(self, student: PreTrainedModel, teacher: PreTrainedModel) -> None:
        super().__init__()
        layers = student.config.num_hidden_layers
        self.layers = [round(layers * (i + 1) / len(STAGES)) for i in range(len(STAGES))]
        self.side = student.config.image_size // student.config.patch_size
        widths = [teacher.config.hidden_sizes[stage - 1] for stage in STAGES]
        self.maps = nn.ModuleList(nn.Linear(student.config.hidden_size, width) for width in widths)
        self._teacher = (teacher.eval(),)  # in a tuple, so that its weights are not part of this module

    def lesson(self, inputs: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
        """The teacher's features `(n, patches, channels)` of each stage on the student's grid, and its logits."""
        with torch.no_grad():
            output = self._teacher[0](inputs, output_hidden_states=True)
        return [self._on_grid(output.hidden_states[stage]) for stage in STAGES], output.logits

    def forward(
        self,
        hidden_states: Sequence[torch.Tensor],
        logits: torch.Tensor,
        lesson: tuple[list[torch.Tensor], torch.Tensor],
        kept: Kept,
    ) -> torch.Tensor:
        """Mean squared errors of the features, each channel at unit variance, plus the divergence of the answers."""
        features, answers = lesson
        loss = kl_div(logits.log_softmax(dim=1), answers.softmax(dim=1), reduction="batchmean")
        for layer, linear, target in zip(self.layers, self.maps, features, strict=True):
            if kept.positions is not None:
                target = target.gather(1, kept.positions[:, :, None].expand(-1, -1, target.shape[2]))
            loss = loss + mse_loss(linear(hidden_states[layer][:, 1:]), target)
        return loss

    def _on_grid(self, features: torch.Tensor) -> torch.Tensor:
        if features.shape[-1] < self.side:
            features = interpolate(features, size=(self.side, self.side))
        tokens = adaptive_avg_pool2d(features, self.side).flatten(2).transpose(1, 2)
        mean, spread = tokens.mean(dim=(0, 1)), tokens.std(dim=(0, 1))
        return (tokens - mean) / (spread + _SMALLEST_SPREAD)
