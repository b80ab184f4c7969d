"""The charts, as plotly figures of plain frames: one colour per model everywhere, chance beside every score.

Frames have the columns of the warehouse's macros; each function names those it reads. Figures carry no background and
no font of their own, so that they take the theme of the page they stand on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go
import polars as pl

from ssl_attn.models.variants import RANDOM_WEIGHTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

# Distinct in hue and lightness, also to colour-blind eyes, on white and on near-black.
_PALETTE = (
    "#1f8a94", "#d9692b", "#7a6fd0", "#c2457e", "#5b9a32", "#c99a1a", "#3f7fca", "#9a6a3c", "#58b5a0", "#b0566a",
)  # fmt: skip

NEUTRAL = "#8a9699"
"""Colour of chance and of baselines that no model made."""

BASELINE_MODEL = "baseline"

_ROW_HEIGHT = 34
_REPEAT_GAP = 0.24  # between rows of one group, in rows
_SAME_CHANCE = 0.005
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash")


def model_colours(models: Iterable[str]) -> dict[str, str]:
    """A colour for each model of a store, the same whatever else is shown; model-free baselines are grey."""
    named = sorted(set(models) - {BASELINE_MODEL})
    colours = {model: _PALETTE[index % len(_PALETTE)] for index, model in enumerate(named)}
    return colours | {BASELINE_MODEL: NEUTRAL}


def ranking(
    rows: pl.DataFrame,
    colours: dict[str, str],
    *,
    metric: str,
    labels: Sequence[str],
    selected: int | None = None,
    ink: str = NEUTRAL,
) -> go.Figure:
    """One bar per row in the order given, with its interval and marks at its chance level and its best baseline.

    Args:
        rows: `model`, `variant`, `value`, `ci_low`, `ci_high`, `chance`, `best_baseline`, `best_baseline_value`. A row
            without a value has no bar.
        colours: see `model_colours`. Random weights are hatched.
        metric: title of the axis.
        labels: name of each row.
        selected: row to bring out; the others are drawn paler.
        ink: colour of whiskers and chance marks; the page's text colour reads best.
    """
    figure = go.Figure()
    figure.add_bar(
        y=list(range(len(labels))),
        x=rows["value"].to_list(),
        orientation="h",
        width=0.62,
        marker={
            "color": [colours.get(model, NEUTRAL) for model in rows["model"]],
            "opacity": [1.0 if selected in (None, index) else 0.6 for index in range(len(labels))],
            "pattern": {"shape": ["/" if variant == RANDOM_WEIGHTS else "" for variant in rows["variant"]], "size": 6},
        },
        customdata=[[label, _range_text(row)] for label, row in zip(labels, rows.iter_rows(named=True), strict=True)],
        hovertemplate="%{customdata[0]}<br>%{x:.3f} %{customdata[1]}<extra></extra>",
        name=metric,
        showlegend=False,
    )
    figure.add_scatter(**_whiskers(rows, ink))
    _add_marks(figure, rows["chance"], _chance_marks(_ROW_HEIGHT * 0.42, ink))
    _add_marks(figure, rows["best_baseline_value"], _baseline_marks(rows, ink))
    figure.update_yaxes(tickvals=list(range(len(labels))), ticktext=list(labels), autorange="reversed", showgrid=False)
    return _finish(figure, x_title=metric, height=_ROW_HEIGHT * len(labels) + 100)


def progression(
    rows: pl.DataFrame,
    colours: dict[str, str],
    *,
    metric: str,
    label: str = "label",
    selected: str | None = None,
    ink: str = NEUTRAL,
) -> go.Figure:
    """One line per series over its layers with a band for the interval, and dotted lines at the chance levels.

    Series of one model share its colour and differ by dash.

    Args:
        rows: `model`, `layer`, `value`, `ci_low`, `ci_high`, `chance` and the column that names the series.
        colours: see `model_colours`.
        metric: title of the axis.
        label: column that names the series.
        selected: series to bring out; the others are drawn paler.
        ink: colour of the chance lines.
    """
    figure = go.Figure()
    dashes: dict[str, int] = {}
    for (name,), series in rows.sort("layer").group_by(label, maintain_order=True):
        model = series["model"][0]
        dash = _DASHES[dashes.get(model, 0) % len(_DASHES)]
        dashes[model] = dashes.get(model, 0) + 1
        colour = colours.get(model, NEUTRAL)
        shown = selected in (None, name)
        _add_band(figure, series, colour, strength=0.16 if shown else 0.06)
        figure.add_scatter(
            x=series["layer"].to_list(),
            y=series["value"].to_list(),
            mode="lines+markers",
            line={"color": colour, "width": 2.5, "dash": dash},
            marker={"size": 6},
            opacity=1.0 if shown else 0.45,
            name=str(name),
            hovertemplate=f"{name}<br>layer %{{x}}: %{{y:.3f}}<extra></extra>",
        )
    figure.add_scatter(**_chance_lines(rows, ink))
    figure.update_xaxes(title="Layer (from 0)", tickformat="d", dtick=1 if rows["layer"].n_unique() < 16 else None)
    figure.update_yaxes(title=metric)
    return _finish(figure, height=420)


def breakdown(rows: pl.DataFrame, *, groups: Sequence[str], colour: str, metric: str, ink: str = NEUTRAL) -> go.Figure:
    """One bar per group of one series, with interval, count and chance mark; without an interval a bar is hollow.

    Args:
        rows: `value`, `ci_low`, `ci_high`, `chance`, `n`, `n_sources`.
        groups: name of each row.
        colour: of the series' model.
        metric: title of the axis.
        ink: colour of whiskers and chance marks.
    """
    certain = rows["ci_low"].is_not_null().to_list()
    names = [f"{group} · n {n}" for group, n in zip(groups, rows["n"], strict=True)]
    figure = go.Figure()
    figure.add_bar(
        y=list(range(len(names))),
        x=rows["value"].to_list(),
        orientation="h",
        width=0.6,
        marker={
            "color": [colour if known else "rgba(0,0,0,0)" for known in certain],
            "line": {"color": colour, "width": 1.5},
        },
        customdata=[
            [name, _range_text(row), row["n_sources"]]
            for name, row in zip(names, rows.iter_rows(named=True), strict=True)
        ],
        hovertemplate="%{customdata[0]}, %{customdata[2]} sources<br>%{x:.3f} %{customdata[1]}<extra></extra>",
        name=metric,
        showlegend=False,
    )
    figure.add_scatter(**_whiskers(rows, ink))
    _add_marks(figure, rows["chance"], _chance_marks(10, ink))
    figure.update_yaxes(tickvals=list(range(len(names))), ticktext=names, autorange="reversed", showgrid=False)
    return _finish(figure, x_title=metric, height=26 * len(names) + 110)


def repeats(
    rows: pl.DataFrame,
    *,
    groups: Sequence[str],
    colours: Mapping[str, str],
    axis: str,
    percent: bool = False,
    ink: str = NEUTRAL,
) -> go.Figure:
    """One dot per row with its interval, the rows of a group above each other, and a dotted line at each chance level.

    Args:
        rows: `group`, `name` (what tells the rows of a group apart), `value`, `ci_low`, `ci_high`, `chance`.
        groups: groups from top to bottom.
        colours: colour of each group.
        axis: title of the axis.
        percent: whether values are shares, shown in per cent.
        ink: colour of the chance lines.
    """
    figure = go.Figure()
    for place, group in enumerate(groups):
        chosen = rows.filter(group=group).sort("name")
        spread = [place + (i - (len(chosen) - 1) / 2) * _REPEAT_GAP for i in range(len(chosen))]
        known = chosen.with_columns(pl.Series("y", spread, dtype=pl.Float64)).drop_nulls("value")
        figure.add_scatter(
            x=known["value"].to_list(),
            y=known["y"].to_list(),
            mode="markers",
            marker={"size": 11, "color": colours[group]},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": (known["ci_high"] - known["value"]).to_list(),
                "arrayminus": (known["value"] - known["ci_low"]).to_list(),
                "thickness": 1.6,
                "width": 4,
                "color": colours[group],
            },
            customdata=[[row["name"], _range_text(row)] for row in known.iter_rows(named=True)],
            hovertemplate=f"{group}, %{{customdata[0]}}<br>%{{x:.3f}} %{{customdata[1]}}<extra></extra>",
            name=group,
            showlegend=False,
        )
    for level in _levels(rows["chance"]):
        figure.add_scatter(
            x=[level, level],
            y=[-0.5, len(groups) - 0.5],
            mode="lines",
            line={"color": ink, "dash": "dot", "width": 1.8},
            name="Chance",
            legendgroup="chance",
            showlegend=level == _levels(rows["chance"])[0],
            hovertemplate="chance %{x:.3f}<extra></extra>",
        )
    figure.update_yaxes(
        tickvals=list(range(len(groups))),
        ticktext=list(groups),
        range=[len(groups) - 0.5, -0.5],
        showgrid=False,
        zeroline=False,
    )
    figure.update_xaxes(tickformat=".0%" if percent else None)
    return _finish(figure, x_title=axis, height=62 * len(groups) + 100)


def describe(rows: pl.DataFrame, *, labels: Sequence[str], metric: str, what: str) -> str:
    """A chart in a sentence or two, for those who hear it: how many bars, the first and the last with chance.

    Reads `value` and `chance` of rows in the order drawn.
    """
    if rows.is_empty():
        return f"{what}: nothing to show."
    said = [
        f"{label} {value:.3f}" + ("" if chance is None else f" at chance {chance:.3f}")
        for label, value, chance in zip(labels, rows["value"], rows["chance"], strict=True)
        if value is not None
    ]
    if not said:
        return f"{what}: {len(labels)} rows, none with a value."
    ends = said[0] if len(said) == 1 else f"from {said[0]} to {said[-1]}"
    return f"{what} of {metric}: {len(said)} with a value, {ends}."


def _whiskers(rows: pl.DataFrame, ink: str) -> dict[str, Any]:
    """Intervals as a trace of their own over the rows that have one: a bar without one must not end in a cap."""
    known = rows.with_row_index("row").drop_nulls(["value", "ci_low", "ci_high"])
    return {
        "y": known["row"].to_list(),
        "x": known["value"].to_list(),
        "mode": "markers",
        "marker": {"size": 1, "color": ink},
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": (known["ci_high"] - known["value"]).to_list(),
            "arrayminus": (known["value"] - known["ci_low"]).to_list(),
            "thickness": 1.2,
            "width": 4,
            "color": ink,
        },
        "name": "Interval",
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _range_text(row: dict[str, Any]) -> str:
    chance = "" if row["chance"] is None else f", chance {row['chance']:.3f}"
    if row["ci_low"] is None:
        return f"no interval{chance}"
    return f"[{row['ci_low']:.3f}, {row['ci_high']:.3f}]{chance}"


def _add_marks(figure: go.Figure, values: pl.Series, style: dict[str, Any]) -> None:
    """One mark a row, none of them in the legend when no row has one."""
    if values.is_not_null().any():
        figure.add_scatter(y=list(range(len(values))), x=values.to_list(), **style)


def _chance_marks(size: float, ink: str) -> dict[str, Any]:
    return {
        "mode": "markers",
        "name": "Chance",
        "marker": {"symbol": "line-ns", "size": size, "color": ink, "line": {"width": 3, "color": ink}},
        "hovertemplate": "chance %{x:.3f}<extra></extra>",
    }


def _baseline_marks(rows: pl.DataFrame, ink: str) -> dict[str, Any]:
    return {
        "mode": "markers",
        "name": "Best baseline",
        "marker": {"symbol": "diamond-open", "size": 9, "color": ink, "line": {"width": 1.8, "color": ink}},
        "customdata": [[name] for name in rows["best_baseline"]],
        "hovertemplate": "best baseline, %{customdata[0]}: %{x:.3f}<extra></extra>",
    }


def _add_band(figure: go.Figure, series: pl.DataFrame, colour: str, *, strength: float) -> None:
    known = series.drop_nulls(["ci_low", "ci_high"])
    if known.is_empty():
        return
    layers = known["layer"].to_list()
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    figure.add_scatter(
        x=[*layers, *reversed(layers)],
        y=[*known["ci_high"].to_list(), *reversed(known["ci_low"].to_list())],
        mode="lines",
        fill="toself",
        fillcolor=f"rgba({red},{green},{blue},{strength})",
        line={"width": 0},
        hoverinfo="skip",
        showlegend=False,
    )


def _chance_lines(rows: pl.DataFrame, ink: str) -> dict[str, Any]:
    """One dotted line per chance level, as a single trace with gaps."""
    levels = _levels(rows["chance"])
    low, high = (rows["layer"].min(), rows["layer"].max()) if not rows.is_empty() else (0, 0)
    return {
        "x": [x for _ in levels for x in (low, high, None)],
        "y": [y for level in levels for y in (level, level, None)],
        "mode": "lines",
        "line": {"color": ink, "dash": "dot", "width": 1.8},
        "name": "Chance",
        "hovertemplate": "chance %{y:.3f}<extra></extra>",
    }


def _levels(chances: pl.Series) -> list[float]:
    """The chance levels of rows; those that the eye cannot part are one."""
    levels: list[float] = []
    for chance in sorted(chances.drop_nulls()):
        if not levels or chance - levels[-1] > _SAME_CHANCE:
            levels.append(chance)
    return levels


def _finish(figure: go.Figure, *, height: int, x_title: str | None = None) -> go.Figure:
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 16, "t": 36, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.0, "x": 0, "title": None},
        bargap=0.3,
    )
    if x_title is not None:
        figure.update_xaxes(title=x_title, rangemode="tozero")
    return figure
