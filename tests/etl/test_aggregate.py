"""Summaries are those of the scores: every number against NumPy and SQL on the rows that it is made of."""

import dataclasses
from collections import Counter

import numpy as np
import pytest
from scipy.stats import rankdata

from etl.aggregate import aggregate
from etl.aggregation.groups import HEAD_FEATURE_COLUMNS, descendants
from etl.run import Run
from etl.store import Store
from ssl_attn.metrics import CURVES, METRICS, SCALARS
from ssl_attn.metrics.box_sizes import BOX_SIZES, box_sizes
from ssl_attn.metrics.chance import chance
from ssl_attn.metrics.percentiles import HEADLINE_PERCENTILES, PERCENTILES
from ssl_attn.statistics.bootstrap import cluster_bootstrap
from ssl_attn.statistics.cross_fit import cross_fit
from tests.scored_store import DISTRACTOR, ScoredStore, Series, Study, baselines_of, free_baselines
from warehouse.catalog import connect

AREAS = ("visible_pixels", "area", "area_grid", "area_grown", "area_mass", "area_above_mean")
ALPHA = "model = 'alpha' AND variant = 'frozen' AND method = 'cls'"


@pytest.fixture
def catalog(summarised):
    with connect(summarised.store.root, draft=True) as connection:
        yield connection


def rows(catalog, query, *parameters):
    return catalog.execute(query, list(parameters)).fetchall()


def one(catalog, query, *parameters):
    (row,) = rows(catalog, query, *parameters)
    return row


def score_sql(metric, percentile):
    return metric if percentile == -1 else f"{metric}[{percentile}]"


def scored(catalog, table, metric, percentile, where):
    """Values, chance levels, constancy, images and sources of some scores, the missing ones among them."""
    query = f"""
        SELECT {score_sql(metric, percentile)}, outcome, s.image_id, source_id, {", ".join(AREAS)}, n.mean
        FROM {table} AS s
        JOIN images USING (dataset, image_id)
        LEFT JOIN nulls AS n ON n.frame = s.frame AND n.image_id = s.image_id AND n.metric = '{metric}'
            AND n.box_id = {"''" if table == "scores" else "s.box_id"}
        WHERE {where} ORDER BY s.image_id, layer, head
    """
    found = rows(catalog, query)
    values = np.array([np.nan if row[0] is None else row[0] for row in found])
    areas = {name: np.array([row[4 + i] for row in found], dtype=float) for i, name in enumerate(AREAS)}
    if METRICS[metric].null == "closed_form":
        with np.errstate(invalid="ignore"):
            chances = chance(metric, areas, None if percentile == -1 else percentile)
    else:
        chances = np.array([np.nan if row[-1] is None else row[-1] for row in found])
    return values, chances, [row[1] for row in found], [row[2] for row in found], np.array([row[3] for row in found])


COLUMNS = [(m, p) for m in CURVES for p in (1, 50, 73, 90, 99)] + [(m, -1) for m in SCALARS if m != "emd_native"]


@pytest.mark.parametrize(("metric", "percentile"), COLUMNS)
def test_the_summary_of_all_images_is_that_of_their_scores(catalog, metric, percentile):
    values, chances, outcomes, images, sources = scored(
        catalog, "scores", metric, percentile, f"{ALPHA} AND layer = 1 AND head = -1"
    )
    found = one(
        catalog,
        f"""
        SELECT mean, sd, chance, n, n_images, n_sources, n_left_out, n_constant, ci_low, ci_high, ci_kind
        FROM aggregates
        WHERE {ALPHA} AND layer = 1 AND head = -1 AND group_kind = 'all' AND metric = ? AND percentile = ?
        """,
        metric,
        percentile,
    )
    present = ~np.isnan(values)
    kind = "bca" if percentile in (-1, *HEADLINE_PERCENTILES) else "percentile"
    interval = cluster_bootstrap(values[:, None], sources, kind=kind)
    expected_chance = None if METRICS[metric].null == "none" else pytest.approx(chances[present].mean(), rel=1e-5)
    assert found == (
        pytest.approx(values[present].mean(), rel=1e-5),
        pytest.approx(values[present].std(ddof=1), rel=1e-4),
        expected_chance,
        22,
        22,
        len(set(sources[present])),
        2,
        1,
        pytest.approx(interval.low[0], rel=1e-4, abs=1e-6),
        pytest.approx(interval.high[0], rel=1e-4, abs=1e-6),
        kind,
    )
    assert (sum(present), outcomes.count("constant"), outcomes.count("not_finite")) == (22, 1, 1)
    assert images[int(np.flatnonzero(np.array(outcomes) == "constant")[0])] == "tower-00005.jpg"


