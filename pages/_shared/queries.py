"""Every question that pages ask the store, on the macros and marts that anybody may use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pages._shared.warehouse import Query

if TYPE_CHECKING:
    from pages._shared.series import Series

DEFAULT_METHODS = "default"
ALL_METHODS = "all"

_OF_SERIES = (
    "dataset = $dataset AND model = $model AND variant = $variant AND view = $view AND input_size = $input_size"
)
_OF_MAP = f"{_OF_SERIES} AND method = $method AND params_id = $params_id AND image_id = $image_id"
_ROLE = "CASE WHEN distractor THEN ' (distractor)' ELSE '' END"
_BEST_FIRST = "towards_better(k.direction) * b.value DESC NULLS LAST"


def datasets() -> Query:
    """`dataset`, `images`, `boxes`, one row per data set."""
    return Query.of(
        "SELECT dataset, count(*) AS images, sum(boxes) AS boxes FROM image_index GROUP BY ALL ORDER BY ALL"
    )


def metrics(dataset: str) -> Query:
    """Registry entries of the metrics that the leaderboard of a data set can rank by."""
    return Query.of(
        "SELECT * FROM metrics\n"
        "WHERE metric IN (SELECT metric FROM aggregate_index WHERE dataset = $dataset AND group_kind = 'all')\n"
        "ORDER BY metric",
        dataset=dataset,
    )


def ranked_series(dataset: str) -> Query:
    """Every series that has scores, with its model's default method."""
    return Query.of(
        "SELECT DISTINCT r.* EXCLUDE (dataset), m.default_method\n"
        "FROM reported_layers AS r JOIN models AS m USING (model, variant)\n"
        "WHERE r.dataset = $dataset ORDER BY ALL",
        dataset=dataset,
    )


def leaderboard(
    dataset: str, metric: str, percentile: int | None, *, view: str, methods: str, variants: tuple[str, ...]
) -> Query:
    """The ranking of one data set and view, with the reason of each verdict; `methods` may be `default` or `all`."""
    return Query.of(
        "SELECT l.*, v.note\n"
        "FROM leaderboard($metric, at_percentile := $percentile) AS l\n"
        "JOIN models AS m USING (model, variant)\n"
        "LEFT JOIN verdicts AS v USING (model, variant, method)\n"
        "LEFT JOIN metrics AS k USING (metric)\n"
        "WHERE l.dataset = $dataset AND l.view = $view AND list_contains($variants, l.variant)\n"
        f"  AND {_method_filter('l.method', methods)}\n"
        "ORDER BY towards_better(k.direction) * l.value DESC NULLS LAST, l.model, l.variant, l.method",
        dataset=dataset,
        metric=metric,
        percentile=percentile,
        view=view,
        variants=variants,
        **_named_method(methods),
    )


def layer_progression(
    dataset: str, metric: str, percentile: int | None, *, view: str, methods: str, variants: tuple[str, ...]
) -> Query:
    """Every layer of the series that the leaderboard ranks."""
    return Query.of(
        "SELECT p.*\n"
        "FROM layer_progression($metric, at_percentile := $percentile) AS p\n"
        "JOIN models AS m USING (model, variant)\n"
        "WHERE p.dataset = $dataset AND p.view = $view AND list_contains($variants, p.variant)\n"
        f"  AND {_method_filter('p.method', methods)}\n"
        "ORDER BY p.model, p.variant, p.method, p.layer",
        dataset=dataset,
        metric=metric,
        percentile=percentile,
        view=view,
        variants=variants,
        **_named_method(methods),
    )


def breakdown_percentiles(dataset: str, metric: str) -> Query:
    """`kind`, `percentile`: where styles and feature types are summarised."""
    return Query.of(
        "SELECT group_kind AS kind, percentile FROM aggregate_index\n"
        "WHERE dataset = $dataset AND metric = $metric AND group_kind != 'all' AND NOT single_heads ORDER BY ALL",
        dataset=dataset,
        metric=metric,
    )


def style_breakdown(series: Series, metric: str, percentile: int | None, layer: int) -> Query:
    """Each style of one series at one layer, best first."""
    return _breakdown("style_breakdown", "b.*", f"{_BEST_FIRST}, b.style", series, metric, percentile, layer)


def feature_breakdown(series: Series, metric: str, percentile: int | None, layer: int) -> Query:
    """Each feature type of one series at one layer, best first, then its distractors, which are named as such."""
    named = f"b.* REPLACE (b.feature_name || {_ROLE} AS feature_name)"
    order = f"b.distractor, {_BEST_FIRST}, b.feature_type"
    return _breakdown("feature_breakdown", named, order, series, metric, percentile, layer)


def images(dataset: str) -> Query:
    """`image_index` of one data set."""
    return Query.of("FROM image_index WHERE dataset = $dataset ORDER BY image_id", dataset=dataset)


