"""What a person may write for a model: a registry name, a hub id, or `name=path` for a folder of their own.

A name of the registry may stand for several trained variants; `name:variant` is one of them.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from ssl_attn.errors import SslAttnError, UsageError
from ssl_attn.models.card import CARDS, ModelCard
from ssl_attn.models.variants import FROZEN, is_trained, trained_variant

if TYPE_CHECKING:
    from collections.abc import Iterable

_SLUG = re.compile(r"[a-z0-9][a-z0-9_-]*")
_HUB_ID = re.compile(r"(?P<hf_id>[\w-][\w.-]*/[\w.-]+)(?:@(?P<revision>\S+))?")

BUNDLED_REMEDY = "install the package again, or train the model with ssl-attn demo train"
"""What to do where weights that come with the package are not there."""

# Rows of the warehouse that no model made bear this name.
_RESERVED = {"baseline"}


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A checkpoint to load: its slug, and either a hub id (with a revision when one was asked for) or a folder.

    `card` is the registry's entry when the slug or the hub id has one. `variant` is `frozen` for weights as released,
    else how they were trained further: `<strategy>.s<seed>`.
    """

    name: str
    hf_id: str = ""
    revision: str | None = None
    path: Path | None = None
    card: ModelCard | None = None
    variant: str = FROZEN

    @property
    def written(self) -> str:
        """How a person names it: the slug, with a trained variant behind a colon."""
        return f"{self.name}:{self.variant}" if is_trained(self.variant) else self.name


def parse_model_specs(texts: Iterable[str]) -> list[ModelSpec]:
    """The checkpoints that several texts name, each at most once.

    Raises:
        UsageError: a text is not understood, or a checkpoint is named twice.
        SslAttnError: weights that should come with the package are not there.
    """
    specs = [spec for text in texts for spec in parse_model_family(text)]
    twice = [written for written, times in Counter(spec.written for spec in specs).items() if times > 1]
    if twice:
        message = (
            f"expected every model once, got {', '.join(sorted(twice))} again; give each its own name (name=FOLDER)"
        )
        raise UsageError(message)
    return specs


def parse_model_spec(text: str) -> ModelSpec:
    """Read a text that names one checkpoint.

    Raises:
        UsageError: the text is not understood, or names several.
        SslAttnError: weights that should come with the package are not there.
    """
    specs = parse_model_family(text)
    if len(specs) > 1:
        message = f"expected one checkpoint, got {text!r}, which names {', '.join(spec.written for spec in specs)}"
        raise UsageError(message)
    return specs[0]


def parse_model_family(text: str) -> list[ModelSpec]:
    """Read `name`, `name:variant`, `org/name`, `org/name@revision`, `name=path` or `name:variant=path`.

    A name of the registry that has variants stands for all of them. A local copy of a registry model keeps its card:
    `dinov3=/data/dinov3` is read as a DINOv3, and the folder for a name with variants holds a folder for each.

    Raises:
        UsageError: the text is none of these, the name is no slug, the variant is unknown or no name of one, or the
            folder does not exist.
        SslAttnError: weights that should come with the package are not there.
    """
    text = text.strip()
    if "=" in text:
        name, _, path = text.partition("=")
        return _local(name.strip(), Path(path.strip()).expanduser())
    name, colon, variant = text.partition(":")
    if name in CARDS:
        card = CARDS[name]
        if colon:
            return [_released(card, _known_variant(card, variant))]
        return [_released(card, variant) for variant in card.variants or (FROZEN,)]
    match = _HUB_ID.fullmatch(text)
    local = bool(text) and Path(text).is_dir()
    if match is None or local:
        raise UsageError(_unknown(text, local=local))
    hf_id, revision = match["hf_id"], match["revision"]
    known = next((card for card in CARDS.values() if card.hf_id == hf_id), None)
    name = known.name if known else _slug(hf_id.partition("/")[2])
    return [ModelSpec(name, hf_id=hf_id, revision=revision, card=known)]


def _released(card: ModelCard, variant: str) -> ModelSpec:
    path = card.folders.get(variant)
    spec = ModelSpec(card.name, hf_id=card.hf_id, path=path, card=card, variant=variant)
    if path is not None and not path.is_dir():
        message = (
            f"expected the weights of {spec.written}, which come with the package, in {path}, got nothing there; "
            f"{BUNDLED_REMEDY}"
        )
        raise SslAttnError(message)
    return spec


def _known_variant(card: ModelCard, variant: str) -> str:
    if variant in card.variants:
        return variant
    if not card.variants:
        message = (
            f"expected {card.name} without a variant, since the registry has it as released only, got {variant!r}; "
            f"for weights of your own write {card.name}:lora.s0=FOLDER"
        )
        raise UsageError(message)
    near = get_close_matches(variant, card.variants, n=1)
    hint = f"did you mean {card.name}:{near[0]}?" if near else f"for all of them write {card.name}"
    message = f"expected a variant of {card.name} ({', '.join(card.variants)}), got {variant!r}; {hint}"
    raise UsageError(message)


def _local(written: str, path: Path) -> list[ModelSpec]:
    name, colon, variant = written.partition(":")
    if _SLUG.fullmatch(name) is None or name in _RESERVED:
        message = (
            f"expected a name of lower-case letters, digits, - and _ before the =, other than "
            f"{', '.join(sorted(_RESERVED))}; got {name!r}"
        )
        raise UsageError(message)
    card = CARDS.get(name)
    if colon:
        return [ModelSpec(name, path=_folder(path), card=card, variant=trained_variant(variant).name)]
    if card is not None and card.variants:
        root = _folder(path, holds="a folder for each variant")
        return [ModelSpec(name, path=_folder(root / each), card=card, variant=each) for each in card.variants]
    return [ModelSpec(name, path=_folder(path), card=card)]


def _folder(path: Path, *, holds: str = "config.json, model.safetensors and preprocessor_config.json") -> Path:
    if not path.is_dir():
        found = "a file" if path.exists() else "nothing there"
        message = f"expected {path} to be a folder with {holds}, got {found}; give the folder of the checkpoint"
        raise UsageError(message)
    return path


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def _unknown(text: str, *, local: bool) -> str:
    if local:
        return (
            f"expected a name for the local folder, got {text!r} alone; write {_slug(Path(text).name) or 'name'}={text}"
        )
    name, colon, variant = text.partition(":")
    near = get_close_matches(name, CARDS, n=1)
    hint = f"did you mean {near[0]}{colon}{variant}?" if near else f"the registry has {', '.join(CARDS)}"
    return f"expected a registry name, a hub id (org/name) or name=path, got {text!r}; {hint}"
