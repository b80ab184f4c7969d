"""What a run will do: which images go through which models, for which methods, and what that costs."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from etl.frame_names import framing_name
from etl.store import content_key
from ssl_attn.baselines import BASELINE_MODEL, MODEL_FREE, OWN_MAPS
from ssl_attn.errors import UsageError
from ssl_attn.methods import METHODS, WHOLE_MODEL, parse_request
from ssl_attn.metrics import METRICS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ssl_attn.datasets.base import Image
    from ssl_attn.geometry import ViewName
    from ssl_attn.methods import MethodRequest
    from ssl_attn.models.load import Checkpoint

EXTRACTION_VERSION = 2
"""Raised when the same inputs would give other maps: parts of an older version are then computed again."""

IMAGES_PER_SHARD = 64
"""Images in a piece on average, in a large data set: about what a killed run loses. Small ones have smaller pieces."""

# Images from which on pieces have their full size.
_LARGE = 1000

# Bytes on disk, as found in published stores: a map beside its values (keys, masses, placement) and each of its cells,
# the score of a map, the score of a map against one box, a null.
_BYTES_PER_MAP = 30
_BYTES_PER_CELL = 1.75
_BYTES_PER_SCORE = 260
_BYTES_PER_BOX_SCORE = 195
_BYTES_PER_NULL = 20

_DRAWN = sum(metric.null == "monte_carlo" for metric in METRICS.values())


@dataclass(frozen=True, slots=True)
class Options:
    """How images are laid on the model input, how they are run, and whether features are kept beside maps."""

    view: ViewName = "squash"
    input_size: int | None = None
    features: bool = True
    batch_size: int = 16
    device: str = "cpu"
    dtype: str = "float32"


@dataclass(frozen=True, slots=True)
class ModelPlan:
    """One model, the methods to compute with it, and the side of its input in pixels."""

    checkpoint: Checkpoint
    requests: tuple[MethodRequest, ...]
    input_size: int
    options: Options

    def partition(self, dataset: str, method: str | None = None) -> dict[str, str]:
        """Hive partition of this model's rows."""
        keys = {"dataset": dataset, "model": self.checkpoint.name, "variant": self.checkpoint.variant}
        return keys if method is None else {**keys, "method": method}

    def slice(self, params_id: str = "") -> str:
        """The share of a partition that this plan fills."""
        return f"{self.options.view}/{self.input_size}/{params_id}"

    def framing(self, cell: int) -> str:
        """How images are laid under cells of so many pixels."""
        checkpoint = self.checkpoint
        return framing_name(
            self.options.view, checkpoint.preprocessing, self.input_size, cell, convolutional=checkpoint.heads == 0
        )

    def key(self, what: str, images: Sequence[Image]) -> str:
        """Hash of what determines one part: images, weights, configuration, family, preprocessing, view, number format.

        Devices and library versions are not part of it: they change a value by rounding, and a store need not be
        computed again for that. The run that made a part records them.
        """
        return content_key(
            EXTRACTION_VERSION,
            what,
            [(image.image_id, image.sha256) for image in images],
            self.checkpoint.weights_sha256,
            self.checkpoint.config_sha256,
            self.checkpoint.family.name,
            self.checkpoint.preprocessing,
            self.options.view,
            self.input_size,
            self.options.dtype,
        )

    @property
    def maps_per_image(self) -> int:
        """Maps that one image gets, over all methods, layers and heads."""
        return sum(heads * len(grids) for heads, grids in self._heads_and_grids())

    def bytes_for(self, images: int, boxes: int) -> int:
        """Estimate of what images with so many boxes in all add to the store: maps, features, scores and baselines.

        Models on the same grid share the baselines that need none; each is told to pay for them.
        """
        frames = {grid for _, grids in self._heads_and_grids() for grid in grids}
        fused = sum(len(grids) for _, grids in self._heads_and_grids())
        rows = self.maps_per_image + len(OWN_MAPS) * fused + len(MODEL_FREE) * len(frames)
        scores = rows * (images * _BYTES_PER_SCORE + boxes * _BYTES_PER_BOX_SCORE)
        nulls = len(frames) * _DRAWN * (images + boxes) * _BYTES_PER_NULL
        return images * self._extracted_bytes_per_image() + scores + nulls

    def _extracted_bytes_per_image(self) -> int:
        maps = self.maps_per_image * _BYTES_PER_MAP
        cells = sum(heads * rows * columns for heads, grids in self._heads_and_grids() for rows, columns in grids)
        features = 0
        if self.options.features:
            layout = self.checkpoint.layout_for(self.input_size, self.input_size)
            features = (layout.patches + 1) * self.checkpoint.width * 2
        return maps + round(cells * _BYTES_PER_CELL) + features

    def _heads_and_grids(self) -> Iterator[tuple[int, list[tuple[int, int]]]]:
        """For each method the maps of one layer, single heads and all fused, and the grid of each layer."""
        checkpoint = self.checkpoint
        for request in self.requests:
            heads = 1 + (checkpoint.heads if METHODS[request.method].per_head else 0)
            layers = [WHOLE_MODEL] if "map_head" in METHODS[request.method].needs else range(checkpoint.layers)
            layouts = (checkpoint.layout_for(self.input_size, self.input_size, layer=layer) for layer in layers)
            yield heads, [(layout.grid_h, layout.grid_w) for layout in layouts]


def plan_model(checkpoint: Checkpoint, requests: Sequence[MethodRequest] | None, options: Options) -> ModelPlan:
    """The plan of one model: the methods asked for that it has, or all that it has when none was asked for.

    Raises:
        UsageError: it has none of the methods asked for, or the name that baselines stand under.
    """
    if checkpoint.name == BASELINE_MODEL:
        message = f"expected a model of another name than {BASELINE_MODEL}, which the baselines that need none bear"
        raise UsageError(message)
    has = checkpoint.family.methods
    if requests is None:
        requests = [parse_request(method) for method in has]
    fit = tuple(request for request in requests if request.method in has)
    if not fit:
        asked = ", ".join(request.method for request in requests)
        message = f"expected at least one method that {checkpoint.name} has ({', '.join(has)}), got {asked}"
        raise UsageError(message)
    return ModelPlan(checkpoint, fit, options.input_size or checkpoint.input_size, options)


def shards(images: Sequence[Image]) -> list[tuple[Image, ...]]:
    """Images in the store's order, in pieces that are computed, written and skipped as one.

    A piece ends where the hash of an image's name says so, and at the latest after four times the average: an image
    that is added or taken away changes its own piece and leaves the others alone.
    """
    average = IMAGES_PER_SHARD if len(images) >= _LARGE else max(1, IMAGES_PER_SHARD // 4)
    pieces: list[list[Image]] = [[]]
    for image in images:
        pieces[-1].append(image)
        ends_here = int(hashlib.sha256(image.image_id.encode()).hexdigest(), 16) % average == 0
        if ends_here or len(pieces[-1]) >= 4 * average:
            pieces.append([])
    return [tuple(piece) for piece in pieces if piece]
