"""Attention of the pooling head that reads SigLIP's image embedding out of its patches."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

from ssl_attn.methods import FUSED, WHOLE_MODEL
from ssl_attn.methods.maps import NO_TARGET, LayerMaps, patch_grid, token_masses

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor, nn

    from ssl_attn.models.layout import TokenLayout


@contextmanager
def pooling_attention(attention: nn.Module) -> Iterator[list[Tensor]]:
    """Collect the per-head weights (B, H, 1, N) of a `torch.nn.MultiheadAttention` during the forward pass inside.

    The pooling head does not go through transformers' attention interface. It asks for weights averaged over heads; a
    hook on its arguments asks for each head instead, which leaves the output as it is.
    """
    weights: list[Tensor] = []

    def ask_per_head(_module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        return args, {**kwargs, "need_weights": True, "average_attn_weights": False}

    def keep(_module: nn.Module, _args: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
        weights.append(output[1].detach())

    handles = [
        attention.register_forward_pre_hook(ask_per_head, with_kwargs=True),
        attention.register_forward_hook(keep),
    ]
    try:
        yield weights
    finally:
        for handle in handles:
            handle.remove()


def map_pool_maps(weights: Tensor, layout: TokenLayout) -> list[LayerMaps]:
    """Maps of the probe's attention `weights` (B, H, 1, N); the head mean first, then each head."""
    each = weights[:, :, 0].float()
    tokens = torch.cat([each.mean(dim=1, keepdim=True), each], dim=1)
    heads = (FUSED, *range(each.shape[1]))
    return [
        LayerMaps(
            WHOLE_MODEL, heads, patch_grid(tokens, layout), token_masses(tokens, layout), (NO_TARGET,) * len(tokens)
        )
    ]
