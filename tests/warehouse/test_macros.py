"""The public SQL: every macro answers what its comment says, and refuses what the store does not have."""

import duckdb
import numpy as np
import pytest

from ssl_attn.metrics.chance import iou_chance
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
    for _, _, value, low, high, chance, lift in board:
        assert low <= value <= high
        assert lift == pytest.approx(value / chance)


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
        ("FROM leaderboard('beauty')", "expected a metric out of energy, iou; got beauty"),
        ("FROM leaderboard('recall')", "expected a metric out of energy, iou; got recall"),
        ("FROM leaderboard('iou', 100)", "expected a percentile of iou out of"),
        ("FROM leaderboard('energy', 90)", "it has no threshold"),
        ("FROM layer_progression('beauty')", "expected a metric"),
        ("FROM head_ranking('nobody', 'iou')", "expected a model out of tiny_dinov2_with_registers"),
        ("FROM style_breakdown('iou', 7)", "expected a percentile of iou out of"),
        ("FROM feature_breakdown('beauty')", "expected a metric out of energy, iou, recall; got beauty"),
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


def test_heads_with_equal_means_share_a_rank(catalog):
    ranking = rows(catalog, "SELECT rank, value FROM head_ranking(?, 'iou', 90) WHERE method = 'cls'", MODEL)
    layers, heads = rows(catalog, "SELECT layers, heads FROM models WHERE model = ?", MODEL)[0]
    assert len(ranking) == layers * heads
    for rank, value in ranking:
        assert rank == 1 + sum(other > value for _, other in ranking)


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
    assert [row[0] for row in found] == ["door", "tower", "window"]
    for feature, _, value, n, sources, low in found:
        query = """
            SELECT avg(iou[50]), count(iou) FROM box_scores WHERE model = ? AND method = 'rollout' AND feature_type = ?
              AND head = -1 AND layer = (SELECT layers - 1 FROM models WHERE model = ?)
        """
        mean, boxes = rows(catalog, query, MODEL, feature, MODEL)[0]
        assert (value, n) == (pytest.approx(mean), boxes)
        assert (low is None) == (sources < 8)


def test_chance_in_sql_is_chance_in_python(catalog):
    for visible in (50176, 33376, 7, 1):
        for area in (0.0, 0.003, 0.31, 1.0):
            query = "SELECT p, selected_pixels(?, p), iou_chance(?, ?, p) FROM range(1, 100) AS t(p)"
            for percentile, selected, chance in rows(catalog, query, visible, area, visible):
                assert selected == selected_pixels(visible, percentile)
                assert chance == pytest.approx(float(iou_chance(area, visible, percentile)), abs=1e-12)
    assert len(PERCENTILES) == 99


def test_scores_of_an_image_stand_beside_their_chance(catalog):
    query = "SELECT DISTINCT iou_chance, energy_chance, boxes FROM image_scores('picture-00.png', 90) WHERE head = -1"
    for chance, energy_chance, boxes in rows(catalog, query):
        assert 0 < chance < energy_chance < 1
        assert boxes == 1


def test_an_image_without_boxes_has_no_score(catalog):
    found = rows(catalog, "SELECT DISTINCT outcome, iou, energy FROM image_scores('picture-09.png')")
    assert found == [("no_box", None, None)]


def test_map_of_gives_the_one_map(catalog):
    (found,) = rows(
        catalog, "SELECT \"values\", grid_h, grid_w FROM map_of(?, ?, 'cls', 1, at_head := 2)", "picture-03.png", MODEL
    )
    assert len(found[0]) == found[1] * found[2]


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


def test_every_check_finds_what_it_is_for(copied):
    """Each check on data that breaks it: a check that cannot fail checks nothing."""
    breaks = {
        "one_map_a_key": ("maps", "FROM original UNION ALL BY NAME (FROM original LIMIT 1)"),
        "one_score_a_key": ("scores", "FROM original UNION ALL BY NAME (FROM original LIMIT 1)"),
        "run_is_known": ("runs", "FROM original WHERE false"),
        "every_series_is_summarised": ("aggregates", "FROM original WHERE model != 'tiny_siglip'"),
        "map_has_cells": ("maps", 'SELECT * REPLACE ("values"[2:] AS "values") FROM original'),
        "map_mass_is_whole": (
            "maps",
            "SELECT * REPLACE (0.9::FLOAT AS mass_patch, 0.9::FLOAT AS mass_cls) FROM original",
        ),
        "map_belongs": ("models", "FROM original LIMIT 1"),
        "map_layer_and_head_exist": ("maps", "SELECT * REPLACE (99::SMALLINT AS layer) FROM original"),
        "every_map_is_scored": ("scores", "FROM original WHERE image_id != 'picture-00.png'"),
        "score_in_range": ("scores", "SELECT * REPLACE (1.5::FLOAT AS energy) FROM original"),
        "box_score_in_range": ("box_scores", "SELECT * REPLACE (-0.5::FLOAT AS energy) FROM original"),
        "box_in_image": ("boxes", "SELECT * REPLACE (0.9 AS x, 0.5 AS width) FROM original"),
        "parent_is_known": ("feature_types", "SELECT * REPLACE (['nothing'] AS parent) FROM original"),
        "aggregate_adds_up": ("aggregates", "SELECT * REPLACE (n + 1 AS n) FROM original"),
        "chance_is_known": ("aggregates", "SELECT * REPLACE (NULL::DOUBLE AS chance) FROM original"),
        "one_model_one_revision": (
            "models",
            "FROM original UNION ALL BY NAME SELECT * REPLACE ('other' AS weights_sha256) FROM original",
        ),
    }
    assert {file.name.removesuffix(".sql") for file in sql_files("checks")} == set(breaks)
    for file in sql_files("checks"):
        table, broken = breaks[file.name.removesuffix(".sql")]
        with connect(copied.root) as catalog:
            assert catalog.execute(file.read_text()).fetchall() == []
            catalog.execute(f"CREATE TABLE original AS FROM {table}")
            catalog.execute(f"CREATE OR REPLACE VIEW {table} AS {broken}")
            assert catalog.execute(file.read_text()).fetchall() != [], file.name
