"""A checkpoint's own preprocessing, read from its `preprocessor_config.json` and carried out with Pillow.

transformers' processors are not used: some need torchvision and one (DINOv3's) has no other form. Their arithmetic is
followed to the pixel and compared with the live processors in the tests.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image as PillowImage

from ssl_attn.errors import SslAttnError
from ssl_attn.geometry import ViewTransform

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

# A size given as one number means the shortest edge to these families and a square to all others.
_SHORTEST_EDGE_FAMILIES = ("CLIP", "Bit", "ConvNext")

_HALF = [0.5, 0.5, 0.5]
_CLIP_COLOURS = {
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
}
_IMAGENET_COLOURS = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}

# What a file that leaves a field out means: it depends on the processor that the file names (by the start of its name).
_COMMON_DEFAULTS = {
    "size": 224,
    "crop_size": 224,
    "crop_pct": 224 / 256,
    "resample": int(PillowImage.Resampling.BILINEAR),
    "rescale_factor": 1 / 255,
    "do_resize": True,
    "do_center_crop": False,
    "do_rescale": True,
    "do_normalize": True,
    "image_mean": _HALF,
    "image_std": _HALF,
}
_BICUBIC = {"resample": int(PillowImage.Resampling.BICUBIC)}
_PROCESSOR_DEFAULTS: dict[str, dict[str, Any]] = {
    "CLIP": {**_BICUBIC, **_CLIP_COLOURS, "do_center_crop": True},
    "Bit": {**_BICUBIC, **_CLIP_COLOURS, "do_center_crop": True},
    "Siglip": _BICUBIC,
    "DeiT": {**_BICUBIC, "size": 256, "do_center_crop": True},
    "ConvNext": {**_BICUBIC, "size": 384},
    "DINOv3ViT": _IMAGENET_COLOURS,
}

# ConvNext's processor crops below this size and squashes from it on.
_CONVNEXT_SQUASH_FROM = 384


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """Resize, crop and normalisation of one checkpoint.

    Either `resize_shortest` (pixels of the shorter side, aspect kept) or `resize_square` (height, width) is set, or
    neither, when the checkpoint takes images as they are. `crop` is height, width. `mean` and `std` are per RGB channel
    on the 0..1 scale.
    """

    resample: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    resize_shortest: int | None = None
    resize_square: tuple[int, int] | None = None
    crop: tuple[int, int] | None = None
    rescale_factor: float = 1 / 255

    @property
    def input_size(self) -> int:
        """Side of the model input in pixels: the default size of every view."""
        sides = self.crop or self.resize_square
        if sides is not None:
            return max(sides)
        return self.resize_shortest or 224

    def scaled_to(self, input_size: int) -> Preprocessing:
        """The same steps for another input side: every length in proportion."""
        if input_size == self.input_size:
            return self
        factor = input_size / self.input_size

        def scaled(sides: tuple[int, int] | None) -> tuple[int, int] | None:
            return None if sides is None else (round(sides[0] * factor), round(sides[1] * factor))

        shortest = None if self.resize_shortest is None else round(self.resize_shortest * factor)
        return replace(self, resize_shortest=shortest, resize_square=scaled(self.resize_square), crop=scaled(self.crop))

    def transform(self, width: int, height: int) -> ViewTransform:
        """Where an oriented image of `width` x `height` pixels lands on the model input (view `processor`)."""
        if self.resize_square is not None:
            resized_height, resized_width = self.resize_square
        elif self.resize_shortest is not None:
            short, long = min(width, height), max(width, height)
            new_long = int(self.resize_shortest * long / short)
            resized_width, resized_height = (
                (self.resize_shortest, new_long) if width <= height else (new_long, self.resize_shortest)
            )
        else:
            resized_width, resized_height = width, height
        input_height, input_width = self.crop or (resized_height, resized_width)
        return ViewTransform(
            resized_width,
            resized_height,
            -_crop_offset(resized_width, input_width),
            -_crop_offset(resized_height, input_height),
            input_width,
            input_height,
        )

    def pixels(self, image: PillowImage.Image, transform: ViewTransform) -> NDArray[np.float32]:
        """The model input `(3, input_height, input_width)`: resized, placed, normalised. Padding is 0, the mean."""
        size = (transform.resized_width, transform.resized_height)
        resized = image if image.size == size else image.resize(size, PillowImage.Resampling(self.resample))
        left, top = max(0, -transform.left), max(0, -transform.top)
        right = min(transform.resized_width, transform.input_width - transform.left)
        bottom = min(transform.resized_height, transform.input_height - transform.top)
        part = np.asarray(resized.crop((left, top, right, bottom)), dtype=np.float32) * np.float32(self.rescale_factor)
        part -= np.asarray(self.mean, dtype=np.float32)
        part /= np.asarray(self.std, dtype=np.float32)
        placed = np.zeros((3, transform.input_height, transform.input_width), dtype=np.float32)
        y, x = max(0, transform.top), max(0, transform.left)
        placed[:, y : y + part.shape[0], x : x + part.shape[1]] = part.transpose(2, 0, 1)
        return placed


def _crop_offset(size: int, crop: int) -> int:
    return int((size - crop) / 2)


def read_preprocessing(path: Path) -> Preprocessing:
    """Read `preprocessor_config.json`.

    Raises:
        SslAttnError: the file is missing, or describes a preprocessing with no fixed input (NaFlex).
    """
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        message = f"expected a readable {path.name} beside the weights, got {error}; copy it from the model's page"
        raise SslAttnError(message) from error
    return parse_preprocessing(config)


def parse_preprocessing(config: dict[str, Any]) -> Preprocessing:
    """Understand the fields of a `preprocessor_config.json`; see `read_preprocessing`."""
    kind = str(config.get("image_processor_type") or config.get("feature_extractor_type") or "")
    named = next((known for prefix, known in _PROCESSOR_DEFAULTS.items() if kind.startswith(prefix)), {})
    config = {**_COMMON_DEFAULTS, **named, **{key: value for key, value in config.items() if value is not None}}

    shortest, square = _resize(config["size"], kind)
    crop = _square(config["crop_size"]) if config["do_center_crop"] else None
    if "ConvNext" in kind and shortest is not None:
        if shortest < _CONVNEXT_SQUASH_FROM:
            crop, shortest = (shortest, shortest), int(shortest / config["crop_pct"])
        else:
            square, shortest = (shortest, shortest), None
    if not config["do_resize"]:
        shortest = square = None

    normalise = config["do_normalize"]
    return Preprocessing(
        resample=int(config["resample"]),
        mean=tuple(config["image_mean"]) if normalise else (0.0, 0.0, 0.0),
        std=tuple(config["image_std"]) if normalise else (1.0, 1.0, 1.0),
        resize_shortest=shortest,
        resize_square=square,
        crop=crop,
        rescale_factor=float(config["rescale_factor"]) if config["do_rescale"] else 1.0,
    )


def _resize(size: int | dict[str, int], kind: str) -> tuple[int | None, tuple[int, int] | None]:
    """Length of the shortest edge, or height and width of the square."""
    if isinstance(size, int):
        by_shortest_edge = any(family in kind for family in _SHORTEST_EDGE_FAMILIES)
        return (size, None) if by_shortest_edge else (None, (size, size))
    if "shortest_edge" in size:
        return int(size["shortest_edge"]), None
    if "height" in size and "width" in size:
        return None, _square(size)
    message = (
        "expected a preprocessing with a fixed input size (height and width, or shortest_edge), "
        f"got size={size} of {kind or 'an unnamed processor'}; choose a fixed-resolution checkpoint"
    )
    raise SslAttnError(message)


def _square(size: int | dict[str, int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else (int(size["height"]), int(size["width"]))
