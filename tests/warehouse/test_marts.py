"""What the macros say of planted scores: best first by direction, the right baseline, agreement as scipy has it."""

import duckdb
import numpy as np
import pytest
from scipy.stats import rankdata, spearmanr

from etl.publish import write_marts
from ssl_attn.baselines import MODEL_FREE
from ssl_attn.metrics import METRICS
from ssl_attn.metrics.box_sizes import BOX_SIZES
from ssl_attn.statistics.bootstrap import FEW
from tests.reference_study import QUESTIONS
from tests.scored_store import DISTRACTOR
from warehouse.catalog import connect

SERIES = "model, variant, method, view, input_size, params_id"


@pytest.fixture(scope="module")
def catalog(summarised):
    with connect(summarised.store.root, draft=True) as connection:
        yield connection


def rows(catalog, query, *parameters):
    return catalog.execute(query, list(parameters)).fetchall()


def records(catalog, query, *parameters):
    result = catalog.execute(query, list(parameters))
    names = [column[0] for column in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


class TestLeaderboard:
    @pytest.mark.parametrize(("metric", "sign"), [("energy", -1), ("kl", 1), ("mse", 1), ("density", -1)])
    def test_the_best_comes_first_by_the_metrics_direction(self, catalog, metric, sign):
        values = [value for (value,) in rows(catalog, "SELECT value FROM leaderboard(?)", metric)]
        assert values == sorted(values, key=lambda value: sign * value)
        assert len(set(values)) == len(values) == 9

    def test_baselines_are_left_out_unless_they_are_asked_for(self, catalog, summarised):
        with_them = records(catalog, "FROM leaderboard('energy', baselines := true)")
        without = records(catalog, "FROM leaderboard('energy')")
        assert {row["baseline"] for row in without} == {""}
        assert len(with_them) == len(summarised.series)
        assert [row for row in with_them if row["baseline"] == ""] == without
        assert {row["baseline"] for row in with_them} == {"", "mean_map", "other_image", *MODEL_FREE}
        top = with_them[0]
        assert (top["model"], top["method"]) == ("baseline", "ceiling")
        assert (top["cross_fitted"], top["best_baseline"]) == (None, None)
        assert top["ceiling"] == pytest.approx(top["value"])

    @pytest.mark.parametrize(("metric", "sign"), [("energy", 1), ("kl", -1)])
    def test_the_best_baseline_is_the_best_of_those_that_bound_from_below(self, catalog, metric, sign):
        for row in records(catalog, "FROM leaderboard(?) WHERE variant IN ('frozen', 'random_weights')", metric):
            query = """
                FROM comparisons
                WHERE kind = 'baseline' AND metric = ? AND (a_model, a_variant, a_method) = (?, ?, ?)
            """
            tests = records(catalog, query, metric, row["model"], row["variant"], row["method"])
            best = max(tests, key=lambda test: sign * test["mean_b"])
            assert row["best_baseline"] == best["b_method"] == "box_prior"
            assert row["best_baseline_value"] == best["mean_b"]
            assert row["best_baseline_p_holm"] == best["p_holm"]
            assert row["beats_best_baseline"] == (best["p_holm"] < 0.05 and sign * best["difference"] > 0)
        query = """
            SELECT variant, beats_best_baseline, best_baseline_p_holm < 0.05 FROM leaderboard(?)
            WHERE model = 'alpha' AND method = 'cls' AND variant IN ('frozen', 'random_weights') ORDER BY 1
        """
        assert rows(catalog, query, metric) == [("frozen", True, True), ("random_weights", False, True)]

    def test_own_maps_and_random_weights_are_baselines_of_their_series(self, catalog):
        query = """
            SELECT baseline, frame FROM baseline_board('energy')
            WHERE model = 'alpha' AND variant = 'frozen' AND method = 'cls'
        """
        found = dict(rows(catalog, query))
        assert {"mean_map", "other_image", "random_weights"} <= set(found)
        assert found["random_weights"] is None
        assert found["edge"] == "14x14_squash"
        assert "ceiling" not in found

    def test_the_ceiling_is_that_of_the_series_grid(self, catalog):
        query = "SELECT variant, value FROM leaderboard('iou', 85, baselines := true) WHERE method = 'ceiling'"
        ceilings = dict(rows(catalog, query))
        found = dict(rows(catalog, "SELECT model, ceiling FROM leaderboard('iou', 85) WHERE variant = 'frozen'"))
        assert found["alpha"] == pytest.approx(ceilings["14x14_squash"])
        assert found["beta"] == pytest.approx(ceilings["16x16_squash"])
        assert ceilings["14x14_squash"] != ceilings["16x16_squash"]

    def test_the_best_layer_goes_by_direction_and_the_cross_fitted_score_stands_beside_it(self, catalog):
        for metric, best in (("energy", max), ("kl", min)):
            where = "WHERE model = 'alpha' AND method = 'rollout'"
            (row,) = records(catalog, f"FROM leaderboard(?) {where}", metric)
            layers = dict(rows(catalog, f"SELECT layer, value FROM layer_progression(?) {where}", metric))
            assert row["best_value"] == best(layers.values())
            assert layers[row["best_layer"]] == row["best_value"]
            (choice,) = records(catalog, f"FROM layer_choices {where} AND metric = ?", metric)
            assert row["cross_fitted"] == choice["cross_fitted"]
            assert (row["cross_fitted_low"], row["cross_fitted_high"]) == (choice["ci_low"], choice["ci_high"])

    def test_lift_is_had_by_metrics_that_start_at_0(self, catalog):
        has_lift = dict.fromkeys(("energy", "iou", "auroc"), True)
        has_none = dict.fromkeys(("nss", "cc", "energy_normalised", "kl"), False)
        for metric, has in (has_lift | has_none).items():
            found = rows(catalog, "SELECT DISTINCT lift IS NOT NULL, chance IS NOT NULL FROM leaderboard(?)", metric)
            assert found == [(has, True)], metric

    def test_between_the_headline_percentiles_there_is_no_choice_of_layer_and_no_test(self, catalog):
        at_73 = records(catalog, "FROM leaderboard('iou', 73)")[0]
        at_75 = records(catalog, "FROM leaderboard('iou', 75)")[0]
        for column in ("cross_fitted", "best_baseline", "beats_best_baseline"):
            assert (at_73[column], at_75[column] is None) == (None, False)
        assert at_73["ceiling"] > at_73["value"] > at_73["chance"]
        assert (at_73["ci_kind"], at_75["ci_kind"]) == ("percentile", "bca")

    def test_a_metric_that_only_describes_has_no_best(self, catalog):
        found = records(catalog, "FROM leaderboard('density')")[0]
        assert (found["best_layer"], found["cross_fitted"], found["best_baseline"], found["chance"]) == (None,) * 4

    def test_what_rests_on_few_sources_is_marked(self, catalog):
        assert rows(catalog, "SELECT DISTINCT few, n_sources FROM leaderboard('energy')") == [(False, 20)]
        assert rows(catalog, "SELECT DISTINCT few = (n_sources < ?) FROM style_breakdown('energy')", FEW) == [(True,)]
        assert rows(catalog, "SELECT is_few(?), is_few(?)", FEW - 1, FEW) == [(True, False)]


class TestBreakdowns:
    @pytest.mark.parametrize(
        ("macro", "key", "groups"),
        [
            ("style_breakdown", "style", 4),
            ("feature_breakdown", "feature_type", 10),
            ("feature_rollup", "feature_type", 10),
            ("size_breakdown", "size", 4),
        ],
    )
    def test_one_row_a_series_and_group_best_first_in_each(self, catalog, macro, key, groups):
        found = records(catalog, f"FROM {macro}('kl')")
        assert len(found) == 9 * groups
        for group in {row[key] for row in found}:
            values = [row["value"] for row in found if row[key] == group]
            assert values == sorted(values, key=lambda value: np.inf if value is None else value)
        with_baselines = records(catalog, f"FROM {macro}('kl', at_layer := 0, baselines := true)")
        assert {row["layer"] for row in with_baselines if row["baseline"]} == {-1}
        assert {row["layer"] for row in with_baselines if not row["baseline"]} == {0}

    def test_sizes_come_from_small_to_large_as_the_registry_has_them(self, catalog):
        found = rows(catalog, "SELECT DISTINCT size, size_order FROM size_breakdown('energy') ORDER BY 2")
        assert found == [(name, number) for number, name in enumerate(BOX_SIZES, start=1)]

    def test_a_rollup_holds_the_narrower_types_and_leaves_stay_as_they_are(self, catalog):
        where = "WHERE model = 'beta'"
        rolled = {row["feature_type"]: row for row in records(catalog, f"FROM feature_rollup('energy') {where}")}
        alone = {row["feature_type"]: row for row in records(catalog, f"FROM feature_breakdown('energy') {where}")}
        assert {name for name, row in rolled.items() if row["narrower"]} == {"type-001", "type-003"}
        for name, row in rolled.items():
            if not row["narrower"]:
                assert all(row[column] == alone[name][column] for column in ("value", "n", "ci_low"))
        parts = [alone[name] for name in ("type-001", "type-003", "type-009")]
        assert rolled["type-001"]["n"] == sum(part["n"] for part in parts)
        mean = sum(part["n"] * part["value"] for part in parts) / rolled["type-001"]["n"]
        assert rolled["type-001"]["value"] == pytest.approx(mean, rel=1e-5)

    @pytest.mark.parametrize(
        "macro", ["feature_breakdown('energy')", "feature_rollup('energy')", "head_features('beta', 'iou')"]
    )
    def test_distractors_are_told_apart_and_come_last(self, catalog, macro):
        found = rows(catalog, f"SELECT feature_type, distractor FROM {macro} WHERE model = 'beta' AND layer = 1")
        assert {name for name, distractor in found if distractor} == {DISTRACTOR}
        of_one_place = [distractor for _, distractor in found[:10]]
        assert of_one_place == [False] * 9 + [True]

    def test_the_index_of_images_counts_features_and_distractors_apart(self, catalog, summarised):
        boxes = summarised.study.box_rows()
        for row in records(catalog, "FROM image_index"):
            types = [box["feature_type"] for box in boxes if box["image_id"] == row["image_id"]]
            features = [name for name in types if name != DISTRACTOR]
            assert (row["boxes"], row["distractors"]) == (len(features), len(types) - len(features))
            assert row["feature_types"] == sorted(set(features))
            assert row["distractor_types"] == sorted(set(types) - set(features))
        assert rows(catalog, "SELECT sum(distractors) > 1 FROM image_index") == [(True,)]

    def test_every_head_has_every_feature(self, catalog):
        found = records(catalog, "FROM head_features('beta', 'iou')")
        assert len(found) == 2 * 3 * 10
        assert {row["percentile"] for row in found} == {90}
        assert all(row["few"] == (row["n_sources"] < FEW) for row in found)

    def test_baselines_of_own_maps_have_a_line_beside_the_models(self, catalog):
        query = """
            SELECT baseline, list(layer ORDER BY layer) FROM layer_progression('energy', baselines := true)
            WHERE model = 'alpha' AND variant = 'frozen' GROUP BY 1, method
        """
        assert set(map(str, rows(catalog, query))) >= {"('', [0, 1, 2])", "('mean_map', [0, 1, 2])"}
        assert rows(catalog, "SELECT DISTINCT baseline FROM layer_progression('energy')") == [("",)]


class TestChoices:
    def test_the_shares_of_a_series_layers_add_up(self, catalog):
        query = f"SELECT sum(share), count(*), any_value(last_layer) FROM layer_picks('auroc') GROUP BY {SERIES}"
        for total, layers, last in rows(catalog, query):
            assert (total, layers) == (pytest.approx(1), last + 1 if last >= 0 else 1)

    def test_a_delta_is_a_comparison(self, catalog):
        everything = records(catalog, "FROM delta('iou')")
        assert {row["percentile"] for row in everything} == {90}
        query = "SELECT count(*) FROM comparisons WHERE metric = 'iou' AND percentile = 90"
        assert [(len(everything),)] == rows(catalog, query)
        of_beta = records(catalog, "FROM delta('iou', of_kind := 'model', of_model := 'beta')")
        assert [(row["a_model"], row["b_model"]) for row in sorted(of_beta, key=lambda row: row["a_model"])] == [
            ("alpha", "beta"), ("beta", "gamma"),
        ]  # fmt: skip
        assert [row["p_holm"] for row in of_beta] == sorted(row["p_holm"] for row in of_beta)


def merits(catalog, scope):
    """Values (competitors, metrics) with better ones higher, from the aggregates."""
    where = {
        "models": "head = -1 AND layer = last_layer",
        "layers": "head = -1",
        "heads": "head >= 0",
    }[scope]
    query = f"""
        SELECT model, layer, head, metric, mean FROM aggregates
        JOIN (SELECT * EXCLUDE (layer), layer AS last_layer FROM series) USING (model, variant, method)
        WHERE group_kind = 'all' AND percentile IN (-1, 90) AND variant = 'frozen' AND {where}
            AND (model, method) IN (('alpha', 'cls'), ('beta', 'cls'), ('gamma', 'map_pool'))
    """
    found = {}
    for model, layer, head, metric, mean in rows(catalog, query):
        if METRICS[metric].direction != "neither" and metric != "emd_native":
            sign = 1 if METRICS[metric].direction == "higher" else -1
            found.setdefault((model, layer, head), {})[metric] = sign * mean
    metrics = sorted(next(iter(found.values())))
    return metrics, list(found), np.array([[values[metric] for metric in metrics] for values in found.values()])


class TestAgreement:
    @pytest.mark.parametrize(("scope", "n"), [("models", 3), ("layers", 6), ("heads", 12)])
    def test_rho_is_spearmans(self, catalog, scope, n):
        metrics, _, values = merits(catalog, scope)
        assert values.shape == (n, len(metrics))
        found = records(catalog, "FROM metric_agreement(?)", scope)
        assert len(found) == len(metrics) * (len(metrics) - 1) // 2
        for row in found:
            a, b = (values[:, metrics.index(row[f"metric_{side}"])] for side in "ab")
            assert (row["rho"], row["n"]) == (pytest.approx(spearmanr(a, b).statistic, abs=1e-9), n)

    def test_one_model_may_be_looked_at_alone(self, catalog):
        metrics, names, values = merits(catalog, "heads")
        of_beta = values[[name[0] == "beta" for name in names]]
        for row in records(catalog, "FROM metric_agreement('heads', 'beta')"):
            a, b = (of_beta[:, metrics.index(row[f"metric_{side}"])] for side in "ab")
            assert (row["rho"], row["n"]) == (pytest.approx(spearmanr(a, b).statistic, abs=1e-9), 6)

    @pytest.mark.parametrize("scope", ["models", "layers", "heads"])
    def test_w_is_kendalls(self, catalog, scope):
        metrics, _, values = independent(*merits(catalog, scope))
        ((w, m, n),) = rows(catalog, "SELECT w, metrics, n FROM metric_concordance WHERE scope = ?", scope)
        assert (w, m, n) == (pytest.approx(kendalls_w(values)), len(metrics), len(values))

    def test_the_spread_of_a_models_ranks(self, catalog):
        metrics, names, values = independent(*merits(catalog, "models"))
        ranks = rankdata(-values, axis=0)
        for row in records(catalog, "FROM rank_spread"):
            of_model = ranks[[name[0] for name in names].index(row["model"])]
            assert (row["best_rank"], row["median_rank"], row["worst_rank"]) == (
                of_model.min(), np.median(of_model), of_model.max(),
            )  # fmt: skip
            assert of_model[metrics.index(row["worst_metric"])] == row["worst_rank"]
            assert row["metrics"] == len(metrics)
        assert records(catalog, "FROM rank_spread")[0]["model"] == "alpha"


def independent(metrics, names, values):
    """Without the metrics that say what another one says in other units."""
    kept = [i for i, metric in enumerate(metrics) if not METRICS[metric].follows]
    assert 0 < len(kept) < len(metrics)
    return [metrics[i] for i in kept], names, values[:, kept]


def kendalls_w(values):
    """By definition, with the correction for ties: `values` (competitors, metrics)."""
    n, m = values.shape
    ranks = rankdata(values, axis=0)
    squares = ((ranks.sum(axis=1) - ranks.sum() / n) ** 2).sum()
    tied = [np.unique(column, return_counts=True)[1] for column in values.T]
    ties = sum((counts**3 - counts).sum() for counts in tied)
    return 12 * squares / (m**2 * (n**3 - n) - m * ties)


@pytest.fixture
def bare(tmp_path):
    """A catalogue of empty tables, to be filled by hand."""
    with connect(tmp_path / "nowhere") as connection:
        yield connection


def put(catalog, table, **values):
    names = ", ".join(values)
    catalog.execute(f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(values))})", list(values.values()))


