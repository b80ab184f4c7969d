"""Count, mean and standard deviation of columns with missing values: what every test and interval starts from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """How many values a column has, their mean (NaN without any) and standard deviation (n - 1; NaN for one value)."""

    n: Ints
    mean: Floats
    sd: Floats


def moments(values: NDArray[np.floating]) -> Moments:
    """Moments of `values` `(n, ...)` over the first axis, NaN left out.

    The mean never leaves the range of its values, whatever the rounding: equal values have exactly their value as mean
    and exactly 0 as standard deviation.
    """
    values = values.astype(np.float64, copy=False)
    present = ~np.isnan(values)
    n = present.sum(axis=0)
    total = np.where(present, values, 0.0).sum(axis=0)
    least = np.where(present, values, np.inf).min(axis=0, initial=np.inf)
    most = np.where(present, values, -np.inf).max(axis=0, initial=-np.inf)
    mean = np.where(n > 0, np.clip(ratio(total, n), least, most), np.nan)
    squares = np.where(present, (values - mean) ** 2, 0.0).sum(axis=0)
    return Moments(n, mean, np.sqrt(ratio(squares, n - 1)))


def ratio(numerator: NDArray[np.floating], denominator: NDArray[np.floating] | Ints) -> Floats:
    """Quotient, NaN where there is nothing to divide by (a denominator of 0 or less)."""
    divisor: Floats = np.where(denominator > 0, denominator, np.nan)
    return numerator / divisor
