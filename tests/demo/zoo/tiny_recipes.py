"""Every recipe of the zoo made so small that it trains in a second: what it is built of stays the same."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ssl_attn.demo.zoo.recipes import RECIPES

if TYPE_CHECKING:
    from ssl_attn.demo.zoo.recipe import Recipe

_BODY = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "patch_size": 4}
_WIDE = {"intermediate_size": 32}
_TOWERS = {"vision_config": _BODY | _WIDE, "text_config": _WIDE | {"hidden_size": 24, "num_attention_heads": 2}}
_SMALL: dict[str, dict[str, Any]] = {
    "dinov2_with_registers": _BODY,
    "dinov3_vit": _BODY | _WIDE,
    "vit_mae": _BODY | _WIDE | {"decoder_hidden_size": 16, "decoder_intermediate_size": 24},
    "clip": _TOWERS | {"projection_dim": 16},
    "siglip": _TOWERS,
    "resnet": {"embedding_size": 4, "hidden_sizes": [4, 6, 8], "depths": [1, 1, 1]},
    "vit": _BODY | _WIDE,
}

SIDE = 48
"""Pixels of the tiny transformers' input: 12 x 12 patches of 4."""

_CELL = 16  # pixels of a cell of a ResNet's third stage

TRAINING = range(10_000, 10_010)


def tiny_recipe(name: str) -> Recipe:
    """The recipe of that name with a small model, six steps and ten pictures."""
    full = RECIPES[name]
    small = _SMALL[full.model_type]
    config = {
        key: value | small[key] if isinstance(value, dict) and key in small else small.get(key, value)
        for key, value in full.config.items()
    }
    options = full.options | ({"local_size": 24} if full.objective in ("self_distillation", "contrastive") else {})
    side = 12 * _CELL if full.model_type == "resnet" else SIDE
    return replace(full, config=config, input_size=side, steps=6, batch=4, warmup=2, options=options, training=TRAINING)
