"""Where a ViT starts from: it is told the layout of its patch grid, which a few thousand pictures teach too slowly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from transformers import ViTForImageClassification

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
def start_positions(model: ViTForImageClassification) -> None:
    """Set the position embeddings to waves, that of CLS to zero, and give the patches' content about the same size."""
    embeddings, config = model.vit.embeddings, model.config
    embeddings.position_embeddings.zero_()
    embeddings.position_embeddings[0, 1:] = _POSITION_SIZE * waves(
        config.image_size // config.patch_size, config.hidden_size
    )
    embeddings.patch_embeddings.projection.weight.normal_(0.0, _PATCH_SCALE)
