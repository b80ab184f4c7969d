"""The public SQL: every macro answers what its comment says, and refuses what the store does not have."""

import re

import duckdb
import numpy as np
import pytest

from ssl_attn.metrics import METRICS
from ssl_attn.metrics.chance import chance
from ssl_attn.metrics.percentiles import DEFAULT_PERCENTILE, PERCENTILES, selected_pixels
from warehouse.catalog import connect, sql_files

MODEL = "tiny_dinov2_with_registers"


@pytest.fixture
def catalog(built):
    with connect(built.root) as connection:
        yield connection


def rows(catalog, query, *parameters):
    return catalog.execute(query, list(parameters)).fetchall()


def test_the_leaderboard_has_one_row_a_series_best_first(catalog):
    board = rows(catalog, "SELECT model, method, value, ci_low, ci_high, chance, lift FROM leaderboard('iou', 90)")
    assert (
        len(board) == rows(catalog, "SELECT count(DISTINCT (model, variant, method, view, params_id)) FROM maps")[0][0]
    )
    values = [row[2] for row in board]
    assert values == sorted(values, reverse=True)
    for _, _, value, low, high, level, lift in board:
        assert low <= value <= high
        assert lift == pytest.approx(value / level)


def test_the_default_percentile_is_ninety_and_energy_has_none(catalog):
    by_default = rows(catalog, "SELECT DISTINCT percentile FROM leaderboard('iou')")
    assert by_default == [(DEFAULT_PERCENTILE,)]
    assert rows(catalog, "SELECT DISTINCT percentile FROM leaderboard('energy')") == [(-1,)]


@pytest.mark.parametrize("percentile", [1, 50, 90, 99])
def test_any_percentile_is_a_leaderboard(catalog, percentile):
    query = "SELECT value FROM leaderboard('iou', ?) WHERE model = ? AND method = 'cls'"
    value = rows(catalog, query, percentile, MODEL)[0][0]
    query = """
        SELECT avg(iou[?]) FROM scores
        WHERE model = ? AND method = 'cls' AND head = -1 AND layer = (SELECT layers - 1 FROM models WHERE model = ?)
    """
    assert value == pytest.approx(rows(catalog, query, percentile, MODEL, MODEL)[0][0], rel=1e-6)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("FROM leaderboard('beauty')", "expected a metric out of auroc, average_precision, .*; got beauty"),
        ("FROM leaderboard('emd_native')", "expected a metric out of .*; got emd_native"),
        ("FROM leaderboard('iou', 100)", "expected a percentile of iou out of 1 to 99; got 100"),
        ("FROM leaderboard('energy', 90)", "it has no threshold"),
        ("FROM layer_progression('beauty')", "expected a metric"),
        ("FROM head_ranking('nobody', 'iou')", "expected a model out of tiny_dinov2_with_registers"),
        ("FROM style_breakdown('iou', 7)", "expected a percentile of iou out of"),
        ("FROM feature_breakdown('density')", "expected a metric out of .*; got density"),
        ("FROM feature_rollup('iou', 7)", "expected a percentile of iou out of 50, 60, 70, 75, 80, 85, 90; got 7"),
        ("FROM size_breakdown('beauty')", "expected a metric out of"),
        ("FROM head_ranking('tiny_siglip', 'density')", "expected a metric out of .*; got density"),
        ("FROM head_features('tiny_siglip', 'kl')", "expected a metric out of auroc, energy, iou, recall; got kl"),
        ("FROM head_features('tiny_siglip', 'iou', 50)", "expected a percentile of iou out of 90; got 50"),
        ("FROM layer_picks('entropy')", "expected a metric out of .*; got entropy"),
        ("FROM layer_picks('iou', 91)", "expected a percentile of iou out of 50, .* 90; got 91"),
        ("FROM delta('energy', of_kind := 'sibling')", "expected a kind out of baseline, method, model, variant; got"),
        ("FROM delta('energy', of_model := 'nobody')", "expected a model out of"),
        ("FROM baseline_board('beauty')", "expected a metric out of"),
        ("FROM metric_agreement('planets')", "expected a scope out of models, layers, heads; got planets"),
        ("FROM image_deltas('energy', 'tiny_siglip', 'nobody')", "expected a model out of baseline, .*; got nobody"),
        (
            "FROM head_ranking('tiny_siglip', 'iou', 91)",
            "expected a percentile of iou out of 50, 60, 70, 75, 80, 85, 90; got 91",
        ),
        ("FROM feature_breakdown('iou', 90, 77)", "expected a layer out of -1, 0, 1"),
        ("FROM style_breakdown('iou', 90, 77)", "expected a layer out of"),
        ("FROM map_of('picture-00.png', 'nobody', 'cls', 0)", "expected a model"),
        ("FROM map_of('picture-00.png', 'tiny_siglip', 'palmistry', 0)", "expected a method out of cls, gradcam"),
        ("FROM map_of('picture-00.png', 'tiny_siglip', 'received', 77)", "expected a layer out of"),
        ("FROM similar_patches('picture-00.png', 0, 'nobody')", "expected a model"),
    ],
)
def test_what_the_store_does_not_have_is_refused_with_what_it_has(catalog, query, expected):
    with pytest.raises(duckdb.InvalidInputException, match=expected):
        catalog.execute(query).fetchall()


