"""Tensors of a batch to Arrow rows of the contract: maps, patch features, image features."""

from __future__ import annotations

from dataclasses import astuple
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from etl.frame_names import frame_name
from ssl_attn.geometry import PLACEMENT_COLUMNS
from warehouse.contract import TABLES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from ssl_attn.geometry import Placement
    from ssl_attn.methods.maps import LayerMaps
    from ssl_attn.models.layout import TokenLayout


def map_rows(
    image_ids: Sequence[str],
    layers: Sequence[LayerMaps],
    placements: Sequence[Sequence[Placement]],
    framings: Sequence[str],
    constants: dict[str, object],
) -> pa.Table:
    """Rows of the table `maps`, ordered by image, layer and head.

    Args:
        image_ids: the batch's images, B.
        layers: maps of one method, in the order of layers; heads from -1 upwards in each.
        placements: where each image lies on each layer's canvas, B x len(layers).
        framings: how images are laid on each layer's grid; with that grid it makes the frame.
        constants: columns that are the same in every row.
    """
    images = len(image_ids)
    scaled, peaks, totals = zip(*(_scale(layer.values.float().cpu().numpy()) for layer in layers), strict=True)
    flat = np.concatenate([values.reshape(images, -1) for values in scaled], axis=1).ravel()
    cells = np.concatenate([np.full(len(m.heads), m.values.shape[2] * m.values.shape[3]) for m in layers])
    masses = np.concatenate([layer.masses.float().cpu().numpy() for layer in layers], axis=1).reshape(-1, 3)
    per_image = len(cells)
    rows = images * per_image

    def per_map(values: Sequence[object], dtype: type) -> NDArray[np.generic]:
        """One value a layer, repeated for its heads and for every image."""
        repeated: NDArray[np.generic] = np.repeat(np.asarray(values, dtype), [len(m.heads) for m in layers])
        return np.tile(repeated, images)

    places = np.array([[astuple(p) for p in of_image] for of_image in placements])
    places = np.repeat(places, [len(m.heads) for m in layers], axis=1).reshape(rows, 4)
    frames = [
        frame_name(m.values.shape[2], m.values.shape[3], framing) for m, framing in zip(layers, framings, strict=True)
    ]
    targets = [m.targets[image] for image in range(images) for m in layers for _ in m.heads]
    columns: dict[str, object] = {
        "image_id": np.repeat(np.asarray(image_ids, dtype=object), per_image),
        "layer": per_map([m.layer for m in layers], np.int16),
        "frame": per_map(frames, object),
        "head": np.tile(np.concatenate([m.heads for m in layers]).astype(np.int16), images),
        "grid_h": per_map([m.values.shape[2] for m in layers], np.int16),
        "grid_w": per_map([m.values.shape[3] for m in layers], np.int16),
        "values": _lists(flat.astype(np.float16), np.tile(cells, images)),
        "total": np.concatenate(totals, axis=1).ravel().astype(np.float32),
        "peak": np.concatenate(peaks, axis=1).ravel().astype(np.float32),
        "mass_cls": masses[:, 0],
        "mass_register": masses[:, 1],
        "mass_patch": masses[:, 2],
        "target_id": [target.target_id for target in targets],
        "target_value": np.array([target.value for target in targets], dtype=np.float32),
        **dict(zip(PLACEMENT_COLUMNS, places.T, strict=True)),
    }
    return _table("maps", columns, constants, rows)


def patch_feature_rows(
    image_ids: Sequence[str],
    features: Tensor,
    layout: TokenLayout,
    placements: Sequence[Placement],
    constants: dict[str, object],
) -> pa.Table:
    """Rows of the table `patch_features` from `features` (B, patches, D), ordered by image and patch."""
    vectors = features.float().cpu().numpy()
    images, patches, width = vectors.shape
    rows = images * patches
    places = np.repeat([astuple(p) for p in placements], patches, axis=0)
    columns: dict[str, object] = {
        "image_id": np.repeat(np.asarray(image_ids, dtype=object), patches),
        "patch": np.tile(np.arange(patches, dtype=np.int32), images),
        "grid_h": np.full(rows, layout.grid_h, dtype=np.int16),
        "grid_w": np.full(rows, layout.grid_w, dtype=np.int16),
        "vector": _lists(vectors.astype(np.float16).ravel(), np.full(rows, width)),
        **dict(zip(PLACEMENT_COLUMNS, places.T, strict=True)),
    }
    return _table("patch_features", columns, constants, rows)


def image_feature_rows(image_ids: Sequence[str], features: Tensor, constants: dict[str, object]) -> pa.Table:
    """Rows of the table `image_features` from `features` (B, D)."""
    vectors = features.float().cpu().numpy()
    images, width = vectors.shape
    columns: dict[str, object] = {
        "image_id": list(image_ids),
        "vector": _lists(vectors.astype(np.float16).ravel(), np.full(images, width)),
    }
    return _table("image_features", columns, constants, images)


def _scale(
    values: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Maps (B, K, h, w) scaled by their largest magnitude, that magnitude, and the sum of the positive part.

    float16 has 11 bits: attention over a thousand patches would fall into its subnormals if it were not scaled first.
    A map that is not finite has neither peak nor total, and is left as it is.
    """
    peaks = np.abs(values).max(axis=(2, 3))
    peaks = np.where(np.isfinite(peaks), peaks, np.float32(np.nan))
    totals = np.where(np.isfinite(peaks), np.maximum(values, 0).sum(axis=(2, 3), dtype=np.float64), np.nan)
    divisor = np.where(peaks > 0, peaks, np.float32(1))
    scaled = (values / divisor[:, :, None, None]).astype(np.float32)
    return scaled, peaks.astype(np.float32), totals.astype(np.float32)


def _lists(flat: NDArray[np.float16], lengths: NDArray[np.integer]) -> pa.ListArray:
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(flat))


def _table(name: str, columns: dict[str, object], constants: dict[str, object], rows: int) -> pa.Table:
    schema = TABLES[name].stored_schema
    arrays = []
    for field in schema:
        if field.name in constants:
            arrays.append(pa.repeat(pa.scalar(constants[field.name], field.type), rows))
        else:
            # NaN in a column of numbers says that there is none: NULL
            arrays.append(pa.array(columns[field.name], from_pandas=True).cast(field.type))
    return pa.Table.from_arrays(arrays, schema=schema)
