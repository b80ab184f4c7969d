"""Scores that comparisons are made of: every series of a data set at its last layer, heads fused, image by image."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from etl.aggregation.score_arrays import columns_of, directed, selected_values, selection
from etl.aggregation.score_series import ScoreSeries
from ssl_attn.metrics import CURVES, SCALARS
from ssl_attn.statistics.bootstrap import cluster_means

if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb
    from numpy.typing import NDArray

    from etl.aggregation.score_arrays import Column
    from etl.comparison.pairs import Entrant

    Singles = NDArray[np.float32]

COMPARED: tuple[Column, ...] = directed(columns_of((*CURVES, *SCALARS)))
"""Metrics that have a better and a worse end, thresholded ones at the headline percentiles."""

MIXED_FRAMES = "mixed"
"""Stands for the frame of a model-free baseline where the other side's images have several."""

_KEYS = tuple(name for name in ScoreSeries.__slots__ if name != "dataset")


@dataclass(frozen=True, slots=True, eq=False)
class LastLayers:
    """Scores of every series of one data set at its last layer.

    `values` are `(images, columns)` in the order of `images`, NaN where a series has no score; `frames` `(images,)` the
    frame that an image has there, empty where it has none. `sources` `(images,)` are the clusters.
    """

    images: tuple[str, ...]
    sources: NDArray[np.object_]
    values: Mapping[ScoreSeries, Singles]
    frames: Mapping[ScoreSeries, NDArray[np.object_]]
    layers: Mapping[ScoreSeries, int]

    def of(self, entrant: Entrant) -> Singles:
        """Scores `(seeds, images, columns)` of one side of a comparison."""
        return np.stack([self.values[series] for series in entrant.series])

    def matched(self, baseline: Entrant, series: ScoreSeries) -> tuple[Singles, str]:
        """A model-free baseline on each image in the frame that `series` has there, and the name of that frame."""
        frames = self.frames[series]
        scores = np.full((1, len(self.images), len(COMPARED)), np.nan, dtype=np.float32)
        for of_frame in baseline.series:
            same = frames == of_frame.variant
            scores[0, same] = self.values[of_frame][same]
        names = sorted(set(frames) - {""})
        return scores, names[0] if len(names) == 1 else MIXED_FRAMES


def load_last_layers(catalog: duckdb.DuckDBPyConnection, dataset: str, sources: Mapping[str, str]) -> LastLayers:
    """The last layers of one data set, whose images have these sources."""
    query = f"""
        SELECT {", ".join(f"s.{key}" for key in _KEYS)}, s.layer, s.image_id, s.frame, {selection(COMPARED)}
        FROM scores AS s JOIN series AS r USING (dataset, {", ".join(_KEYS)}, layer)
        WHERE s.dataset = $dataset AND s.head = -1
        ORDER BY {", ".join(f"s.{key}" for key in _KEYS)}, s.image_id, s.target_id
    """
    rows = catalog.sql(query, params={"dataset": dataset}).to_arrow_table()
    place = {image: index for index, image in enumerate(sources)}
    at = np.array([place[image] for image in rows["image_id"].to_pylist()], dtype=np.intp)
    frames, layers = rows["frame"].to_numpy(zero_copy_only=False), rows["layer"].to_pylist()
    values = selected_values(rows, COMPARED)
    of_series, of_frames, of_layers = {}, {}, {}
    start = 0
    for keys, group in groupby(zip(*(rows[key].to_pylist() for key in _KEYS), strict=True)):
        some = slice(start, start + sum(1 for _ in group))
        series = ScoreSeries(dataset, *keys)
        scores = np.full((len(place), len(COMPARED)), np.nan, dtype=np.float32)
        # an image of which a method explains several targets counts once, by their mean
        scores[np.unique(at[some])] = cluster_means(values[some], at[some])
        in_frames = np.full(len(place), "", dtype=object)
        in_frames[at[some]] = frames[some]
        of_series[series], of_frames[series], of_layers[series] = scores, in_frames, layers[start]
        start = some.stop
    clusters = np.array(list(sources.values()), dtype=object)
    return LastLayers(tuple(sources), clusters, of_series, of_frames, of_layers)
