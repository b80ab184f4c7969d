"""From a class and a configuration to a module: with the weights of a checkpoint's files, or with random ones."""

from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from transformers.utils import logging as transformers_logging

from ssl_attn.errors import SslAttnError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

# Parameters that no forward pass of ours reads: a checkpoint may lack them.
_UNUSED = ("mask_token", "num_batches_tracked")

# What a configuration says about itself, not about the network.
_NOT_ARCHITECTURE = ("transformers_version", "dtype", "_name_or_path")


def trained_module(
    model_class: Any,  # noqa: ANN401 (transformers classes have no useful common type)
    config: Any,  # noqa: ANN401
    files: Sequence[Path],
    dtype: torch.dtype,
) -> Any:  # noqa: ANN401
    """A module with the weights of safetensors `files`; tensors that it has no place for (a text tower) are left.

    Raises:
        SslAttnError: a file cannot be read, or a weight of the module is missing or has another shape.
    """
    try:
        tensors = {name: tensor for path in files for name, tensor in load_file(path).items()}
        # Given tensors and no path, transformers opens no file of the folder: no pickle, no adapter, no code.
        with quiet_transformers():
            module, info = model_class.from_pretrained(
                None,
                config=config,
                state_dict=tensors,
                output_loading_info=True,
                ignore_mismatched_sizes=True,
                **_arguments(model_class, config, dtype),
            )
    except (SafetensorError, OSError, RuntimeError, ValueError) as error:
        message = f"expected readable weights in {files[0]}, got {error}; download the checkpoint again"
        raise SslAttnError(message) from error
    missing = sorted(key for key in info["missing_keys"] if not key.endswith(_UNUSED))
    misfit = sorted(f"{key} {list(found)} for {list(wanted)}" for key, found, wanted in info["mismatched_keys"])
    if missing or misfit:
        wrong = [f"nothing for {_first_few(missing)}"] if missing else []
        wrong += [f"other shapes: {_first_few(misfit)}"] if misfit else []
        message = (
            f"expected every weight of {model_class.__name__} in {files[0].parent}, got {'; '.join(wrong)}; the "
            "checkpoint is incomplete or of another architecture: check that its config.json belongs to these weights"
        )
        raise SslAttnError(message)
    return module


def random_module(model_class: Any, config: Any, dtype: torch.dtype, seed: int) -> Any:  # noqa: ANN401
    """A module initialised as its architecture is before training, the same for the same seed."""
    with quiet_transformers(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return model_class._from_config(config, **_arguments(model_class, config, dtype))


def config_hash(model_class: Any, config: Any) -> str:  # noqa: ANN401
    """SHA-256 of what turns weights into a function: the class, and the configuration less what does not decide it."""
    written = {key: value for key, value in config.to_dict().items() if key not in _NOT_ARCHITECTURE}
    return hashlib.sha256(json.dumps([model_class.__name__, written], sort_keys=True).encode()).hexdigest()


def random_hash(config_sha256: str, seed: int) -> str:
    """Stands for the weights that `random_module` draws: SHA-256 of class, configuration and seed."""
    return hashlib.sha256(f"{config_sha256}{seed}".encode()).hexdigest()


def _arguments(model_class: Any, config: Any, dtype: torch.dtype) -> dict[str, Any]:  # noqa: ANN401
    arguments: dict[str, Any] = {"dtype": dtype}
    if model_class.__name__ in {"ViTModel", "DeiTModel"}:
        # A pooler of these backbones is a trained layer only in some checkpoints, and no read-out of ours.
        arguments["add_pooling_layer"] = False
    if hasattr(config, "num_attention_heads"):
        arguments["attn_implementation"] = "sdpa"
    return arguments


def _first_few(names: list[str], shown: int = 5) -> str:
    rest = len(names) - shown
    return ", ".join(names[:shown]) + (f" and {rest} more" if rest > 0 else "")


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Keep reports and bars off the terminal: unused text towers are expected, and what is missing is checked here."""
    verbosity, bars = transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(verbosity)
        if bars:
            transformers_logging.enable_progress_bar()
