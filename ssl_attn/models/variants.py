"""Names of a model's variants: as released, untrained, and trained further with one strategy and seed."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ssl_attn.errors import UsageError

FROZEN = "frozen"
"""The weights as released."""

RANDOM_WEIGHTS = "random_weights"
"""The same architecture untrained."""

_TRAINED = re.compile(r"(?P<strategy>[a-z0-9][a-z0-9_-]*)\.s(?P<seed>0|[1-9][0-9]{0,17})")


@dataclass(frozen=True, slots=True)
class TrainedVariant:
    """A variant that was trained on purpose: how (a slug), and with which seed."""

    strategy: str
    seed: int

    @property
    def name(self) -> str:
        """What the warehouse calls it: `lora.s0`."""
        return f"{self.strategy}.s{self.seed}"


def trained_variant(text: str) -> TrainedVariant:
    """Read `<strategy>.s<seed>`.

    Raises:
        UsageError: the text is no such name, or its strategy is the name of a variant that nobody trained.
    """
    match = _TRAINED.fullmatch(text)
    if match is None or match["strategy"] in (FROZEN, RANDOM_WEIGHTS):
        message = (
            "expected a trained variant as <strategy>.s<seed>, such as lora.s0, with a strategy of lower-case letters, "
            f"digits, - and _ other than {FROZEN} and {RANDOM_WEIGHTS}; got {text!r}"
        )
        raise UsageError(message)
    return TrainedVariant(match["strategy"], int(match["seed"]))


def is_trained(variant: str) -> bool:
    """Whether a variant's name says that it was trained further."""
    return variant not in (FROZEN, RANDOM_WEIGHTS)