def maps_of_image(dataset: str, image_id: str) -> Query:
    """Every map that an image has: its series, layers and heads, with the model's default method."""
    return Query.of(
        "SELECT DISTINCT\n"
        "  p.model, p.variant, p.method, p.view, p.input_size, p.params_id, p.layer, p.head, m.default_method\n"
        "FROM maps AS p JOIN models AS m USING (model, variant)\n"
        "WHERE p.dataset = $dataset AND p.image_id = $image_id ORDER BY ALL",
        dataset=dataset,
        image_id=image_id,
    )


def map_at(series: Series, image_id: str, layer: int, head: int) -> Query:
    """One map with its placement, masses, run and parameters."""
    return Query.of(
        "SELECT p.*, t.text AS target\n"
        "FROM map_of(\n"
        "  $image_id, $model, $method, $layer, at_head := $head, of_variant := $variant, in_view := $view\n"
        ") AS p\n"
        "LEFT JOIN targets AS t ON t.dataset = p.dataset AND t.target_id = p.target_id\n"
        "WHERE p.dataset = $dataset AND p.input_size = $input_size AND p.params_id = $params_id",
        image_id=image_id,
        layer=layer,
        head=head,
        **series.params,
    )


def image_score(series: Series, image_id: str, layer: int, head: int, percentile: int) -> Query:
    """The map's score against the union of the image's features, with chance."""
    return Query.of(
        "FROM image_scores($image_id, at_percentile := $percentile)\n"
        f"WHERE {_OF_SERIES} AND method = $method AND params_id = $params_id AND layer = $layer AND head = $head",
        image_id=image_id,
        layer=layer,
        head=head,
        percentile=percentile,
        **series.params,
    )


def boxes(dataset: str, image_id: str) -> Query:
    """The expert boxes of an image with the names of their feature types: features, largest first, then distractors."""
    return Query.of(
        f"SELECT b.*, f.distractor, f.name || {_ROLE} AS name\n"
        "FROM boxes AS b JOIN feature_types AS f USING (dataset, feature_type)\n"
        "WHERE b.dataset = $dataset AND b.image_id = $image_id\n"
        "ORDER BY f.distractor, b.area DESC, b.box_id",
        dataset=dataset,
        image_id=image_id,
    )


def box_scores(series: Series, image_id: str, layer: int, head: int, percentile: int) -> Query:
    """The map's score against each box, with chance."""
    return Query.of(
        "SELECT box_id, outcome, visible_fraction,\n"
        "  iou[$percentile] AS iou,\n"
        "  CASE outcome WHEN 'scored' THEN iou_chance(area, visible_pixels, $percentile) END AS iou_chance,\n"
        "  recall[$percentile] AS recall,\n"
        "  CASE outcome WHEN 'scored' THEN selected_pixels(visible_pixels, $percentile) / visible_pixels END\n"
        "    AS recall_chance,\n"
        "  energy, CASE outcome WHEN 'scored' THEN area_grid END AS energy_chance\n"
        f"FROM box_scores WHERE {_OF_MAP} AND layer = $layer AND head = $head",
        image_id=image_id,
        layer=layer,
        head=head,
        percentile=percentile,
        **series.params,
    )


def patch_features(series: Series, image_id: str) -> Query:
    """The patches of an image in the last layer that is stored, row by row; a method has no part in them."""
    params = {key: value for key, value in series.params.items() if key not in ("method", "params_id")}
    return Query.of(
        f"FROM patch_features WHERE {_OF_SERIES} AND image_id = $image_id\n"
        "QUALIFY layer = max(layer) OVER () ORDER BY patch",
        image_id=image_id,
        **params,
    )


def provenance(series: Series, run_id: str) -> Query:
    """The model, parameters and run behind a map."""
    return Query.of(
        "SELECT m.hf_id, m.revision, m.weights_sha256, m.architecture, m.family, m.paradigm, p.parameters,\n"
        "  r.run_id, r.code_version, r.packages, r.device, r.dtype, r.started, m.variant, v.verdict, v.note\n"
        "FROM models AS m\n"
        "LEFT JOIN params AS p ON p.params_id = $params_id\n"
        "LEFT JOIN runs AS r ON r.run_id = $run_id\n"
        "LEFT JOIN verdicts AS v ON v.model = m.model AND v.variant = m.variant AND v.method = $method\n"
        "WHERE m.model = $model AND m.variant = $variant",
        run_id=run_id,
        model=series.model,
        variant=series.variant,
        method=series.method,
        params_id=series.params_id,
    )


