"""What every reader returns: images, expert boxes, feature types, and what had to be left out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class FeatureType:
    """A kind of feature that experts mark; `parents` are keys of broader kinds (a rose window is a window).

    A `distractor` is marked on purpose as what a model should not rely on (a watermark, a passer-by): it is scored box
    by box, and never part of the union of an image's boxes.
    """

    feature_type: str
    name: str
    parents: tuple[str, ...] = ()
    distractor: bool = False


@dataclass(frozen=True, slots=True)
class Image:
    """An image that could be read to its end.

    Width and height are pixels of the oriented image (EXIF rotation applied). `source_id` names what was photographed
    (a building, say): the unit for splits and clusters; it is the image's own id where the data set has none.
    """

    image_id: str
    path: Path
    sha256: str
    width: int
    height: int
    styles: tuple[str, ...] = ()
    source_id: str = ""
    split: str = ""
    licence: str = ""


@dataclass(frozen=True, slots=True)
class Box:
    """An expert's box: x, y (top left), width, height as fractions of the oriented image, clipped to it.

    `feature_group` is the feature type of the group that the expert put the box in (its own type where there is none).
    """

    box_id: str
    image_id: str
    feature_type: str
    feature_group: str
    x: float
    y: float
    width: float
    height: float

    @property
    def area(self) -> float:
        """Share of the image's area."""
        return self.width * self.height


@dataclass(frozen=True, slots=True)
class Quarantined:
    """An input that was left out: which rule it broke, what was expected and what was found."""

    what: Literal["image", "box", "feature_type"]
    identifier: str
    rule: str
    expected: str
    found: str


class Dataset(Protocol):
    """Images with expert boxes, whatever format they came in."""

    @property
    def name(self) -> str:
        """The slug under which the warehouse keeps it."""
        ...

    @property
    def images(self) -> Sequence[Image]:
        """Readable images, in a stable order."""
        ...

    @property
    def boxes(self) -> Sequence[Box]:
        """Valid boxes; every `image_id` and `feature_type` is known."""
        ...

    @property
    def feature_types(self) -> Sequence[FeatureType]:
        """All feature types, also those without a box."""
        ...

    @property
    def quarantine(self) -> Sequence[Quarantined]:
        """What was left out, and why."""
        ...


@dataclass(frozen=True, slots=True)
class AnnotatedImages:
    """A data set held in memory: the `Dataset` that every reader builds."""

    name: str
    images: tuple[Image, ...]
    boxes: tuple[Box, ...]
    feature_types: tuple[FeatureType, ...]
    quarantine: tuple[Quarantined, ...] = field(default=())
