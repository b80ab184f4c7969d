"""The data contract: every table, its columns with their meaning, its partition keys and its order.

Names are the field's terms, singular, snake_case, and the same in Python, Parquet, SQL, URL and on screen. Layers and
heads count from 0; head -1 is all heads fused, layer -1 the whole model, percentile -1 a score without a threshold. No
key is ever NULL, so joins are plain. A number that does not exist (a score of a map without boxes) is NULL and never
NaN: averages pass over NULL, and DuckDB folds isnan() by Parquet statistics, which leave NaN out.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

FORMAT_VERSION = 1
"""Raised when a store written by this program can no longer be read by an older one."""

_CURVE = pa.list_(pa.float16())
_TIME = pa.timestamp("ms", tz="UTC")


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its Arrow type and what it holds."""

    name: str
    type: pa.DataType
    meaning: str


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
        """Schema of a part file: the columns that are not partition keys."""
        return pa.schema([pa.field(c.name, c.type) for c in self.columns if c.name not in self.partition_by])

    @property
    def schema(self) -> pa.Schema:
        """Schema as readers see it: all columns, partition keys among them."""
        return pa.schema([pa.field(c.name, c.type) for c in self.columns])


_DATASET = Column("dataset", pa.string(), "Slug of the data set")
_MODEL = Column("model", pa.string(), "Slug of the model")
_VARIANT = Column("variant", pa.string(), "frozen, random_weights, or <strategy>.s<seed> of a fine-tuning run")
_METHOD = Column("method", pa.string(), "Attention or attribution method")
_RUN = Column("run_id", pa.string(), "Run that computed the row; see the table runs")
_PARAMS = Column("params_id", pa.string(), "Parameter set of the method")
_TARGET = Column("target_id", pa.string(), "What a gradient method explained; none for attention")
_VIEW = Column("view", pa.string(), "How the image was laid on the model input: squash, letterbox or processor")
_INPUT_SIZE = Column("input_size", pa.int32(), "Side of the model input in pixels")
_IMAGE = Column("image_id", pa.string(), "Image")
_LAYER = Column("layer", pa.int16(), "Layer from 0; -1 is the whole model")
_HEAD = Column("head", pa.int16(), "Head from 0; -1 is all heads, fused as the method says")
_FEATURE = Column("feature_type", pa.string(), "Feature type")
_MAP_KEYS = (_DATASET, _MODEL, _VARIANT, _METHOD, _RUN, _PARAMS, _TARGET, _VIEW, _INPUT_SIZE, _IMAGE, _LAYER, _HEAD)
_FEATURE_KEYS = (_DATASET, _MODEL, _VARIANT, _RUN, _VIEW, _INPUT_SIZE, _IMAGE, _LAYER)
_PLACEMENT = (
    Column("scale_x", pa.float64(), "Canvas = scale * image + offset, fractions, horizontal"),
    Column("offset_x", pa.float64(), "See scale_x"),
    Column("scale_y", pa.float64(), "Canvas = scale * image + offset, fractions, vertical"),
    Column("offset_y", pa.float64(), "See scale_y"),
)
_MAP_PARTITIONS = ("dataset", "model", "variant", "method")

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
            Column("strategy", pa.string(), "Fine-tuning strategy; empty for frozen and random weights"),
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
            Column("metric", pa.string(), "Metric"),
            Column("label", pa.string(), "Name for people"),
            Column("formula", pa.string(), "Formula in words and symbols"),
            Column("direction", pa.string(), "higher or lower is better"),
            Column("low", pa.float64(), "Least possible value"),
            Column("high", pa.float64(), "Greatest possible value"),
            Column("unit", pa.string(), "Unit"),
            Column("chance", pa.string(), "Value expected of a map that knows nothing, and its null"),
            Column("thresholded", pa.bool_(), "Whether it is a curve over percentiles"),
            Column("source", pa.string(), "Publication of the metric"),
        ),
        ("metric",),
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
        "scores",
        "a map against the union of its image's boxes",
        _MAP_PARTITIONS,
        (
            *_MAP_KEYS,
            Column("outcome", pa.string(), "scored, or why there is no score: no_box, zero_map, not_finite"),
            Column("boxes", pa.int32(), "Boxes in the union"),
            Column("boxes_left_out", pa.int32(), "Boxes of which the view shows less than a quarter"),
            Column("visible_pixels", pa.int32(), "Canvas pixels that show the image"),
            Column(
                "area", pa.float64(), "Share of the visible canvas pixels in the union: sets the chance level of IoU"
            ),
            Column(
                "area_grid",
                pa.float64(),
                "Share of the visible grid's area in the union: the chance level of energy",
            ),
            Column("iou", _CURVE, "IoU at percentiles 1..99: element p is percentile p"),
            Column("energy", pa.float32(), "Share of the map's positive mass in the union"),
        ),
        ("image_id", "layer", "head"),
    ),
    Table(
        "box_scores",
        "a map against one box",
        _MAP_PARTITIONS,
        (
            *_MAP_KEYS,
            Column("box_id", pa.string(), "Box"),
            _FEATURE,
            Column("outcome", pa.string(), "scored, or why there is no score: hidden, zero_map, not_finite"),
            Column("visible_fraction", pa.float32(), "Share of the box that the view shows"),
            Column("visible_pixels", pa.int32(), "Canvas pixels that show the image"),
            Column("area", pa.float64(), "Share of the visible canvas pixels in the box"),
            Column("area_grid", pa.float64(), "Share of the visible grid's area in the box"),
            Column("iou", _CURVE, "IoU at percentiles 1..99; the image's other boxes count as outside"),
            Column("recall", _CURVE, "Share of the box inside the thresholded map at percentiles 1..99"),
            Column("energy", pa.float32(), "Share of the map's positive mass in the box"),
        ),
        ("image_id", "layer", "head", "box_id"),
    ),
    Table(
        "aggregates",
        "a group's summary of one metric",
        ("dataset",),
        (
            _DATASET,
            _MODEL,
            _VARIANT,
            _METHOD,
            _VIEW,
            _INPUT_SIZE,
            _PARAMS,
            _LAYER,
            _HEAD,
            Column("group_kind", pa.string(), "all, style or feature_type"),
            Column("group_key", pa.string(), "Which style or feature type; all for all"),
            Column("metric", pa.string(), "Metric"),
            Column("percentile", pa.int16(), "Percentile of a thresholded metric, else -1"),
            Column("n", pa.int32(), "Scores in the mean: images for the union, boxes for a feature type"),
            Column("n_images", pa.int32(), "Images among them"),
            Column("n_sources", pa.int32(), "Sources (buildings) among them: the units of the interval"),
            Column("n_left_out", pa.int32(), "Rows without a score"),
            Column("mean", pa.float64(), "Mean"),
            Column("sd", pa.float64(), "Standard deviation over the scores; NULL for one score"),
            Column("ci_low", pa.float64(), "Lower end of the 95 % bootstrap interval over sources; NULL below 8"),
            Column("ci_high", pa.float64(), "Upper end of it"),
            Column("chance", pa.float64(), "Mean chance level of the same scores"),
        ),
        ("model", "variant", "method", "group_kind", "group_key", "metric", "percentile", "layer", "head"),
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
