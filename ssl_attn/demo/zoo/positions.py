"""Where an image tower starts from: it is told the layout of its patch grid, which takes many pictures to learn."""

from __future__ import annotations

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
def start_positions(vision: PreTrainedModel) -> None:
    """Set an image tower's position embeddings to waves, that of CLS to zero, and let patches count about as much.

    A tower without learned positions, such as one that rotates queries and keys, keeps its own.
    """
    config = vision.config
    side = config.image_size // config.patch_size
    for name, weights in vision.named_parameters():
        if "position_embedding" in name and weights.requires_grad:
            tokens = weights.view(-1, config.hidden_size)
            tokens.zero_()
            tokens[-(side**2) :] = _POSITION_SIZE * waves(side, config.hidden_size)
    patches = next(module for module in vision.modules() if isinstance(module, nn.Conv2d))
    patches.weight.normal_(0.0, _PATCH_SCALE)