def last_layer_maps(dataset: str, image_id: str, view: str) -> Query:
    """The last layer of every model's default method on one image and view, all heads fused."""
    return Query.of(
        "SELECT p.* FROM maps AS p JOIN models AS m USING (model, variant)\n"
        "WHERE p.dataset = $dataset AND p.image_id = $image_id AND p.view = $view\n"
        "  AND p.method = m.default_method AND p.head = -1\n"
        "QUALIFY p.layer = max(p.layer) OVER (PARTITION BY p.model, p.variant, p.input_size, p.params_id)\n"
        "ORDER BY p.model, p.variant, p.input_size, p.params_id",
        dataset=dataset,
        image_id=image_id,
        view=view,
    )


def accuracies(model: str) -> Query:
    """How often each variant of a model told the class with its own classifier, on each kind of pictures."""
    return Query.of(
        "SELECT variant, strategy, train_seed, data, n, correct, accuracy AS value, ci_low, ci_high, chance\n"
        "FROM accuracy_profile WHERE model = $model AND readout = 'head' ORDER BY variant, data",
        model=model,
    )


def variant_scores(dataset: str, model: str, method: str, metric: str, percentile: int | None) -> Query:
    """The score of every trained variant of a model at its last layer, all heads fused."""
    return Query.of(
        "SELECT l.*, m.strategy, m.train_seed\n"
        "FROM leaderboard($metric, at_percentile := $percentile) AS l JOIN models AS m USING (model, variant)\n"
        "WHERE l.dataset = $dataset AND l.model = $model AND l.method = $method AND m.strategy != ''\n"
        "ORDER BY l.variant",
        dataset=dataset,
        model=model,
        method=method,
        metric=metric,
        percentile=percentile,
    )


def variant_energy_in(dataset: str, model: str, method: str, feature_type: str) -> Query:
    """The energy that every trained variant puts into the boxes of one feature type, at its last layer."""
    return Query.of(
        "SELECT f.*, m.strategy, m.train_seed\n"
        "FROM feature_breakdown('energy') AS f JOIN models AS m USING (model, variant)\n"
        "WHERE f.dataset = $dataset AND f.model = $model AND f.method = $method AND f.feature_type = $feature_type\n"
        "  AND m.strategy != ''\n"
        "ORDER BY f.variant",
        dataset=dataset,
        model=model,
        method=method,
        feature_type=feature_type,
    )


def variant_maps(dataset: str, image_id: str, model: str, method: str) -> Query:
    """The map of every trained variant of a model on one image, at its last layer, all heads fused, with its energy."""
    return Query.of(
        "SELECT p.*, m.strategy, m.train_seed, s.energy, s.area_grid AS energy_chance\n"
        "FROM maps AS p JOIN scores AS s USING (\n"
        "  dataset, model, variant, method, view, input_size, params_id, target_id, image_id, layer, head\n"
        ")\n"
        "JOIN models AS m ON m.model = p.model AND m.variant = p.variant\n"
        "WHERE p.dataset = $dataset AND p.image_id = $image_id AND p.model = $model AND p.method = $method\n"
        "  AND p.head = -1 AND m.strategy != ''\n"
        "QUALIFY p.layer = max(p.layer) OVER (PARTITION BY p.variant) ORDER BY p.variant",
        dataset=dataset,
        image_id=image_id,
        model=model,
        method=method,
    )


def variant_energies(dataset: str, model: str, method: str) -> Query:
    """The energy of every trained variant of a model on every image, at its last layer, all heads fused."""
    return Query.of(
        "SELECT s.image_id, coalesce(nullif(i.source_id, ''), s.image_id) AS source,\n"
        "  m.strategy, m.train_seed, s.energy\n"
        "FROM scores AS s JOIN models AS m USING (model, variant) JOIN images AS i USING (dataset, image_id)\n"
        "WHERE s.dataset = $dataset AND s.model = $model AND s.method = $method AND s.head = -1 AND m.strategy != ''\n"
        "QUALIFY s.layer = max(s.layer) OVER (PARTITION BY s.variant) ORDER BY s.image_id, s.variant",
        dataset=dataset,
        model=model,
        method=method,
    )


def _breakdown(
    macro: str, columns: str, order: str, series: Series, metric: str, percentile: int | None, layer: int
) -> Query:
    return Query.of(
        f"SELECT {columns}\n"
        f"FROM {macro}($metric, at_percentile := $percentile, at_layer := $layer) AS b\n"
        "JOIN metrics AS k USING (metric)\n"
        f"WHERE {_OF_SERIES} AND method = $method AND params_id = $params_id\n"
        f"ORDER BY {order}",
        metric=metric,
        percentile=percentile,
        layer=layer,
        **series.params,
    )


def _method_filter(column: str, methods: str) -> str:
    return {DEFAULT_METHODS: f"{column} = m.default_method", ALL_METHODS: "true"}.get(methods, f"{column} = $method")


def _named_method(methods: str) -> dict[str, str]:
    return {} if methods in (DEFAULT_METHODS, ALL_METHODS) else {"method": methods}
