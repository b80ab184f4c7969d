"""Five metrics written the straightforward way: one map, one box, one threshold at a time.

This is what `ssl-attn bench score` measures the product against, and checks it against: IoU at seven percentiles,
energy, mean squared error, KL divergence and earth mover's distance of a 224 x 224 map, against the union of the boxes
and against each box. It shares no code with the metrics that it checks, and nothing in it is slow on purpose: masks and
soft targets are built once per image, each threshold is taken once per map.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.stats import wasserstein_distance_nd
from torch.nn.functional import adaptive_avg_pool2d, interpolate

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIZE = 224
COARSE = 8
PERCENTILES = (50, 60, 70, 75, 80, 85, 90)


@dataclass
class Scores:
    """Scores of one map against one target."""

    iou: list[float]
    energy: float
    mse: float
    kl: float
    emd: float


@dataclass
class Targets:
    """Masks and soft targets `(224, 224)` of one image: the union first, then each box."""

    masks: list[torch.Tensor]
    soft: list[torch.Tensor]


def build_targets(boxes: NDArray[np.float64]) -> Targets:
    """Targets of boxes `(n, 4)` as x, y, width, height in fractions of the image."""
    masks = [box_mask(*box) for box in boxes]
    soft = [box_gaussian(*box) for box in boxes]
    union_mask = torch.zeros(SIZE, SIZE, dtype=torch.bool)
    union_soft = torch.zeros(SIZE, SIZE)
    for mask, gaussian in zip(masks, soft, strict=True):
        union_mask |= mask
        union_soft = torch.maximum(union_soft, gaussian)
    return Targets([union_mask, *masks], [union_soft / union_soft.max(), *soft])


def box_mask(x: float, y: float, width: float, height: float) -> torch.Tensor:
    """Pixels whose centre lies in the box."""
    centres = (torch.arange(SIZE, dtype=torch.float64) + 0.5) / SIZE
    rows = (centres >= y) & (centres < y + height)
    columns = (centres >= x) & (centres < x + width)
    return rows[:, None] & columns[None, :]


def box_gaussian(x: float, y: float, width: float, height: float) -> torch.Tensor:
    """A Gaussian at the centre of the box, a quarter of its sides wide, with maximum 1."""
    pixels = torch.arange(SIZE, dtype=torch.float64) + 0.5
    sigma_x, sigma_y = max(width * SIZE / 4, 1.0), max(height * SIZE / 4, 1.0)
    across = (pixels - (x + width / 2) * SIZE) / sigma_x
    down = (pixels - (y + height / 2) * SIZE) / sigma_y
    gaussian = torch.exp(-0.5 * (down[:, None] ** 2 + across[None, :] ** 2))
    return (gaussian / gaussian.max()).float()


def score_maps(values: NDArray[np.float32], targets: Targets) -> list[list[Scores]]:
    """Scores of maps `(n, grid_h, grid_w)`: for each map, those against every target."""
    return [score_map(one, targets) for one in values]


def score_map(values: NDArray[np.float32], targets: Targets) -> list[Scores]:
    """Scores of one map `(grid_h, grid_w)` against every target."""
    attention = upsample(values)
    selections = [threshold(attention, percentile) for percentile in PERCENTILES]
    return [
        Scores(
            iou=[iou(selected, mask) for selected in selections],
            energy=energy(attention, mask),
            mse=mse(attention, soft),
            kl=kl(attention, soft),
            emd=emd(attention, soft),
        )
        for mask, soft in zip(targets.masks, targets.soft, strict=True)
    ]


def upsample(values: NDArray[np.float32]) -> torch.Tensor:
    """The positive part of a map on 224 x 224 pixels, bilinear, with maximum 1."""
    grid = torch.from_numpy(values).double()[None, None]
    canvas = interpolate(grid, size=(SIZE, SIZE), mode="bilinear", align_corners=False)[0, 0].float().clamp(min=0)
    return canvas / canvas.max()


def threshold(attention: torch.Tensor, percentile: int) -> torch.Tensor:
    """The strongest pixels, as a mask."""
    flat = attention.flatten()
    count = max(1, round(flat.numel() * (100 - percentile) / 100))
    selected = torch.zeros_like(flat, dtype=torch.bool)
    selected[torch.topk(flat, count).indices] = True
    return selected.reshape(attention.shape)


def iou(selected: torch.Tensor, mask: torch.Tensor) -> float:
    """Pixels in both over pixels in either."""
    return float((selected & mask).sum() / (selected | mask).sum())


def energy(attention: torch.Tensor, mask: torch.Tensor) -> float:
    """Share of the map inside the mask."""
    return float((attention * mask).sum() / attention.sum())


def mse(attention: torch.Tensor, soft: torch.Tensor) -> float:
    """Mean squared difference."""
    return float(((attention - soft) ** 2).mean())


def kl(attention: torch.Tensor, soft: torch.Tensor) -> float:
    """KL divergence of the map from the soft target, in nats."""
    p = soft.numpy().astype(np.float64) + 1e-8
    q = attention.numpy().astype(np.float64) + 1e-8
    p /= p.sum()
    q /= q.sum()
    return float((p * (np.log(p) - np.log(q))).sum())


def emd(attention: torch.Tensor, soft: torch.Tensor) -> float:
    """Earth mover's distance on 8 x 8 cells of a canvas of side 1, by linear programming."""
    centres = (np.arange(COARSE) + 0.5) / COARSE
    positions = np.stack(np.meshgrid(centres, centres, indexing="ij"), axis=-1).reshape(-1, 2)
    a = adaptive_avg_pool2d(attention[None, None], COARSE).numpy().ravel().astype(np.float64)
    b = adaptive_avg_pool2d(soft[None, None], COARSE).numpy().ravel().astype(np.float64)
    return float(wasserstein_distance_nd(positions, positions, a, b))