def test_fused_heads_stand_at_every_percentile_and_single_ones_at_the_headlines(catalog):
    query = f"""
        SELECT metric, list(DISTINCT percentile ORDER BY percentile) FROM aggregates
        WHERE {ALPHA} AND group_kind = 'all' AND head < ? AND head >= ? GROUP BY ALL
    """
    fused, single = dict(rows(catalog, query, 0, -1)), dict(rows(catalog, query, 99, 0))
    wanted = {name: [-1] for name in SCALARS if name != "emd_native"}
    assert fused == {**wanted, **{name: list(PERCENTILES) for name in CURVES}}
    assert single == {**wanted, **{name: list(HEADLINE_PERCENTILES) for name in CURVES}}


def test_a_single_head_has_a_percentile_interval(catalog):
    values, _, _, _, sources = scored(catalog, "scores", "iou", 80, f"{ALPHA} AND layer = 2 AND head = 1")
    mean, low, high, kind = one(
        catalog,
        f"SELECT mean, ci_low, ci_high, ci_kind FROM aggregates WHERE {ALPHA} AND layer = 2 AND head = 1 "
        "AND group_kind = 'all' AND metric = 'iou' AND percentile = 80",
    )
    interval = cluster_bootstrap(values[:, None], sources)
    assert (mean, low, high) == pytest.approx((np.nanmean(values), interval.low[0], interval.high[0]), rel=1e-4)
    assert kind == "percentile"


def test_groups_are_of_the_kinds_that_their_series_have(catalog):
    query = """
        SELECT DISTINCT baseline, group_kind, head >= 0
        FROM aggregates JOIN series USING (dataset, model, variant, method)
    """
    kinds = {}
    for baseline, kind, single in rows(catalog, query):
        kinds.setdefault(baseline, set()).add((kind, single))
    groups = {(kind, False) for kind in ("all", "style", "feature_type", "feature_rollup", "box_size")}
    assert kinds.pop("") == groups | {("all", True), ("feature_type", True)}
    assert kinds.pop("mean_map") == kinds.pop("other_image") == {("all", False)}
    assert set(kinds) == {"uniform", "zero", "patch_random", "centre_gaussian", "edge", "box_prior", "ceiling"}
    assert all(of_baseline == groups for of_baseline in kinds.values())


def test_an_image_of_two_styles_counts_in_both(catalog, summarised):
    counted = Counter(style for image in summarised.study.image_rows()[1:] for style in image["style"])
    query = """
        SELECT group_key, n, n_sources, ci_kind FROM aggregates
        WHERE model = 'beta' AND group_kind = 'style' AND layer = 1 AND head = -1 AND metric = 'energy'
    """
    found = {style: (n, sources, kind) for style, n, sources, kind in rows(catalog, query)}
    assert {style: n for style, (n, _, _) in found.items()} == dict(counted)
    assert {kind for _, sources, kind in found.values() if sources < 8} == {"none"}
    assert {kind for _, sources, kind in found.values() if sources >= 8} == {"bca"}
    assert {n for n, _, _ in found.values() if n < 8}, "a rare style must be among them"


def test_boxes_are_summarised_by_type_with_their_narrower_types_and_by_size(catalog, summarised):
    boxes = summarised.study.box_rows()
    by_type = Counter(box["feature_type"] for box in boxes)
    by_size = Counter(box_sizes([b["area"] for b in boxes if b["feature_type"] != DISTRACTOR]).tolist())
    below = {
        "type-001": ("type-001", "type-003", "type-009"),
        "type-003": ("type-003", "type-009"),
    }
    query = """
        SELECT group_key, n FROM aggregates
        WHERE model = 'beta' AND group_kind = ? AND layer = 0 AND head = -1 AND metric = 'lift'
    """
    assert dict(rows(catalog, query, "feature_type")) == dict(by_type)
    assert dict(rows(catalog, query, "box_size")) == dict(by_size)
    assert dict(rows(catalog, query, "feature_rollup")) == {
        broad: sum(by_type[narrow] for narrow in narrower) for broad, narrower in below.items()
    }
    assert by_type["type-009"] > 0, "the deepest type must have boxes"
    assert by_type[DISTRACTOR] > 0, "a distractor, below a type of features, must have boxes"


