"""Training a ViT on some of its patches: most of the cost saved, and nothing to lean on too heavily."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from torch import nn
    from transformers import PreTrainedModel

BLOCK = 4
"""Side of the square blocks that are kept or dropped as a whole, in patches: inside them neighbours stay together."""


@dataclass(slots=True)
class Kept:
    """Which patches the last forward pass saw: positions `(pictures, patches)` in raster order, None when all."""

    positions: torch.Tensor | None = None


def drawn_blocks(pictures: int, side: int, share: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """Positions `(pictures, patches)` of the patches in a random `share` of the blocks of a `side` x `side` grid."""
    blocks = side // BLOCK
    chosen = rng.random((pictures, blocks**2)).argsort(axis=1)[:, : max(1, round(share * blocks**2))]
    rows = (chosen // blocks * BLOCK)[:, :, None, None] + np.arange(BLOCK)[:, None]
    columns = (chosen % blocks * BLOCK)[:, :, None, None] + np.arange(BLOCK)
    positions: NDArray[np.int64] = (rows * side + columns).reshape(pictures, -1)
    return np.sort(positions, axis=1)


@contextmanager
def kept_patches(model: PreTrainedModel, share: float, rng: np.random.Generator) -> Iterator[Kept]:
    """While open, the ViT sees CLS and the patches of a random `share` of blocks, another draw for each picture.

    A share of 1, or a model without patch embeddings, is left as it is.
    """
    kept = Kept()
    embeddings: nn.Module | None = getattr(getattr(model, "vit", None), "embeddings", None)
    if embeddings is None or share >= 1:
        yield kept
        return

    def drop(_module: nn.Module, _inputs: tuple[object, ...], tokens: torch.Tensor) -> torch.Tensor:
        pictures, length, width = tokens.shape
        kept.positions = torch.from_numpy(drawn_blocks(pictures, round((length - 1) ** 0.5), share, rng))
        patches = tokens[:, 1:].gather(1, kept.positions[:, :, None].expand(-1, -1, width))
        return torch.cat([tokens[:, :1], patches], dim=1)

    handle = embeddings.register_forward_hook(drop)
    try:
        yield kept
    finally:
        handle.remove()
