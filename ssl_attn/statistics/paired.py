"""Paired tests of a difference: one declared test with exact small p-values, and the t-test beside it.

All are two-sided, of differences `(n,)` or `(n, columns)` whose rows are independent units: images, or clusters (see
`bootstrap.cluster_means`). NaN is a missing pair. Which test is reported is declared beforehand and never chosen by a
pre-test of normality.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from scipy.special import bdtr, ndtr, stdtr
from scipy.stats import rankdata

from ssl_attn.errors import UsageError
from ssl_attn.statistics.bootstrap import cluster_sums
from ssl_attn.statistics.moments import moments, ratio

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

Test = Literal["wilcoxon", "t"]
Zeros = Literal["pratt", "drop"]
Null = Literal["exact", "normal"]

EXACT_UP_TO = 500
"""Pairs up to which the null of Wilcoxon's test is exact; above, it is normal: near at p = 0.001, too large far out."""

SMALLEST_P: float = float(np.finfo(np.float64).tiny)
"""What a p-value is set to that would underflow: 2.2e-308, the least number that every processor keeps apart from 0."""

# Sums of shares of hits (means over seeds) that are nearer to 0 are 0 but for rounding.
_NO_HIT = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class PairedTest:
    """Statistic, two-sided p-value and the name of the test, one element per column (0-d for a single column).

    `kind` is wilcoxon_exact, wilcoxon_normal, t or mcnemar_exact. Without any pair, statistic and p are NaN.
    """

    statistic: Floats
    p: Floats
    kind: NDArray[np.str_]


def paired_test(
    d: NDArray[np.floating], *, test: Test = "wilcoxon", zeros: Zeros = "pratt", null: Null = "exact"
) -> PairedTest:
    """Test that the differences `d` `(n,)` or `(n, columns)` are centred at 0.

    Wilcoxon's signed-rank test (Biometrics Bulletin 1, 1945) takes zeros by Pratt's rule (JASA 54, 1959): they are
    ranked, then dropped; or they are dropped first. Equal magnitudes share the mean of their ranks, so compute
    differences without rounding noise. Its statistic is the smaller of the two rank sums. The exact null is the
    distribution over all signs of the ranks that were observed, ties and all, up to 500 pairs; beyond, or on request,
    a normal approximation with the same mean and variance (which is the correction for ties), without continuity
    correction. Where all differences are 0, the statistic is 0 and p is 1.

    The t-test has n - 1 degrees of freedom; a single pair has no p. Where all differences are equal, t is infinite and
    p the smallest; where they are all 0, t is NaN and p is 1.

    Raises:
        UsageError: unknown test, rule for zeros, or null.
    """
    for name, chosen, known in (("test", test, Test), ("zeros", zeros, Zeros), ("null", null, Null)):
        if chosen not in get_args(known):
            message = f"expected {name} to be one of {', '.join(get_args(known))}, got {chosen!r}"
            raise UsageError(message)
    columns = d.astype(np.float64).reshape(len(d), int(np.prod(d.shape[1:])))
    result = _t(columns) if test == "t" else _wilcoxon(columns, zeros, null)
    shape: tuple[int, ...] = d.shape[1:]
    return PairedTest(result.statistic.reshape(shape), result.p.reshape(shape), result.kind.reshape(shape))


def mcnemar_exact(
    a_hits: NDArray[np.floating] | NDArray[np.bool_],
    b_hits: NDArray[np.floating] | NDArray[np.bool_],
    clusters: NDArray[np.generic] | None = None,
) -> PairedTest:
    """McNemar's exact test (Psychometrika 12, 1947) that a and b hit equally often; hits are 0 or 1, `(n, ...)`.

    Only pairs where one hit and the other missed count: under the null each goes either way like a fair coin. With
    `clusters` `(n,)` the coin is a cluster's: the sign of its net hits, a's minus b's. Hits may be means over training
    seeds; ties at a map's maximum are better settled before, for a share of a hit counts as much here as a whole one.

    Raises:
        UsageError: a hit is below 0 or above 1.
    """
    for hits in (a_hits, b_hits):
        if ((hits < 0) | (hits > 1)).any():
            message = (
                f"expected hits from 0 to 1 (NaN where missing), got {np.nanmin(hits)} to {np.nanmax(hits)}; "
                "give scores of the pointing game"
            )
            raise UsageError(message)
    net = a_hits.astype(np.float64) - b_hits.astype(np.float64)
    if clusters is not None:
        present = ~np.isnan(net)
        seen = cluster_sums(present.astype(np.float64), clusters)
        net = np.where(seen > 0, cluster_sums(np.where(present, net, 0.0), clusters), np.nan)
    return sign_test(net)


def sign_test(net: NDArray[np.floating]) -> PairedTest:
    """Exact binomial test that positive and negative `net` hits `(n, ...)` are equally likely; zeros say nothing.

    The statistic is the smaller of the two counts. Without a positive or negative one, p is 1; without any value, NaN.
    """
    positive, negative = (net > _NO_HIT).sum(axis=0), (net < -_NO_HIT).sum(axis=0)
    fewer = np.minimum(positive, negative).astype(np.float64)
    any_value = ~np.isnan(net).all(axis=0)
    p = np.where(any_value, bounded(2 * bdtr(fewer, positive + negative, 0.5)), np.nan)
    return PairedTest(np.where(any_value, fewer, np.nan), p, np.full(net.shape[1:], "mcnemar_exact"))