def test_layers_come_in_order_with_their_chance(catalog):
    query = "SELECT layer, value, chance FROM layer_progression('energy') WHERE model = ? AND method = 'cls'"
    profile = rows(catalog, query, MODEL)
    assert [layer for layer, _, _ in profile] == list(range(len(profile)))
    assert len({chance for _, _, chance in profile}) == 1


def test_heads_with_equal_mean_ranks_share_a_rank(catalog):
    query = "SELECT rank, mean_rank, top1, top3, value FROM head_ranking(?, 'iou', 90) WHERE method = 'cls'"
    ranking = rows(catalog, query, MODEL)
    layers, heads = rows(catalog, "SELECT layers, heads FROM models WHERE model = ?", MODEL)[0]
    assert len(ranking) == layers * heads
    assert [row[1] for row in ranking] == sorted(row[1] for row in ranking)
    for rank, mean_rank, *_ in ranking:
        assert rank == 1 + sum(other < mean_rank for _, other, *_ in ranking)
    assert sum(top1 for _, _, top1, _, _ in ranking) == pytest.approx(1, abs=1e-5)


def test_styles_are_means_of_their_images_at_the_asked_layer(catalog):
    found = rows(
        catalog,
        """
        SELECT style, value, n FROM style_breakdown('energy', at_layer := 0)
        WHERE model = ? AND method = 'cls' ORDER BY 1
        """,
        MODEL,
    )
    expected = rows(
        catalog,
        """
        SELECT style, avg(energy), count(energy) FROM (
            SELECT unnest(i.style) AS style, s.energy FROM scores AS s JOIN images AS i USING (dataset, image_id)
            WHERE s.model = ? AND s.method = 'cls' AND s.layer = 0 AND s.head = -1
        ) GROUP BY 1 ORDER BY 1
        """,
        MODEL,
    )
    assert [(s, pytest.approx(v), n) for s, v, n in expected] == found
    assert ("late", 1) in [(s, n) for s, _, n in found]


def test_features_are_means_of_their_boxes_and_few_have_no_interval(catalog):
    found = rows(
        catalog,
        """
        SELECT feature_type, feature_name, value, n, n_sources, ci_low FROM feature_breakdown('iou', 50)
        WHERE model = ? AND method = 'rollout' ORDER BY 1
        """,
        MODEL,
    )
    assert [row[0] for row in found] == ["door", "sign", "tower", "window"]
    for feature, _, value, n, sources, low in found:
        query = """
            SELECT avg(iou[50]), count(iou) FROM box_scores WHERE model = ? AND method = 'rollout' AND feature_type = ?
              AND head = -1 AND layer = (SELECT layers - 1 FROM models WHERE model = ?)
        """
        mean, boxes = rows(catalog, query, MODEL, feature, MODEL)[0]
        assert (value, n) == (pytest.approx(mean), boxes)
        assert (low is None) == (sources < 8)


