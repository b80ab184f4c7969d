"""The metrics: one registry that scoring, store, pages, command line and documents read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Direction = Literal["higher", "lower", "neither"]
Null = Literal["closed_form", "monte_carlo", "none"]


@dataclass(frozen=True, slots=True)
class Metric:
    """What one number means: its question in plain words, formula, range, chance level, and who proposed it.

    `target` is what the map is compared with: the boxes themselves, their soft Gaussian union, or nothing. `null` says
    how the chance level is known: in closed form, as the mean over patch-random maps on the map's own grid, or that
    there is none. A thresholded metric is a curve over percentiles. `low` and `high` are None where there is no bound.
    `follows` names the metric that says the same in other units, if there is one.
    """

    name: str
    label: str
    meaning: str
    formula: str
    direction: Direction
    low: float | None
    high: float | None
    unit: str
    chance: str
    null: Null
    target: Literal["boxes", "soft", "none"]
    source: str
    thresholded: bool = False
    per_box: bool = True
    stored: bool = True
    on_request: bool = False
    follows: str = ""
    warning: str = ""


_PERMUTED_PIXELS = "null: the visible pixels permuted"
_PATCH_RANDOM = "mean over 100 patch-random maps on the map's own grid, with its standard error"

_METRICS = (
    Metric(
        name="iou",
        label="IoU",
        meaning="How much area do the strongest part of the map and the boxes share, out of what they cover together?",
        formula="I / (k + G - I): k strongest visible canvas pixels at percentile p, G target pixels, I in both; "
        "pixels tied at the cut share the places that are left",
        direction="higher",
        low=0.0,
        high=1.0,
        unit="ratio",
        chance=f"a g / (a + g - a g) with a = k / n and g = G / n of n visible pixels; {_PERMUTED_PIXELS}",
        null="closed_form",
        target="boxes",
        thresholded=True,
        source="Jaccard, Bulletin de la Société vaudoise des sciences naturelles 37, 1901",
    ),
    Metric(
        name="iou_share",
        label="IoU, share of maximum",
        meaning="How close does IoU come to the best that a selection of this size can reach?",
        formula="IoU / (min(a, g) / max(a, g)): IoU over the most that a selection of share a can reach against a "
        "target of share g",
        direction="higher",
        low=0.0,
        high=1.0,
        unit="ratio",
        chance=f"that of IoU over the same maximum; {_PERMUTED_PIXELS}",
        null="closed_form",
        target="boxes",
        thresholded=True,
        stored=False,
        follows="iou",
        source="this project",
    ),
    Metric(
        name="recall",
        label="Recall",
        meaning="How much of the boxes does the strongest part of the map cover?",
        formula="I / G, with I and G as for IoU: the share of the target among the k strongest pixels",
        direction="higher",
        low=0.0,
        high=1.0,
        unit="share",
        chance=f"a = k / n; {_PERMUTED_PIXELS}",
        null="closed_form",
        target="boxes",
        thresholded=True,
        stored=False,
        follows="iou",
        source="van Rijsbergen, Information Retrieval, 1979",
    ),
    Metric(
        name="precision",
        label="Precision",
        meaning="How much of the strongest part of the map lies in the boxes?",
        formula="I / k, with I and k as for IoU: the share of the k strongest pixels that lies in the target",
        direction="higher",
        low=0.0,
        high=1.0,
        unit="share",
        chance=f"g = G / n; {_PERMUTED_PIXELS}",
        null="closed_form",
        target="boxes",
        thresholded=True,
        stored=False,
        follows="iou",
        source="van Rijsbergen, Information Retrieval, 1979",
    ),
    Metric(
        name="iou_mean",
        label="IoU, mean of the curve",
        meaning="How well does the map match the boxes over all thresholds, so that nobody has to choose one?",
        formula="mean of IoU over percentiles 1 to 99",
        direction="higher",
        low=0.0,
        high=1.0,
        unit="ratio",
        chance=f"mean of the chance levels of IoU; {_PERMUTED_PIXELS}",
        null="closed_form",
        target="boxes",
        source="this project",
    ),
    Metric(
        name="iou_oracle",
        label="IoU at the target's area",
        meaning="How well does the map match the boxes when it may select exactly as much area as they have?",
        formula="IoU with k = G: as many pixels are selected as the target has, so that a perfect map gets 1",
        direction="higher",
        low=0.0,
        high=1.0,
        unit="ratio",
        chance=f"g / (2 - g); {_PERMUTED_PIXELS}",
        null="closed_form",
        target="boxes",
        source="this project",
    ),
    Metric(
        name="iou_mass",
        label="IoU of 60 % of the mass",
        meaning="How well does the part of the map that holds most of its mass match the boxes?",
        formula="IoU of the fewest strongest visible canvas pixels that hold 60 % of the map's positive mass over all "
        "of them; ties as for IoU",
        direction="higher",
        low=0.0,
        high=1.0,
        unit="ratio",
        chance=f"that of IoU at the share of pixels selected; {_PERMUTED_PIXELS}",
        null="closed_form",
        target="boxes",
        source="Caron et al., Emerging Properties in Self-Supervised Vision Transformers, ICCV 2021",
    ),
    Metric(
        name="iou_above_mean",
        label="IoU above the mean",
        meaning="How well does everything above the map's own average match the boxes?",
        formula="IoU of the visible canvas pixels strictly above the map's mean over them",
        direction="higher",
        low=0.0,
        high=1.0,
        unit="ratio",
        chance=f"that of IoU at the share of pixels selected; {_PERMUTED_PIXELS}",
        null="closed_form",
        target="boxes",
        source="Chefer et al., Transformer Interpretability Beyond Attention Visualization, CVPR 2021",
    ),
    Metric(
        name="pointing",
        label="Pointing game",
        meaning="Does the single strongest point of the map lie in a box?",
        formula="share of the visible canvas pixels tied at the map's maximum that lie in the target",
        direction="higher",
        low=0.0,
        high=1.0,
        unit="hit",
        chance=f"g; {_PERMUTED_PIXELS}",
        null="closed_form",
        target="boxes",
        source="Zhang et al., Top-down Neural Attention by Excitation Backprop, ECCV 2016",
    ),
    Metric(
        name="pointing_15",
        label="Pointing game, 15 px",
        meaning="Does the single strongest point lie in a box or close to one?",
        formula="as the pointing game, with the target grown by 15 canvas pixels on every side (Euclidean distance)",
        direction="higher",
        low=0.0,
        high=1.0,
        unit="hit",
        chance=f"the grown target's share of the visible pixels; {_PERMUTED_PIXELS}",
        null="closed_form",
        target="boxes",
        source="Zhang et al., Top-down Neural Attention by Excitation Backprop, ECCV 2016",
    ),
    Metric(
        name="energy",
        label="Energy in boxes",
        meaning="How much of all that the model looks at lies in the boxes?",
        formula="E = sum(A m) / sum(A v): A positive part of the map on its own grid, m share of each cell in the "
        "target, v share of each cell that shows the image; also known as coverage",
        direction="higher",
        low=0.0,
        high=1.0,
        unit="share",
        chance="g = sum(m) / sum(v), the target's share of the visible area; null: the cells permuted",
        null="closed_form",
        target="boxes",
        source="Wang et al., Score-CAM, CVPR Workshops 2020",
    ),
    Metric(
        name="lift",
        label="Lift",
        meaning="How many times more than a uniform map does the model look at the boxes?",
        formula="E / g: energy over the target's share of the visible area; the mean density inside the target",
        direction="higher",
        low=0.0,
        high=None,
        unit="times chance",
        chance="1; null: the cells permuted",
        null="closed_form",
        target="boxes",
        follows="energy",
        source="this project",
    ),
    Metric(
        name="energy_normalised",
        label="Energy, normalised",
        meaning="How far is the energy from chance (0) to all in the boxes (1)?",
        formula="(E - g) / (1 - g): 0 is chance, 1 is all energy in the target",
        direction="higher",
        low=None,
        high=1.0,
        unit="ratio",
        chance="0; null: the cells permuted",
        null="closed_form",
        target="boxes",
        follows="energy",
        source="this project",
    ),
    Metric(
        name="auroc",
        label="AUROC",
        meaning="How often is a place in the boxes stronger than a place outside?",
        formula="area under the ROC curve over cells, each positive with weight m and negative with weight v - u; m "
        "and v as for energy, u the share in the image's features or in the box itself: against one box, what other "
        "features cover is left out",
        direction="higher",
        low=0.0,
        high=1.0,
        unit="probability",
        chance="0.5; null: the cells permuted",
        null="closed_form",
        target="boxes",
        source="Fawcett, An introduction to ROC analysis, Pattern Recognition Letters 27, 2006",
    ),
    Metric(
        name="shuffled_auc",
        label="Shuffled AUC",
        meaning="How often is a place in the boxes stronger than a place where the boxes of other images lie?",
        formula="AUROC with each cell negative with weight (v - u) times the sum of its shares in other images' "
        "features: position bias alone gains little",
        direction="higher",
        low=0.0,
        high=1.0,
        unit="probability",
        chance="0.5; null: the cells permuted",
        null="closed_form",
        target="boxes",
        source="Zhang et al., SUN: a Bayesian framework for saliency, Journal of Vision 8(7), 2008",
    ),
    Metric(
        name="average_precision",
        label="Average precision",
        meaning="How pure is the map in the boxes, from its strongest place down to its weakest?",
        formula="sum of precision times gain in recall over the distinct values of the map, cells weighted as for "
        "AUROC",
        direction="higher",
        low=0.0,
        high=1.0,
        unit="share",
        chance=_PATCH_RANDOM,
        null="monte_carlo",
        target="boxes",
        source="Manning, Raghavan and Schütze, Introduction to Information Retrieval, 2008, chapter 8",
    ),
    Metric(
        name="nss",
        label="NSS",
        meaning="How far above the map's average do the boxes lie, in standard deviations?",
        formula="m-weighted mean of the map after subtracting its mean and dividing by its standard deviation, both "
        "taken with weight v - u + m; m, v and u as for AUROC",
        direction="higher",
        low=None,
        high=None,
        unit="standard deviations",
        chance="0; null: the cells permuted",
        null="closed_form",
        target="boxes",
        source="Peters et al., Components of bottom-up gaze allocation, Vision Research 45, 2005",
    ),
    Metric(
        name="cc",
        label="Correlation",
        meaning="Do map and boxes rise and fall together?",
        formula="Pearson correlation of the map and the soft target over the visible cells",
        direction="higher",
        low=-1.0,
        high=1.0,
        unit="correlation",
        chance=_PATCH_RANDOM,
        null="monte_carlo",
        target="soft",
        source="Bylinskii et al., What do different evaluation metrics tell us about saliency models?, TPAMI 41, 2019",
    ),
    Metric(
        name="sim",
        label="Similarity",
        meaning="How much do map and boxes overlap as two heaps of equal mass?",
        formula="sum of min(p, q): p the soft target and q the map's positive part, each scaled to sum 1",
        direction="higher",
        low=0.0,
        high=1.0,
        unit="share",
        chance=_PATCH_RANDOM,
        null="monte_carlo",
        target="soft",
        source="Bylinskii et al., What do different evaluation metrics tell us about saliency models?, TPAMI 41, 2019",
    ),
    Metric(
        name="kl",
        label="KL divergence",
        meaning="How badly does the map predict where the boxes are?",
        formula="sum of p ln(p / q): soft target p, map's positive part q at maximum 1; 1e-8 added to each cell of "
        "both, then each scaled to sum 1",
        direction="lower",
        low=0.0,
        high=None,
        unit="nats",
        chance=_PATCH_RANDOM,
        null="monte_carlo",
        target="soft",
        warning="A map that is exactly zero in places is punished by the 1e-8 alone; read KL with mixture instead.",
        follows="kl_mixture",
        source="Kullback and Leibler, On Information and Sufficiency, 1951",
    ),
    Metric(
        name="kl_mixture",
        label="KL with mixture",
        meaning="How badly does the map predict where the boxes are, when gaps in the map are forgiven a little?",
        formula="sum of p ln(p / (0.95 q + 0.05 u)): p soft target, q map's positive part, u uniform, each scaled to "
        "sum 1",
        direction="lower",
        low=0.0,
        high=None,
        unit="nats",
        chance=_PATCH_RANDOM,
        null="monte_carlo",
        target="soft",
        source="this project, after Kullback and Leibler, 1951",
    ),
    Metric(
        name="emd",
        label="Earth mover's distance",
        meaning="How far must the map's mass travel to lie on the boxes?",
        formula="least mean distance over which the map's positive part must be moved to become the soft target, both "
        "pooled by area to 8 x 8 cells; distance between cell centres, the canvas being 1 wide and 1 high; exact",
        direction="lower",
        low=0.0,
        high=2**0.5,
        unit="canvas sides",
        chance=_PATCH_RANDOM,
        null="monte_carlo",
        target="soft",
        source="Rubner, Tomasi and Guibas, The Earth Mover's Distance, IJCV 40, 2000",
    ),
    Metric(
        name="emd_native",
        label="Earth mover's distance, native grid",
        meaning="How far must the map's mass travel to lie on the boxes, at the map's full resolution?",
        formula="as the earth mover's distance, on the map's own grid",
        direction="lower",
        low=0.0,
        high=2**0.5,
        unit="canvas sides",
        chance="none: a Monte Carlo null would take minutes an image",
        null="none",
        target="soft",
        per_box=False,
        on_request=True,
        source="Rubner, Tomasi and Guibas, The Earth Mover's Distance, IJCV 40, 2000",
    ),
    Metric(
        name="mse",
        label="Mean squared error",
        meaning="How far is the map from the boxes, cell by cell?",
        formula="mean of (q - p)^2 over the visible cells: soft target p and map's positive part q, each at maximum 1",
        direction="lower",
        low=0.0,
        high=1.0,
        unit="squared",
        chance=_PATCH_RANDOM,
        null="monte_carlo",
        target="soft",
        warning="A map of zeros often wins: boxes are small, and predicting nothing errs little. Compare with the "
        "baseline `zero` before you read anything into it.",
        source="Gauss, Theoria combinationis observationum, 1823",
    ),
    Metric(
        name="density",
        label="Density",
        meaning="How concentrated is the map, whatever its grid?",
        formula="mean density where the map's mass is: sum of s d, with s the share of the positive part in a cell and "
        "d = s V / v its density; V the sum of v. 1 is uniform on any grid, V is all mass in one cell",
        direction="neither",
        low=1.0,
        high=None,
        unit="times uniform",
        chance="none; 1 is uniform",
        null="none",
        target="none",
        per_box=False,
        source="this project",
    ),
    Metric(
        name="entropy",
        label="Entropy",
        meaning="How evenly is the map spread?",
        formula="-sum of s ln(s / v) over ln V: 1 is uniform, 0 is all mass in one cell",
        direction="neither",
        low=0.0,
        high=1.0,
        unit="ratio",
        chance="none; 1 is uniform",
        null="none",
        target="none",
        per_box=False,
        source="Shannon, A Mathematical Theory of Communication, 1948",
    ),
    Metric(
        name="peak_density",
        label="Peak density",
        meaning="How many times more than on average does the model look at its favourite place?",
        formula="largest density d of a cell: 1 is uniform on any grid",
        direction="neither",
        low=1.0,
        high=None,
        unit="times uniform",
        chance="none; 1 is uniform",
        null="none",
        target="none",
        per_box=False,
        source="this project",
    ),
)

METRICS: dict[str, Metric] = {metric.name: metric for metric in _METRICS}
"""Every metric by name."""

SCALARS: tuple[str, ...] = tuple(metric.name for metric in _METRICS if not metric.thresholded)
"""Metrics of one number a map and target."""

BOX_SCALARS: tuple[str, ...] = tuple(name for name in SCALARS if METRICS[name].per_box)
"""Those among them that have a meaning against a single box."""

CURVES: tuple[str, ...] = tuple(metric.name for metric in _METRICS if metric.thresholded)
"""Metrics of one number a percentile. Only IoU is stored: the others follow from it and the areas."""
