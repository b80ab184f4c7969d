"""Varied views of a batch of pictures, all at once: crops, mirror images, another light."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn.functional import grid_sample

from ssl_attn.demo.zoo.recipe import CENTRE

if TYPE_CHECKING:
    Range = tuple[float, float]


def model_inputs(pixels: torch.Tensor) -> torch.Tensor:
    """Values -1..1 of uint8 `pixels` `(n, 3, side, side)`, as the preprocessing of all models of the zoo gives them."""
    return pixels.float().mul_(1 / (255 * CENTRE)).sub_(1.0)


def random_views(
    pixels: torch.Tensor,
    size: int,
    *,
    rng: np.random.Generator,
    area: Range = (0.5, 1.0),
    aspect: Range = (3 / 4, 4 / 3),
    mirror: bool = True,
    brightness: float = 0.1,
    contrast: float = 0.2,
    colour: float = 0.15,
    grey: float = 0.0,
) -> torch.Tensor:
    """A random view of each picture: model inputs `(n, 3, size, size)` from uint8 `pixels` `(n, 3, side, side)`.

    A view shows a rectangle of a share of the picture drawn from `area`, of an aspect drawn from `aspect` (on a
    logarithmic scale), anywhere in the picture, and is mirrored or not. Then contrast and, channel by channel, colour
    are multiplied by 1 plus or minus up to their argument, and brightness, as a share of the whole range, is added. A
    share `grey` of the views has no colour.
    """
    count = len(pixels)
    points = _crops(count, size, rng, area, aspect, mirror=mirror).to(pixels.device)
    views = grid_sample(pixels.float(), points, padding_mode="border", align_corners=False)
    if grey:
        faded = torch.from_numpy(rng.random(count) < grey).to(pixels.device)
        views = torch.where(faded[:, None, None, None], views.mean(dim=1, keepdim=True), views)
    gains = 1 + rng.uniform(-colour, colour, (count, 3, 1, 1))
    contrasts = 1 + rng.uniform(-contrast, contrast, (count, 1, 1, 1))
    shifts = 255 * rng.uniform(-brightness, brightness, (count, 1, 1, 1))
    mean = views.mean(dim=(1, 2, 3), keepdim=True)
    scale, keep, shift = (
        torch.from_numpy(values.astype(np.float32)).to(pixels.device)
        for values in (gains * contrasts, gains * (1 - contrasts), gains * shifts)
    )
    to_input = 1 / (255 * CENTRE)
    return torch.addcmul((mean * keep + shift) * to_input - 1, views, scale * to_input)


def _crops(
    count: int, size: int, rng: np.random.Generator, area: Range, aspect: Range, *, mirror: bool
) -> torch.Tensor:
    """Where each pixel of each view lies in its picture, `(count, size, size, 2)` as x, y from -1 to 1."""
    shares = rng.uniform(*area, count)
    ratios = np.exp(rng.uniform(np.log(aspect[0]), np.log(aspect[1]), count))
    width, height = np.minimum(np.sqrt([shares * ratios, shares / ratios]), 1.0)
    across, down = rng.uniform(-1, 1, (2, count))
    flip = np.where(rng.random(count) < 0.5, -1.0, 1.0) if mirror else np.ones(count)
    centres = (2 * np.arange(size) + 1) / size - 1
    points = np.empty((count, size, size, 2), dtype=np.float32)
    points[..., 0] = (flip[:, None] * width[:, None] * centres + ((1 - width) * across)[:, None])[:, None, :]
    points[..., 1] = (height[:, None] * centres + ((1 - height) * down)[:, None])[:, :, None]
    return torch.from_numpy(points)
