"""Equivalence, so that "preserved" is a finding and not a failure to reject, and the verdict of a comparison."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ssl_attn.errors import UsageError
from ssl_attn.statistics.moments import moments
from ssl_attn.statistics.paired import bounded, t_tail

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

IOU_MARGIN = 0.01
"""Differences of IoU below it are taken as none."""

RELATIVE_MARGIN = 0.1
"""For other metrics: that share of the reference's mean."""


@dataclass(frozen=True, slots=True, eq=False)
class Verdicts:
    """preserved, enhanced, diminished or inconclusive, and whether the difference itself is significant."""

    verdict: NDArray[np.str_]
    significant: NDArray[np.bool_]


def equivalence(d: NDArray[np.floating], margin: ArrayLike) -> Floats:
    """p-value that the mean of `d` `(n,)` or `(n, columns)` is not within ±`margin` (one, or one per column).

    Two one-sided paired t-tests, against -margin and +margin; the larger p counts (Schuirmann, Journal of
    Pharmacokinetics and Biopharmaceutics 15, 1987). Where all differences are equal, p is the smallest within the
    margin and else 1. NaN is a missing pair; fewer than two pairs have no p.

    Raises:
        UsageError: a margin is negative.
    """
    margins = np.asarray(margin, dtype=np.float64)
    if (margins < 0).any():
        message = (
            f"expected margins of 0 or more, got {np.nanmin(margins)}; give the largest difference that does not matter"
        )
        raise UsageError(message)
    sample = moments(d)
    beyond = np.abs(sample.mean) - margins  # the larger p is that of the nearer margin
    error = sample.sd / np.sqrt(np.maximum(sample.n, 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where((beyond == 0) & (error == 0), np.inf, beyond / error)
    return bounded(t_tail(t, sample.n - 1))


def default_margin(metric_name: str, reference_mean: ArrayLike) -> Floats:
    """Margin of equivalence: 0.01 for IoU in all its forms, else 10 % of the magnitude of the reference's mean."""
    reference = np.asarray(reference_mean, dtype=np.float64)
    if metric_name.startswith("iou"):
        return np.full(reference.shape, IOU_MARGIN)
    return RELATIVE_MARGIN * np.abs(reference)


def verdict(
    difference: ArrayLike,
    p_holm: ArrayLike,
    p_equivalence_holm: ArrayLike,
    direction: ArrayLike,
    *,
    alpha: float = 0.05,
    seeds_agree: ArrayLike = True,
) -> Verdicts:
    """What a comparison says, all arguments broadcast: `difference` is a minus b, in favour of a is enhanced.

    Equivalence goes first: inside the margin is preserved, be the difference significant or not. Else a significant
    difference is enhanced or diminished, by its sign and the metric's direction (higher or lower), provided that all
    training seeds agree in sign. Else inconclusive, as where p is NaN.

    Raises:
        UsageError: a direction is neither higher nor lower.
    """
    directions = np.asarray(direction)
    if not np.isin(directions, ("higher", "lower")).all():
        message = (
            f"expected directions higher or lower, got {', '.join(sorted(set(directions.ravel().tolist())))}; "
            "leave out metrics that only describe the map"
        )
        raise UsageError(message)
    gain = np.where(directions == "higher", 1.0, -1.0) * np.asarray(difference, dtype=np.float64)
    significant = np.asarray(p_holm, dtype=np.float64) < alpha
    told = significant & np.asarray(seeds_agree, dtype=bool)
    choices = {
        "preserved": np.asarray(p_equivalence_holm, dtype=np.float64) < alpha,
        "enhanced": told & (gain > 0),
        "diminished": told & (gain < 0),
    }
    conditions = np.broadcast_arrays(*choices.values())
    words = np.select(conditions, [np.array(word) for word in choices], default=np.array("inconclusive"))
    return Verdicts(words, np.broadcast_to(significant, words.shape).copy())