@pytest.mark.parametrize("metric", [name for name, metric in METRICS.items() if metric.null == "closed_form"])
def test_chance_in_sql_is_chance_in_python(catalog, metric):
    for visible in (50176, 33376, 7, 1):
        for area in (0.003, 0.31, 0.5, 1.0):
            areas = {
                "visible_pixels": visible,
                "area": area,
                "area_grid": area * 0.9,
                "area_grown": min(1, area * 1.3),
                "area_mass": 0.4,
                "area_above_mean": 0.2,
            }
            query = (
                "SELECT p, selected_pixels(?, p), closed_form_chance(?, p, ?, ?, ?, ?, ?, ?) FROM range(1, 100) AS t(p)"
            )
            for percentile, selected, level in rows(catalog, query, visible, metric, *areas.values()):
                assert selected == selected_pixels(visible, percentile)
                expected = chance(metric, areas, percentile if METRICS[metric].thresholded else None)
                assert level == pytest.approx(float(expected), abs=1e-9)
    assert len(PERCENTILES) == 99


def test_a_chance_level_that_is_drawn_or_missing_has_no_closed_form(catalog):
    query = "SELECT metric FROM metrics WHERE closed_form_chance(metric, 90, 10, .1, .1, .1, .1, .1) IS NOT NULL"
    assert {name for (name,) in rows(catalog, query)} == {
        name for name, metric in METRICS.items() if metric.null == "closed_form"
    }


def test_scores_of_an_image_stand_beside_their_chance(catalog):
    query = "SELECT DISTINCT iou_chance, energy_chance, boxes FROM image_scores('picture-00.png', 90) WHERE head = -1"
    for iou, energy, boxes in rows(catalog, query):
        assert 0 < iou < energy < 1
        assert boxes == 1
    described = {row[0] for row in rows(catalog, "DESCRIBE FROM image_scores('picture-00.png')")}
    assert set(METRICS) < described


def test_every_metric_of_an_image_is_a_row_with_its_chance(catalog):
    query = f"""
        SELECT box_id, metric, percentile, value, chance FROM image_metrics('picture-02.png', '{MODEL}', 80)
        WHERE method = 'cls' AND layer = 1 AND head = 0
    """
    found = rows(catalog, query)
    union = {metric: (percentile, value, level) for box, metric, percentile, value, level in found if not box}
    assert set(union) == set(METRICS) - {"emd_native"}
    where = f"WHERE image_id = 'picture-02.png' AND model = '{MODEL}' AND method = 'cls' AND layer = 1 AND head = 0"
    ((recall, kl, area, pixels),) = rows(catalog, f"SELECT recall[80], kl, area, visible_pixels FROM scores {where}")
    assert union["recall"] == (80, recall, pytest.approx(selected_pixels(pixels, 80) / pixels))
    assert union["precision"][2] == pytest.approx(area)
    ((null,),) = rows(
        catalog,
        "SELECT mean FROM nulls WHERE image_id = 'picture-02.png' AND box_id = '' AND metric = 'kl' "
        f"AND frame = (SELECT frame FROM scores {where})",
    )
    assert union["kl"] == (-1, kl, null)
    assert union["density"][2] is None
    boxes = rows(catalog, f"SELECT box_id, energy FROM box_scores {where} ORDER BY feature_type = 'sign', box_id")
    assert [(box, value) for box, metric, _, value, _ in found if box and metric == "energy"] == boxes
    query = f"SELECT DISTINCT feature_type, distractor FROM image_metrics('picture-02.png', '{MODEL}') ORDER BY ALL"
    assert rows(catalog, query) == [("", False), ("door", False), ("sign", True), ("tower", False), ("window", False)]
    assert all(level is not None for box, _, _, _, level in found if box)
    assert {model for (model,) in rows(catalog, "SELECT DISTINCT model FROM image_metrics('picture-02.png')")} == {
        "baseline", "tiny_dinov2_with_registers", "tiny_resnet", "tiny_siglip",
    }  # fmt: skip


def test_two_series_are_compared_image_by_image(catalog):
    query = "SELECT image_id, value_a, value_b, difference, gain FROM image_deltas('kl', ?, 'tiny_resnet')"
    found = rows(catalog, query, MODEL)
    assert len(found) == 10
    default = dict(rows(catalog, "SELECT model, default_method FROM models"))
    for image, a, b, difference, gain in found:
        for model, value in ((MODEL, a), ("tiny_resnet", b)):
            query = """
                SELECT kl FROM scores JOIN reported_layers USING (model, variant, method, layer)
                WHERE image_id = ? AND model = ? AND method = ? AND head = -1
            """
            assert rows(catalog, query, image, model, default[model]) == [(value,)]
        assert (difference, gain) == (pytest.approx(a - b, abs=1e-6), pytest.approx(b - a, abs=1e-6))
    assert [row[4] for row in found] == sorted((row[4] for row in found), reverse=True)


