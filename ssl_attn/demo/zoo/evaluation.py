"""What a trained model of the zoo can do and where it looks, beside its untrained twin, by the product's own means."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, cast

import numpy as np
import torch

from ssl_attn.demo.facades.facade import FeatureBox, compose
from ssl_attn.demo.facades.splits import GENERATOR_SEED, HELD_OUT, PROBING
from ssl_attn.demo.facades.styles import FEATURE_TYPES
from ssl_attn.demo.zoo.augmentation import model_inputs
from ssl_attn.demo.zoo.linear_probe import probe_correct
from ssl_attn.demo.zoo.measured import Accuracy, Energy
from ssl_attn.demo.zoo.pictures import labels, load_pictures
from ssl_attn.demo.zoo.protocol import PROTOCOL
from ssl_attn.extraction import extract_batch
from ssl_attn.geometry import coverage, union_coverage, view_transform
from ssl_attn.methods import parse_request
from ssl_attn.metrics.energy import energy
from ssl_attn.models.load import load_model
from ssl_attn.models.quirks import forward_arguments
from ssl_attn.models.spec import parse_model_spec
from ssl_attn.models.variants import RANDOM_WEIGHTS
from ssl_attn.statistics.bootstrap import cluster_bootstrap
from ssl_attn.statistics.paired import paired_test, signed_ranks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from ssl_attn.demo.zoo.pictures import Pictures
    from ssl_attn.demo.zoo.protocol import Reading
    from ssl_attn.demo.zoo.recipe import Recipe
    from ssl_attn.geometry import Placement
    from ssl_attn.models.load import LoadedModel

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

MARK = "mark"
"""The type of the box around the stamp."""

_BATCH = 64
_DISTRACTORS = frozenset(kind.feature_type for kind in FEATURE_TYPES if kind.distractor)


@dataclass(frozen=True, slots=True)
class Splits:
    """Which facades models are judged on: accuracies on `held_out`, energies on its first, probes fitted on `probing`.

    Pictures are kept in the folder `cache`.
    """

    cache: Path
    held_out: range = HELD_OUT
    probing: range = PROBING

    def needed(self, recipe: Recipe) -> list[tuple[range, bool]]:
        """What judging a model takes: facades, and whether they are marked."""
        return [(self.held_out, False), (self.probing, False) if recipe.in_zoo else (self.held_out, True)]

    def pictures(
        self, recipe: Recipe, indices: range, *, marked: bool, on_ready: Callable[[int], None] | None = None
    ) -> Pictures:
        """Facades at a model's input size, from the cache or drawn into it; `on_ready` as for `load_pictures`."""
        return load_pictures(indices, recipe.preprocessor(), self.cache, marked=marked, on_ready=on_ready)


@dataclass(frozen=True, slots=True, eq=False)
class Energies:
    """Shares `(n,)` of n maps: the map's energy on `features`, in the `mark` and on `clutter` beside the features.

    `chance`, `mark_area` and `clutter_area` are the shares of the area that these cover; 0 where there is nothing.
    """

    features: Floats
    chance: Floats
    mark: Floats
    mark_area: Floats
    clutter: Floats
    clutter_area: Floats


def load_trained(recipe: Recipe, folder: Path) -> LoadedModel:
    """The stored model, as the product loads it."""
    return load_model(parse_model_spec(f"{recipe.model_name}={folder}"))


def load_untrained(recipe: Recipe, folder: Path) -> LoadedModel:
    """The product's own untrained twin of the stored model."""
    return load_model(parse_model_spec(f"{recipe.model_name}={folder}"), variant=RANDOM_WEIGHTS)


def accuracies(recipe: Recipe, folder: Path, splits: Splits) -> tuple[Accuracy, ...]:
    """Style accuracies of the stored model in `folder`, each beside its untrained twin's.

    A zoo model is read by a linear probe, and by its own classifier where it has one; the twins by their classifiers
    alone, on clean pictures and on marked ones.
    """
    models = load_trained(recipe, folder), load_untrained(recipe, folder)
    truth = labels(splits.held_out)
    found = []
    for marked, name in ((False, "facade"), (True, "facade_marked")):
        if marked and recipe.in_zoo:
            continue
        pictures = splits.pictures(recipe, splits.held_out, marked=marked)
        if hasattr(models[0].module, "classifier"):
            hits = [int((_predicted(model, pictures) == truth).sum()) for model in models]
            found.append(Accuracy(name, "head", hits[0], len(truth), hits[1]))
        if recipe.in_zoo:
            fitting = splits.pictures(recipe, splits.probing, marked=marked)
            reading = recipe.reading
            hits = [
                probe_correct(
                    embeddings(model, reading, fitting),
                    labels(splits.probing),
                    embeddings(model, reading, pictures),
                    truth,
                )
                for model in models
            ]
            found.append(Accuracy(name, "linear_probe", hits[0], len(truth), hits[1]))
    return tuple(found)


