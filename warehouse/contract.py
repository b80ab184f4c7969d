"""The data contract: every table, its columns with their meaning, its partition keys and its order.

Names are the field's terms, singular, snake_case, and the same in Python, Parquet, SQL, URL and on screen. Layers and
heads count from 0; head -1 is all heads fused, layer -1 the whole model, percentile -1 a score without a threshold. No
key is ever NULL, so joins are plain. A number that does not exist (a score of a map without boxes) is NULL and never
NaN: averages pass over NULL, and DuckDB folds isnan() by Parquet statistics, which leave NaN out.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from ssl_attn.metrics import BOX_SCALARS, METRICS, SCALARS

FORMAT_VERSION = 3
"""Raised when the tables change so that a store of an older program cannot be read as it is."""

_CURVE = pa.list_(pa.float16())
_TIME = pa.timestamp("ms", tz="UTC")


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its Arrow type and what it holds.

    With an SQL `expression` over the table's other columns it is computed when it is read, and stored nowhere.
    """

    name: str
    type: pa.DataType
    meaning: str
    expression: str | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the warehouse: the grain in words, hive partition keys (text), columns, and the order of rows."""

    name: str
    grain: str
    partition_by: tuple[str, ...]
    columns: tuple[Column, ...]
    order_by: tuple[str, ...] = ()

    @property
    def stored_schema(self) -> pa.Schema:
        """Schema of a part file: the columns that are neither partition keys nor computed when they are read."""
        stored = (c for c in self.columns if c.name not in self.partition_by and c.expression is None)
        return pa.schema([pa.field(c.name, c.type) for c in stored])

    @property
    def schema(self) -> pa.Schema:
        """Schema as readers see it: all columns, partition keys among them."""
        return pa.schema([pa.field(c.name, c.type) for c in self.columns])


_DATASET = Column("dataset", pa.string(), "Slug of the data set")
_MODEL = Column("model", pa.string(), "Slug of the model")
_VARIANT = Column("variant", pa.string(), "frozen, random_weights, or <strategy>.s<seed> of a training")
_METHOD = Column("method", pa.string(), "Attention or attribution method")
_RUN = Column("run_id", pa.string(), "Run that computed the row; see the table runs")
_PARAMS = Column("params_id", pa.string(), "Parameter set of the method")
_TARGET = Column("target_id", pa.string(), "What a gradient method explained; none for attention")
_VIEW = Column("view", pa.string(), "How the image was laid on the model input: squash, letterbox or processor")
_INPUT_SIZE = Column("input_size", pa.int32(), "Side of the model input in pixels")
_IMAGE = Column("image_id", pa.string(), "Image")
_FRAME = Column(
    "frame",
    pa.string(),
    "Grid and view, such as 14x14_squash: the variant under which the model-free baselines of this map stand",
)
_LAYER = Column("layer", pa.int16(), "Layer from 0; -1 is the whole model")
_HEAD = Column("head", pa.int16(), "Head from 0; -1 is all heads, fused as the method says")
_FEATURE = Column("feature_type", pa.string(), "Feature type")
_MAP_KEYS = (
    _DATASET, _MODEL, _VARIANT, _METHOD, _RUN, _PARAMS, _TARGET, _VIEW, _INPUT_SIZE, _FRAME, _IMAGE, _LAYER, _HEAD,
)  # fmt: skip
_SERIES = (_DATASET, _MODEL, _VARIANT, _METHOD, _VIEW, _INPUT_SIZE, _PARAMS)
_METRIC = Column("metric", pa.string(), "Metric")
_PERCENTILE = Column("percentile", pa.int16(), "Percentile of a thresholded metric, else -1")
_FEATURE_KEYS = (_DATASET, _MODEL, _VARIANT, _RUN, _VIEW, _INPUT_SIZE, _IMAGE, _LAYER)
_PLACEMENT = (
    Column("scale_x", pa.float64(), "Canvas = scale * image + offset, fractions, horizontal"),
    Column("offset_x", pa.float64(), "See scale_x"),
    Column("scale_y", pa.float64(), "Canvas = scale * image + offset, fractions, vertical"),
    Column("offset_y", pa.float64(), "See scale_y"),
)
_MAP_PARTITIONS = ("dataset", "model", "variant", "method")
_AREAS = (
    Column("visible_pixels", pa.int32(), "Canvas pixels that show the image"),
    Column("area", pa.float64(), "Share of the visible canvas pixels in the target: sets the chance level of IoU"),
    Column("area_grid", pa.float64(), "Share of the visible grid's area in the target: the chance level of energy"),
    Column("area_grown", pa.float64(), "Share of the visible canvas pixels within 15 of the target"),
    Column("area_mass", pa.float32(), "Share of the visible canvas pixels that iou_mass selects"),
    Column("area_above_mean", pa.float32(), "Share of the visible canvas pixels that iou_above_mean selects"),
)
# With k pixels selected and G in the target, I = IoU (k + G) / (1 + IoU) of them lie in both. IoU is rounded to
# float16: what follows from it may not pass 1 by that. A target without a pixel has no share of anything.
_AT_CUT = "CASE WHEN area > 0 THEN list_transform(iou, lambda x, p: least(1.0, {})) END"
_SELECTED = "selected_pixels(visible_pixels, p)"
_INSIDE = f"x * ({_SELECTED} + area * visible_pixels) / (1 + x)"
_LEAST, _MOST = (f"{bound}({_SELECTED}, area * visible_pixels)" for bound in ("least", "greatest"))
_CURVES_OF_IOU = (
    Column(
        "recall",
        _CURVE,
        "Share of the target inside the thresholded map at percentiles 1..99; follows from iou",
        _AT_CUT.format(f"{_INSIDE} / (area * visible_pixels)"),
    ),
    Column(
        "precision",
        _CURVE,
        "Share of the thresholded map inside the target at percentiles 1..99; follows from iou",
        _AT_CUT.format(f"{_INSIDE} / {_SELECTED}"),
    ),
    Column(
        "iou_share",
        _CURVE,
        "IoU over the most that so many pixels can reach, at percentiles 1..99; follows from iou",
        _AT_CUT.format(f"x * {_MOST} / {_LEAST}"),
    ),
)


def _scalar(metric: str) -> Column:
    return Column(metric, pa.float32(), METRICS[metric].formula)


def _side(side: str) -> tuple[Column, ...]:
    """The columns that name one of two series that are compared."""
    return tuple(
        Column(f"{side}_{column.name}", column.type, f"{column.meaning}, of {side}")
        for column in (_MODEL, _VARIANT, _METHOD, _INPUT_SIZE, _PARAMS, _LAYER)
    )


_TABLES = (
    Table(
        "images",
        "an image",
        ("dataset",),
        (
            _DATASET,
            _IMAGE,
            Column("path", pa.string(), "Where the original was read"),
            Column("sha256", pa.string(), "Hash of the original file"),
            Column("preview", pa.string(), "Picture for people, WebP, relative to the store"),
            Column("width", pa.int32(), "Pixels of the oriented image"),
            Column("height", pa.int32(), "Pixels of the oriented image"),
            Column("style", pa.list_(pa.string()), "Styles, as the data set names them"),
            Column("source_id", pa.string(), "What was photographed (a building): the unit for clusters and splits"),
            Column("split", pa.string(), "Split that the data set assigns, or empty"),
            Column("licence", pa.string(), "Licence of the image, or empty"),
        ),
        ("image_id",),
    ),
    Table(
        "boxes",
        "an expert box",
        ("dataset",),
        (
            _DATASET,
            Column("box_id", pa.string(), "Box"),
            _IMAGE,
            _FEATURE,
            Column("feature_group", pa.string(), "Feature type of the group that the expert put the box in"),
            Column("x", pa.float64(), "Left edge, fraction of the oriented image's width"),
            Column("y", pa.float64(), "Top edge, fraction of the oriented image's height"),
            Column("width", pa.float64(), "Fraction of the image's width, clipped to the image"),
            Column("height", pa.float64(), "Fraction of the image's height, clipped to the image"),
            Column("area", pa.float64(), "Share of the image's area"),
        ),
        ("image_id", "box_id"),
    ),
    Table(
        "feature_types",
        "a feature type",
        ("dataset",),
        (
            _DATASET,
            _FEATURE,
            Column("name", pa.string(), "Name for people"),
            Column("parent", pa.list_(pa.string()), "Broader feature types"),
            Column(
                "distractor",
                pa.bool_(),
                "Whether it is marked as what a model should not rely on: scored box by box, in no union of boxes",
            ),
        ),
        ("feature_type",),
    ),
    Table(
        "models",
        "a model and variant",
        (),
        (
            _MODEL,
            _VARIANT,
            Column("strategy", pa.string(), "How a trained variant was trained; empty for frozen and random weights"),
            Column("train_seed", pa.int64(), "Seed of the training or of the random weights; -1 where none applies"),
            Column("parent_run", pa.string(), "Fine-tuning run that made the weights, or empty"),
            Column("hf_id", pa.string(), "Hub id, or empty for a local checkpoint"),
            Column("revision", pa.string(), "Commit that the hub id was resolved to at the first download, or empty"),
            Column(
                "weights_sha256",
                pa.string(),
                "Hash of the weights; of seed and configuration for random weights",
            ),
            Column("config_sha256", pa.string(), "Hash of the class and configuration that read the weights"),
            Column("family", pa.string(), "Family of the model card"),
            Column("architecture", pa.string(), "model_type of the checkpoint's configuration"),
            Column("paradigm", pa.string(), "How it was trained"),
            Column("grid_h", pa.int32(), "Rows of patches at the input size"),
            Column("grid_w", pa.int32(), "Columns of patches at the input size"),
            Column("layers", pa.int32(), "Number of layers (stages of a convolutional network)"),
            Column("heads", pa.int32(), "Heads per layer; 0 for a convolutional network"),
            Column("registers", pa.int32(), "Register tokens"),
            Column("input_size", pa.int32(), "Side of the model input in pixels"),
            Column("default_method", pa.string(), "Method that the leaderboard shows first for this model"),
        ),
        ("model", "variant"),
    ),
    Table(
        "verdicts",
        "a model, variant and method: how far the method may be trusted on this kind of model",
        (),
        (
            _MODEL,
            _VARIANT,
            _METHOD,
            Column("verdict", pa.string(), "excellent, correct, good, acceptable or questionable; baseline: untrained"),
            Column("note", pa.string(), "Why"),
        ),
        ("model", "variant", "method"),
    ),
    Table(
        "accuracies",
        "a model and variant on a set of images: how often it told the style",
        (),
        (
            _MODEL,
            _VARIANT,
            Column("data", pa.string(), "Data set that it was measured on"),
            Column("split", pa.string(), "Part of it: held_out, of which nothing was learned"),
            Column(
                "readout", pa.string(), "What answers: head (its own classifier) or linear_probe (on its embedding)"
            ),
            Column("n", pa.int32(), "Images"),
            Column("correct", pa.int32(), "Images of which it told the style"),
            Column("accuracy", pa.float64(), "Correct over n"),
            Column("ci_low", pa.float64(), "Lower end of its 95 % Wilson interval"),
            Column("ci_high", pa.float64(), "Upper end of it"),
            Column("untrained_accuracy", pa.float64(), "The same of the model untrained; NULL where not measured"),
            Column("chance", pa.float64(), "Accuracy of guessing"),
        ),
        ("model", "variant", "data", "readout"),
    ),
    Table(
        "methods",
        "a method of the registry",
        (),
        (
            _METHOD,
            Column("label", pa.string(), "Name for people"),
            Column("description", pa.string(), "What it computes"),
            Column("fusion", pa.string(), "How head -1 is made of the heads"),
            Column("signed", pa.bool_(), "Whether values can be negative"),
            Column("per_head", pa.bool_(), "Whether each head has a map"),
            Column("source", pa.string(), "Publication of the method"),
        ),
        ("method",),
    ),
    Table(
        "metrics",
        "a metric of the registry",
        (),
        (
            _METRIC,
            Column("label", pa.string(), "Name for people"),
            Column("meaning", pa.string(), "What it asks, in plain words"),
            Column("formula", pa.string(), "Formula in words and symbols"),
            Column("direction", pa.string(), "higher or lower is better; neither where it only describes the map"),
            Column("low", pa.float64(), "Least possible value; NULL where there is no bound"),
            Column("high", pa.float64(), "Greatest possible value; NULL where there is no bound"),
            Column("unit", pa.string(), "Unit"),
            Column("chance", pa.string(), "Value expected of a map that knows nothing, and its null"),
            Column("null_kind", pa.string(), "How chance is known: closed_form, monte_carlo or none"),
            Column("target", pa.string(), "What the map is compared with: boxes, soft (Gaussian union) or none"),
            Column("thresholded", pa.bool_(), "Whether it is a curve over percentiles"),
            Column("per_box", pa.bool_(), "Whether it is also computed against each box"),
            Column("follows", pa.string(), "Metric that says the same in other units, or empty"),
            Column("warning", pa.string(), "What to beware of, or empty"),
            Column("source", pa.string(), "Publication of the metric"),
        ),
        ("metric",),
    ),
    Table(
        "baselines",
        "a baseline of the registry",
        (),
        (
            Column("baseline", pa.string(), "Baseline: the method of its rows, or the ending of it (cls.mean_map)"),
            Column("label", pa.string(), "Name for people"),
            Column("description", pa.string(), "What map it is"),
            Column("needs_model", pa.bool_(), "Whether it is made of a model's own maps"),
            Column("bound", pa.string(), "lower: a model should beat it; upper: the best that any map can get"),
            Column("source", pa.string(), "Publication of the baseline"),
        ),
        ("baseline",),
    ),
    Table(
        "params",
        "a parameter set of a method",
        (),
        (
            _PARAMS,
            _METHOD,
            Column("target_kind", pa.string(), "Kind of target that a gradient method explains; none for attention"),
            Column("target_scale", pa.string(), "logit, probability or cosine; none for attention"),
            Column("parameters", pa.string(), "All parameters, JSON"),
            Column("seed", pa.int64(), "Seed of the method; -1 when it draws nothing"),
        ),
        ("params_id",),
    ),
    Table(
        "targets",
        "a target that a gradient method explained",
        ("dataset",),
        (
            _DATASET,
            _TARGET,
            Column("kind", pa.string(), "class, sum_logits, ..."),
            Column("text", pa.string(), "The target in words"),
        ),
        ("target_id",),
    ),
    Table(
        "quarantine",
        "an input that was left out",
        ("dataset",),
        (
            _DATASET,
            _RUN,
            Column("what", pa.string(), "image, box or feature_type"),
            Column("identifier", pa.string(), "Which one"),
            Column("rule", pa.string(), "Rule that it broke"),
            Column("expected", pa.string(), "What the rule expects"),
            Column("found", pa.string(), "What was found"),
        ),
        ("what", "identifier"),
    ),
    Table(
        "maps",
        "a map of one image, layer and head at its native grid",
        _MAP_PARTITIONS,
        (
            *_MAP_KEYS,
            Column("target_value", pa.float32(), "Value of the explained scalar; NULL for attention"),
            Column("grid_h", pa.int16(), "Rows of cells"),
            Column("grid_w", pa.int16(), "Columns of cells"),
            Column("values", _CURVE, "Cells row by row, scaled by the largest magnitude (peak)"),
            Column("total", pa.float32(), "Sum of the positive part before scaling"),
            Column("peak", pa.float32(), "Largest magnitude before scaling"),
            Column(
                "mass_cls",
                pa.float32(),
                "Share on CLS and distillation tokens, not in the map; NULL where undefined",
            ),
            Column("mass_register", pa.float32(), "Share on register tokens, not in the map; NULL where undefined"),
            Column("mass_patch", pa.float32(), "Share on patches: what the map shows; NULL where undefined"),
            *_PLACEMENT,
        ),
        ("image_id", "layer", "head"),
    ),
    Table(
        "patch_features",
        "a patch of one image in a layer",
        ("dataset", "model", "variant"),
        (
            *_FEATURE_KEYS,
            Column("patch", pa.int32(), "Patch, row by row"),
            Column("grid_h", pa.int16(), "Rows of patches"),
            Column("grid_w", pa.int16(), "Columns of patches"),
            Column("vector", _CURVE, "Block output after the model's final norm"),
            *_PLACEMENT,
        ),
        ("image_id", "layer", "patch"),
    ),
    Table(
        "image_features",
        "an image in a layer",
        ("dataset", "model", "variant"),
        (
            *_FEATURE_KEYS,
            Column("readout", pa.string(), "How the vector was read out: cls, map_probe or gap"),
            Column("vector", _CURVE, "The model's image embedding before any projection or classifier"),
        ),
        ("image_id", "layer"),
    ),
    Table(
        "nulls",
        "the Monte Carlo chance level of one metric for one target, frame and input size",
        ("dataset",),
        (
            _DATASET,
            _RUN,
            _VIEW,
            _INPUT_SIZE,
            _FRAME,
            _IMAGE,
            Column("box_id", pa.string(), "Box; empty for the union of the image's features"),
            _METRIC,
            Column("mean", pa.float64(), "Mean over patch-random maps: the chance level"),
            Column("standard_error", pa.float64(), "Standard error of that mean"),
            Column("draws", pa.int32(), "Patch-random maps drawn"),
        ),
        ("view", "input_size", "frame", "image_id", "box_id", "metric"),
    ),
    Table(
        "scores",
        "a map against the union of its image's boxes, those of features alone",
        _MAP_PARTITIONS,
        (
            *_MAP_KEYS,
            Column(
                "outcome", pa.string(), "scored or constant, or why there is no score: no_box, zero_map, not_finite"
            ),
            Column("boxes", pa.int32(), "Boxes in the union"),
            Column("boxes_left_out", pa.int32(), "Boxes of features of which the view shows less than a quarter"),
            *_AREAS,
            Column("iou", _CURVE, "IoU at percentiles 1..99: element p is percentile p"),
            *_CURVES_OF_IOU,
            *(_scalar(name) for name in SCALARS),
        ),
        ("image_id", "layer", "head"),
    ),
    Table(
        "box_scores",
        "a map against one box, of a feature or a distractor",
        _MAP_PARTITIONS,
        (
            *_MAP_KEYS,
            Column("box_id", pa.string(), "Box"),
            _FEATURE,
            Column(
                "outcome", pa.string(), "scored or constant, or why there is no score: hidden, zero_map, not_finite"
            ),
            Column("visible_fraction", pa.float32(), "Share of the box that the view shows"),
            *_AREAS,
            Column("iou", _CURVE, "IoU at percentiles 1..99; the image's other boxes count as outside"),
            *_CURVES_OF_IOU,
            *(_scalar(name) for name in BOX_SCALARS),
        ),
        ("image_id", "layer", "head", "box_id"),
    ),
    Table(
        "series",
        "a map series that has scores: the maps of one method of one model on one view, over all layers and heads",
        ("dataset",),
        (
            *_SERIES,
            Column("baseline", pa.string(), "Baseline that it is; empty for a model's own maps, also untrained ones"),
            Column("layer", pa.int16(), "Last layer: what the leaderboard reports; -1 is the whole model"),
            Column("frames", pa.list_(pa.string()), "Frames of its last layer; several where images have own grids"),
        ),
        ("model", "variant", "method", "view", "input_size", "params_id"),
    ),
    Table(
        "aggregates",
        "a group's summary of one metric",
        ("dataset",),
        (
            *_SERIES,
            _LAYER,
            _HEAD,
            Column(
                "group_kind",
                pa.string(),
                "all, style, feature_type, feature_rollup (a type with its narrower ones of the same role, if it has "
                "any) or box_size (of features)",
            ),
            Column("group_key", pa.string(), "Which style, feature type or stratum; all for all"),
            _METRIC,
            _PERCENTILE,
            Column("n", pa.int32(), "Scores in the mean: images for the union, boxes for the other kinds but style"),
            Column("n_images", pa.int32(), "Images among them"),
            Column("n_sources", pa.int32(), "Sources (buildings) among them: the units of the interval"),
            Column("n_left_out", pa.int32(), "Rows without a score"),
            Column("n_constant", pa.int32(), "Scores of constant maps among them: at chance by construction"),
            Column("mean", pa.float32(), "Mean"),
            Column("sd", pa.float32(), "Standard deviation over the scores; NULL for one score"),
            Column("ci_low", pa.float32(), "Lower end of the 95 % bootstrap interval over sources; NULL below 8"),
            Column("ci_high", pa.float32(), "Upper end of it"),
            Column("ci_kind", pa.string(), "bca or percentile; none where there is no interval"),
            Column("chance", pa.float32(), "Mean chance level of the same scores; NULL for a metric without one"),
        ),
        # what one question reads stands together
        ("model", "variant", "method", "group_kind", "metric", "percentile", "head", "layer", "group_key"),
    ),
    Table(
        "aggregate_index",
        "a kind of group, metric and percentile that there are aggregates of: what may be asked for",
        ("dataset",),
        (
            _DATASET,
            Column("group_kind", pa.string(), "As in aggregates"),
            Column("single_heads", pa.bool_(), "Whether they are of single heads, or of all heads fused"),
            _METRIC,
            _PERCENTILE,
        ),
        ("group_kind", "single_heads", "metric", "percentile"),
    ),
    Table(
        "layer_choices",
        "the choice of one layer of a series by one metric, all heads fused",
        ("dataset",),
        (
            *_SERIES,
            _METRIC,
            _PERCENTILE,
            Column("n", pa.int32(), "Images with a score in every layer"),
            Column("n_sources", pa.int32(), "Sources among them"),
            Column("last_layer", pa.int16(), "The last layer: what the leaderboard reports"),
            Column("last_mean", pa.float32(), "Mean score of the last layer over the same images"),
            Column("cross_fitted", pa.float32(), "Score of layers chosen on other sources than they are scored on"),
            Column("ci_low", pa.float32(), "Lower end of its 95 % bootstrap interval over sources; NULL below 8"),
            Column("ci_high", pa.float32(), "Upper end of it"),
            Column("best_layer", pa.int16(), "Best layer on all images"),
            Column("best_mean", pa.float32(), "Its mean: optimistic, since it was chosen on the same images"),
            Column("layers", pa.list_(pa.int16()), "The layers that were to choose from"),
            Column("picks", pa.list_(pa.float32()), "Share of the folds in which each of them was chosen"),
        ),
        ("model", "variant", "method", "metric", "percentile"),
    ),
    Table(
        "head_ranks",
        "a single head's rank among all heads and layers of its series, image by image",
        ("dataset",),
        (
            *_SERIES,
            _LAYER,
            _HEAD,
            _METRIC,
            _PERCENTILE,
            Column("n", pa.int32(), "Images in which every head has a score"),
            Column(
                "mean_rank",
                pa.float32(),
                "Mean rank over images, 1 is best; equal scores share the mean of their ranks",
            ),
            Column("top1", pa.float32(), "Share of images in which it is best; heads tied for it share the credit"),
            Column("top3", pa.float32(), "Share of images in which it is among the best three; ties share likewise"),
        ),
        ("model", "variant", "method", "metric", "percentile", "layer", "head"),
    ),
    Table(
        "comparisons",
        "a paired test of series a against series b at their last layers, all heads fused: a minus b, image by image",
        ("dataset",),
        (
            _DATASET,
            Column(
                "family",
                pa.string(),
                "Family that Holm's adjustment runs over, one metric and percentile at a time: kind/view; series with "
                "random weights have families of their own",
            ),
            Column(
                "kind",
                pa.string(),
                "baseline, model, method or variant: what differs between a and b. A model-free baseline is matched "
                "image by image by frame; its variant is that frame, or mixed where a's images have several",
            ),
            _VIEW,
            *_side("a"),
            *_side("b"),
            _METRIC,
            _PERCENTILE,
            Column("n", pa.int32(), "Images that both have a score of"),
            Column("n_sources", pa.int32(), "Sources among them: the units of the tests"),
            Column("mean_a", pa.float64(), "Mean of a over sources, each the mean of its images"),
            Column("mean_b", pa.float64(), "Mean of b over sources, likewise"),
            Column("difference", pa.float64(), "Mean of a minus b, over sources"),
            Column(
                "ci_low",
                pa.float64(),
                "Lower end of its 95 % BCa bootstrap interval over sources, from 8 seeds on over both; NULL below 8",
            ),
            Column("ci_high", pa.float64(), "Upper end of it"),
            Column("median_difference", pa.float64(), "Median over sources of a minus b"),
            Column("rank_biserial", pa.float64(), "Matched-pairs rank-biserial correlation, zeros in the denominator"),
            Column("d_z", pa.float64(), "Mean difference over its standard deviation, over sources"),
            Column("test", pa.string(), "wilcoxon_exact, wilcoxon_normal or mcnemar_exact"),
            Column("p", pa.float64(), "Two-sided p-value of the test"),
            Column(
                "p_holm",
                pa.float64(),
                "p adjusted by Holm over the family; 1 for pairs that are equal everywhere, which are no members of it",
            ),
            Column("p_t", pa.float64(), "Two-sided p-value of the paired t-test, beside it; NULL for hits"),
            Column("margin", pa.float64(), "Margin of equivalence: 0.01 for IoU, else 10 % of the mean of b"),
            Column("p_equivalence", pa.float64(), "p-value of two one-sided t-tests against the margin"),
            Column("p_equivalence_holm", pa.float64(), "That, adjusted by Holm over the family"),
            Column(
                "verdict", pa.string(), "preserved, enhanced, diminished or inconclusive; in favour of a is enhanced"
            ),
            Column("significant", pa.bool_(), "Whether p_holm is below 0.05, also where the verdict is preserved"),
            Column("n_seeds", pa.int32(), "Training seeds that a is the mean of; 1 where there is no choice of seed"),
            Column("seed_low", pa.float64(), "Lower end of the 95 % t-interval over seeds; NULL for one"),
            Column("seed_high", pa.float64(), "Upper end of it"),
            Column("seeds_agree", pa.bool_(), "Whether the difference has one sign in all seeds; NULL for one seed"),
        ),
        (
            "kind",
            "view",
            "a_model",
            "a_variant",
            "a_method",
            "b_model",
            "b_variant",
            "b_method",
            "metric",
            "percentile",
        ),
    ),
    Table(
        "runs",
        "a pipeline run",
        (),
        (
            _RUN,
            Column("command", pa.string(), "Stage or command"),
            Column("code_version", pa.string(), "Version of this program"),
            Column("packages", pa.string(), "Versions of the packages that decide numbers, JSON"),
            Column("config", pa.string(), "What was asked for, JSON"),
            Column("device", pa.string(), "Device of the forward passes; none for stages without a model"),
            Column("dtype", pa.string(), "Number format of the forward passes; none for stages without a model"),
            Column("seed", pa.int64(), "Seed of everything drawn"),
            Column("started", _TIME, "Start"),
            Column("finished", _TIME, "End; NULL for a run that was stopped and whose parts a later run took up"),
            Column("shards_computed", pa.int32(), "Parts that this run wrote"),
            Column("shards_skipped", pa.int32(), "Parts that were there already"),
            Column("quarantined", pa.int32(), "Inputs that were left out"),
        ),
        ("started",),
    ),
)

TABLES: dict[str, Table] = {table.name: table for table in _TABLES}
"""Every table of the warehouse by name."""
