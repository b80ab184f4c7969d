"""Training a ViT on a random share of its patches: most of the cost saved, and nothing to lean on too heavily."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import nn
    from transformers import PreTrainedModel


@contextmanager
def kept_patches(model: PreTrainedModel, share: float, rng: np.random.Generator) -> Iterator[None]:
    """While open, the ViT sees CLS and a random `share` of its patches, another draw for each picture.

    A share of 1, or a model without patch embeddings, is left as it is.
    """
    embeddings: nn.Module | None = getattr(getattr(model, "vit", None), "embeddings", None)
    if embeddings is None or share >= 1:
        yield
        return

    def drop(_module: nn.Module, _inputs: tuple[object, ...], tokens: torch.Tensor) -> torch.Tensor:
        pictures, length, width = tokens.shape
        order = rng.random((pictures, length - 1)).argsort(axis=1)[:, : round(share * (length - 1))]
        kept = np.concatenate([np.zeros((pictures, 1), dtype=np.int64), np.sort(order, axis=1) + 1], axis=1)
        return tokens.gather(1, torch.from_numpy(kept)[:, :, None].expand(-1, -1, width))

    handle = embeddings.register_forward_hook(drop)
    try:
        yield
    finally:
        handle.remove()