def test_a_series_is_compared_with_a_baseline_or_a_head_image_by_image(catalog):
    frame = rows(catalog, "SELECT frames[1] FROM series WHERE model = ? AND method = 'cls'", MODEL)[0][0]
    query = """
        SELECT DISTINCT metric, percentile, a_method, a_layer, b_method, b_layer FROM image_deltas(
            'iou', ?, 'baseline', a_method := 'cls', a_layer := 0, a_head := 2, b_method := 'edge', b_variant := ?,
            at_percentile := 73
        )
    """
    assert rows(catalog, query, MODEL, frame) == [("iou", 73, "cls", 0, "edge", -1)]


def test_an_image_without_boxes_has_no_score(catalog):
    found = rows(catalog, "SELECT DISTINCT outcome, iou, energy FROM image_scores('picture-09.png')")
    assert found == [("no_box", None, None)]


def test_map_of_gives_the_one_map(catalog):
    (found,) = rows(
        catalog, "SELECT \"values\", grid_h, grid_w FROM map_of(?, ?, 'cls', 1, at_head := 2)", "picture-03.png", MODEL
    )
    assert len(found[0]) == found[1] * found[2]


def test_the_density_of_a_map_is_1_on_average_and_nothing_below_0(catalog):
    query = """
        SELECT "values", density FROM map_of('picture-03.png', 'tiny_resnet', 'gradcam', 1)
        UNION ALL SELECT "values", density FROM map_of('picture-03.png', ?, 'cls', 1, at_head := 2)
    """
    for values, density in rows(catalog, query, MODEL):
        positive = np.maximum(values, 0)
        np.testing.assert_allclose(density, positive / positive.sum() * len(values), rtol=1e-3, atol=1e-5)
    catalog.execute("CREATE TABLE original AS FROM maps")
    catalog.execute("CREATE OR REPLACE VIEW maps AS SELECT * REPLACE (0::FLOAT AS total) FROM original")
    assert rows(catalog, "SELECT density FROM map_of('picture-03.png', ?, 'cls', 1)", MODEL) == [(None,)]


def test_similar_patches_starts_with_the_patch_itself(catalog):
    found = rows(
        catalog, "SELECT image_id, patch, similarity FROM similar_patches('picture-01.png', 4, ?, top := 7)", MODEL
    )
    assert found[0][:2] == ("picture-01.png", 4)
    assert found[0][2] == pytest.approx(1, abs=1e-3)
    assert len(found) == 7
    similarities = [s for _, _, s in found]
    assert similarities == sorted(similarities, reverse=True)
    stored = rows(catalog, "SELECT image_id, patch, vector FROM patch_features WHERE model = ?", MODEL)
    vectors = {(image, patch): np.array(vector) for image, patch, vector in stored}
    query = vectors["picture-01.png", 4]
    best = sorted(-(v @ query) / np.linalg.norm(v) / np.linalg.norm(query) for v in vectors.values())[:7]
    np.testing.assert_allclose(similarities, -np.array(best), atol=1e-4)


