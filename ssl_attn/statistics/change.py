"""Does the change depend on where it started from? Change against baseline without regression to the mean.

Correlating before with after - before answers wrongly: before is in both, with opposite signs, so its measurement noise
alone makes the correlation negative (-0.7 where before and after are unrelated). An image that scored low by bad luck
gains, one that scored high by good luck loses, though nothing happened. Never show that correlation alone; these are
not misled. Neither can tell a true dependence from true change that merely differs between images.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri, stdtrit

from ssl_attn.errors import UsageError
from ssl_attn.statistics.paired import bounded, t_tail

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Association:
    """Correlation of `n` pairs with its interval and two-sided p-value; NaN where it does not exist."""

    n: int
    r: float
    p: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Line:
    """Slope of a line through `n` points with its interval; NaN where it does not exist."""

    n: int
    slope: float
    low: float
    high: float


def oldham(
    before: NDArray[np.floating],
    after: NDArray[np.floating],
    *,
    control: NDArray[np.floating] | None = None,
    level: float = 0.95,
) -> Association:
    """Correlation of the difference after - before with the average of both, all `(n,)`.

    Noise of equal size in both makes difference and average uncorrelated (Oldham, Journal of Chronic Diseases 15,
    1962). It is positive where scores spread out, negative where they draw together. With a `control`, the area of the
    boxes say, it is the partial correlation given it. Rows are independent units, NaN is missing. p by the t-test of a
    correlation, interval by Fisher's z.

    Raises:
        UsageError: shapes do not match.
    """
    columns = _rows(before, after, control)
    n, controls = len(columns), columns.shape[1] - 2
    both = np.column_stack([columns[:, 1] - columns[:, 0], (columns[:, 0] + columns[:, 1]) / 2, columns[:, 2:]])
    difference, average, shared = _given_control(_scatter(both)[1])
    df = n - 2 - controls
    rounding = n * (4 * np.finfo(np.float64).eps * np.abs(columns[:, :2]).max(initial=0.0)) ** 2
    if df < 1 or difference <= rounding or average <= rounding:
        return Association(n, np.nan, np.nan, np.nan, np.nan)
    r = float(np.clip(shared / np.sqrt(difference * average), -1.0, 1.0))
    with np.errstate(divide="ignore"):
        t = np.abs(r) * np.sqrt(df / np.float64(1 - r * r))
        centre = np.arctanh(r)
    half = ndtri((1 + level) / 2) / np.sqrt(df - 1) if df > 1 else np.nan
    p = float(bounded(2 * t_tail(-t, np.asarray(df))))
    return Association(n, r, p, float(np.tanh(centre - half)), float(np.tanh(centre + half)))


def deming(
    before: NDArray[np.floating],
    after: NDArray[np.floating],
    *,
    control: NDArray[np.floating] | None = None,
    error_ratio: float = 1.0,
    level: float = 0.95,
) -> Line:
    """Slope of after on before, all `(n,)`, with noise in both: 1 where the change does not depend on the start.

    Ordinary regression takes before for exact, and its slope shrinks toward 0 by the share of noise. Deming's
    (Statistical Adjustment of Data, 1943) allows for it, given `error_ratio`, the noise variance of after over that of
    before: 1 for the same images, boxes and metric. With a `control`, the area of the boxes say, both are first cleared
    of their linear dependence on it. Rows are independent units, NaN is missing. Interval by the jackknife over rows
    (Linnet, Clinical Chemistry 39, 1993), with Student's t.

    Raises:
        UsageError: shapes do not match, or the ratio is not positive.
    """
    if error_ratio <= 0:
        message = f"expected a positive ratio of noise variances, got {error_ratio}; use 1 for the same kind of score"
        raise UsageError(message)
    columns = _rows(before, after, control)
    n = len(columns)
    if n < columns.shape[1] + 1:
        return Line(n, np.nan, np.nan, np.nan)
    centred, scatter = _scatter(columns)
    slope = _deming_slope(_given_control(scatter), error_ratio)
    without_one = scatter - n / (n - 1) * np.einsum("ni,nj->nij", centred, centred)
    jackknife = n * slope - (n - 1) * _deming_slope(_given_control(without_one), error_ratio)
    half = stdtrit(n - columns.shape[1], (1 + level) / 2) * jackknife.std(ddof=1) / np.sqrt(n)
    return Line(n, float(slope), float(slope - half), float(slope + half))


def _rows(before: NDArray[np.floating], after: NDArray[np.floating], control: NDArray[np.floating] | None) -> Floats:
    """Before, after and control as columns `(n, 2 or 3)`, complete rows only."""
    given = [before, after] if control is None else [before, after, control]
    if any(each.ndim != 1 or len(each) != len(before) for each in given):
        shapes = ", ".join(str(each.shape) for each in given)
        message = f"expected before, after and control of one shape (n,), got {shapes}; give each row one of each"
        raise UsageError(message)
    columns = np.column_stack(given).astype(np.float64)
    return columns[~np.isnan(columns).any(axis=1)]


def _scatter(columns: Floats) -> tuple[Floats, Floats]:
    """Columns around their means, and their sums of squares and products `(columns, columns)`."""
    centred = columns - (columns.mean(axis=0) if len(columns) else 0.0)
    return centred, centred.T @ centred


def _given_control(scatter: Floats) -> Floats:
    """Sums of squares of the first and the second column and of their products, `(3, ...)`, of `scatter` `(..., k, k)`.

    With a third column, they are what is left after the regression on it.
    """
    left = scatter[..., :2, :2]
    if scatter.shape[-1] == 3:
        spread = scatter[..., 2, 2]
        slopes = scatter[..., :2, 2] / np.where(spread > 0, spread, np.inf)[..., None]  # one value explains nothing
        left = left - slopes[..., :, None] * scatter[..., None, :2, 2]
    return np.stack([left[..., 0, 0], left[..., 1, 1], left[..., 0, 1]])


def _deming_slope(sums: Floats, error_ratio: float) -> Floats:
    """Slope of the line that leaves the least noise, its variance in y being `error_ratio` times that in x."""
    xx, yy, xy = sums
    gap = yy - error_ratio * xx
    related = xy != 0
    slope = (gap + np.sqrt(gap**2 + 4 * error_ratio * xy**2)) / (2 * np.where(related, xy, 1.0))
    return np.where(related, slope, np.nan)
