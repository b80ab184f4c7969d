"""What a person may write for a model: a registry name, a hub id, or `name=path` for a folder of their own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from ssl_attn.errors import UsageError
from ssl_attn.models.card import CARDS, ModelCard

_SLUG = re.compile(r"[a-z0-9][a-z0-9_-]*")
_HUB_ID = re.compile(r"(?P<hf_id>[\w-][\w.-]*/[\w.-]+)(?:@(?P<revision>\S+))?")

# Rows of the warehouse that no model made bear this name.
_RESERVED = {"baseline"}


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A model to load: its slug, and either a hub id (with a revision when one was asked for) or a folder.

    `card` is the registry's entry when the slug or the hub id has one.
    """

    name: str
    hf_id: str = ""
    revision: str | None = None
    path: Path | None = None
    card: ModelCard | None = None


def parse_model_spec(text: str) -> ModelSpec:
    """Read `name`, `org/name`, `org/name@revision` or `name=path`.

    A local copy of a registry model keeps its card: `dinov3=/data/dinov3` is read as a DINOv3.

    Raises:
        UsageError: the text is none of these, the name is no slug, or the folder does not exist.
    """
    text = text.strip()
    if "=" in text:
        name, _, path = text.partition("=")
        return _local(name.strip(), Path(path.strip()).expanduser())
    if text in CARDS:
        card = CARDS[text]
        return ModelSpec(card.name, hf_id=card.hf_id, path=card.folder, card=card)
    match = _HUB_ID.fullmatch(text)
    local = bool(text) and Path(text).is_dir()
    if match is None or local:
        raise UsageError(_unknown(text, local=local))
    hf_id, revision = match["hf_id"], match["revision"]
    known = next((card for card in CARDS.values() if card.hf_id == hf_id), None)
    name = known.name if known else _slug(hf_id.partition("/")[2])
    return ModelSpec(name, hf_id=hf_id, revision=revision, card=known)


def _local(name: str, path: Path) -> ModelSpec:
    if _SLUG.fullmatch(name) is None or name in _RESERVED:
        message = (
            f"expected a name of lower-case letters, digits, - and _ before the =, other than "
            f"{', '.join(sorted(_RESERVED))}; got {name!r}"
        )
        raise UsageError(message)
    if not path.is_dir():
        found = "a file" if path.exists() else "nothing there"
        message = (
            f"expected {path} to be a folder with config.json, model.safetensors and preprocessor_config.json, "
            f"got {found}; give the folder of the checkpoint"
        )
        raise UsageError(message)
    return ModelSpec(name, path=path, card=CARDS.get(name))


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def _unknown(text: str, *, local: bool) -> str:
    if local:
        return (
            f"expected a name for the local folder, got {text!r} alone; write {_slug(Path(text).name) or 'name'}={text}"
        )
    near = get_close_matches(text, CARDS, n=1)
    hint = f"did you mean {near[0]}?" if near else f"the registry has {', '.join(CARDS)}"
    return f"expected a registry name, a hub id (org/name) or name=path, got {text!r}; {hint}"
