"""Leaderboard: which model looks where experts look, beyond chance?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl
import streamlit as st

from pages._shared import cards, filters, queries
from pages._shared.board import board_table
from pages._shared.entry import draw
from pages._shared.series import Series, labels, method_label, model_label, variant_label
from pages._shared.warehouse import rows
from ssl_attn.figures import breakdown, describe, model_colours, progression, ranking
from ssl_attn.geometry import VIEW_NOTES, VIEWS
from ssl_attn.metrics import METRICS
from ssl_attn.metrics.percentiles import DEFAULT_PERCENTILE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pages._shared.warehouse import Query

LAST_LAYER = "last"
_MANY_GROUPS = 16
_TALLEST_CHART = 560


@dataclass(frozen=True, slots=True)
class Choice:
    """What the filters say; `percentile` is None for a metric without threshold."""

    dataset: str
    metric: str
    percentile: int | None
    view: str
    methods: str
    variants: tuple[str, ...]

    @property
    def axis(self) -> str:
        """The metric as an axis names it."""
        label = METRICS[self.metric].label if self.metric in METRICS else self.metric
        return label if self.percentile is None else f"{label} at percentile {self.percentile}"

    def query(self, question: Callable[..., Query]) -> Query:
        """A question of `queries` that takes the whole choice."""
        return question(
            self.dataset, self.metric, self.percentile, view=self.view, methods=self.methods, variants=self.variants
        )


def page() -> None:
    """The page from top to bottom."""
    filters.arrive("leaderboard")
    cards.heading("Leaderboard", "Which model looks where experts look, beyond chance?")
    datasets = rows(queries.datasets())
    if datasets.is_empty():
        cards.no_data()
        return
    with st.sidebar:
        choice, colours = _choose(datasets)
    if choice is None:
        cards.nothing("This data set has no scores yet: its images have no boxes, or `ssl-attn score` has not run.")
        return
    question = choice.query(queries.leaderboard)
    board = rows(question)
    if board.is_empty():
        cards.nothing("No series has this view, method and variant. Change a filter at the left.")
        return
    names = labels(board)
    chosen = _chosen_row(board)
    _ranking(board, names, chosen, colours, choice, question)
    _layers(names[chosen], colours, choice)
    _breakdowns(Series.of(board.row(chosen, named=True)), names[chosen], colours, choice)


def _choose(datasets: pl.DataFrame) -> tuple[Choice | None, dict[str, str]]:
    dataset = filters.select("Data set", "dataset", datasets["dataset"].to_list())
    series = rows(queries.ranked_series(dataset))
    metrics = rows(queries.metrics(dataset))
    if series.is_empty() or metrics.is_empty():
        return None, {}
    registry = {row["metric"]: row for row in metrics.iter_rows(named=True)}
    metric = filters.select(
        "Metric",
        "metric",
        sorted(registry, key=list(METRICS).index),
        words=lambda name: registry[name]["label"],
        default="iou",
    )
    percentile = None
    if registry[metric]["thresholded"]:
        percentile = filters.number(
            "Percentile",
            "percentile",
            1,
            99,
            default=DEFAULT_PERCENTILE,
            help="The map is cut here: 90 keeps the strongest tenth of the visible pixels.",
        )
    _explain(registry[metric])
    view = filters.select(
        "View",
        "view",
        [view for view in VIEWS if view in series["view"].unique()],
        help="  \n".join(f"{name}: {note}" for name, note in VIEW_NOTES.items()),
    )
    methods = filters.select(
        "Method",
        "methods",
        [queries.DEFAULT_METHODS, queries.ALL_METHODS, *series["method"].unique().sort()],
        default=queries.DEFAULT_METHODS,
        words=_method_words,
    )
    variants = filters.several("Variants", "variants", series["variant"].unique().sort().to_list(), words=variant_label)
    return Choice(dataset, metric, percentile, view, methods, variants), model_colours(series["model"])


def _explain(metric: dict[str, Any]) -> None:
    """What the chosen metric asks, which way is good, and what to beware of."""
    better = {"higher": "Higher is better.", "lower": "**Lower is better.**"}.get(metric["direction"], "")
    st.caption(
        f"{metric['meaning']} {better}",
        help=f"{metric['formula']}.\n\nChance: {metric['chance']}.\n\n{metric['source']}",
    )
    if metric["warning"]:
        st.warning(metric["warning"], icon=":material/warning:")


def _method_words(method: str) -> str:
    special = {queries.DEFAULT_METHODS: "Default of each model", queries.ALL_METHODS: "All methods"}
    return special.get(method) or method_label(method)


def _chosen_row(board: pl.DataFrame) -> int:
    """Row of the series that the URL names, else the first."""
    asked = filters.read("series")
    identities = [Series.of(row).identity for row in board.iter_rows(named=True)]
    chosen = identities.index(asked) if asked in identities else 0
    filters.write("series", identities[chosen] if chosen else None)
    return chosen


def _ranking(
    board: pl.DataFrame,
    names: Sequence[str],
    chosen: int,
    colours: dict[str, str],
    choice: Choice,
    question: Query,
) -> None:
    with st.container(border=True):
        st.subheader("Ranking at the last layer", anchor=False)
        st.plotly_chart(
            ranking(board, colours, metric=choice.axis, labels=names, selected=chosen, ink=cards.ink()),
            key="ranking",
            config={"displayModeBar": False},
            alt=describe(board, labels=names, metric=choice.axis, what="Ranking"),
        )
        st.caption(
            "Bars are means over images, whiskers their 95 % interval over sources, the upright mark is what a map "
            "that knows nothing would score on the same images, the diamond the best of the simple baselines (centre, "
            "edges, other images' boxes, the model's own mean map ...). Choose a row to see its layers, styles and "
            "features."
        )
        board_table(board, chosen, metric=choice.axis, names=names)
        row = board.row(chosen, named=True)
        st.markdown(f"**{model_label(row['model'], row['variant'])}** · {method_label(row['method'])}")
        cards.verdict_badge(row["verdict"], row["note"])
        with st.container(horizontal=True, vertical_alignment="center"):
            cards.download(board, f"leaderboard-{choice.dataset}-{choice.metric}")
            st.page_link(
                "pages/image.py",
                label="See its maps",
                icon=":material/image_search:",
                query_params={key: row[key] for key in ("dataset", "model", "variant", "method", "view")},
            )
        cards.behind(("Ranking", question))


def _layers(name: str, colours: dict[str, str], choice: Choice) -> None:
    question = choice.query(queries.layer_progression)
    profile = rows(question)
    profile = profile.with_columns(pl.Series("label", labels(profile)))
    with st.container(border=True):
        st.subheader("Layer by layer", anchor=False)
        if profile["layer"].n_unique() < 2:
            cards.nothing("These methods give one map for the whole model, so there are no layers to compare.")
        else:
            last = profile.group_by("label", maintain_order=True).last()
            st.plotly_chart(
                progression(profile, colours, metric=choice.axis, selected=name, ink=cards.ink()),
                key="progression",
                alt=describe(
                    last, labels=last["label"].to_list(), metric=choice.axis, what="Lines over layers, last layer"
                ),
            )
            st.caption("Bands are 95 % intervals over sources. Layers count from 0.")
        cards.download(profile, f"layers-{choice.dataset}-{choice.metric}")
        cards.behind(("Layer by layer", question))


def _breakdowns(series: Series, name: str, colours: dict[str, str], choice: Choice) -> None:
    layers = _layers_of(series, choice)
    with st.container(border=True):
        st.subheader(f"By style and by feature: {name}", anchor=False)
        layer = filters.steps(
            "Layer",
            "at_layer",
            [*(str(layer) for layer in layers), LAST_LAYER],
            default=LAST_LAYER,
            words=lambda text: f"last ({layers[-1]})" if text == LAST_LAYER else text,
        )
        at = layers[-1] if layer == LAST_LAYER else int(layer)
        stored = rows(queries.breakdown_percentiles(choice.dataset, choice.metric))
        styles, features = st.columns(2, gap="large")
        with styles:
            st.markdown(f"**Style**, layer {at}")
            if _summarised(stored, "style", choice, "The images of this data set name no style."):
                query = queries.style_breakdown(series, choice.metric, choice.percentile, at)
                _groups("style", query, "style", colours[series.model], choice)
        with features:
            st.markdown(f"**Feature**, layer {at}, scored box by box")
            if _summarised(stored, "feature_type", choice, "No box of this data set has been scored by itself."):
                query = queries.feature_breakdown(series, choice.metric, choice.percentile, at)
                _groups("feature", query, "feature_name", colours[series.model], choice)


def _layers_of(series: Series, choice: Choice) -> list[int]:
    profile = rows(choice.query(queries.layer_progression))
    own = profile.filter(**series.params)
    layers: list[int] = own["layer"].sort().to_list()
    return layers


def _summarised(stored: pl.DataFrame, kind: str, choice: Choice, absent: str) -> bool:
    """Whether a breakdown is there at this percentile; says why when it is not."""
    percentiles = stored.filter(kind=kind)["percentile"].sort().to_list()
    if not percentiles:
        cards.nothing(absent)
        return False
    if choice.percentile is not None and choice.percentile not in percentiles:
        listed = ", ".join(str(percentile) for percentile in percentiles)
        cards.nothing(f"Breakdowns are summarised at percentiles {listed}. Choose one of them at the left.")
        return False
    return True


def _groups(what: str, query: Query, column: str, colour: str, choice: Choice) -> None:
    found = rows(query)
    if found.is_empty():
        cards.nothing(f"This series has no {what} with a score.")
        return
    groups = found[column].to_list()
    with st.container(height=_TALLEST_CHART if len(found) > _MANY_GROUPS else "content", border=False):
        st.plotly_chart(
            breakdown(found, groups=groups, colour=colour, metric=choice.axis, ink=cards.ink()),
            key=f"by-{what}",
            config={"displayModeBar": False},
            alt=describe(found, labels=groups, metric=choice.axis, what=f"Bars by {what}"),
        )
    if found["ci_low"].has_nulls():
        st.caption("Hollow bars rest on fewer than 8 sources: too few for an interval.")
    cards.download(found, f"{what}-{choice.dataset}-{choice.metric}")
    cards.behind((f"By {what}", query))


draw(page)
