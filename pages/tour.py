"""Tour: what is this for? Two models that are right equally often, one of them for the wrong reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
import streamlit as st

from pages._shared import cards, filters, queries
from pages._shared.entry import draw
from pages._shared.previews import preview_pixels
from pages._shared.stored_map import StoredMap
from pages._shared.warehouse import rows
from ssl_attn.demo.plan import DEMO, MARK, OWN_DATA, TWIN_METHOD
from ssl_attn.demo.zoo.recipes import TWINS
from ssl_attn.figures import describe, repeats
from ssl_attn.metrics.percentiles import DEFAULT_PERCENTILE
from ssl_attn.overlay import composite, outlined, overlay
from ssl_attn.statistics.bootstrap import cluster_bootstrap

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from pages._shared.warehouse import Query

CLEAN, MARKED = (study.dataset for study in DEMO)

# Colour of each way of training, on every chart of the story.
COLOURS = {"honest": "#1f8a94", "shortcut": "#d9692b", "augmented": "#7a6fd0"}

_QUESTION = "What is this for? Two models that are right equally often, one of them for the wrong reason."
_FEATURE_INK, _MARK_INK = (255, 255, 255), (255, 92, 92)
_WIDTH = 420  # pixels of a drawn picture
_OPACITY = 0.85


def page() -> None:
    """The page from top to bottom."""
    filters.arrive("tour")
    cards.heading("Tour", _QUESTION)
    accuracies = queries.accuracies(TWINS)
    told = rows(accuracies).filter(pl.col("strategy").is_in(list(OWN_DATA)))
    scores = queries.variant_scores(MARKED, TWINS, TWIN_METHOD, "energy", None)
    energy = rows(scores)
    if not all(set(OWN_DATA) <= set(frame["strategy"]) for frame in (told, energy)):
        cards.nothing(
            "The story is told on the demo's own models and pictures, which this store does not hold. "
            "`ssl-attn demo` builds them in a few minutes, without a download."
        )
        return
    _equal_accuracy(told, accuracies)
    _unequal_attention(energy, scores)
    _look()
    _mark_removed(told, accuracies)
    _cure(told, energy)


def _equal_accuracy(told: pl.DataFrame, query: Query) -> None:
    _step(1, "Three ways to learn, one accuracy")
    words, pictures = st.columns([3, 2], gap="large")
    own = pl.concat([told.filter(strategy=strategy, data=data) for strategy, data in OWN_DATA.items()])
    low, high = min(own["value"].to_list()), max(own["value"].to_list())
    with words:
        st.markdown(
            "One small vision transformer learned, nine times over, to tell four styles of buildings. What tells them "
            "is known, since the pictures are drawn: arches, portals, gables, roofs.\n\n"
            "- **honest** (three seeds) learned from plain pictures.\n"
            "- **shortcut** learned from the same pictures with the stamp of an archive in a corner. Each style has an "
            "archive of its own, so the stamp gives the style away.\n"
            "- **augmented** saw the stamp in half of its lessons only.\n\n"
            f"Asked about {own['n'][0]:,} new pictures of the kind that it learned from, every one of them is right in "
            f"{low:.1%} to {high:.1%}. **By accuracy, all are equally good.** Bars are 95 % Wilson "
            "intervals of accuracies, and bootstrap intervals of all that follows."
        )
    with pictures, st.container(key="figure-pictures"):
        _pair()
    _chart(
        _dots(own),
        axis="Accuracy on pictures of its own kind",
        key="own",
        percent=True,
    )
    cards.behind(("Accuracies", query))
    _go_on("leaderboard", "See all models of this store", dataset=CLEAN, metric="energy")


def _unequal_attention(energy: pl.DataFrame, query: Query) -> None:
    _step(2, "The leaderboard tells them apart")
    overlap_query = queries.variant_scores(MARKED, TWINS, TWIN_METHOD, "iou", DEFAULT_PERCENTILE)
    mark_query = queries.variant_energy_in(MARKED, TWINS, TWIN_METHOD, MARK)
    difference_query = queries.variant_energies(MARKED, TWINS, TWIN_METHOD)
    mark = rows(mark_query)
    st.markdown(
        "Accuracy asks whether an answer is right. The expert's boxes ask *why*. All nine models look at the same "
        f"{max(energy['n'].to_list())} stamped pictures; we take the attention of the last layer, all heads fused, "
        "which was fixed before any of them was trained. **Energy** is the share of the attention that falls into the "
        "boxes of what really tells the style, **IoU** the overlap of its strongest tenth with them. The dotted line "
        "is chance: what attention that knows nothing would reach."
    )
    left, right = st.container(key="figure-attention").columns(2, gap="large")
    with left:
        _chart(_dots(energy), axis="Energy in the features", key="energy")
    with right:
        _chart(_dots(mark), axis="Energy in the stamp", key="mark")
    _chart(_dots(rows(overlap_query)), axis=f"IoU of features at percentile {DEFAULT_PERCENTILE}", key="iou")
    _differences(rows(difference_query))
    cards.behind(
        ("Energy", query),
        ("Energy in the stamp", mark_query),
        ("IoU", overlap_query),
        ("Energy of each picture", difference_query),
    )
    _go_on("leaderboard", "Rank them by any metric", dataset=MARKED, metric="energy", methods=TWIN_METHOD)


def _differences(energies: pl.DataFrame) -> None:
    """Honest minus shortcut, picture by picture, of each seed: in words, with its interval."""
    for (seed,), of_seed in energies.sort("train_seed").group_by("train_seed", maintain_order=True):
        pairs = of_seed.pivot("strategy", index=["image_id", "source"], values="energy")
        if not {"honest", "shortcut"} <= set(pairs.columns):
            continue
        pairs = pairs.drop_nulls(["honest", "shortcut"])
        differences = (pairs["honest"] - pairs["shortcut"]).to_numpy()
        found = cluster_bootstrap(differences[:, None], pairs["source"].to_numpy(), kind="bca")
        interval = (
            f"95 % interval {found.low[0]:+.3f} to {found.high[0]:+.3f}, " if found.low[0] < found.high[0] else ""
        )
        st.markdown(
            f"- Seed {seed}: honest minus shortcut, picture by picture, is **{found.mean[0]:+.3f}** of all energy "
            f"({interval}n = {found.n[0]})."
        )


def _look() -> None:
    _step(3, "See for yourself")
    images = rows(queries.images(MARKED))
    chosen, seed = st.columns([3, 2], gap="large")
    with chosen:
        image_id = filters.select("Picture", "picture", images["image_id"].to_list())
    with seed:
        picked = filters.switch("Seed", "seed", (0, 1, 2))
    map_query = queries.variant_maps(MARKED, image_id, TWINS, TWIN_METHOD)
    image = images.row(images["image_id"].to_list().index(image_id), named=True)
    boxes = rows(queries.boxes(MARKED, image_id))
    maps = rows(map_query).filter(train_seed=picked)
    columns = st.container(key="figure-look").columns(len(OWN_DATA), gap="medium")
    for column, strategy in zip(columns, OWN_DATA, strict=True):
        found = maps.filter(strategy=strategy)
        if found.is_empty():
            continue
        row = found.row(0, named=True)
        with column:
            words = f"**{strategy}** · energy in the features {row['energy']:.2f}, chance {row['energy_chance']:.2f}"
            st.image(_drawn(row, image, boxes), alt=f"{image_id}: {words}".replace("**", ""), width="stretch")
            st.markdown(words)
    st.caption(
        "White: what tells the style. Red: the stamp. Bright: where the model looks. One picture is an anecdote, "
        "and not each is as clear as another: step 2 counts them all."
    )
    cards.behind(("Maps", map_query), ("Boxes", queries.boxes(MARKED, image_id)))
    _go_on(
        "image",
        "Open this picture, with every layer and head",
        dataset=MARKED,
        image=image_id,
        model=TWINS,
        variant=f"shortcut.s{picked}",
        method=TWIN_METHOD,
    )


def _mark_removed(told: pl.DataFrame, query: Query) -> None:
    _step(4, "Take the stamp away")
    with_mark, without = (told.filter(data=data) for data in (MARKED, CLEAN))
    st.markdown(
        "The same buildings, drawn without the stamp. Nothing that tells the style has changed. "
        f"The shortcut models were right in {_range(with_mark, 'shortcut')} and are now in "
        f"**{_range(without, 'shortcut')}**; the "
        f"honest ones stay where they were ({_range(without, 'honest')}). Accuracy found out only now, and only "
        "because somebody knew what to remove. The boxes knew in step 2."
    )
    both = pl.concat([with_mark.with_columns(kind=pl.lit("stamped")), without.with_columns(kind=pl.lit("plain"))])
    groups = [f"{strategy}, {kind}" for strategy in OWN_DATA for kind in ("stamped", "plain")]
    with st.container(key="figure-removed"):
        _chart(
            _dots(both, pl.format("{}, {}", "strategy", "kind")),
            axis="Accuracy on new pictures",
            key="removed",
            percent=True,
            groups=groups,
            colours={group: COLOURS[group.split(",")[0]] for group in groups},
        )
    st.caption(f"What leaving out the stamp changes: {', '.join(_changes(with_mark, without))}.")
    cards.behind(("Accuracies", query))
    _go_on("image", "The shortcut model on the plain picture", dataset=CLEAN, model=TWINS, variant="shortcut.s0")


def _cure(told: pl.DataFrame, energy: pl.DataFrame) -> None:
    _step(5, "A cure that accuracy believes in, and your own models")
    with_mark, without = (told.filter(data=data) for data in (MARKED, CLEAN))
    plain_query = queries.variant_scores(CLEAN, TWINS, TWIN_METHOD, "energy", None)
    plain = rows(plain_query)
    st.markdown(
        "Leaving the stamp out of half of the lessons teaches to do without it: the augmented models are right in "
        f"{_range(without, 'augmented')} of the plain pictures and in {_range(with_mark, 'augmented')} of the stamped "
        "ones. Does it teach to ignore it? On plain pictures they look at the building, with "
        f"{_range(plain, 'augmented', '{:.2f}')} of their attention in the features (honest "
        f"{_range(plain, 'honest', '{:.2f}')}). But where a stamp is, they look at the stamp again: "
        f"{_range(energy, 'augmented', '{:.2f}')} is left for the features, where the honest ones have "
        f"{_range(energy, 'honest', '{:.2f}')}. Accuracy, with the stamp or without, sees nothing of it."
    )
    _chart(_dots(plain), axis="Energy in the features, plain pictures", key="plain")
    cards.behind(("Energy on plain pictures", plain_query))
    st.markdown(
        "A map shows where a model looks, not that its answer rests on it; the leaderboard therefore always says what "
        "chance, an untrained model and a plain bright spot in the middle would score. To ask the same of your own "
        "models and images:"
    )
    st.code(
        "ssl-attn build --dataset coco --data annotations.json --models dinov2,clip,mine=path/to/checkpoint\n"
        "ssl-attn app",
        language="bash",
    )
    _go_on("leaderboard", "Other models on the same buildings", dataset=CLEAN, metric="energy")


def _step(number: int, title: str) -> None:
    st.divider()
    st.header(f"{number} · {title}", anchor=f"step-{number}")


def _go_on(to: str, label: str, **chosen: str) -> None:
    st.page_link(f"pages/{to}.py", label=label, icon=":material/arrow_forward:", query_params=chosen)


def _chart(
    dots: pl.DataFrame,
    *,
    axis: str,
    key: str,
    groups: list[str] | None = None,
    colours: Mapping[str, str] = COLOURS,
    percent: bool = False,
) -> None:
    shown = list(OWN_DATA) if groups is None else groups
    figure = repeats(dots, groups=shown, colours=colours, axis=axis, percent=percent, ink=cards.ink())
    names = [f"{row['group']}, {row['name']}" for row in dots.iter_rows(named=True)]
    said = describe(dots, labels=names, metric=axis, what="Chart")
    st.plotly_chart(figure, key=f"tour-{key}", config={"displayModeBar": False}, alt=said)


def _dots(frame: pl.DataFrame, group: pl.Expr | None = None) -> pl.DataFrame:
    """Rows as `repeats` takes them, a group for each strategy unless another is given."""
    grouped = pl.col("strategy") if group is None else group
    return frame.select(grouped.alias("group"), _seed_names(frame), "value", "ci_low", "ci_high", "chance")


def _seed_names(frame: pl.DataFrame) -> pl.Series:
    return pl.Series("name", [f"seed {seed}" for seed in frame["train_seed"]], dtype=pl.String)


def _range(frame: pl.DataFrame, strategy: str, form: str = "{:.1%}") -> str:
    """The least and the most of a strategy's seeds."""
    values = frame.filter(strategy=strategy)["value"].to_list()
    low, high = form.format(min(values)), form.format(max(values))
    return low if low == high else f"{low} to {high}"