def competitors(catalog, values, directions):
    """Models with one layer each and such means: `values` is {model: {metric: mean}}."""
    key = {
        "dataset": "d",
        "variant": "frozen",
        "method": "cls",
        "view": "squash",
        "input_size": 224,
        "params_id": "cls",
    }
    for metric, direction in directions.items():
        put(catalog, "metrics", metric=metric, direction=direction, follows="")
    for model, means in values.items():
        put(catalog, "models", model=model, variant="frozen", default_method="cls")
        put(catalog, "series", model=model, layer=0, baseline="", **key)
        for metric, mean in means.items():
            put(
                catalog, "aggregates", model=model, layer=0, head=-1, group_kind="all", group_key="all", metric=metric,
                percentile=-1, mean=mean, n=1, **key,
            )  # fmt: skip


def test_ties_share_ranks_and_correct_w(bare):
    values = {"a": (1, 5, 2), "b": (1, 4, 2), "c": (0, 4, 1), "d": (0, 1, 1)}
    directions = {"x": "higher", "y": "higher", "z": "higher"}
    competitors(bare, {m: dict(zip(directions, v, strict=True)) for m, v in values.items()}, directions)
    found = dict(rows(bare, "SELECT model, rank FROM scope_ranks WHERE scope = 'models' AND metric = 'y'"))
    assert found == {"a": 1, "b": 2.5, "c": 2.5, "d": 4}
    ((w,),) = rows(bare, "SELECT w FROM metric_concordance WHERE scope = 'models'")
    assert w == pytest.approx(kendalls_w(np.array(list(values.values()), dtype=float)))


