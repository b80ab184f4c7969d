"""A store of scores written directly, without a model or a map, for tests of what is made of scores.

Numbers are noise around planted means, consistent with each other where the contract says so (recall follows from IoU).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa

from etl.aggregate import aggregate
from etl.run import Run
from etl.store import Store, content_key
from ssl_attn.baselines import BASELINES, MODEL_FREE, OWN_MAPS
from ssl_attn.methods import METHODS
from ssl_attn.metrics import BOX_SCALARS, METRICS, SCALARS
from ssl_attn.metrics.percentiles import PERCENTILES, selected_pixels
from warehouse.contract import TABLES

DATASET = "towers"
VIEW = "squash"
INPUT_SIZE = 224
PIXELS = 224 * 224
DISTRACTOR = "type-006"
MONTE_CARLO = tuple(name for name, metric in METRICS.items() if metric.null == "monte_carlo")


@dataclass(frozen=True)
class Study:
    """Images (as many sources as `sources`, in turn), styles, and feature types of which every third has a parent.

    One type is a distractor, below one that is not.
    """

    images: int = 24
    sources: int = 20
    boxes: int = 90
    feature_types: int = 10
    styles: tuple[str, ...] = ("romanesque", "gothic", "baroque")
    seed: int = 1

    @property
    def image_ids(self) -> list[str]:
        return [f"tower-{index:05}.jpg" for index in range(self.images)]

    def image_rows(self) -> list[dict[str, object]]:
        return [
            {
                "image_id": image_id,
                "path": image_id,
                "sha256": image_id,
                "preview": "",
                "width": 100,
                "height": 100,
                "style": [self.styles[index % len(self.styles)], *(["listed"] if index % 5 == 0 else [])],
                "source_id": f"tower-{index % self.sources}",
                "split": "",
                "licence": "",
            }
            for index, image_id in enumerate(self.image_ids)
        ]

    def box_rows(self) -> list[dict[str, object]]:
        """The first image has no box; feature types grow rarer."""
        generator = np.random.default_rng(self.seed)
        rarity = 1 / np.arange(1, self.feature_types + 1)
        types = generator.choice(self.feature_types, size=self.boxes, p=rarity / rarity.sum())
        areas = 10 ** generator.uniform(-3.2, -0.9, size=self.boxes)
        return [
            {
                "box_id": f"box-{index:05}",
                "image_id": self.image_ids[1 + index % (self.images - 1)],
                "feature_type": f"type-{type_:03}",
                "feature_group": "",
                "x": 0.1,
                "y": 0.1,
                "width": float(np.sqrt(area)),
                "height": float(np.sqrt(area)),
                "area": float(area),
            }
            for index, (type_, area) in enumerate(zip(types, areas, strict=True))
        ]

    def feature_rows(self) -> list[dict[str, object]]:
        """Type 0 is the broadest; every third type has the type at a third of its place as its parent."""
        return [
            {
                "feature_type": f"type-{index:03}",
                "name": f"Type {index}",
                "parent": [f"type-{index // 3:03}"] if index and index % 3 == 0 else [],
                "distractor": f"type-{index:03}" == DISTRACTOR,
            }
            for index in range(self.feature_types)
        ]


@dataclass(frozen=True)
class Series:
    """Scores of one series; `skill` in 0..1 moves every metric towards its better end, layer by layer."""

    model: str
    variant: str = "frozen"
    method: str = "cls"
    layers: tuple[int, ...] = (0, 1, 2)
    heads: int = 0
    frame: str = "14x14_squash"
    skill: float = 0.5
    params_id: str = ""
    box_rows: bool = True
    missing: tuple[str, ...] = ()
    constant: tuple[str, ...] = ()
    native: bool = False

    @property
    def params(self) -> str:
        return self.params_id or self.method


def baselines_of(series: Series) -> list[Series]:
    """The two baselines that are made of a series' own maps."""
    return [
        replace(series, method=f"{series.method}.{name}", params_id=series.params, heads=0, skill=skill)
        for name, skill in zip(OWN_MAPS, (0.3, 0.2), strict=True)
    ]


def free_baselines(frame: str) -> list[Series]:
    """The model-free baselines of one grid."""
    skills = {"uniform": 0.1, "zero": 0.1, "patch_random": 0.1, "centre_gaussian": 0.35, "edge": 0.2, "box_prior": 0.4}
    return [
        Series("baseline", frame, name, layers=(-1,), frame=frame, skill=skills.get(name, 0.95), box_rows=True)
        for name in MODEL_FREE
    ]


