"""Attention rollout at every depth (Abnar and Zuidema, ACL 2020)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from ssl_attn.methods import FUSED
from ssl_attn.methods.maps import NO_TARGET, LayerMaps, patch_grid, token_masses

if TYPE_CHECKING:
    from torch import Tensor

    from ssl_attn.models.layout import TokenLayout
    from ssl_attn.probe import AttentionRecord


def rollout_rows(head_means: list[Tensor], readout: Tensor) -> Tensor:
    """Read-out row of the rollout of layers 0..l, for every l: (B, L, N).

    With A' = rownorm(A + I), newest layer on the left, the wanted row at depth l is readout . A'_l ... A'_0. Walking
    from the top layer down, the row of depth l joins at layer l and from then on all rows share each product, so that L
    depths cost L products of at most L rows, and no N x N matrix is multiplied by another.

    Args:
        head_means: per layer, from the first, the head-mean attention (B, N, N); its rows sum to 1.
        readout: weights (N,) of the rows that are read out; they sum to 1.
    """
    batch, tokens, _ = head_means[0].shape
    rows = head_means[0].new_empty(batch, 0, tokens)
    for matrix in reversed(head_means):
        joined = torch.cat([readout.to(matrix).expand(batch, 1, tokens), rows], dim=1)
        # rownorm(A + I): rows of A sum to 1 only up to rounding, so the sum is taken, not assumed to be 2
        normaliser = matrix.sum(dim=-1) + 1.0  # (B, N)
        scaled = joined / normaliser[:, None, :]
        rows = torch.bmm(scaled, matrix) + scaled
    return rows


def rollout_maps(record: AttentionRecord) -> list[LayerMaps]:
    """Rollout read at CLS, or averaged over patches where there is no CLS; the map at layer l covers layers 0..l."""
    head_means = [layer.head_mean for layer in record.layers if layer.head_mean is not None]
    rows = rollout_rows(head_means, _readout(record.layout))
    return [
        LayerMaps(
            index,
            (FUSED,),
            patch_grid(rows[:, index : index + 1], record.layout),
            token_masses(rows[:, index : index + 1], record.layout),
            (NO_TARGET,) * len(rows),
        )
        for index in range(rows.shape[1])
    ]


def _readout(layout: TokenLayout) -> Tensor:
    weights = torch.zeros(layout.tokens)
    if layout.cls:
        weights[0] = 1.0
    else:
        weights[layout.patch_slice] = 1.0 / layout.patches
    return weights