def test_metrics_that_agree_have_w_1_whatever_their_direction(bare):
    values = {model: {"up": float(i), "down": -2.0 * i, "shape": 1.0} for i, model in enumerate("abcde")}
    competitors(bare, values, {"up": "higher", "down": "lower", "shape": "neither"})
    assert rows(bare, "SELECT metrics, n, w FROM metric_concordance WHERE scope = 'models'") == [(2, 5, 1.0)]
    assert rows(bare, "SELECT metric_a, metric_b, rho FROM metric_agreement()") == [("down", "up", pytest.approx(1))]
    spread = rows(bare, "SELECT model, best_rank, worst_rank FROM rank_spread")
    assert spread == [(model, rank, rank) for rank, model in enumerate("edcba", start=1)]


def test_a_rare_metric_and_then_an_incomplete_competitor_are_left_out(bare):
    values = {model: {"x": 1.0 + i, "y": 2.0 + i} for i, model in enumerate("abcd")}
    values["a"]["rare"] = 1.0
    del values["d"]["y"]
    competitors(bare, values, {"x": "higher", "y": "higher", "rare": "higher"})
    assert rows(bare, "SELECT metrics, n, w FROM metric_concordance WHERE scope = 'models'") == [(2, 3, 1.0)]
    assert {m for (m,) in rows(bare, "SELECT model FROM rank_spread")} == {"a", "b", "c"}


