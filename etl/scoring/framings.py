"""Images as maps see them: every image of a data set with its boxes and its place on the canvas, framing by framing.

A framing is how images are laid on a model input (view, resize and crop, input size), whatever the grid. Images of one
framing can stand in for each other: the others' features are the negatives of shuffled AUC and a baseline's prior.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np

from etl.frame_names import framing_of
from etl.store import content_key
from ssl_attn.geometry import PLACEMENT_COLUMNS, Placement, union_coverage, visible_fraction
from ssl_attn.metrics.target import MIN_VISIBLE_FRACTION, Target, build_target

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import duckdb
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Grid = tuple[int, int]
    FramingKey = tuple[str, str, int, str]


@dataclass(frozen=True, slots=True)
class ImageBoxes:
    """An image's boxes, in the order of their ids: `places` is (n, 4) as x, y, width, height in image fractions.

    `distractors` (n,) says which boxes are of distractors; the others are of features.
    """

    box_ids: tuple[str, ...] = ()
    feature_types: tuple[str, ...] = ()
    distractors: tuple[bool, ...] = ()
    places: tuple[tuple[float, float, float, float], ...] = ()

    @property
    def array(self) -> Floats:
        """`places` as an array `(n, 4)`; n may be 0."""
        return np.array(self.places, dtype=np.float64).reshape(-1, 4)

    @property
    def is_distractor(self) -> NDArray[np.bool_]:
        """`distractors` as an array `(n,)`."""
        return np.array(self.distractors, dtype=bool)

    @property
    def features(self) -> Floats:
        """The places of features alone: what unions are of."""
        return self.array[~self.is_distractor]

    @property
    def has_features(self) -> bool:
        """Whether any box is of a feature."""
        return not all(self.distractors)


@dataclass(frozen=True, slots=True)
class FramedImage:
    """One image in a framing: what was photographed, its picture in the store, its boxes, its place on the canvas."""

    image_id: str
    source: str
    preview: str
    boxes: ImageBoxes
    placement: Placement


@dataclass(frozen=True, slots=True)
class Frame:
    """A framing and a grid: with a data set, it says which share of which cell every box covers."""

    dataset: str
    view: str
    input_size: int
    name: str
    grid: Grid

    @property
    def framing(self) -> FramingKey:
        """Which framing it belongs to."""
        return self.dataset, self.view, self.input_size, framing_of(self.name)


class Framing:
    """Every image of a data set that has maps in one framing, in the order of their ids."""

    def __init__(self, images: Mapping[str, FramedImage]) -> None:
        self.images = images
        self._of_source: dict[str, list[FramedImage]] = defaultdict(list)
        for image in images.values():
            self._of_source[image.source].append(image)
        self.total = cache(self._total)
        # Images come in the order of their ids, where those of one source are often neighbours.
        self.same_source = lru_cache(maxsize=64)(self._same_source)

    @cached_property
    def digest(self) -> str:
        """Hash of what scores depend on beside the maps: the boxes of every image, their roles, and where they lie."""
        marked = (image for image in self.images.values() if image.boxes.places)
        return content_key([(image.image_id, image.boxes, image.placement) for image in marked])

    @cached_property
    def sources_digest(self) -> str:
        """Hash of which image is of which source."""
        return content_key([(image.image_id, image.source) for image in self.images.values()])

    @cached_property
    def marked(self) -> int:
        """How many images have boxes of features."""
        return sum(image.boxes.has_features for image in self.images.values())

    def _total(self, grid: Grid) -> Floats:
        """Sum of all images' coverages of each cell."""
        return _summed(self.images.values(), grid)

    def _same_source(self, source: str, grid: Grid) -> tuple[Floats, int]:
        """Sum of the coverages of one source's images, and how many of them have boxes of features."""
        images = self._of_source[source]
        return _summed(images, grid), sum(image.boxes.has_features for image in images)


def _summed(images: Iterable[FramedImage], grid: Grid) -> Floats:
    """Sum of coverages, one image after the other: two sums in one order have the same rounding, which then cancels."""
    total = np.zeros(grid)
    for image in images:
        if image.boxes.has_features:
            total += _coverage(image.boxes.features, image.placement, grid)
    return total


def _coverage(features: Floats, placement: Placement, grid: Grid) -> Floats:
    """Share of each cell that the union of an image's features covers, those that the view hides left out."""
    kept = features[visible_fraction(features, placement) >= MIN_VISIBLE_FRACTION]
    return union_coverage(placement.to_canvas(kept), *grid)


def target_of(boxes: ImageBoxes, placement: Placement, grid: Grid, total: Floats) -> Target:
    """What maps of an image on a grid are scored against; `total` is the sum of all images' coverages there."""
    # Where only this image has features the sum is its own coverage to the last bit, and the difference exactly 0.
    others = np.maximum(total - _coverage(boxes.features, placement, grid), 0.0)
    return build_target(
        boxes.array, placement, grid_h=grid[0], grid_w=grid[1], distractor=boxes.is_distractor, others=others
    )


def read_frames(catalog: duckdb.DuckDBPyConnection) -> dict[Frame, list[str]]:
    """Every frame that maps lie in, and its images in order."""
    query = """
        SELECT dataset, view, input_size, frame, grid_h, grid_w, list(DISTINCT image_id ORDER BY image_id)
        FROM maps GROUP BY ALL ORDER BY ALL
    """
    return {
        Frame(dataset, view, input_size, name, (grid_h, grid_w)): image_ids
        for dataset, view, input_size, name, grid_h, grid_w, image_ids in catalog.execute(query).fetchall()
    }


def read_framings(catalog: duckdb.DuckDBPyConnection) -> dict[FramingKey, Framing]:
    """Every framing that images with maps are laid in, by `Frame.framing`."""
    boxes = _read_boxes(catalog)
    query = f"""
        SELECT DISTINCT m.dataset, m.view, m.input_size, m.frame, m.image_id,
               coalesce(nullif(i.source_id, ''), m.image_id), i.preview, {", ".join(PLACEMENT_COLUMNS)}
        FROM maps AS m JOIN images AS i USING (dataset, image_id)
        ORDER BY m.image_id
    """
    found: dict[FramingKey, dict[str, FramedImage]] = defaultdict(dict)
    for dataset, view, size, frame, image_id, source, preview, *placement in catalog.execute(query).fetchall():
        image = FramedImage(
            image_id, source, preview, boxes.get((dataset, image_id), ImageBoxes()), Placement(*placement)
        )
        found[dataset, view, size, framing_of(frame)][image_id] = image
    return {key: Framing(images) for key, images in found.items()}


def _read_boxes(catalog: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], ImageBoxes]:
    query = """
        SELECT dataset, image_id, list(box_id ORDER BY box_id), list(feature_type ORDER BY box_id),
               list(distractor ORDER BY box_id), list([x, y, width, height] ORDER BY box_id)
        FROM boxes JOIN feature_types USING (dataset, feature_type) GROUP BY ALL
    """
    return {
        (dataset, image_id): ImageBoxes(tuple(ids), tuple(types), tuple(roles), tuple(tuple(p) for p in places))
        for dataset, image_id, ids, types, roles, places in catalog.execute(query).fetchall()
    }
