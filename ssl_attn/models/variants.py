"""Names of a model's variants: trained as released, and the same architecture untrained."""

from __future__ import annotations

from typing import Literal

Variant = Literal["frozen", "random_weights"]

FROZEN: Variant = "frozen"
RANDOM_WEIGHTS: Variant = "random_weights"
