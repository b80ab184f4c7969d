"""The twins side by side: equal accuracy, and where the maps of the honest and of the shortcut model have their energy.

Each seed's models were trained alike but for the stamp. Maps are scored on the same marked pictures for all of them.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from ssl_attn.demo.zoo.evaluation import interval, load_trained, map_energies
from ssl_attn.demo.zoo.measured import read_measured
from ssl_attn.demo.zoo.protocol import PROTOCOL
from ssl_attn.demo.zoo.recipes import RECIPES, SEEDS, STRATEGIES, TWINS
from ssl_attn.files import replacing

if TYPE_CHECKING:
    from pathlib import Path

    from ssl_attn.demo.zoo.evaluation import Splits

CONTRAST_FILE = "contrast.json"


@dataclass(frozen=True, slots=True)
class TwinMeasures:
    """One variant: its accuracies on clean and on marked pictures, its maps' energy on features and in the mark."""

    strategy: str
    seed: int
    accuracy_clean: float
    accuracy_marked: float
    energy_features: float
    energy_mark: float

    @property
    def own_accuracy(self) -> float:
        """Accuracy on pictures as it was trained on; with half of the marks removed, those with marks."""
        return self.accuracy_clean if STRATEGIES[self.strategy] == "clean" else self.accuracy_marked


@dataclass(frozen=True, slots=True)
class Contrast:
    """Honest minus shortcut of one seed: accuracies each on its own kind of pictures, energies on `n` marked ones.

    The energies are those on features; their difference is paired, with its 95 % bootstrap interval over pictures.
    """

    seed: int
    accuracy_difference: float
    energy_difference: float
    ci_low: float
    ci_high: float
    n: int

    @property
    def holds(self) -> bool:
        """Whether accuracies are as equal as the protocol asks while the interval of the energies excludes 0."""
        return abs(self.accuracy_difference) <= PROTOCOL.twin_margin and self.ci_low > 0


@dataclass(frozen=True, slots=True)
class Twins:
    """All variants that were there to be measured, and the contrast of every seed that has both models."""

    chance: float
    measures: tuple[TwinMeasures, ...]
    contrasts: tuple[Contrast, ...]


def measure_twins(out: Path, splits: Splits) -> Twins | None:
    """Compare the variants whose folders lie below `out`; None where there are none."""
    measures: dict[tuple[str, int], TwinMeasures] = {}
    energies: dict[tuple[str, int], np.ndarray[tuple[int], np.dtype[np.float64]]] = {}
    chance = float("nan")
    for strategy in STRATEGIES:
        for seed in SEEDS:
            recipe = RECIPES[f"{TWINS}/{strategy}.s{seed}"]
            folder = out / recipe.name
            measured = read_measured(folder)
            if measured is None:
                continue
            found = map_energies(load_trained(recipe, folder), recipe.reading, recipe, splits, marked=True)
            share = {accuracy.data: accuracy.share for accuracy in measured.accuracy}
            energies[strategy, seed] = found.features
            chance = float(np.nanmean(found.chance))
            measures[strategy, seed] = TwinMeasures(
                strategy,
                seed,
                share["facade"],
                share["facade_marked"],
                float(np.nanmean(found.features)),
                float(np.nanmean(found.mark)),
            )
    contrasts = []
    for seed in SEEDS:
        if ("honest", seed) not in measures or ("shortcut", seed) not in measures:
            continue
        difference = energies["honest", seed] - energies["shortcut", seed]
        difference = difference[~np.isnan(difference)]
        accuracy = measures["honest", seed].own_accuracy - measures["shortcut", seed].own_accuracy
        contrasts.append(Contrast(seed, accuracy, *interval(difference), len(difference)))
    return Twins(chance, tuple(measures.values()), tuple(contrasts)) if measures else None


def write_contrast(folder: Path, twins: Twins) -> None:
    """Write `contrast.json` beside the variants."""
    text = json.dumps(asdict(twins), indent=1, allow_nan=False)
    with replacing(folder / CONTRAST_FILE) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def read_contrast(folder: Path) -> Twins:
    """What `write_contrast` wrote."""
    values = json.loads((folder / CONTRAST_FILE).read_text(encoding="utf-8"))
    return Twins(
        values["chance"],
        tuple(TwinMeasures(**entry) for entry in values["measures"]),
        tuple(Contrast(**entry) for entry in values["contrasts"]),
    )
