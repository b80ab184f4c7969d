"""What is chosen among the layers and heads of one series, by each metric that has a better and a worse end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from etl.aggregation.score_arrays import directed
from ssl_attn.metrics import METRICS
from ssl_attn.statistics.cross_fit import cross_fit
from ssl_attn.statistics.moments import moments
from ssl_attn.statistics.ranks import head_ranks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from etl.aggregation.groups import Block, Marked
    from etl.aggregation.score_arrays import Column, ScoreArrays


def layer_choices(fused: ScoreArrays, marked: Marked) -> Block:
    """Columns of `layer_choices`: a row for each directed column that every layer has a score in on some image."""
    chosen = directed(fused.columns)
    scores = fused.select(chosen).values.transpose(1, 0, 2)  # (images, layers, columns)
    sources = np.array([marked.sources[image] for image in fused.images])
    fit = cross_fit(scores, sources, higher_is_better=_higher(chosen))
    complete = ~np.isnan(scores).any(axis=1, keepdims=True)
    last = moments(np.where(complete, scores, np.nan)[:, -1]).mean
    rows = np.flatnonzero(fit.n > 0)
    picks = np.empty(len(rows), dtype=object)
    for place, row in enumerate(rows):
        picks[place] = None if np.isnan(fit.picks[:, row]).any() else fit.picks[:, row]
    layers = np.empty(len(rows), dtype=object)
    layers[:] = [fused.layers] * len(rows)
    return {
        **_column_names([chosen[row] for row in rows]),
        "n": fit.n[rows],
        "n_sources": fit.n_clusters[rows],
        "last_layer": np.full(len(rows), fused.layers[-1]),
        "last_mean": last[rows],
        "cross_fitted": fit.value[rows],
        "ci_low": fit.low[rows],
        "ci_high": fit.high[rows],
        "best_layer": fused.layers[fit.best[rows]],
        "best_mean": fit.best_value[rows],
        "layers": layers,
        "picks": picks,
    }


def head_choices(single: ScoreArrays) -> Block:
    """Columns of `head_ranks`: a row for each single head and directed column that every head has a score in."""
    chosen = directed(single.columns)
    ranks = head_ranks(single.select(chosen).values.transpose(1, 0, 2), _higher(chosen))
    rows, heads = np.flatnonzero(ranks.n > 0), len(single.heads)
    return {
        **{name: np.repeat(values, heads) for name, values in _column_names([chosen[row] for row in rows]).items()},
        "layer": np.tile(single.layers, len(rows)),
        "head": np.tile(single.heads, len(rows)),
        "n": np.repeat(ranks.n[rows], heads),
        "mean_rank": ranks.mean_rank[:, rows].T.ravel(),
        "top1": ranks.top1[:, rows].T.ravel(),
        "top3": ranks.top3[:, rows].T.ravel(),
    }


def _higher(columns: Sequence[Column]) -> NDArray[np.bool_]:
    return np.array([METRICS[metric].direction == "higher" for metric, _ in columns])


def _column_names(columns: Sequence[Column]) -> Block:
    return {
        "metric": np.array([metric for metric, _ in columns], dtype=object),
        "percentile": np.array([percentile for _, percentile in columns], dtype=np.int16),
    }