BREAKS = {
    "one_map_a_key": ("maps", "FROM original UNION ALL BY NAME (FROM original LIMIT 1)"),
    "one_score_a_key": ("scores", "FROM original UNION ALL BY NAME (FROM original LIMIT 1)"),
    "one_summary_a_key": ("aggregates", "FROM original UNION ALL BY NAME (FROM original LIMIT 1)"),
    "run_is_known": ("runs", "FROM original WHERE false"),
    "series_is_known": ("series", "FROM original WHERE method != 'cls'"),
    "aggregate_index_is_whole": ("aggregate_index", "FROM original WHERE percentile != 91"),
    "every_series_is_summarised": ("aggregates", "FROM original WHERE NOT (percentile = 17 AND model = 'tiny_siglip')"),
    "every_series_is_compared": ("comparisons", "FROM original WHERE b_method != 'edge'"),
    "map_has_cells": ("maps", 'SELECT * REPLACE ("values"[2:] AS "values") FROM original'),
    "map_mass_is_whole": ("maps", "SELECT * REPLACE (0.9::FLOAT AS mass_patch, 0.9::FLOAT AS mass_cls) FROM original"),
    "map_belongs": ("models", "FROM original LIMIT 1"),
    "map_layer_and_head_exist": ("maps", "SELECT * REPLACE (99::SMALLINT AS layer) FROM original"),
    "every_map_is_scored": ("scores", "FROM original WHERE image_id != 'picture-00.png'"),
    "score_in_range": ("scores", "SELECT * REPLACE (1.5::FLOAT AS auroc) FROM original"),
    "score_has_its_outcome": ("scores", "SELECT * REPLACE ('zero_map' AS outcome) FROM original"),
    "box_score_in_range": ("box_scores", "SELECT * REPLACE (-0.5::FLOAT AS kl_mixture) FROM original"),
    "box_score_has_its_outcome": ("box_scores", "SELECT * REPLACE (NULL::FLOAT AS energy) FROM original"),
    "box_in_image": ("boxes", "SELECT * REPLACE (0.9 AS x, 0.5 AS width) FROM original"),
    "parent_is_known": ("feature_types", "SELECT * REPLACE (['nothing'] AS parent) FROM original"),
    "union_is_of_features": ("feature_types", "SELECT * REPLACE (false AS distractor) FROM original"),
    "aggregate_adds_up": ("aggregates", "SELECT * REPLACE (n + 1 AS n) FROM original"),
    "chance_is_known": ("aggregates", "SELECT * REPLACE (NULL::FLOAT AS chance) FROM original"),
    "null_is_drawn": ("nulls", "FROM original WHERE NOT (metric = 'sim' AND box_id != '')"),
    "baselines_are_scored": ("scores", "FROM original WHERE NOT (method = 'edge' AND image_id = 'picture-01.png')"),
    "comparison_is_sound": ("comparisons", "SELECT * REPLACE (0.0 AS p) FROM original"),
    "layer_choice_is_sound": ("layer_choices", "SELECT * REPLACE (picks[2:] AS picks) FROM original"),
    "head_ranks_add_up": ("head_ranks", "FROM original WHERE head != 1"),
    "accuracy_is_sound": ("accuracies", "SELECT * REPLACE (0.5 AS accuracy) FROM original"),
    "one_model_one_revision": (
        "models",
        "FROM original UNION ALL BY NAME SELECT * REPLACE ('other' AS weights_sha256) FROM original",
    ),
}
"""A table of each check, and what to do to it that the check must find."""