@pytest.mark.parametrize(
    ("kind", "key", "members"),
    [
        ("feature_type", "type-000", "s.feature_type = 'type-000'"),
        ("feature_rollup", "type-001", "s.feature_type IN ('type-001', 'type-003', 'type-009')"),
        (
            "box_size",
            "small",
            "s.box_id IN (SELECT box_id FROM boxes WHERE area >= 0.0025 AND area < 0.01) "
            "AND s.feature_type NOT IN (SELECT feature_type FROM feature_types WHERE distractor)",
        ),
        ("feature_type", "type-006", "s.feature_type = 'type-006'"),
    ],
)
@pytest.mark.parametrize(
    ("metric", "percentile"), [("iou", 90), ("recall", 50), ("energy", -1), ("kl", -1), ("auroc", -1)]
)
def test_box_groups_are_means_of_their_boxes(catalog, kind, key, members, metric, percentile):
    where = f"s.{ALPHA} AND layer = 2 AND head = -1 AND {members}"
    values, chances, _, images, sources = scored(catalog, "box_scores", metric, percentile, where)
    present = ~np.isnan(values)
    found = one(
        catalog,
        f"""
        SELECT mean, chance, n, n_images, n_sources, n_left_out, n_constant FROM aggregates
        WHERE {ALPHA} AND layer = 2 AND head = -1
            AND group_kind = ? AND group_key = ? AND metric = ? AND percentile = ?
        """,
        *(kind, key, metric, percentile),
    )
    assert found[:2] == pytest.approx((values[present].mean(), chances[present].mean()), rel=1e-5)
    assert found[2:5] == (
        present.sum(), len(set(np.array(images)[present])), len(set(sources[present])),
    )  # fmt: skip
    assert found[5] == np.isnan(values).sum()
    assert found[6] == images.count("tower-00005.jpg")


def test_cells_of_heads_and_features_hold_few_numbers(catalog):
    query = f"""
        SELECT DISTINCT metric, percentile, ci_kind, ci_low IS NULL, chance IS NULL FROM aggregates
        WHERE {ALPHA} AND group_kind = 'feature_type' AND head >= 0 AND n > 0
    """
    assert sorted(rows(catalog, query)) == sorted((m, p, "none", True, False) for m, p in HEAD_FEATURE_COLUMNS)
    values, *_ = scored(
        catalog, "box_scores", "recall", 90, f"s.{ALPHA} AND layer = 1 AND head = 0 AND s.feature_type = 'type-002'"
    )
    found = one(
        catalog,
        f"SELECT mean, sd, n FROM aggregates WHERE {ALPHA} AND group_kind = 'feature_type' AND group_key = 'type-002' "
        "AND layer = 1 AND head = 0 AND metric = 'recall'",
    )
    assert found == pytest.approx((np.nanmean(values), np.nanstd(values, ddof=1), (~np.isnan(values)).sum()), rel=1e-4)


def test_the_zero_map_has_a_squared_error_and_nothing_else(catalog):
    query = """
        SELECT metric, n > 0 FROM aggregates
        WHERE method = 'zero' AND variant = '14x14_squash' AND group_kind = 'all' AND percentile IN (-1, 90)
    """
    assert [metric for metric, has in rows(catalog, query) if has] == ["mse"]


def test_the_chosen_layer_is_that_of_the_cross_fit(catalog, summarised):
    query = f"SELECT energy, kl FROM scores WHERE {ALPHA} AND head = -1 ORDER BY image_id, layer"
    images = summarised.study.images
    scores = np.array(rows(catalog, query), dtype=float).reshape(images, 3, 2)
    sources = np.array([row["source_id"] for row in summarised.study.image_rows()])
    for column, metric in enumerate(("energy", "kl")):
        fit = cross_fit(scores[:, :, column], sources, higher_is_better=metric == "energy")
        found = one(
            catalog,
            f"""
            SELECT n, n_sources, last_layer, best_layer, layers, last_mean, cross_fitted, ci_low, ci_high, best_mean
            FROM layer_choices WHERE {ALPHA} AND metric = ?
            """,
            metric,
        )
        last = np.nanmean(scores[:, -1, column])
        assert found[:5] == (22, 20, 2, int(fit.best), [0, 1, 2])
        expected = [float(number) for number in (last, fit.value, fit.low, fit.high, fit.best_value)]
        assert found[5:] == pytest.approx(expected, rel=1e-5)
    assert found[3] == 2, "later layers are planted to be better"