def t_tail(t: Floats, df: Ints) -> Floats:
    """Probability that Student's t with `df` degrees of freedom is `t` or less; NaN without degrees of freedom."""
    tail: Floats = stdtr(np.where(df > 0, df, np.nan), t)
    return tail


def bounded(p: Floats) -> Floats:
    """A p-value within its bounds: at most 1, and never 0, since no finite sample makes anything certain."""
    return np.clip(p, SMALLEST_P, 1.0)


def _t(d: Floats) -> PairedTest:
    sample = moments(d)
    zero = (sample.mean == 0) & (sample.sd == 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = sample.mean / (sample.sd / np.sqrt(sample.n))
    p = np.where(zero, 1.0, bounded(2 * t_tail(-np.abs(t), sample.n - 1)))
    return PairedTest(t, p, np.full(d.shape[1], "t"))


def _wilcoxon(d: Floats, zeros: Zeros, null: Null) -> PairedTest:
    n = (~np.isnan(d)).sum(axis=0)
    ranks = signed_ranks(d, zeros=zeros)
    plus, minus = np.where(ranks > 0, ranks, 0).sum(axis=0), np.where(ranks < 0, -ranks, 0).sum(axis=0)
    smaller = np.minimum(plus, minus)
    exact = (null == "exact") & (n <= EXACT_UP_TO)
    p = np.empty(d.shape[1])
    p[exact] = _exact_p(np.abs(ranks[:, exact]), smaller[exact])
    p[~exact] = _normal_p(np.abs(ranks[:, ~exact]), smaller[~exact])
    return PairedTest(
        np.where(n > 0, smaller / 2, np.nan),
        np.where(n > 0, bounded(p), np.nan),
        np.where(exact, "wilcoxon_exact", "wilcoxon_normal"),
    )


def signed_ranks(d: Floats, *, zeros: Zeros = "pratt") -> Ints:
    """Twice the rank of each magnitude in its column, with the sign of the difference; 0 for zeros and NaN.

    Twice, so that the mean ranks of ties are integers too. Under Pratt's rule zeros take the lowest ranks.
    """
    ignored = np.isnan(d) if zeros == "pratt" else np.isnan(d) | (d == 0)
    magnitudes = np.where(ignored, np.inf, np.abs(d))  # what is ignored comes last and shifts no other rank
    ranks = np.rint(2 * rankdata(magnitudes, axis=0)).astype(np.int64) if len(d) else np.zeros(d.shape, np.int64)
    sign = np.where(ignored, 0.0, np.sign(d)).astype(np.int64)
    return sign * ranks


def _normal_p(ranks: Ints, smaller: Ints) -> Floats:
    """Two-sided p of the smaller rank sum under a normal null, all in doubled ranks `(n, columns)`."""
    below_centre = ranks.sum(axis=0) / 2 - smaller
    sd = np.sqrt((ranks.astype(np.float64) ** 2).sum(axis=0)) / 2
    p: Floats = 2 * ndtr(-np.where(sd > 0, ratio(below_centre, sd), 0.0))
    return p


def _exact_p(ranks: Ints, smaller: Ints) -> Floats:
    """Two-sided p of the smaller rank sum under all signs, all in doubled ranks `(n, columns)`.

    Columns with the same ranks, as all of one n are without ties and zeros, share their null.
    """
    p = np.empty(ranks.shape[1])
    patterns, which, sharing = np.unique(np.sort(ranks, axis=0).T, axis=0, return_inverse=True, return_counts=True)
    grouped = np.split(np.argsort(which, kind="stable"), np.cumsum(sharing))
    for number, pattern in enumerate(patterns):
        columns = grouped[number]
        unit, tail = _signed_rank_null(pattern[pattern > 0].tobytes())
        p[columns] = 2 * tail[smaller[columns] // unit]
    return p


@lru_cache(maxsize=64)
def _signed_rank_null(ranks: bytes) -> tuple[int, Floats]:
    """Greatest common divisor of the doubled ranks, and P(W <= k) for k in its multiples up to half of their sum.

    Ranks come sorted, as the bytes of int64. W is the sum of those that a fair coin each picks. The number of ways to
    reach each sum grows by one rank at a time; sums of positive numbers lose nothing, so a p of 1e-45 has its 12 digits
    too, and 2^500 ways are well within a float64.
    """
    doubled = np.frombuffer(ranks, dtype=np.int64)
    unit = int(np.gcd.reduce(doubled, initial=0)) or 1
    half = int(doubled.sum()) // unit // 2
    ways = np.zeros(half + 1)
    ways[0] = 1.0
    reached = 0
    for rank in (doubled // unit).tolist():
        if rank > half:
            break
        reached = min(reached + rank, half)
        ways[rank : reached + 1] += ways[: reached + 1 - rank]
    tail = np.ldexp(np.cumsum(ways), -len(doubled))
    tail.setflags(write=False)
    return unit, tail