MORE_BREAKS = [
    ("parent_is_known", "feature_types", "SELECT * REPLACE (feature_type = 'opening' AS distractor) FROM original"),
    ("union_is_of_features", "feature_types", "SELECT * REPLACE (feature_type = 'door' AS distractor) FROM original"),
    ("union_is_of_features", "boxes", "FROM original WHERE feature_type != 'tower'"),
    ("union_is_of_features", "box_scores", "FROM original WHERE feature_type != 'tower' OR head != -1"),
    (
        "union_is_of_features",
        "scores",
        "SELECT * REPLACE (boxes + 1 AS boxes, boxes_left_out - 1 AS boxes_left_out) FROM original",
    ),
    ("union_is_of_features", "scores", "SELECT * REPLACE (boxes_left_out + 1 AS boxes_left_out) FROM original"),
    ("union_is_of_features", "scores", "SELECT * REPLACE ('no_box' AS outcome) FROM original"),
    ("aggregate_adds_up", "feature_types", "SELECT * REPLACE (false AS distractor) FROM original"),
    ("score_in_range", "scores", "SELECT * REPLACE ('nan'::FLOAT AS nss) FROM original"),
    ("score_in_range", "scores", "SELECT * REPLACE (iou[2:] AS iou) FROM original"),
    ("score_has_its_outcome", "scores", "SELECT * REPLACE ('no_box' AS outcome) FROM original"),
    ("score_has_its_outcome", "scores", "SELECT * REPLACE ('fine' AS outcome) FROM original"),
    ("box_score_has_its_outcome", "box_scores", "SELECT * REPLACE ('hidden' AS outcome) FROM original"),
    ("aggregate_index_is_whole", "aggregates", "FROM original WHERE group_kind != 'style'"),
    ("series_is_known", "series", "FROM original UNION ALL BY NAME (FROM original LIMIT 1)"),
    ("every_series_is_summarised", "aggregates", "FROM original WHERE head < 1 OR metric != 'kl'"),
    ("aggregate_adds_up", "aggregates", "FROM original WHERE group_key != 'door'"),
    ("aggregate_adds_up", "aggregates", "SELECT * REPLACE (n_images + 1 AS n_sources) FROM original"),
    ("chance_is_known", "aggregates", "SELECT * REPLACE (mean + 1 AS ci_low) FROM original"),
    ("chance_is_known", "aggregates", "SELECT * REPLACE ('bca' AS ci_kind) FROM original"),
    ("baselines_are_scored", "series", "FROM original WHERE method != 'received.other_image'"),
    ("comparison_is_sound", "comparisons", "SELECT * REPLACE (p / 2 AS p_holm) FROM original"),
    ("comparison_is_sound", "comparisons", "SELECT * REPLACE (NOT significant AS significant) FROM original"),
    ("comparison_is_sound", "comparisons", "SELECT * REPLACE ('enhanced' AS verdict) FROM original"),
    ("comparison_is_sound", "comparisons", "SELECT * REPLACE ('preserved' AS verdict) FROM original"),
    ("comparison_is_sound", "comparisons", "SELECT * REPLACE (-difference AS difference) FROM original"),
    ("layer_choice_is_sound", "layer_choices", "SELECT * REPLACE (77::SMALLINT AS best_layer) FROM original"),
    ("layer_choice_is_sound", "layer_choices", "SELECT * REPLACE (best_mean + 1 AS last_mean) FROM original"),
    ("layer_choice_is_sound", "layer_choices", "SELECT * REPLACE (best_mean - 1 AS last_mean) FROM original"),
    ("head_ranks_add_up", "head_ranks", "SELECT * REPLACE (mean_rank + 1 AS mean_rank) FROM original"),
    ("accuracy_is_sound", "accuracies", "SELECT * REPLACE ('unknown' AS model) FROM original"),
    (
        "accuracy_is_sound",
        "accuracies",
        "SELECT * REPLACE (101 AS correct, 1.01 AS accuracy, 1.01 AS ci_high) FROM original",
    ),
    ("accuracy_is_sound", "accuracies", "SELECT * REPLACE (0.99 AS ci_low) FROM original"),
    ("accuracy_is_sound", "accuracies", "SELECT * REPLACE (NULL::DOUBLE AS ci_high) FROM original"),
    ("accuracy_is_sound", "accuracies", "SELECT * REPLACE (-0.1 AS untrained_accuracy) FROM original"),
    ("accuracy_is_sound", "accuracies", "SELECT * REPLACE (0.0 AS chance) FROM original"),
    ("accuracy_is_sound", "accuracies", "FROM original UNION ALL BY NAME (FROM original LIMIT 1)"),
    ("null_is_drawn", "nulls", "FROM original WHERE image_id != 'picture-04.png'"),
]


def test_every_check_has_data_that_breaks_it():
    assert {file.name.removesuffix(".sql") for file in sql_files("checks")} == set(BREAKS)


@pytest.mark.parametrize(("check", "table", "broken"), [*((name, *how) for name, how in BREAKS.items()), *MORE_BREAKS])
def test_every_check_finds_what_it_is_for(catalog, check, table, broken):
    """Each check on data that breaks it: a check that cannot fail checks nothing."""
    (file,) = (file for file in sql_files("checks") if file.name == f"{check}.sql")
    assert catalog.execute(file.read_text()).fetchall() == []
    catalog.execute(f"CREATE TABLE original AS FROM {table}")
    catalog.execute(f"CREATE OR REPLACE VIEW {table} AS {broken}")
    assert catalog.execute(file.read_text()).fetchall() != []


def test_every_mart_macro_and_check_says_what_it_is():
    for layer in ("functions", "staging", "marts", "macros", "lookups", "checks"):
        for file in sql_files(layer):
            text = file.read_text()
            assert text.startswith("-- "), file.name
            for before in re.split(r"CREATE OR REPLACE (?:MACRO|VIEW) ", text)[:-1]:
                assert before.strip().splitlines()[-1].startswith("--"), file.name
