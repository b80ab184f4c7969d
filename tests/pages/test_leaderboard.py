from __future__ import annotations

import json

import polars as pl
import pytest

from etl.build import build, plan_models
from etl.plan import Options
from etl.store import Store
from ssl_attn.methods import parse_request
from ssl_attn.metrics import METRICS
from ssl_attn.models.spec import parse_model_spec
from warehouse.catalog import connect


def board(app) -> pl.DataFrame:
    return pl.from_pandas(app.dataframe[0].value)


def asked(store, sql: str) -> pl.DataFrame:
    return connect(store).cursor().sql(sql).pl()


def figure(app, key: str) -> dict:
    charts = {chart.proto.id: chart for chart in app.get("plotly_chart")}
    return json.loads(next(chart for name, chart in charts.items() if name.endswith(key)).proto.spec)


def texts(app) -> str:
    shown = [*app.markdown, *app.caption, *app.info, *app.subheader]
    return "\n".join(str(element.value) for element in shown)


def test_default_view_ranks_default_methods_by_iou_at_90(opened, dashboard_store):
    app = opened(dashboard_store)
    expected = asked(
        dashboard_store,
        "SELECT value, chance, n FROM leaderboard('iou', 90) "
        "WHERE view = 'squash' AND method = 'cls' ORDER BY value DESC",
    )
    shown = board(app)
    assert shown["value"].to_list() == pytest.approx(expected["value"].to_list())
    assert shown["chance"].to_list() == pytest.approx(expected["chance"].to_list())
    assert shown["n"].to_list() == expected["n"].to_list()
    assert app.query_params == {"dataset": "pictures", "view": "squash"}


def test_every_row_has_a_chance_mark_and_an_interval(opened, dashboard_store):
    bars, whiskers, chance, best = figure(opened(dashboard_store), "ranking")["data"]
    assert len(bars["y"]) == len(chance["y"]) == len(best["y"]) == 3
    assert (chance["name"], best["name"]) == ("Chance", "Best baseline")
    assert whiskers["y"] == bars["y"]
    assert all(length >= 0 for length in whiskers["error_x"]["array"])


def test_random_weights_are_a_labelled_baseline(opened, dashboard_store):
    app = opened(dashboard_store)
    twins = board(app).filter(pl.col("model").str.contains("random weights"))
    assert twins["model"].to_list() == ["alpha · random weights (baseline)"]
    assert [list(verdict) for verdict in twins["verdict"]] == [["baseline"]]
    hatched = figure(app, "ranking")["data"][0]["marker"]["pattern"]["shape"]
    assert sorted(hatched) == ["", "", "/"]


def test_url_decides_metric_method_view_and_variant(opened, dashboard_store):
    app = opened(dashboard_store, metric="energy", methods="all", variants="frozen")
    expected = asked(
        dashboard_store,
        "SELECT value FROM leaderboard('energy') WHERE view = 'squash' AND variant = 'frozen' ORDER BY value DESC",
    )
    assert board(app)["value"].to_list() == pytest.approx(expected["value"].to_list())
    assert not any(slider.key == "percentile" for slider in app.slider)
    app = opened(dashboard_store, view="processor")
    assert len(board(app)) == 1


def test_controls_write_the_url(opened, dashboard_store):
    app = opened(dashboard_store)
    app.selectbox(key="metric").select("energy").run()
    app.selectbox(key="methods").select("rollout").run()
    assert not app.exception
    assert app.query_params["metric"] == "energy"
    assert app.query_params["methods"] == "rollout"
    app.selectbox(key="metric").select("iou").run()
    assert "metric" not in app.query_params


def test_an_unknown_value_in_the_url_falls_back(opened, dashboard_store):
    app = opened(dashboard_store, metric="no_such", percentile="four", series="x~y", layer="77")
    assert app.selectbox(key="metric").value == "iou"
    assert app.slider(key="percentile").value == 90
    assert len(board(app)) == 3


def test_choices_survive_a_visit_to_another_page(opened, dashboard_store):
    app = opened(dashboard_store, percentile="70", methods="rollout")
    app.switch_page("pages/image.py").run()
    app.switch_page("pages/leaderboard.py").run()
    assert not app.exception
    assert app.slider(key="percentile").value == 70
    assert app.selectbox(key="methods").value == "rollout"
    assert app.query_params["methods"] == "rollout"


def test_another_percentile_changes_the_values(opened, dashboard_store):
    at_50 = board(opened(dashboard_store, percentile="50"))["value"].to_list()
    expected = asked(
        dashboard_store,
        "SELECT value FROM leaderboard('iou', 50) WHERE view = 'squash' AND method = 'cls' ORDER BY value DESC",
    )
    assert at_50 == pytest.approx(expected["value"].to_list())


