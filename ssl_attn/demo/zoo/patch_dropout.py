"""Training a ViT on some of its patches: most of the cost saved, and nothing to lean on too heavily."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from ssl_attn.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from torch import nn
    from transformers import PreTrainedModel


@dataclass(frozen=True, slots=True)
class PatchDropout:
    """A random `share` of a grid's patches is kept, in blocks of `block` x `block`, whose neighbours stay together.

    The squares of `corner` x `corner` patches in the four corners are kept besides, whatever is drawn.
    """

    share: float = 1.0
    block: int = 4
    corner: int = 0

    def __post_init__(self) -> None:
        if self.corner % self.block:
            message = f"expected corners of whole blocks, got {self.corner} patches with blocks of {self.block}"
            raise UsageError(message)

    def drawn(self, pictures: int, side: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Positions `(pictures, patches)`, in order, of the patches that are kept of a `side` x `side` grid.

        Raises:
            UsageError: the blocks do not divide the grid.
        """
        if side % self.block:
            message = f"expected blocks that divide a side of {side} patches, got blocks of {self.block}"
            raise UsageError(message)
        rows, columns = np.divmod(np.arange(side * side), side)
        edge = [np.minimum(line, side - 1 - line) < self.corner for line in (rows, columns)]
        always = edge[0] & edge[1]
        blocks = rows // self.block * side + columns // self.block
        free = np.unique(blocks[~always])
        chosen = rng.random((pictures, len(free))).argsort(axis=1)[:, : max(1, round(self.share * len(free)))]
        kept = np.zeros((pictures, side * side), dtype=bool)
        np.put_along_axis(kept, free[chosen], values=True, axis=1)
        kept = kept[:, blocks] | always
        positions: NDArray[np.int64] = np.nonzero(kept)[1].reshape(pictures, -1)
        return positions


@contextmanager
def kept_patches(model: PreTrainedModel, dropout: PatchDropout, rng: np.random.Generator) -> Iterator[None]:
    """While open, the ViT sees CLS and the patches that `dropout` keeps, another draw for each picture.

    A share of 1, or a model without patch embeddings, is left as it is.
    """
    embeddings: nn.Module | None = getattr(getattr(model, "vit", None), "embeddings", None)
    if embeddings is None or dropout.share >= 1:
        yield
        return

    def drop(_module: nn.Module, _inputs: tuple[object, ...], tokens: torch.Tensor) -> torch.Tensor:
        pictures, length, width = tokens.shape
        drawn = dropout.drawn(pictures, round((length - 1) ** 0.5), rng)
        kept = torch.from_numpy(drawn).to(tokens.device)[:, :, None].expand(-1, -1, width)
        return torch.cat([tokens[:, :1], tokens[:, 1:].gather(1, kept)], dim=1)

    handle = embeddings.register_forward_hook(drop)
    try:
        yield
    finally:
        handle.remove()
