from __future__ import annotations

import polars as pl
import pytest

from ssl_attn.figures import NEUTRAL, breakdown, describe, model_colours, progression, ranking, repeats

ROWS = pl.DataFrame(
    {
        "model": ["alpha", "beta", "beta", "baseline"],
        "variant": ["frozen", "frozen", "random_weights", "14_squash"],
        "value": [0.3, 0.2, 0.1, None],
        "ci_low": [0.25, 0.15, None, None],
        "ci_high": [0.4, 0.22, None, None],
        "chance": [0.08, 0.08, 0.09, 0.08],
        "best_baseline": ["edge", "mean_map", "edge", None],
        "best_baseline_value": [0.2, 0.22, 0.2, None],
        "n": [57, 57, 57, 0],
        "n_sources": [57, 57, 4, 0],
    }
)
LABELS = ["alpha", "beta", "beta · random weights", "uniform"]
COLOURS = model_colours(["alpha", "beta"])


def test_a_model_keeps_its_colour_whatever_else_is_shown():
    assert model_colours(["beta", "alpha"]) == model_colours(["alpha", "beta", "alpha"])
    assert len(set(model_colours([f"model-{i}" for i in range(10)]).values())) == 11
    assert model_colours(["baseline"])["baseline"] == NEUTRAL


def test_ranking_draws_each_row_with_its_own_interval_and_chance():
    bars, whiskers, chance, _ = ranking(ROWS, COLOURS, metric="IoU", labels=LABELS).data
    assert list(bars.x) == [0.3, 0.2, 0.1, None]
    assert list(whiskers.y) == [0, 1]
    assert list(whiskers.error_x.array) == pytest.approx([0.1, 0.02])
    assert list(whiskers.error_x.arrayminus) == pytest.approx([0.05, 0.05])
    assert list(chance.x) == ROWS["chance"].to_list()
    assert list(chance.y) == list(bars.y)
    assert list(bars.marker.pattern.shape) == ["", "", "/", ""]
    assert bars.marker.color[1] == bars.marker.color[2] == COLOURS["beta"]
    assert bars.marker.color[3] == NEUTRAL


def test_ranking_marks_the_best_baseline_and_names_it():
    marks = ranking(ROWS, COLOURS, metric="IoU", labels=LABELS).data[-1]
    assert marks.name == "Best baseline"
    assert list(marks.x) == ROWS["best_baseline_value"].to_list()
    assert [name for (name,) in marks.customdata] == ROWS["best_baseline"].to_list()


def test_a_metric_without_chance_has_no_marks_and_no_empty_legend():
    bare = ROWS.with_columns(pl.lit(None, pl.Float64).alias(name) for name in ("chance", "best_baseline_value"))
    figure = ranking(bare, COLOURS, metric="Density", labels=LABELS)
    assert [trace.name for trace in figure.data if trace.showlegend is not False] == []
    assert "alpha 0.300" in describe(bare, labels=LABELS, metric="Density", what="Ranking")


def test_ranking_puts_the_first_row_on_top_and_names_every_row():
    axis = ranking(ROWS, COLOURS, metric="IoU", labels=LABELS).layout.yaxis
    assert axis.autorange == "reversed"
    assert list(axis.ticktext) == LABELS


def test_ranking_brings_out_the_selected_row():
    bars = ranking(ROWS, COLOURS, metric="IoU", labels=LABELS, selected=1).data[0]
    assert max(range(4), key=lambda row: bars.marker.opacity[row]) == 1
    assert len(set(bars.marker.opacity)) == 2


def layers(value: float, model: str, label: str, interval: float | None) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "model": [model] * 3,
            "label": [label] * 3,
            "layer": [2, 0, 1],
            "value": [value] * 3,
            "ci_low": [None if interval is None else value - interval] * 3,
            "ci_high": [None if interval is None else value + interval] * 3,
            "chance": [0.08, 0.0815, 0.08],
        },
        schema_overrides={"ci_low": pl.Float64, "ci_high": pl.Float64},
    )


def test_progression_has_a_line_per_series_a_band_where_known_and_one_line_a_chance_level():
    profile = pl.concat([layers(0.2, "alpha", "alpha", 0.05), layers(0.1, "alpha", "alpha, random", None)])
    traces = progression(profile, COLOURS, metric="IoU").data
    lines = [trace for trace in traces if trace.mode == "lines+markers"]
    bands = [trace for trace in traces if trace.fill == "toself"]
    chance = next(trace for trace in traces if trace.name == "Chance")
    assert [line.name for line in lines] == ["alpha", "alpha, random"]
    assert all(list(line.x) == [0, 1, 2] for line in lines)
    assert {line.line.color for line in lines} == {COLOURS["alpha"]}
    assert lines[0].line.dash != lines[1].line.dash
    assert [band.mode for band in bands] == ["lines"]
    assert max(bands[0].y) == pytest.approx(0.25)
    assert [level for level in chance.y if level is not None] == [0.08, 0.08]


def test_breakdown_marks_groups_without_an_interval_as_hollow():
    bars, whiskers, chance = breakdown(
        ROWS, groups=["arch", "door", "window", "roof"], colour="#112233", metric="IoU"
    ).data
    assert list(bars.marker.color[:2]) == ["#112233"] * 2
    assert set(bars.marker.color[2:]) == {"rgba(0,0,0,0)"}
    assert list(whiskers.y) == [0, 1]
    assert list(chance.x) == ROWS["chance"].to_list()


def test_breakdown_says_how_many_scores_each_group_has():
    figure = breakdown(ROWS, groups=["arch", "door", "window", "roof"], colour="#112233", metric="IoU")
    assert list(figure.layout.yaxis.ticktext) == ["arch · n 57", "door · n 57", "window · n 57", "roof · n 0"]


def test_a_chart_can_be_told_in_a_sentence():
    said = describe(ROWS, labels=LABELS, metric="IoU", what="Ranking")
    ends = "from alpha 0.300 at chance 0.080 to beta · random weights 0.100 at chance 0.090"
    assert said == f"Ranking of IoU: 3 with a value, {ends}."
    assert describe(ROWS.clear(), labels=[], metric="IoU", what="Ranking") == "Ranking: nothing to show."
    assert "none with a value" in describe(ROWS[3:], labels=["uniform"], metric="IoU", what="Ranking")


def test_repeats_stack_the_rows_of_a_group_around_its_place():
    rows = pl.DataFrame(
        {
            "group": ["honest", "honest", "honest", "shortcut"],
            "name": ["seed 0", "seed 1", "seed 2", "seed 0"],
            "value": [0.3, 0.4, None, 0.1],
            "ci_low": [0.2, 0.35, None, 0.05],
            "ci_high": [0.35, 0.5, None, 0.2],
            "chance": [0.25, 0.25, 0.25, 0.251],
        }
    )
    colours = {"honest": "#000000", "shortcut": "#ffffff"}
    first, second, chance = repeats(rows, groups=["honest", "shortcut"], colours=colours, axis="energy").data
    assert list(first.x) == [0.3, 0.4]
    assert list(first.error_x.arrayminus) == pytest.approx([0.1, 0.05])
    assert first.y[0] < first.y[1] < 0.5
    assert list(second.y) == [1]
    assert second.marker.color == "#ffffff"
    assert list(chance.x) == [0.25, 0.25]  # levels that the eye cannot part are one line
