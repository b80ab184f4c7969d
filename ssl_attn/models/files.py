"""A checkpoint's folder: what may be read from it, and nothing that could run.

Configuration is JSON, weights are safetensors. Pickled weights are refused, since reading a pickle runs what is in it.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from ssl_attn.errors import SslAttnError
from ssl_attn.files import sha256_of

CONFIG_FILE = "config.json"
PREPROCESSOR_FILE = "preprocessor_config.json"
WEIGHTS_FILE = "model.safetensors"
INDEX_FILE = "model.safetensors.index.json"

_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")

# Keys of a configuration that make transformers fetch code, or that are not the checkpoint's to decide.
_NOT_CONFIGURATION = ("auto_map", "attn_implementation", "_attn_implementation", "transformers_weights")


def read_config(folder: Path) -> dict[str, Any]:
    """The configuration as written, less the keys that ask for code from elsewhere.

    Raises:
        SslAttnError: config.json is missing or is no JSON object.
    """
    path = folder / CONFIG_FILE
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        message = f"expected a readable {CONFIG_FILE} in {folder}, got {error}; copy it from the model's page"
        raise SslAttnError(message) from error
    if not isinstance(config, dict):
        message = f"expected {path} to hold a JSON object, got {type(config).__name__}; copy it from the model's page"
        raise SslAttnError(message)
    return _without_code(config)


def _without_code(config: dict[str, Any]) -> dict[str, Any]:
    return {
        key: _without_code(value) if isinstance(value, dict) else value
        for key, value in config.items()
        if key not in _NOT_CONFIGURATION
    }


def weight_files(folder: Path) -> tuple[Path, ...]:
    """The safetensors files of a checkpoint: one, or its shards in order; empty when it has none.

    Raises:
        SslAttnError: the index names a shard that is not in the folder.
    """
    whole = folder / WEIGHTS_FILE
    if whole.is_file():
        return (whole,)
    index = folder / INDEX_FILE
    if not index.is_file():
        return ()
    try:
        names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
    except (ValueError, KeyError, AttributeError) as error:
        message = f"expected {index} to list shards under weight_map, got {error!r}; download the checkpoint again"
        raise SslAttnError(message) from error
    shards = tuple(folder / name for name in names)
    unfit = [name for name, shard in zip(names, shards, strict=True) if Path(name).name != name or not shard.is_file()]
    if unfit:
        message = (
            f"expected the shards that {index} lists beside it, got none for {', '.join(unfit)}; "
            "download the checkpoint again"
        )
        raise SslAttnError(message)
    return shards


def no_weights_message(where: str, folder: Path) -> str:
    """What to tell a person whose checkpoint holds no safetensors."""
    pickles = sorted(path.name for pattern in _PICKLES for path in folder.glob(pattern))
    found = f"only pickled weights ({', '.join(pickles)}), which can run code when read" if pickles else "none"
    return (
        f"expected {WEIGHTS_FILE} in {where}, got {found}; convert it where you trust it, with "
        "transformers.AutoModel.from_pretrained(SOURCE).save_pretrained(FOLDER), add its preprocessor_config.json, "
        "and pass name=FOLDER"
    )


def weights_hash(files: tuple[Path, ...]) -> str:
    """SHA-256 of the weights: of the file, so that it equals what the hub shows; of the shards' hashes for several."""
    hashes = [sha256_of(path) for path in files]
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()