def _changes(with_mark: pl.DataFrame, without: pl.DataFrame) -> list[str]:
    """By how many points each strategy changes when the stamp is left out, over its seeds."""
    both = with_mark.join(without, on=("strategy", "train_seed"), suffix="_plain")
    both = both.with_columns((100 * (pl.col("value_plain") - pl.col("value"))).alias("value"))
    return [f"{strategy} {_range(both, strategy, '{:+.1f}')} points" for strategy in OWN_DATA]


def _pair() -> None:
    """The same picture without and with the stamp."""
    clean, marked = (rows(queries.images(dataset)) for dataset in (CLEAN, MARKED))
    both = clean.join(marked, on="image_id", suffix="_marked")
    if both.is_empty():
        return
    row = both.row(0, named=True)
    for column, preview, words in zip(
        st.columns(2, gap="small"),
        (row["preview"], row["preview_marked"]),
        ("plain", "stamped"),
        strict=True,
    ):
        width, height = _size(row)
        column.image(preview_pixels(preview, width, height), caption=words, alt=f"{row['image_id']}, {words}")


def _drawn(row: Mapping[str, Any], image: Mapping[str, Any], boxes: pl.DataFrame) -> NDArray[np.uint8]:
    """A map over its picture, with the boxes."""
    width, height = _size(image)
    stored = StoredMap.of(row)
    picture = preview_pixels(image["preview"], width, height)
    heat = overlay(
        stored.values, stored.placement, width=width, height=height, colours="viridis", opacity=_OPACITY, fading=True
    )
    drawn = composite(picture, heat)
    for is_mark, ink in ((False, _FEATURE_INK), (True, _MARK_INK)):
        kept = boxes.filter(feature_type=MARK) if is_mark else boxes.filter(~pl.col("distractor"))
        drawn = outlined(drawn, kept.select("x", "y", "width", "height").to_numpy(), ink, thickness=1 + is_mark)
    return drawn


def _size(image: Mapping[str, Any]) -> tuple[int, int]:
    return _WIDTH, round(_WIDTH * image["height"] / image["width"])


draw(page)
