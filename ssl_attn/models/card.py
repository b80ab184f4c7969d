"""The registry of models, read from `cards.toml`: architectures, families with their verdicts, named checkpoints.

Nothing here imports torch, so the dashboard and the command line may read it freely.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ssl_attn.models.variants import FROZEN

if TYPE_CHECKING:
    from ssl_attn.models.layout import Readout

VerdictName = Literal["excellent", "correct", "good", "acceptable", "questionable", "baseline"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """How far a method's map may be read as what a family of models looks at, and why."""

    method: str
    verdict: VerdictName
    note: str


@dataclass(frozen=True, slots=True)
class Architecture:
    """A transformers class: attribute of the backbone inside a wrapper (empty: itself) and of its final normalisation.

    `fixed_positions` says that its position embedding fits the native input only: any other size must be asked for.
    """

    name: str
    backbone: str = ""
    final_norm: str = ""
    fixed_positions: bool = False


@dataclass(frozen=True, slots=True)
class Family:
    """Checkpoints that are read alike.

    `model_types` are accepted values of `model_type` in config.json; `architectures` are classes that may be loaded,
    the last for checkpoints that name none of them. `cls` and `distillation` count tokens before the patches; registers
    are counted by the checkpoint's own configuration.
    """

    name: str
    label: str
    model_types: tuple[str, ...]
    architectures: tuple[str, ...]
    paradigm: str
    readout: Readout
    verdicts: tuple[Verdict, ...]
    cls: int = 0
    distillation: int = 0

    @property
    def methods(self) -> tuple[str, ...]:
        """Methods that apply, the default first."""
        return tuple(verdict.method for verdict in self.verdicts)

    @property
    def default_method(self) -> str:
        """The method that stands for the model where only one is shown."""
        return self.verdicts[0].method


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A named checkpoint; `input_size` is the side of its own model input in pixels.

    With `variants`, the card names a family of checkpoints, one for each strategy and seed that it was trained with.
    """

    name: str
    label: str
    family: str
    input_size: int
    licence: str
    hf_id: str = ""
    gated: bool = False
    bundled: bool = False
    variants: tuple[str, ...] = ()
    notes: str = ""

    @property
    def folder(self) -> Path | None:
        """Where the checkpoint, or those of all variants, lie inside the package; None for those on the hub."""
        if not self.bundled:
            return None
        return Path(str(resources.files("ssl_attn"))) / "demo" / "weights" / self.name

    @property
    def folders(self) -> dict[str, Path]:
        """The folder of each checkpoint inside the package, by variant; none for those on the hub."""
        if self.folder is None:
            return {}
        return {variant: self.folder / variant for variant in self.variants} or {FROZEN: self.folder}


def _family(name: str, entry: dict[str, Any]) -> Family:
    verdicts = tuple(Verdict(method, verdict, note) for method, (verdict, note) in entry.pop("verdicts").items())
    model_types, architectures = tuple(entry.pop("model_types")), tuple(entry.pop("architectures"))
    return Family(name, model_types=model_types, architectures=architectures, verdicts=verdicts, **entry)


def _card(name: str, entry: dict[str, Any]) -> ModelCard:
    return ModelCard(name, variants=tuple(entry.pop("variants", ())), **entry)


_registry = tomllib.loads((resources.files("ssl_attn.models") / "cards.toml").read_text(encoding="utf-8"))

ARCHITECTURES: dict[str, Architecture] = {
    name: Architecture(name, **entry) for name, entry in _registry["architecture"].items()
}
"""Loadable transformers classes by name."""

FAMILIES: dict[str, Family] = {name: _family(name, entry) for name, entry in _registry["family"].items()}
"""Every family by name, in order of preference for checkpoints that no card names."""

CARDS: dict[str, ModelCard] = {name: _card(name, entry) for name, entry in _registry["card"].items()}
"""Every named checkpoint, and family of checkpoints."""

MODEL_TYPES: tuple[str, ...] = tuple(sorted({kind for family in FAMILIES.values() for kind in family.model_types}))
"""Values of `model_type` that can be loaded."""
