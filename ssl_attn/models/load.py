"""A checkpoint resolved (which files, which family, which layout), and loaded, in the one shape that the rest knows."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import torch
import transformers
from huggingface_hub.errors import StrictDataclassError

from ssl_attn.errors import SslAttnError, UsageError
from ssl_attn.models.card import FAMILIES, MODEL_TYPES, Family, ModelCard
from ssl_attn.models.files import PREPROCESSOR_FILE, no_weights_message, read_config, weight_files, weights_hash
from ssl_attn.models.hub import Snapshot, fetch
from ssl_attn.models.layout import TokenLayout
from ssl_attn.models.preprocessing import Preprocessing, read_preprocessing
from ssl_attn.models.variants import FROZEN, RANDOM_WEIGHTS, is_trained, trained_variant
from ssl_attn.models.weights import config_hash, quiet_transformers, random_hash, random_module, trained_module

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn

    from ssl_attn.models.spec import ModelSpec


# The stem of a ResNet halves the input twice before the first stage.
_STEM_STRIDE = 4


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Everything about a model but its weights in memory.

    `folder` holds its files. `revision` is the hub's commit, empty for a local folder. `weights_sha256` is the hash of
    the weights; of configuration and seed for random weights. `variant` is `frozen`, `random_weights`, or strategy and
    seed of a training. `seed` is that of the training or of the random weights, -1 for released ones. `config` is the
    image tower's, `config_sha256` the hash of it and of the class. `layers` are blocks, or stages of a convolutional
    network, whose `heads` are 0. `width` is the length of a token's vector.
    """

    name: str
    label: str
    variant: str
    seed: int
    family: Family
    card: ModelCard | None
    architecture: str
    config: Any
    preprocessing: Preprocessing
    folder: Path
    hf_id: str
    revision: str
    weights_sha256: str
    config_sha256: str
    layers: int
    heads: int
    width: int
    registers: int

    @property
    def title(self) -> str:
        """The model for people, with its variant unless that is the released weights."""
        return self.name if self.variant == FROZEN else f"{self.name} ({self.variant})"

    @property
    def strategy(self) -> str:
        """How it was trained further; empty for released and for random weights."""
        return trained_variant(self.variant).strategy if is_trained(self.variant) else ""

    @property
    def drawn_seed(self) -> int:
        """Seed of weights that are drawn when it is loaded; -1 where they are read from files."""
        return self.seed if self.variant == RANDOM_WEIGHTS else -1

    @property
    def input_size(self) -> int:
        """Side of the model's own input in pixels."""
        return self.preprocessing.input_size

    def layout_for(self, input_width: int, input_height: int, *, layer: int = -1) -> TokenLayout:
        """Tokens of an input of that many pixels; `layer` matters to a convolutional network, whose stages differ.

        Patches that would overhang the input do not exist: the margin on the right and at the bottom is not seen. Cells
        of a convolutional network do overhang, since its convolutions pad.

        Raises:
            UsageError: the input is smaller than one patch.
        """
        family = self.family
        if self.heads == 0:
            stride = _stride(self.config, range(self.layers)[layer])
            rows, columns = -(-input_height // stride), -(-input_width // stride)
            return TokenLayout(0, 0, 0, rows, columns, stride, family.readout)
        patch = _side(self.config.patch_size)
        rows, columns = input_height // patch, input_width // patch
        if rows == 0 or columns == 0:
            message = (
                f"expected an input of at least one patch of {patch} px for {self.name}, "
                f"got {input_width} x {input_height}; choose a larger input size"
            )
            raise UsageError(message)
        return TokenLayout(family.cls, family.distillation, self.registers, rows, columns, patch, family.readout)


@dataclass(frozen=True, slots=True)
class LoadedModel(Checkpoint):
    """A checkpoint with its module: in evaluation mode, fused attention, no parameter asks for a gradient."""

    module: nn.Module


def resolve_checkpoint(
    spec: ModelSpec, *, variant: str | None = None, seed: int = 0, locked_revision: str | None = None
) -> Checkpoint:
    """Find a checkpoint's files, from the hub where it must, and understand them; no weights are read into memory.

    `variant` is the spec's own, or `random_weights` for its architecture untrained, which needs no weight file and
    downloads none; `seed` says which ones. `locked_revision` is the commit that earlier runs took from the hub.

    Raises:
        UsageError: the architecture is not supported, another commit was asked for than the locked one, or another
            variant than the spec has.
        SslAttnError: the checkpoint cannot be had or is incomplete.
    """
    variant = _variant_of(spec, variant)
    trained = variant != RANDOM_WEIGHTS
    if spec.path is None:
        source = fetch(spec.hf_id, revision=spec.revision, locked_revision=locked_revision, weights=trained)
    else:
        source = Snapshot(spec.path, "")
    raw = read_config(source.folder)
    family = _family_of(raw, spec)
    model_class = _class_of(raw, family)
    config = _vision_config(raw, model_class)
    preprocessing = read_preprocessing(source.folder / PREPROCESSOR_FILE)
    heads = getattr(config, "num_attention_heads", 0)
    config_sha256 = config_hash(model_class, config)
    return Checkpoint(
        name=spec.name,
        label=spec.card.label if spec.card else spec.name,
        variant=variant,
        seed=_seed(variant, seed),
        family=family,
        card=spec.card,
        architecture=model_class.__name__,
        config=config,
        preprocessing=preprocessing,
        folder=source.folder,
        hf_id=spec.hf_id,
        revision=source.revision,
        weights_sha256=(weights_hash(_require_weights(source.folder)) if trained else random_hash(config_sha256, seed)),
        config_sha256=config_sha256,
        layers=config.num_hidden_layers if heads else len(config.depths),
        heads=heads,
        width=config.hidden_size if heads else config.hidden_sizes[-1],
        registers=getattr(config, "num_register_tokens", 0),
    )


def load_checkpoint(
    checkpoint: Checkpoint, *, device: str | torch.device = "cpu", dtype: torch.dtype = torch.float32
) -> LoadedModel:
    """Read the weights, or draw random ones as the checkpoint's variant says.

    Only JSON and safetensors are read; nothing that a checkpoint brings is run.

    Raises:
        SslAttnError: the weights cannot be read or do not fit the configuration.
    """
    model_class = getattr(transformers, checkpoint.architecture)
    if checkpoint.variant == RANDOM_WEIGHTS:
        module = random_module(model_class, checkpoint.config, dtype, checkpoint.seed)
    else:
        module = trained_module(model_class, checkpoint.config, _require_weights(checkpoint.folder), dtype)
    module = module.to(device).eval().requires_grad_(requires_grad=False)
    known = {field.name: getattr(checkpoint, field.name) for field in fields(Checkpoint)}
    return LoadedModel(**known, module=module)


def load_model(
    spec: ModelSpec,
    *,
    variant: str | None = None,
    seed: int = 0,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
    locked_revision: str | None = None,
) -> LoadedModel:
    """`resolve_checkpoint`, then `load_checkpoint`."""
    checkpoint = resolve_checkpoint(spec, variant=variant, seed=seed, locked_revision=locked_revision)
    return load_checkpoint(checkpoint, device=device, dtype=dtype)


def _variant_of(spec: ModelSpec, asked: str | None) -> str:
    if asked is None or asked in (spec.variant, RANDOM_WEIGHTS):
        return asked or spec.variant
    message = f"expected {spec.written} as {spec.variant} or {RANDOM_WEIGHTS}, got {asked!r}; name it in the spec"
    raise UsageError(message)


def _seed(variant: str, drawn: int) -> int:
    """The seed on record: of the training, of the draw, or -1 for released weights."""
    if is_trained(variant):
        return trained_variant(variant).seed
    return drawn if variant == RANDOM_WEIGHTS else -1


def _family_of(raw: dict[str, Any], spec: ModelSpec) -> Family:
    model_type = raw.get("model_type")
    if spec.card is not None and model_type in FAMILIES[spec.card.family].model_types:
        return FAMILIES[spec.card.family]
    for family in FAMILIES.values():
        if model_type in family.model_types:
            return family
    message = (
        f"expected {spec.name} to have a model_type out of {', '.join(MODEL_TYPES)}, got {model_type!r}; "
        "choose a checkpoint of a supported architecture"
    )
    raise UsageError(message)


def _class_of(raw: dict[str, Any], family: Family) -> Any:  # noqa: ANN401 (a transformers class)
    named = [name for name in raw.get("architectures") or () if name in family.architectures]
    return getattr(transformers, named[0] if named else family.architectures[-1])


def _vision_config(raw: dict[str, Any], model_class: Any) -> Any:  # noqa: ANN401 (transformers classes)
    """The configuration of the image tower; of the whole where there is nothing but an image tower."""
    written: dict[str, Any] = raw
    if "vision_config" in raw:
        # Where the two disagree, the projection has the width that the whole model states.
        written = raw["vision_config"] | {key: raw[key] for key in ("projection_dim",) if key in raw}
    try:
        with quiet_transformers():
            config = model_class.config_class.from_dict({k: value for k, value in written.items() if k != "dtype"})
    except (TypeError, ValueError, StrictDataclassError) as error:
        message = f"expected a config.json that describes a {model_class.__name__}, got {error}; download it again"
        raise SslAttnError(message) from error
    if config.model_type == "vit_mae":
        config.mask_ratio = 0.0
    return config


def _require_weights(folder: Path) -> tuple[Path, ...]:
    files = weight_files(folder)
    if not files:
        raise SslAttnError(no_weights_message(str(folder), folder))
    return files


def _side(patch_size: int | list[int] | tuple[int, ...]) -> int:
    return patch_size if isinstance(patch_size, int) else int(patch_size[0])


def _stride(config: Any, stage: int) -> int:  # noqa: ANN401 (configurations have no common type)
    """Input pixels per cell of a ResNet's stage: each stage halves, the first one where the configuration says so."""
    return int(_STEM_STRIDE * 2 ** (stage + bool(config.downsample_in_first_stage)))
