"""Two series on the same images, tested in every metric: rows of `comparisons`, first alone, then as a family."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from etl.comparison.last_layers import COMPARED
from ssl_attn.baselines import BASELINE_MODEL, UNPOINTED
from ssl_attn.metrics import METRICS
from ssl_attn.statistics.bootstrap import cluster_bootstrap, cluster_means
from ssl_attn.statistics.effects import effects
from ssl_attn.statistics.equivalence import default_margin, equivalence, verdict
from ssl_attn.statistics.moments import moments
from ssl_attn.statistics.multiplicity import holm
from ssl_attn.statistics.paired import mcnemar_exact, paired_test
from ssl_attn.statistics.seeds import MIN_SEEDS, crossed_bootstrap, seed_summary
from warehouse.contract import TABLES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Singles = NDArray[np.float32]

# Hits and misses: a test of ranks would rank ties alone.
_HITS = np.array([METRICS[metric].unit == "hit" for metric, _ in COMPARED])
_COLUMN = {column: number for number, column in enumerate(COMPARED)}


@dataclass(frozen=True, slots=True, eq=False)
class Sides:
    """One comparison, ready to travel: its names, and both sides' scores `(seeds, images, columns)`.

    With `paired_seeds` the two have the same training seeds in the same order. `a` has at least as many as `b`.
    """

    names: dict[str, str | int]
    a: Singles
    b: Singles
    paired_seeds: bool


def compared(images: Sequence[str], sources: NDArray[np.object_], batch: Sequence[Sides]) -> list[pa.Table]:
    """Tests of each pair, a row for each column that both sides have a score in; what a family decides is NULL.

    Pairs whose scores are equal everywhere (the linear probe of a frozen model, say) are null by construction and no
    members of a family: their `p_holm` is 1 already.
    """
    breaks = tie_breaks(images)
    return [pa.concat_tables([_rows(sides, sources, breaks) for sides in batch])]


def tie_breaks(images: Sequence[str]) -> Floats:
    """A number in [0, 1) for each image, always the same: a map whose maxima lie in the boxes by less is no hit."""
    digests = (hashlib.sha256(image.encode()).digest() for image in images)
    return np.array([int.from_bytes(digest[:6], "big") / 2**48 for digest in digests])


def adjusted(rows: pa.Table) -> pa.Table:
    """Rows of one family with Holm's adjustment, for each metric and percentile by itself, and with their verdicts."""
    names = zip(rows["metric"].to_pylist(), rows["percentile"].to_pylist(), strict=True)
    columns = np.array([_COLUMN[column] for column in names], dtype=np.intp)
    p, p_equivalence, p_holm, difference = (
        rows[name].to_numpy().astype(np.float64) for name in ("p", "p_equivalence", "p_holm", "difference")
    )
    member = np.isnan(p_holm)
    adjusted_p, adjusted_equivalence = p_holm.copy(), p_equivalence.copy()
    for column in np.unique(columns):
        family = member & (columns == column)
        adjusted_p[family] = holm(p[family])
        adjusted_equivalence[family] = holm(p_equivalence[family])
    seeds_agree = np.array([value is not False for value in rows["seeds_agree"].to_pylist()], dtype=bool)
    # A few large differences can outweigh many small ones of the other sign: then neither side has won.
    agree = seeds_agree & (np.sign(rows["rank_biserial"].to_numpy()) == np.sign(difference))
    directions = np.array([METRICS[metric].direction for metric, _ in COMPARED])[columns]
    said = verdict(difference, adjusted_p, adjusted_equivalence, directions, seeds_agree=agree)
    decided = {
        "p_holm": adjusted_p,
        "p_equivalence_holm": adjusted_equivalence,
        "verdict": said.verdict.astype(object),
        "significant": said.significant,
    }
    for name, values in decided.items():
        field = rows.schema.field(name)
        column = pa.array(values, from_pandas=True).cast(field.type)
        rows = rows.set_column(rows.schema.get_field_index(name), field, column)
    return rows.sort_by([(name, "ascending") for name in TABLES["comparisons"].order_by])


