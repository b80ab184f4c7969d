"""Which token of a sequence is what: every method indexes attention through this, nothing counts tokens by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Readout = Literal["cls", "cls+dist", "map_probe", "gap"]


@dataclass(frozen=True, slots=True)
class TokenLayout:
    """Order of tokens: CLS, distillation, registers, then patches row by row.

    Counts are tokens; `grid_h` x `grid_w` are patches (or, for a convolutional network, cells of the last stage).
    `readout` says how the image embedding is taken from the tokens.
    """

    cls: int
    distillation: int
    registers: int
    grid_h: int
    grid_w: int
    patch_size: int
    readout: Readout

    @property
    def patch_start(self) -> int:
        """Index of the first patch token."""
        return self.cls + self.distillation + self.registers

    @property
    def patches(self) -> int:
        """Number of patch tokens."""
        return self.grid_h * self.grid_w

    @property
    def tokens(self) -> int:
        """Length of the sequence."""
        return self.patch_start + self.patches

    @property
    def register_slice(self) -> slice:
        """Registers in the sequence."""
        return slice(self.cls + self.distillation, self.patch_start)

    @property
    def patch_slice(self) -> slice:
        """Patches in the sequence."""
        return slice(self.patch_start, self.tokens)

    @property
    def covered_width(self) -> int:
        """Pixels of the input, from its left edge, that patches cover."""
        return self.grid_w * self.patch_size

    @property
    def covered_height(self) -> int:
        """Pixels of the input, from its top edge, that patches cover."""
        return self.grid_h * self.patch_size