def test_a_series_of_one_layer_has_its_value_as_cross_fitted_one(catalog):
    query = """
        SELECT layers, picks, cross_fitted, last_mean, best_mean FROM layer_choices
        WHERE model = 'gamma' AND metric = 'energy'
    """
    layers, picks, cross_fitted, last, best = one(catalog, query)
    assert (layers, picks) == ([-1], [1.0])
    assert cross_fitted == pytest.approx(last) == best
    directed = {name for name, metric in METRICS.items() if metric.direction != "neither"}
    assert {m for (m,) in rows(catalog, "SELECT DISTINCT metric FROM layer_choices")} == directed - {"emd_native"}


def test_heads_are_ranked_image_by_image(catalog, summarised):
    query = "SELECT kl FROM scores WHERE model = 'beta' AND head >= 0 ORDER BY image_id, layer, head"
    scores = np.array(rows(catalog, query), dtype=float).reshape(summarised.study.images, 6)[1:]
    ranks = rankdata(scores, axis=1)
    found = np.array(
        rows(
            catalog,
            "SELECT mean_rank, top1, top3 FROM head_ranks WHERE model = 'beta' AND metric = 'kl' ORDER BY layer, head",
        )
    )
    np.testing.assert_allclose(found[:, 0], ranks.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(found[:, 1], (ranks == 1).mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(found[:, 2], (ranks <= 3).mean(axis=0), atol=1e-6)
    assert rows(catalog, "SELECT DISTINCT model, variant, method FROM head_ranks ORDER BY ALL") == [
        ("alpha", "frozen", "cls"), ("beta", "frozen", "cls"),
    ]  # fmt: skip


def test_series_are_listed_with_their_last_layer_frames_and_baseline(catalog, summarised):
    found = rows(catalog, "SELECT model, variant, method, layer, frames, baseline FROM series ORDER BY ALL")
    assert len(found) == len(summarised.series)
    assert ("alpha", "frozen", "cls", 2, ["14x14_squash"], "") in found
    assert ("beta", "frozen", "cls.mean_map", 1, ["16x16_squash"], "mean_map") in found
    assert ("baseline", "16x16_squash", "edge", -1, ["16x16_squash"], "edge") in found
    assert ("alpha", "random_weights", "cls", 2, ["14x14_squash"], "") in found


class TestDescendants:
    def test_every_narrower_type_counts_once_however_it_is_reached(self):
        parents = {"top": (), "left": ("top",), "right": ("top",), "below": ("left", "right"), "alone": ()}
        assert descendants(parents) == {
            "top": {"top", "left", "right", "below"},
            "left": {"left", "below"},
            "right": {"right", "below"},
        }

    def test_a_cycle_ends(self):
        assert descendants({"a": ("b",), "b": ("a",)}) == {"a": {"a", "b"}, "b": {"a", "b"}}


class TestBoxSizes:
    def test_a_stratum_begins_at_the_edge_of_the_one_before(self):
        edges = [0.0, 0.0024999, 0.0025, 0.01, 0.0399999, 0.04, 1.0]
        assert box_sizes(edges).tolist() == ["tiny", "tiny", "small", "medium", "medium", "large", "large"]
        assert list(BOX_SIZES) == ["tiny", "small", "medium", "large"]


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A store with two small series and their baselines, to be changed."""
    monkeypatch.setattr("etl.pieces._cores", lambda: 1)
    study = Study(images=6, sources=6, boxes=12, feature_types=4)
    writer = ScoredStore(Store(tmp_path), study)
    writer.write(
        Series("a", layers=(0, 1)), Series("b", layers=(0,), frame="7x7_squash"), *free_baselines("7x7_squash")
    )
    return writer


def stage(store):
    run = Run("aggregate", {})
    aggregate(store, run)
    run.finish(store)
    return run


def test_a_second_run_does_nothing(small):
    first = stage(small.store)
    again = stage(small.store)
    assert (first.shards_computed > 10, again.shards_computed) == (True, 0)


def test_what_has_changed_is_summarised_again_and_nothing_else(small):
    stage(small.store)
    before = {part.file for part in small.store.draft().parts("aggregates")}
    small.scores(dataclasses.replace(Series("a", layers=(0, 1)), skill=0.9))
    stage(small.store)
    after = {part.file for part in small.store.draft().parts("aggregates")}
    assert (len(before - after), len(after - before), len(after)) == (1, 1, len(before))


def test_null_levels_of_another_grid_change_nothing(small):
    stage(small.store)
    before = {part.file for part in small.store.draft().parts("aggregates")}
    small.study = dataclasses.replace(small.study)
    small._nulls("16x16_squash")
    assert stage(small.store).shards_computed == 0
    assert {part.file for part in small.store.draft().parts("aggregates")} == before


def test_series_that_are_gone_leave_no_summary(small):
    stage(small.store)
    with small.store.edited_draft() as draft:
        for table in ("scores", "box_scores"):
            draft.tables[table] = [part for part in draft.tables[table] if part.partition["model"] != "a"]
    stage(small.store)
    with connect(small.store.root, draft=True) as catalog:
        for table in ("series", "aggregates", "layer_choices", "head_ranks"):
            assert ("a",) not in rows(catalog, f"SELECT DISTINCT model FROM {table}")
        assert rows(catalog, "SELECT count(*) FROM comparisons WHERE 'a' IN (a_model, b_model)") == [(0,)]


def test_a_metric_on_request_is_summarised_where_it_was_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr("etl.pieces._cores", lambda: 1)
    study = Study(images=6, sources=6, boxes=12, feature_types=4)
    store = ScoredStore(Store(tmp_path), study).write(
        Series("asked", layers=(0,), native=True), Series("not", layers=(0,))
    )
    stage(store)
    with connect(tmp_path, draft=True) as catalog:
        found = rows(catalog, "SELECT DISTINCT model, group_kind, chance FROM aggregates WHERE metric = 'emd_native'")
    assert sorted(found) == [("asked", "all", None), ("asked", "style", None)]


def test_a_map_series_of_several_processes_gives_the_same_rows(small, monkeypatch):
    alone = stage(small.store)
    with connect(small.store.root, draft=True) as catalog:
        expected = rows(catalog, "FROM aggregates ORDER BY ALL")
    with small.store.edited_draft() as draft:
        for part in draft.tables.pop("aggregates"):
            (small.store.root / part.file).unlink()
    monkeypatch.setattr("etl.pieces._cores", lambda: 2)
    spread = stage(small.store)
    with connect(small.store.root, draft=True) as catalog:
        assert rows(catalog, "FROM aggregates ORDER BY ALL") == expected
    assert 0 < spread.shards_computed < alone.shards_computed


@pytest.mark.parametrize(("images", "boxes", "scored"), [(3, 0, 0), (2, 1, 1), (3, 2, 2)])
def test_hardly_any_images_have_no_intervals_and_still_a_place(tmp_path, monkeypatch, images, boxes, scored):
    monkeypatch.setattr("etl.pieces._cores", lambda: 1)
    study = Study(images=images, sources=images, boxes=boxes, feature_types=2)
    own = Series("a", layers=(0, 1), heads=1)
    store = ScoredStore(Store(tmp_path), study).write(
        own, Series("b", layers=(0,)), *baselines_of(own), *free_baselines(own.frame)
    )
    stage(store)
    with connect(tmp_path, draft=True) as catalog:
        board = rows(catalog, "SELECT n, n_left_out, value IS NULL, ci_low, ci_kind, few FROM leaderboard('energy')")
        assert board == [(scored, images - scored, not scored, None, "none", True)] * 2
        tests = rows(catalog, "SELECT DISTINCT kind, n, p = 1 OR n > 1, ci_low, verdict FROM comparisons")
        assert {(kind, n) for kind, n, *_ in tests} == ({("baseline", scored), ("model", scored)} if scored else set())
        assert all(likely and low is None for _, _, likely, low, _ in tests)