def test_the_chosen_series_drives_the_lower_charts(opened, dashboard_store):
    row = asked(
        dashboard_store,
        "SELECT * FROM leaderboard('iou', 90) WHERE view = 'squash' AND method = 'cls' ORDER BY value DESC",
    ).row(2, named=True)
    keys = ("dataset", "model", "variant", "method", "view", "input_size", "params_id")
    app = opened(dashboard_store, series="~".join(str(row[key]) for key in keys))
    expected = asked(
        dashboard_store,
        f"SELECT value FROM feature_breakdown('iou', 90) WHERE view = 'squash' AND method = 'cls' "
        f"AND model = '{row['model']}' AND variant = '{row['variant']}' "
        "ORDER BY distractor, value DESC NULLS LAST, feature_type",
    )
    assert figure(app, "by-feature")["data"][0]["x"] == pytest.approx(expected["value"].to_list())
    assert any(row["model"] in heading.value for heading in app.subheader)


def test_breakdowns_follow_the_layer_control(opened, dashboard_store):
    app = opened(dashboard_store)
    last = figure(app, "by-style")["data"][0]["x"]
    app.select_slider(key="at_layer").set_value("0").run()
    assert not app.exception
    assert app.query_params["at_layer"] == "0"
    assert figure(app, "by-style")["data"][0]["x"] != last
    assert "layer 0" in texts(app)


def test_a_group_with_few_sources_has_no_interval_and_says_so(opened, dashboard_store):
    app = opened(dashboard_store)
    assert "fewer than 8 sources" in texts(app)
    bars, whiskers, _ = figure(app, "by-style")["data"]
    hollow = [row for row, colour in enumerate(bars["marker"]["color"]) if colour == "rgba(0,0,0,0)"]
    assert hollow
    assert not set(hollow) & set(whiskers["y"])


def test_a_percentile_without_breakdown_is_explained(opened, dashboard_store):
    app = opened(dashboard_store, percentile="55")
    assert "summarised at percentiles 50, 60" in texts(app)
    assert len(board(app)) == 3


def test_no_store_names_the_command_to_run(opened, tmp_path):
    app = opened(tmp_path / "nowhere")
    assert "does not exist yet" in app.info[0].value
    assert "ssl-attn demo" in app.code[0].value


def test_sql_behind_the_ranking_gives_the_ranking(opened, dashboard_store):
    app = opened(dashboard_store, variants="frozen")
    sql = next(code.value for code in app.code if "FROM leaderboard(" in code.value)
    assert asked(dashboard_store, sql)["value"].to_list() == pytest.approx(board(app)["value"].to_list())


def test_a_new_generation_is_picked_up(opened, own_store, pictures, tiny_folders):
    app = opened(own_store)
    assert len(board(app)) == 3
    store = Store(own_store)
    gamma = parse_model_spec(f"gamma={tiny_folders['dino']}")
    build(store, pictures, plan_models(store, [gamma], [parse_request("cls")], Options(batch_size=4)))
    app.run()
    assert "gamma" in board(app)["model"].to_list()


def test_the_best_baseline_and_the_test_against_it_stand_in_the_row(opened, dashboard_store):
    shown = board(opened(dashboard_store))
    expected = asked(
        dashboard_store,
        "SELECT best_baseline, best_baseline_value, beats_best_baseline, best_baseline_p_holm AS p, cross_fitted "
        "FROM leaderboard('iou', 90) WHERE view = 'squash' AND method = 'cls' ORDER BY value DESC",
    )
    for row, cells in zip(expected.iter_rows(named=True), shown.iter_rows(named=True), strict=True):
        assert cells["best_baseline"] == f"{row['best_baseline']} · {row['best_baseline_value']:.3f}"
        assert cells["beats"].startswith(
            "yes" if row["beats_best_baseline"] else "not shown" if row["p"] >= 0.05 else "worse"
        )
        assert cells["cross_fitted"].startswith(f"{row['cross_fitted']:.3f}")


def test_lower_is_better_is_said_and_ranked(opened, dashboard_store):
    app = opened(dashboard_store, metric="mse")
    values = board(app)["value"].to_list()
    assert values == sorted(values)
    assert "Lower is better" in texts(app)
    assert app.warning[0].value == METRICS["mse"].warning


def test_a_metric_that_only_describes_has_no_columns_of_judgement(opened, dashboard_store):
    app = opened(dashboard_store, metric="density")
    assert {"chance", "best_baseline", "beats", "best_layer"}.isdisjoint(board(app).columns)
    assert not app.exception


def test_metric_labels_come_from_the_registry(opened, dashboard_store):
    options = opened(dashboard_store).selectbox(key="metric").options
    assert options == [metric.label for metric in METRICS.values() if not metric.on_request]
