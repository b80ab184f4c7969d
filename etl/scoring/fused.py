"""Scores with the distance that is had on request, for maps of all heads fused alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ssl_attn.metrics.scoring import MapScores, score_maps

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ssl_attn.metrics.target import Target


def score_fused(
    values: NDArray[np.floating], target: Target, fused: NDArray[np.bool_], *, native_emd: bool
) -> MapScores:
    """`score_maps` of maps `(m, grid_h, grid_w)`, the native distance for the `fused` `(m,)` alone: it is slow."""
    if fused.all():
        return score_maps(values, target, native_emd=native_emd)
    result = score_maps(values, target)
    if native_emd and fused.any():
        with_distance = score_maps(values[fused], target, native_emd=True)
        result.scalars["emd_native"][fused] = with_distance.scalars["emd_native"]
    return result
