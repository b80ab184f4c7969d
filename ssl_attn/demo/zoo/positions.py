"""Where an image tower starts from: it is told the layout of its patch grid, which takes many pictures to learn."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_LONGEST_WAVE = 100.0  # patches, over 2 pi
_POSITION_SIZE = 0.3  # amplitude of the waves
_PATCH_SCALE = 0.05  # standard deviation of the patch embedding's weights


def waves(side: int, width: int) -> torch.Tensor:
    """Sines and cosines of column and row `(side * side, width)`, wave lengths in geometric progression.

    After Vaswani et al. 2017, section 3.5, on both axes. `width` must be a multiple of 4.
    """
    quarter = width // 4
    rates = _LONGEST_WAVE ** -(torch.arange(quarter) / max(quarter - 1, 1))
    rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    across, down = columns.reshape(-1, 1) * rates, rows.reshape(-1, 1) * rates
    return torch.cat([across.sin(), across.cos(), down.sin(), down.cos()], dim=1)


@torch.no_grad()
def start_positions(model: PreTrainedModel, scale: float = 1.0) -> None:
    """Set the position embeddings of an image model to waves, that of CLS to zero; let patches count about as much.

    A decoder's are set too. A tower without any, such as one that rotates queries and keys, keeps its own way. Both are
    `scale` times their usual size: where layers start with large outputs and nothing normalises what enters the first,
    small embeddings drown in averages over the picture, and all patches become alike.
    """
    config = model.config
    patches = (config.image_size // config.patch_size) ** 2
    for name, weights in model.named_parameters():
        if "position_embedding" in name or "pos_embed" in name:
            tokens = weights.view(-1, weights.shape[-1])
            tokens.zero_()
            tokens[-patches:] = scale * _POSITION_SIZE * waves(math.isqrt(patches), weights.shape[-1])
    projection = next(module for module in model.modules() if isinstance(module, nn.Conv2d))
    projection.weight.normal_(0.0, scale * _PATCH_SCALE)
