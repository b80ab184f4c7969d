"""How the zoo is judged: what `protocol.toml` fixed before training."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Literal

from ssl_attn.methods import WHOLE_MODEL

if TYPE_CHECKING:
    from ssl_attn.geometry import ViewName


@dataclass(frozen=True, slots=True)
class Reading:
    """What stands for a model: its maps by `method` at a layer and head, and the embedding that a probe reads."""

    method: str
    layer: Literal["last", "whole_model"]
    head: int
    data: Literal["facade", "facade_marked"]
    embedding: Literal["readout", "patch_mean"]

    def layer_of(self, layers: int) -> int:
        """The layer's number in a model of so many."""
        return WHOLE_MODEL if self.layer == "whole_model" else layers - 1

    @property
    def marked(self) -> bool:
        """Whether the pictures whose maps are scored bear the stamp."""
        return self.data == "facade_marked"


@dataclass(frozen=True, slots=True)
class Protocol:
    """The rules for all models; see the comments in `protocol.toml`."""

    view: ViewName
    pictures: int
    alpha: float
    probe_margin: float
    twin_margin: float
    reading: dict[str, Reading]


def _read() -> Protocol:
    written = tomllib.loads((resources.files("ssl_attn.demo.zoo") / "protocol.toml").read_text(encoding="utf-8"))
    readings = {name: Reading(**entry) for name, entry in written.pop("reading").items()}
    return Protocol(reading=readings, **written)


PROTOCOL: Protocol = _read()
"""What was fixed before training, for every model by its name."""