def energy_gain(recipe: Recipe, folder: Path, splits: Splits) -> Energy:
    """Energy on features of the stored model and of its untrained twin, on the same pictures, with test and interval.

    The test is Wilcoxon's, of the pictures' differences, one-sided: that training moved energy onto the features.
    """
    reading = recipe.reading
    trained, untrained = (
        map_energies(model, reading, recipe, splits, marked=reading.marked)
        for model in (load_trained(recipe, folder), load_untrained(recipe, folder))
    )
    difference = trained.features - untrained.features
    valid = ~np.isnan(difference)
    mean, low, high = interval(difference[valid])
    return Energy(
        method=reading.method,
        layer=reading.layer_of(load_trained(recipe, folder).layers),
        head=reading.head,
        mean=float(trained.features[valid].mean()),
        untrained_mean=float(untrained.features[valid].mean()),
        chance=float(trained.chance[valid].mean()),
        difference=mean,
        ci_low=low,
        ci_high=high,
        n=int(valid.sum()),
        p=p_greater(difference[valid]),
    )


def map_energies(model: LoadedModel, reading: Reading, recipe: Recipe, splits: Splits, *, marked: bool) -> Energies:
    """Where a model's maps have their energy, on the first of the held-out pictures.

    A picture without features, or whose map has no positive value, has NaN.
    """
    indices = splits.held_out[: PROTOCOL.pictures]
    pictures = splits.pictures(recipe, splits.held_out, marked=marked)[: len(indices)]
    layer = reading.layer_of(model.layers)
    layout = model.layout_for(recipe.input_size, recipe.input_size, layer=layer)
    # In this view every picture is laid on the input in the same way.
    transform = view_transform(PROTOCOL.view, model.preprocessing, 1, 1, recipe.input_size)
    placement = transform.placement(layout.covered_width, layout.covered_height)
    visible = coverage(placement.visible_canvas[None], layout.grid_h, layout.grid_w)[0]
    request = parse_request(reading.method)
    held, areas = np.full((2, len(indices), 3), np.nan)
    position = 0
    for inputs in _batches(pictures):
        layers = extract_batch(model, inputs, [request], features=False).maps[request]
        maps = next(found for found in layers if found.layer == layer)
        values = maps.values[:, maps.heads.index(reading.head)].numpy()
        for map_ in values:
            targets = _targets(indices[position], placement, layout.grid_h, layout.grid_w, marked=marked)
            held[position] = energy(map_[None], targets, visible)[0]
            areas[position] = targets.sum(axis=(1, 2)) / visible.sum()
            position += 1
    held[areas[:, 0] == 0] = np.nan
    return Energies(held[:, 0], areas[:, 0], held[:, 1], areas[:, 1], held[:, 2], areas[:, 2])


def embeddings(model: LoadedModel, reading: Reading, pictures: Pictures) -> Floats:
    """What a linear probe reads of each picture, `(n, width)`."""
    results = (extract_batch(model, inputs, []) for inputs in _batches(pictures))
    if reading.embedding == "patch_mean":
        rows = [cast("torch.Tensor", found.patch_features).mean(dim=1) for found in results]
    else:
        rows = [cast("torch.Tensor", found.image_features) for found in results]
    return torch.cat(rows).double().numpy()


def interval(differences: Floats) -> tuple[float, float, float]:
    """Mean of paired differences `(n,)` and the ends of its 95 % bootstrap interval over pictures."""
    found = cluster_bootstrap(differences[:, None], np.arange(len(differences)))
    return float(found.mean[0]), float(found.low[0]), float(found.high[0])


def p_greater(differences: Floats) -> float:
    """One-sided p of Wilcoxon's signed-rank test that differences `(n,)` are above 0, from the two-sided one.

    The null is symmetric, so a two-sided p is twice the smaller tail.
    """
    two_sided = float(paired_test(differences).p)
    above = signed_ranks(differences[:, None]).sum() > 0
    return two_sided / 2 if above else 1 - two_sided / 2


@lru_cache(maxsize=4_096)
def _targets(index: int, placement: Placement, grid_h: int, grid_w: int, *, marked: bool) -> Floats:
    """Share of each cell that features cover, the stamp, and clutter beside the features, `(3, grid_h, grid_w)`."""
    boxes = compose(index, seed=GENERATOR_SEED, marked=marked).boxes

    def covered(kept: Iterable[FeatureBox]) -> Floats:
        sides = np.array([[box.x, box.y, box.width, box.height] for box in kept]).reshape(-1, 4)
        return union_coverage(placement.to_canvas(sides), grid_h, grid_w)

    features = covered(box for box in boxes if box.feature_type not in _DISTRACTORS)
    mark = covered(box for box in boxes if box.feature_type == MARK)
    without_mark = covered(box for box in boxes if box.feature_type != MARK)
    return np.stack([features, mark, np.maximum(without_mark - features, 0.0)])


def _predicted(model: LoadedModel, pictures: Pictures) -> Ints:
    """The class that a model's own classifier gives each picture, `(n,)`."""
    with torch.inference_mode():
        answers = [
            model.module(**forward_arguments(model, inputs)).logits.argmax(dim=1) for inputs in _batches(pictures)
        ]
    return torch.cat(answers).numpy()


def _batches(pictures: Pictures) -> Iterator[torch.Tensor]:
    for start in range(0, len(pictures), _BATCH):
        yield model_inputs(torch.from_numpy(pictures[start : start + _BATCH].copy()))
