"""A linear probe: how well a linear classifier tells the style from an embedding that is left as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0, 1e1, 1e2)
"""Inverse strengths of the L2 penalty that are tried."""

_VALIDATION = 0.25  # share of the fitting pictures, the last of them
_MOST_ITERATIONS = 3_000


def probe_correct(fitting: Floats, fitting_labels: Ints, held_out: Floats, held_out_labels: Ints) -> int:
    """How many of the `held_out` embeddings `(m, width)` a probe fitted on `fitting` `(n, width)` labels rightly.

    Multinomial logistic regression on standardised embeddings. The penalty is the one that labels the last quarter of
    the fitting embeddings best when the others are fitted (of equally good ones the strongest); then all are fitted.
    """
    # It takes a second to load, and nothing but this needs it.
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline, make_pipeline
    from sklearn.preprocessing import StandardScaler

    def fitted(strength: float, rows: slice) -> Pipeline:
        classifier = LogisticRegression(C=strength, max_iter=_MOST_ITERATIONS)
        return make_pipeline(StandardScaler(), classifier).fit(fitting[rows], fitting_labels[rows])

    cut = len(fitting) - max(1, round(_VALIDATION * len(fitting)))
    first, last = slice(0, cut), slice(cut, None)
    scores = [fitted(strength, first).score(fitting[last], fitting_labels[last]) for strength in STRENGTHS]
    best = fitted(STRENGTHS[int(np.argmax(scores))], slice(None))
    return int((best.predict(held_out) == held_out_labels).sum())
