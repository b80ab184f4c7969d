"""Many tests at once: p-values adjusted over a declared family."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def holm(p: NDArray[np.floating]) -> Floats:
    """Holm's adjustment of `p` `(..., m)` over its last axis; NaN is no member of the family and stays NaN.

    With p_(1) <= ... <= p_(m), the adjusted p_(i) is the largest of min(1, (m - j + 1) p_(j)) over j <= i. Whoever
    rejects what is below alpha errs anywhere in the family with probability alpha at most, whatever the dependence
    (Holm, Scandinavian Journal of Statistics 6, 1979).
    """
    order = np.argsort(p, axis=-1, kind="stable")  # NaN comes last
    ordered = np.take_along_axis(p.astype(np.float64), order, axis=-1)
    members = (~np.isnan(p)).sum(axis=-1, keepdims=True)
    weighted = np.minimum(1.0, (members - np.arange(p.shape[-1])) * ordered)
    stepped: Floats = np.maximum.accumulate(weighted, axis=-1)
    adjusted = np.empty_like(stepped)
    np.put_along_axis(adjusted, order, stepped, axis=-1)
    return adjusted