@dataclass
class ScoredStore:
    """Writes a study's tables and its series into the draft of a store."""

    store: Store
    study: Study = field(default_factory=Study)
    run: Run = field(default_factory=lambda: Run("test", {}))

    def write(self, *series: Series, nulls: bool = True) -> Store:
        """Everything that aggregating and comparing read."""
        self.run.computes(self.store)
        self._rows("images", DATASET, self.study.image_rows())
        self._rows("boxes", DATASET, self.study.box_rows())
        self._rows("feature_types", DATASET, self.study.feature_rows())
        self._registries()
        self._models(series)
        for one in series:
            self.scores(one)
        if nulls:
            for frame in sorted({one.frame for one in series}):
                self._nulls(frame)
        return self.store

    def scores(self, series: Series) -> None:
        """The scores of one series, and of its boxes."""
        noise = np.random.default_rng([self.study.seed, *map(ord, repr(series))])
        self._part("scores", series, _score_rows(self.study, series, noise, self.run.run_id))
        if series.box_rows:
            self._part("box_scores", series, _box_score_rows(self.study, series, noise, self.run.run_id))

    def _part(self, table: str, series: Series, rows: pa.Table) -> None:
        partition = {"dataset": DATASET, "model": series.model, "variant": series.variant, "method": series.method}
        slice_ = f"{VIEW}/{INPUT_SIZE}/{series.params}"
        part = self.store.write(table, partition, slice_, content_key(repr(series), self.study), rows, self.run.run_id)
        self.store.replace(table, partition, slice_, [part])

    def _rows(self, table: str, dataset: str | None, rows: list[dict[str, object]], slice_: str = "all") -> None:
        partition = {} if dataset is None else {"dataset": dataset}
        content = pa.Table.from_pylist(rows, schema=TABLES[table].stored_schema)
        part = self.store.write(table, partition, slice_, content_key(rows), content, self.run.run_id)
        self.store.replace(table, partition, slice_, [part])

    def _registries(self) -> None:
        metrics = [
            {
                **{name: getattr(m, name, None) for name in TABLES["metrics"].schema.names},
                "metric": m.name,
                "null_kind": m.null,
            }
            for m in METRICS.values()
        ]
        self._rows("metrics", None, metrics)
        methods = [
            {**{n: getattr(m, n, None) for n in TABLES["methods"].schema.names}, "method": m.name}
            for m in METHODS.values()
        ]
        self._rows("methods", None, methods)
        baselines = [
            {**{n: getattr(b, n, None) for n in TABLES["baselines"].schema.names}, "baseline": b.name}
            for b in BASELINES.values()
        ]
        self._rows("baselines", None, baselines)

    def _models(self, series: tuple[Series, ...]) -> None:
        models = {(s.model, s.variant): s for s in series if s.model != "baseline" and "." not in s.method}
        default = {s.model: s.method for s in reversed(series) if "." not in s.method}
        rows = []
        for (model, variant), one in models.items():
            strategy, _, seed = variant.partition(".s")
            tuned = variant not in ("frozen", "random_weights")
            grid_h, grid_w = one.frame.split("_")[0].split("x")
            rows.append(
                {
                    **dict.fromkeys(TABLES["models"].schema.names, ""),
                    "model": model,
                    "variant": variant,
                    "strategy": strategy if tuned else "",
                    "train_seed": int(seed) if tuned else -1,
                    "weights_sha256": f"{model} {variant}",
                    "grid_h": int(grid_h),
                    "grid_w": int(grid_w),
                    "layers": max(one.layers) + 1,
                    "heads": one.heads,
                    "registers": 0,
                    "input_size": INPUT_SIZE,
                    "default_method": default[model],
                }
            )
        self._rows("models", None, rows)

    def _nulls(self, frame: str) -> None:
        noise = np.random.default_rng([self.study.seed, *map(ord, frame)])
        boxes = self.study.box_rows()
        targets = [(image, "") for image in self.study.image_ids[1:]]
        targets += [(str(box["image_id"]), str(box["box_id"])) for box in boxes]
        rows = [
            {
                "run_id": self.run.run_id,
                "view": VIEW,
                "input_size": INPUT_SIZE,
                "frame": frame,
                "image_id": image,
                "box_id": box,
                "metric": metric,
                "mean": float(_planted(metric, 0.1) + noise.normal(0, 0.001)),
                "standard_error": 0.001,
                "draws": 100,
            }
            for image, box in targets
            for metric in MONTE_CARLO
            if METRICS[metric].per_box or not box
        ]
        self._rows("nulls", DATASET, rows, slice_=f"{VIEW}/{INPUT_SIZE}/{frame}")


