"""Where families differ: what a forward pass needs beyond the pixels, and where a model keeps its parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from ssl_attn.models.card import ARCHITECTURES, Architecture

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ssl_attn.models.load import LoadedModel


def architecture_of(module: nn.Module) -> Architecture:
    """The registry's entry of a loaded module."""
    return ARCHITECTURES[type(module).__name__]


def backbone(module: nn.Module) -> nn.Module:
    """The feature extractor inside a classification wrapper; the module itself when there is no wrapper."""
    name = architecture_of(module).backbone
    return module.get_submodule(name) if name else module


def final_norm(module: nn.Module) -> nn.Module | None:
    """The normalisation that turns the last layer's tokens into features; None for a convolutional network."""
    name = architecture_of(module).final_norm
    return backbone(module).get_submodule(name) if name else None


def native_size(config: Any) -> tuple[int, int]:  # noqa: ANN401 (configurations have no common type)
    """Height and width of the input that the position embedding was made for, in pixels."""
    size = config.image_size
    return (size, size) if isinstance(size, int) else (int(size[0]), int(size[1]))


def forward_arguments(loaded: LoadedModel, pixels: Tensor) -> dict[str, Any]:
    """Keyword arguments of `loaded.module` for `pixels` (B, 3, H, W).

    Models with learned positions are asked to interpolate them when the input is not the native one. MAE orders patches
    by a random number each; given the numbers 0, 1, 2, ... (float32: bfloat16 would make some equal) it keeps them row
    by row.
    """
    arguments: dict[str, Any] = {"pixel_values": pixels}
    height, width = pixels.shape[-2:]
    if architecture_of(loaded.module).fixed_positions and (height, width) != native_size(loaded.config):
        arguments["interpolate_pos_encoding"] = True
    if loaded.config.model_type == "vit_mae":
        patches = loaded.layout_for(width, height).patches
        order = torch.arange(patches, dtype=torch.float32, device=pixels.device)
        arguments["noise"] = order.expand(len(pixels), patches)
    return arguments