def test_equal_competitors_have_no_correlation(bare):
    competitors(bare, {m: {"x": 1.0, "y": float(i)} for i, m in enumerate("abc")}, {"x": "higher", "y": "higher"})
    assert rows(bare, "SELECT rho, n FROM metric_agreement()") == [(None, 3)]


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS)
def test_the_marts_file_answers_alone_and_alike(catalog, published, question):
    asked = question.replace("dinov3", "alpha")
    with duckdb.connect(str(published), read_only=True) as marts:
        found = marts.execute(asked).fetchall()
    expected = catalog.execute(asked).fetchall()
    assert [[*map(rounded, row)] for row in found] == [[*map(rounded, row)] for row in expected]
    assert found


def rounded(value):
    """Sums of several threads differ in their last digits."""
    return float(f"{value:.9g}") if isinstance(value, float) else value


@pytest.fixture(scope="module")
def published(catalog, tmp_path_factory):
    path = tmp_path_factory.mktemp("marts") / "marts.duckdb"
    write_marts(catalog, path)
    return path


def test_an_empty_store_answers_with_what_it_lacks(tmp_path):
    with connect(tmp_path / "nowhere") as catalog:
        for question in QUESTIONS.values():
            if "(" not in question or "metric_agreement" in question:
                assert catalog.execute(question).fetchall() == []
            else:
                with pytest.raises(duckdb.InvalidInputException, match="none: the store has nothing of the kind"):
                    catalog.execute(question).fetchall()
