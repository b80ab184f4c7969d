"""Tiny checkpoints with random weights, one for each family: to test with, and to try a pipeline without a download.

Each is written as the family's real checkpoints are (CLIP and SigLIP with a text tower, MAE with its decoder), so that
loading one takes the same path.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import torch
import transformers

from ssl_attn.errors import UsageError
from ssl_attn.models.card import FAMILIES
from ssl_attn.models.files import PREPROCESSOR_FILE
from ssl_attn.models.weights import quiet_transformers

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn

# Spread of query and key weights at which a tiny model's attention is peaked, as a trained one's is.
_SPREAD = 0.16

INPUT_SIZE = 48
"""Side of the tiny models' input in pixels."""

_BODY = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "patch_size": 8}
_WIDE = _BODY | {"intermediate_size": 64, "image_size": INPUT_SIZE}
# DINOv2's positions are made for a larger input than it is run on, as in the real checkpoints.
_DINOV2 = _BODY | {"mlp_ratio": 2, "image_size": 2 * INPUT_SIZE}
_TEXT = {
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "vocab_size": 64,
    "max_position_embeddings": 8,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "pad_token_id": 1,
}
_TOWERS = {"vision_config": _WIDE, "text_config": _TEXT}
_DECODER = {
    "decoder_hidden_size": 16,
    "decoder_num_hidden_layers": 1,
    "decoder_num_attention_heads": 2,
    "decoder_intermediate_size": 32,
}
_STAGES = {"embedding_size": 8, "hidden_sizes": [8, 16, 24, 32], "depths": [1, 1, 1, 1], "layer_type": "basic"}

# Configuration class, model class and settings of a family's tiny checkpoint.
_RECIPES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "dinov2_with_registers": ("Dinov2WithRegistersConfig", "Dinov2WithRegistersModel", _DINOV2),
    "dinov2": ("Dinov2Config", "Dinov2Model", _DINOV2),
    "dinov3": ("DINOv3ViTConfig", "DINOv3ViTModel", _WIDE | {"num_register_tokens": 4}),
    "vit": ("ViTConfig", "ViTForImageClassification", _WIDE | {"num_labels": 5}),
    "dino": ("ViTConfig", "ViTModel", _WIDE),
    "deit": ("DeiTConfig", "DeiTForImageClassificationWithTeacher", _WIDE | {"num_labels": 5}),
    "clip": ("CLIPConfig", "CLIPModel", {**_TOWERS, "projection_dim": 24}),
    "mae": ("ViTMAEConfig", "ViTMAEForPreTraining", _WIDE | _DECODER),
    "siglip": ("SiglipConfig", "SiglipModel", _TOWERS),
    "siglip2": ("SiglipConfig", "SiglipModel", _TOWERS),
    "resnet": ("ResNetConfig", "ResNetForImageClassification", _STAGES | {"num_labels": 5}),
}


def write_tiny_checkpoint(family: str, folder: Path, *, seed: int = 0) -> Path:
    """Write config.json, model.safetensors and preprocessor_config.json of a tiny random model; returns the folder.

    Raises:
        UsageError: the family is unknown.
    """
    if family not in _RECIPES:
        message = f"expected a family out of {', '.join(FAMILIES)}, got {family!r}"
        raise UsageError(message)
    config_class, model_class, settings = _RECIPES[family]
    folder.mkdir(parents=True, exist_ok=True)
    with quiet_transformers(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = getattr(transformers, model_class)(getattr(transformers, config_class)(**settings))
        _liven(model)
        model.save_pretrained(folder)
    preprocessing = {
        "image_processor_type": "ViTImageProcessor",
        "do_resize": True,
        "size": {"height": INPUT_SIZE, "width": INPUT_SIZE},
        "resample": 2,
        "do_rescale": True,
        "do_normalize": True,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
    }
    (folder / PREPROCESSOR_FILE).write_text(json.dumps(preprocessing, indent=2) + "\n", encoding="utf-8")
    return folder


def _liven(model: nn.Module) -> None:
    """Make an untrained model behave like a trained one where an error could hide.

    As initialised, attention is nearly uniform, so that all heads and rows look alike, and LayerScale is 1 everywhere.
    """
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith(("q_proj.weight", "k_proj.weight", "attention.in_proj_weight")):
                parameter.mul_(_SPREAD / parameter.std())
            elif name.endswith("lambda1"):
                parameter.uniform_(0.5, 1.5)
