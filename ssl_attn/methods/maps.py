"""What every method returns: maps of a batch at their native grid, with the mass that they leave out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from ssl_attn.models.layout import TokenLayout


@dataclass(frozen=True, slots=True)
class Target:
    """What a gradient method explained in one image, and the explained scalar's value.

    `target_id` is the kind, and for a class `class:<label>`: a class is named by its label and not by its index, which
    means something else in every model.
    """

    target_id: str
    value: float = float("nan")

    @property
    def kind(self) -> str:
        """class, sum_logits or none."""
        return self.target_id.partition(":")[0]

    @property
    def text(self) -> str:
        """The target in words."""
        return self.target_id.partition(":")[2] or self.kind.replace("_", " ")


NO_TARGET = Target("none")


@dataclass(frozen=True, slots=True)
class LayerMaps:
    """Maps of B images in one layer: `values` (B, K, grid_h, grid_w), one of K for each entry of `heads`.

    `masses` (B, K, 3) holds the shares on CLS and distillation tokens, on registers and on patches (NaN where the
    method has no such shares). `targets` has one entry an image.
    """

    layer: int
    heads: tuple[int, ...]
    values: Tensor
    masses: Tensor
    targets: tuple[Target, ...]


def token_masses(tokens: Tensor, layout: TokenLayout) -> Tensor:
    """Shares (..., 3) of token values (..., N) >= 0 on CLS and distillation, registers, patches; they sum to 1."""
    groups = [
        tokens[..., : layout.cls + layout.distillation].sum(-1),
        tokens[..., layout.register_slice].sum(-1),
        tokens[..., layout.patch_slice].sum(-1),
    ]
    masses = tokens.new_empty((*tokens.shape[:-1], 3))
    for index, group in enumerate(groups):
        masses[..., index] = group
    return masses / tokens.sum(-1, keepdim=True)


def patch_grid(tokens: Tensor, layout: TokenLayout) -> Tensor:
    """Token values (..., N) to the patch grid (..., grid_h, grid_w)."""
    return tokens[..., layout.patch_slice].reshape(*tokens.shape[:-1], layout.grid_h, layout.grid_w)
