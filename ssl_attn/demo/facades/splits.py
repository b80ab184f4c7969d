"""Which facades serve what: ranges of indices of one seed that no two purposes share."""

from __future__ import annotations

GENERATOR_SEED = 0
"""The seed of every facade that is trained on, tested on or shown."""

SHOWN = range(5_000)
"""Facades that the reader hands out; no model has learned from them."""

TUNING = range(5_000, 5_600)
"""Facades by which generator, stamp and schedules were chosen; nothing that is reported was measured on them."""

PROBING = range(6_000, 8_000)
"""Facades that linear probes are fitted on; no model has learned from them either."""

HELD_OUT = range(8_000, 10_000)
"""Facades on which accuracies and energies of the demo's models are measured; no setting was tuned on them."""

TRAINING = range(10_000, 26_000)
"""Facades that models learn from."""
