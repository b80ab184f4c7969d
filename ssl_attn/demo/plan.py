"""What the demo builds: which models run on which facades, with which methods."""

from __future__ import annotations

from dataclasses import dataclass

from ssl_attn.datasets.facade import DEFAULT_COUNT
from ssl_attn.demo.zoo.protocol import PROTOCOL
from ssl_attn.demo.zoo.recipes import RECIPES, TWINS, ZOO
from ssl_attn.models.card import CARDS, FAMILIES

MARK = "mark"
"""Feature type of the mark that gives the style away."""

TWIN_METHOD = PROTOCOL.reading[TWINS].method
"""The method that the twins are compared by."""

OWN_DATA: dict[str, str] = {
    variant.partition(".")[0]: "facade" if RECIPES[f"{TWINS}/{variant}"].data == "clean" else "facade_marked"
    for variant in CARDS[TWINS].variants
}
"""The data set like the one that a strategy of the twin was trained on."""

_TRUSTED = ("excellent", "correct", "good")


@dataclass(frozen=True, slots=True)
class DemoRun:
    """Models as `--models` takes them, the methods to compute, and whether their untrained twins run too."""

    models: tuple[str, ...]
    methods: tuple[str, ...]
    untrained: bool = False


@dataclass(frozen=True, slots=True)
class DemoStudy:
    """The first `images` pictures of a data set that is drawn, and what runs on them."""

    dataset: str
    images: int
    runs: tuple[DemoRun, ...]


def _worth_showing(model: str) -> tuple[str, ...]:
    """The method that the leaderboard shows, the one of the protocol, and all that are to be trusted on its family."""
    family = FAMILIES[CARDS[model].family]
    trusted = (verdict.method for verdict in family.verdicts if verdict.verdict in _TRUSTED)
    return tuple(dict.fromkeys((family.default_method, PROTOCOL.reading[model].method, *trusted)))


MINIATURES = tuple(model for model in ZOO if model in CARDS)
"""The models of the zoo whose weights come with the package."""

_ZOO = tuple(DemoRun((model,), _worth_showing(model), untrained=True) for model in MINIATURES)
_TWINS = DemoRun((TWINS,), (TWIN_METHOD,))

DEMO = (
    DemoStudy("facade", DEFAULT_COUNT, (*_ZOO, _TWINS)),
    DemoStudy("facade_marked", DEFAULT_COUNT, (_TWINS,)),
)
"""Both data sets show the same facades, so that the twins can be asked what the mark changes."""