def _planted(metric: str, skill: np.ndarray | float) -> np.ndarray | float:
    """The mean of a metric at a skill of 0..1, within its range."""
    low = METRICS[metric].low if METRICS[metric].low is not None else -0.5
    high = METRICS[metric].high if METRICS[metric].high is not None else low + 2
    towards = skill if METRICS[metric].direction != "lower" else 1 - np.asarray(skill)
    return low + (high - low) * (0.1 + 0.8 * towards)


def _score_rows(study: Study, series: Series, noise: np.random.Generator, run_id: str) -> pa.Table:
    images = np.array(study.image_ids)
    count = np.zeros(len(images), dtype=int)
    area = np.zeros(len(images))
    for box in study.box_rows():
        if box["feature_type"] == DISTRACTOR:
            continue
        index = study.image_ids.index(str(box["image_id"]))
        count[index] += 1
        area[index] = min(0.9, area[index] + float(str(box["area"])))
    keys, image, skill = _keys(study, series, noise, run_id, np.arange(len(images)))
    outcome = np.where(count[image] > 0, "scored", "no_box").astype(object)
    outcome[np.isin(images[image], series.missing)] = "not_finite"
    outcome[np.isin(images[image], series.constant)] = "constant"
    if series.method == "zero":
        outcome[outcome == "scored"] = "zero_map"
    columns = _columns(series, SCALARS, outcome, area[image], skill, noise)
    columns["boxes"] = count[image]
    columns["boxes_left_out"] = np.zeros(len(image), dtype=int)
    return _table("scores", {**keys, "outcome": outcome, **columns})


def _box_score_rows(study: Study, series: Series, noise: np.random.Generator, run_id: str) -> pa.Table:
    boxes = sorted(study.box_rows(), key=lambda box: (str(box["image_id"]), str(box["box_id"])))
    image_of_box = np.array([study.image_ids.index(str(box["image_id"])) for box in boxes], dtype=np.intp)
    keys, box, skill = _keys(study, series, noise, run_id, image_of_box)
    images = np.array(study.image_ids)[image_of_box[box]]
    outcome = np.full(len(box), "scored", dtype=object)
    outcome[np.isin(images, series.missing)] = "not_finite"
    outcome[np.isin(images, series.constant)] = "constant"
    if series.method == "zero":
        outcome[outcome == "scored"] = "zero_map"
    area = np.array([float(str(b["area"])) for b in boxes], dtype=np.float64)[box]
    columns = _columns(series, BOX_SCALARS, outcome, area, skill, noise)
    columns["box_id"] = np.array([b["box_id"] for b in boxes], dtype=object)[box]
    columns["feature_type"] = np.array([b["feature_type"] for b in boxes], dtype=object)[box]
    columns["visible_fraction"] = np.ones(len(box))
    return _table("box_scores", {**keys, "outcome": outcome, **columns})


def _keys(
    study: Study, series: Series, noise: np.random.Generator, run_id: str, image_of_unit: np.ndarray
) -> tuple[dict[str, object], np.ndarray, np.ndarray]:
    """Key columns, the unit of each row, and its skill: the series', better in later layers, and the image's own."""
    heads = np.arange(-1, series.heads)
    shape = (len(image_of_unit), len(series.layers), len(heads))
    unit, layer, head = (grid.ravel() for grid in np.meshgrid(*map(np.arange, shape), indexing="ij"))
    order = np.lexsort((unit, head, layer, image_of_unit[unit]))
    unit, layer, head = unit[order], layer[order], head[order]
    depth = (layer + 1) / len(series.layers)
    easy = np.random.default_rng(study.seed).normal(0, 0.05, len(study.image_ids))[image_of_unit[unit]]
    skill = np.clip(series.skill * (0.6 + 0.4 * depth) + easy + noise.normal(0, 0.05, len(unit)), 0.01, 0.99)
    keys: dict[str, object] = {
        "run_id": np.full(len(unit), run_id, dtype=object),
        "params_id": np.full(len(unit), series.params, dtype=object),
        "target_id": np.full(len(unit), "none", dtype=object),
        "view": np.full(len(unit), VIEW, dtype=object),
        "input_size": np.full(len(unit), INPUT_SIZE),
        "frame": np.full(len(unit), series.frame, dtype=object),
        "image_id": np.array(study.image_ids, dtype=object)[image_of_unit[unit]],
        "layer": np.array(series.layers)[layer],
        "head": heads[head],
    }
    return keys, unit, skill


