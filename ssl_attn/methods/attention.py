"""Maps that are plain reductions of one layer's attention: `cls`, `received`, `value_norm`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from ssl_attn.methods import FUSED
from ssl_attn.methods.maps import NO_TARGET, LayerMaps, patch_grid, token_masses

if TYPE_CHECKING:
    from torch import Tensor

    from ssl_attn.models.layout import TokenLayout
    from ssl_attn.probe import AttentionRecord


def cls_maps(record: AttentionRecord) -> list[LayerMaps]:
    """Attention of the CLS token, per layer; the head mean first, then each head."""
    return [_with_head_mean(index, layer.row, record.layout) for index, layer in enumerate(record.layers)]


def received_maps(record: AttentionRecord) -> list[LayerMaps]:
    """Mean attention that each patch receives, per layer; the head mean first, then each head."""
    return [_with_head_mean(index, layer.received, record.layout) for index, layer in enumerate(record.layers)]


def value_norm_maps(record: AttentionRecord) -> list[LayerMaps]:
    """Norm of what each patch adds to the read-out token, per layer; all heads summed first, then each head."""
    return [_layer_maps(index, layer.value_norm, record.layout) for index, layer in enumerate(record.layers)]


def _with_head_mean(index: int, tokens: Tensor | None, layout: TokenLayout) -> LayerMaps:
    if tokens is None:
        message = f"layer {index} was recorded without the reduction that this method needs"
        raise ValueError(message)
    return _layer_maps(index, torch.cat([tokens.mean(dim=1, keepdim=True), tokens], dim=1), layout)


def _layer_maps(index: int, tokens: Tensor | None, layout: TokenLayout) -> LayerMaps:
    if tokens is None:
        message = f"layer {index} was recorded without the reduction that this method needs"
        raise ValueError(message)
    heads = (FUSED, *range(tokens.shape[1] - 1))
    return LayerMaps(index, heads, patch_grid(tokens, layout), token_masses(tokens, layout), (NO_TARGET,) * len(tokens))