def _rows(sides: Sides, sources: NDArray[np.object_], breaks: Floats) -> pa.Table:
    a, b = sides.a.astype(np.float64), sides.b.astype(np.float64)
    both = ~np.isnan(a.mean(axis=0) - b.mean(axis=0))
    # From here on a building counts once, however many photographs it has: test, effect and interval say one thing.
    a, b = (_of_sources(np.where(both, scores, np.nan), sources) for scores in (a, b))
    of_seeds = a - b if sides.paired_seeds else a - b.mean(axis=0)
    a_mean, b_mean = a.mean(axis=0), b.mean(axis=0)
    units = a_mean - b_mean
    sizes, ranks, t = effects(units), paired_test(units), paired_test(units, test="t")
    hits = mcnemar_exact(_hits(sides.a, breaks), _hits(sides.b, breaks), sources)
    each = np.arange(len(units))
    interval = cluster_bootstrap(units, each, kind="bca") if len(a) < MIN_SEEDS else crossed_bootstrap(of_seeds, each)
    of_b = moments(b_mean).mean
    seeds = seed_summary(of_seeds)
    several = len(a) > 1
    margin = np.array([default_margin(metric, mean) for (metric, _), mean in zip(COMPARED, of_b, strict=True)])
    numbers = {
        "metric": np.array([metric for metric, _ in COMPARED], dtype=object),
        "percentile": np.array([percentile for _, percentile in COMPARED]),
        "n": both.sum(axis=0),
        "n_sources": sizes.n,
        "mean_a": moments(a_mean).mean,
        "mean_b": of_b,
        "difference": sizes.mean,
        "ci_low": interval.low,
        "ci_high": interval.high,
        "median_difference": sizes.median,
        "rank_biserial": sizes.rank_biserial,
        "d_z": sizes.d_z,
        "test": np.where(_HITS, hits.kind, ranks.kind).astype(object),
        "p": np.where(_HITS, hits.p, ranks.p),
        "p_holm": np.full(len(COMPARED), np.nan if np.nan_to_num(units).any() else 1.0),
        "p_t": np.where(_HITS, np.nan, t.p),
        "margin": margin,
        "p_equivalence": equivalence(units, margin),
        "n_seeds": np.full(len(COMPARED), len(a)),
        "seed_low": seeds.low,
        "seed_high": seeds.high,
        "seeds_agree": seeds.agree.astype(object) if several else np.full(len(COMPARED), None, dtype=object),
    }
    shown = np.flatnonzero(both.any(axis=0) & ~(_HITS & _points_nowhere(sides)))
    arrays = []
    for field in TABLES["comparisons"].stored_schema:
        if field.name in numbers:
            arrays.append(pa.array(numbers[field.name][shown], from_pandas=True).cast(field.type))
        elif field.name in sides.names:
            arrays.append(pa.repeat(pa.scalar(sides.names[field.name], field.type), len(shown)))
        else:
            arrays.append(pa.nulls(len(shown), field.type))
    return pa.Table.from_arrays(arrays, schema=TABLES["comparisons"].stored_schema)


def _of_sources(scores: Floats, sources: NDArray[np.object_]) -> Floats:
    """Means over the images of each source: `(seeds, images, columns)` to `(seeds, sources, columns)`."""
    return np.stack([cluster_means(of_seed, sources) for of_seed in scores])


def _points_nowhere(sides: Sides) -> bool:
    """Whether b has no one maximum: its credit is an expectation, and a hit made of it would be a lottery."""
    return sides.names["b_model"] == BASELINE_MODEL and sides.names["b_method"] in UNPOINTED


def _hits(credit: Singles, breaks: Floats) -> Floats:
    """Whether each image is a hit, the mean over seeds `(images, columns)`.

    Where maxima tie, the credit for those in the target is made a hit by the image's own number: the same for all
    series, so that equal maps get equal hits.
    """
    hits = np.where(np.isnan(credit), np.nan, breaks[:, None] < credit)
    mean: Floats = hits.mean(axis=0)
    return mean