def _columns(
    series: Series,
    scalars: tuple[str, ...],
    outcome: np.ndarray,
    area: np.ndarray,
    skill: np.ndarray,
    noise: np.random.Generator,
) -> dict[str, object]:
    rows = len(outcome)
    scored = np.isin(outcome, ["scored", "constant"])
    selected = selected_pixels(PIXELS, np.array(PERCENTILES)) / PIXELS
    # a share a of the pixels holds a^c of the target: c = 1 is chance, smaller is better
    inside = selected ** (1 - 0.8 * skill[:, None]) * area[:, None]
    inside = np.minimum(inside, np.minimum(selected, area[:, None]))
    iou = inside / np.maximum(selected + area[:, None] - inside, 1e-9)
    offsets = np.concatenate([[0], np.cumsum(np.where(scored, len(PERCENTILES), 0))]).astype(np.int32)
    columns: dict[str, object] = {
        "visible_pixels": np.full(rows, PIXELS),
        "area": area,
        "area_grid": area,
        "area_grown": np.minimum(1, area * 1.4),
        "area_mass": np.where(scored, 0.3, np.nan),
        "area_above_mean": np.where(scored, 0.4, np.nan),
        "iou": pa.ListArray.from_arrays(
            pa.array(offsets), pa.array(iou[scored].astype(np.float16).ravel()), mask=pa.array(~scored)
        ),
    }
    for name in scalars:
        spread = noise.normal(0, 0.02, rows)
        low, high = METRICS[name].low, METRICS[name].high
        value = np.clip(_planted(name, np.clip(skill + spread, 0, 1)), low, high)
        if name == "emd_native" and not series.native:
            value = np.full(rows, np.nan)
        if name.startswith("pointing"):
            value = (value > noise.uniform(size=rows)).astype(np.float64)
            value[noise.uniform(size=rows) < 0.1] = 0.5
        has = scored | ((outcome == "zero_map") & (name == "mse"))
        columns[name] = np.where(has, value, np.nan)
    return columns


def _table(name: str, columns: dict[str, object]) -> pa.Table:
    schema = TABLES[name].stored_schema
    arrays = [
        column if isinstance(column, pa.Array) else pa.array(column, from_pandas=True).cast(field.type)
        for field in schema
        for column in (columns[field.name],)
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


OWN = (
    Series("alpha", heads=2, skill=0.6, missing=("tower-00003.jpg",), constant=("tower-00005.jpg",)),
    Series("alpha", method="rollout", skill=0.45),
    Series("alpha", "random_weights", skill=0.2),
    *(Series("alpha", f"lora.s{seed}", skill=0.68 + 0.01 * seed) for seed in range(3)),
    Series("alpha", "full.s0", skill=0.55),
    Series("beta", layers=(0, 1), heads=3, frame="16x16_squash", skill=0.4),
    Series("gamma", method="map_pool", layers=(-1,), skill=0.3),
)
"""Series of a small study: three models, one with untrained and fine-tuned variants, of which one has three seeds."""


@dataclass(frozen=True)
class Summarised:
    """A study's store, summarised: what the tests of summaries, comparisons and macros read."""

    store: Store
    study: Study
    series: tuple[Series, ...]


def summarised_study(store: Store) -> Summarised:
    """Write, summarise and compare the small study, with all baselines."""
    frozen = [one for one in OWN if one.variant == "frozen"]
    series = (
        *OWN,
        *(baseline for one in frozen for baseline in baselines_of(one)),
        *(free for frame in ("14x14_squash", "16x16_squash") for free in free_baselines(frame)),
    )
    ScoredStore(store).write(*series)
    run = Run("aggregate", {})
    aggregate(store, run)
    run.finish(store)
    return Summarised(store, Study(), series)
