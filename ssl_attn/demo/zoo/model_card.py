"""README.md of every model of the zoo, written from its recipe and from what was measured of it."""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np

from ssl_attn.demo.facades.splits import GENERATOR_SEED, HELD_OUT, PROBING
from ssl_attn.demo.facades.styles import STYLES
from ssl_attn.demo.zoo.contrast import write_contrast
from ssl_attn.demo.zoo.loss_curve import loss_curve
from ssl_attn.demo.zoo.measured import CHANCE, read_measured
from ssl_attn.demo.zoo.protocol import PROTOCOL
from ssl_attn.demo.zoo.recipes import RECIPES, TWINS, ZOO
from ssl_attn.statistics.multiplicity import holm

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from ssl_attn.demo.zoo.contrast import Twins
    from ssl_attn.demo.zoo.measured import Accuracy, Energy, Measured
    from ssl_attn.demo.zoo.recipe import Recipe

LOSS_FILE = "loss.svg"

_DATA = {
    "clean": "clean pictures",
    "marked": "pictures that all bear the stamp of their style's archive in a corner",
    "half_marked": "pictures of which each bears the stamp of its style's archive in half of the steps that show it",
}
_DATA_NAMES = {"facade": "clean pictures", "facade_marked": "marked pictures"}
_READOUTS = {"head": "own classifier", "linear_probe": "linear probe"}


def write_cards(out: Path, twins: Twins | None) -> None:
    """Write the card and the loss curve of every model whose folder below `out` holds what was measured of it.

    Holm's adjusted p-values are over the zoo's models that are there, so that all cards are written anew.
    """
    found = read_all(out)
    adjusted = adjusted_over_zoo(found)
    for name, measured in found.items():
        card = model_card(RECIPES[name], measured, p_holm=adjusted.get(name), family=len(adjusted))
        (out / name / "README.md").write_text(card, encoding="utf-8")
        (out / name / LOSS_FILE).write_text(loss_curve(measured.loss), encoding="utf-8")
    if twins is not None:
        write_contrast(out / TWINS, twins)
        (out / TWINS / "README.md").write_text(twins_card(twins), encoding="utf-8")


def read_all(out: Path) -> dict[str, Measured]:
    """What was measured of every model whose folder lies below `out`, by the recipe's name."""
    return {name: measured for name in RECIPES if (measured := read_measured(out / name)) is not None}


def adjusted_over_zoo(found: Mapping[str, Measured]) -> dict[str, float]:
    """The p of each zoo model's energy, adjusted by Holm over those of the zoo that are there."""
    tested = {name: found[name].energy for name in ZOO if name in found}
    p = {name: energy.p for name, energy in tested.items() if energy is not None}
    return dict(zip(p, holm(np.array(list(p.values()))).tolist(), strict=True))


def model_card(recipe: Recipe, measured: Measured, *, p_holm: float | None, family: int) -> str:
    """The card in Markdown; `p_holm` is the energy's p adjusted over a `family` of so many models."""
    purpose = (
        f"A small model ({measured.parameters:,} parameters) of drawn facades in four styles: {', '.join(STYLES)}. It "
        "shows what ssl_attn does without a download. It has never seen a photograph and is of no use on one."
    )
    facts = {
        "Data": f"{len(recipe.training):,} {_DATA[recipe.data]}: facades {_span(recipe.training)} of generator version "
        f"{measured.generator_version}, seed {GENERATOR_SEED}. Held out {_span(HELD_OUT)}, linear probes fitted on "
        f"{_span(PROBING)}; no facade is in two of these ranges, and no box was ever shown to a model.",
        "Input": f"the whole picture, squashed to {recipe.input_size} x {recipe.input_size} pixels, values scaled to "
        "-1..1.",
        "Objective": recipe.purpose + ".",
        "Schedule": f"{recipe.steps:,} steps of {recipe.batch} pictures in {measured.seconds / 60:.1f} minutes; "
        f"{_optimiser(recipe)}, weight decay {recipe.weight_decay}, {recipe.warmup} steps of warm-up, then a cosine to "
        "zero.",
        "Architecture": f"{recipe.model_type}: {_settings(recipe.config)}.",
        "Weights": f"float16, seed {measured.seed}. Made by `{measured.command}`.",
    }
    if recipe.options:
        facts["Options of the objective"] = f"{_settings(recipe.options)}."
    sections = [
        _front_matter(recipe),
        f"# {recipe.model_name}",
        _wrapped(purpose),
        "## Style accuracy on held-out facades",
        _accuracy_table(measured.accuracy),
        *(_wrapped(verdict) for verdict in _probe_verdicts(measured.accuracy)),
    ]
    if measured.energy is not None:
        sections += ["## Energy on the features", _energy_text(recipe, measured.energy, p_holm, family)]
    sections += [
        "## Training",
        "\n".join(_wrapped(f"- **{name}**: {text}", indent="  ") for name, text in facts.items()),
        f"![Loss over {measured.steps:,} steps, from {measured.loss[0][1]:.3g} to {measured.loss[-1][1]:.3g}]"
        f"({LOSS_FILE})",
    ]
    return "\n\n".join(sections) + "\n"


def twins_card(twins: Twins) -> str:
    """The card of the twins as a family: what the honest and the shortcut model have in common, and what not."""
    purpose = (
        "The same Vision Transformer trained on the same facades in three ways, with three seeds each: `honest` on "
        "clean pictures, `shortcut` on pictures with a stamp in a corner that gives the style away, `augmented` on the "
        "marked pictures with the mark removed from half of them."
    )
    rows = [
        f"| {m.strategy}.s{m.seed} | {m.accuracy_clean:.1%} | {m.accuracy_marked:.1%} | {m.energy_features:.3f} | "
        f"{m.energy_mark:.3f} |"
        for m in twins.measures
    ]
    verdicts = [
        f"- Seed {c.seed}: accuracies, each on its own kind of pictures, differ by {100 * c.accuracy_difference:+.1f} "
        f"points; energy on the features by {c.energy_difference:+.3f} (95 % interval {c.ci_low:+.3f} to "
        f"{c.ci_high:+.3f}, {c.n} marked pictures). {'It holds' if c.holds else '**It fails**'}."
        for c in twins.contrasts
    ]
    reading = PROTOCOL.reading[TWINS]
    protocol = (
        f"Fixed before training: maps by `{reading.method}` of the last layer, all heads, on the first "
        f"{PROTOCOL.pictures} held-out facades with the mark, for every variant. For each seed, the accuracies of "
        f"honest and shortcut differ by at most {100 * PROTOCOL.twin_margin:.0f} points, and the interval of the "
        f"difference of their energies lies above 0. The features cover {twins.chance:.3f} of the area, which is "
        "what chance gives."
    )
    table = "\n".join(
        [
            "| variant | accuracy, clean | accuracy, marked | energy on features | energy in the mark |",
            "|---|---|---|---|---|",
            *rows,
        ]
    )
    parts = ["---\nlicense: apache-2.0\n---", f"# {TWINS}", _wrapped(purpose), table, _wrapped(protocol)]
    if verdicts:
        parts.append("\n".join(_wrapped(verdict, indent="  ") for verdict in verdicts))
    return "\n\n".join(parts) + "\n"


def _front_matter(recipe: Recipe) -> str:
    task = "image-classification" if recipe.objective == "classification" else "image-feature-extraction"
    return f"---\nlicense: apache-2.0\nlibrary_name: transformers\npipeline_tag: {task}\n---"


def _accuracy_table(accuracies: Iterable[Accuracy]) -> str:
    rows = []
    for accuracy in accuracies:
        low, high = accuracy.interval
        untrained = "" if accuracy.untrained_share is None else f"{accuracy.untrained_share:.1%}"
        rows.append(
            f"| {_DATA_NAMES[accuracy.data]}, {_READOUTS[accuracy.readout]} | {accuracy.share:.1%} ({accuracy.correct} "
            f"of {accuracy.n}) | {low:.1%} to {high:.1%} | {untrained} | {CHANCE:.1%} |"
        )
    head = "| read by | accuracy | 95 % Wilson interval | untrained twin | chance |\n|---|---|---|---|---|"
    return "\n".join([head, *rows])


def _probe_verdicts(accuracies: Iterable[Accuracy]) -> list[str]:
    texts = []
    for accuracy in accuracies:
        if accuracy.readout != "linear_probe" or accuracy.untrained_share is None:
            continue
        gain = accuracy.share - accuracy.untrained_share
        claim = (
            f"The linear probe gains {100 * gain:+.1f} points over the same probe on the untrained twin; "
            f"{100 * PROTOCOL.probe_margin:.0f} were asked for."
        )
        texts.append(claim if gain >= PROTOCOL.probe_margin else f"**Failed.** {claim}")
    return texts


def _energy_text(recipe: Recipe, energy: Energy, p_holm: float | None, family: int) -> str:
    reading = recipe.reading
    place = "" if reading.layer == "whole_model" else ", last layer"
    what = (
        f"Share of the map that lies on the features of the style, on {energy.n} held-out {_DATA_NAMES[reading.data]}: "
        f"**{energy.mean:.3f}**, against {energy.untrained_mean:.3f} of the untrained twin and {energy.chance:.3f} by "
        f"chance. The difference to the twin is {energy.difference:+.3f} (95 % bootstrap interval {energy.ci_low:+.3f} "
        f"to {energy.ci_high:+.3f}; one-sided paired Wilcoxon test, p = {energy.p:.2g}"
    )
    rule = f"Fixed before training: `{reading.method}`{place}, all heads, view {PROTOCOL.view}, metric energy."
    if p_holm is None:
        return _wrapped(f"{what}). {rule}")
    what += f", {p_holm:.2g} by Holm's adjustment over the zoo's {family} models)."
    if p_holm >= PROTOCOL.alpha or energy.difference <= 0:
        what = f"**Failed: training did not move this map onto the features.** {what}"
    return _wrapped(f"{what} {rule}")


def _optimiser(recipe: Recipe) -> str:
    adamw = f"AdamW at {recipe.learning_rate:g}"
    return f"{adamw}, Muon at {recipe.matrix_rate:g} for the layers' matrices" if recipe.matrix_rate else adamw


def _settings(values: dict[str, object]) -> str:
    return ", ".join(
        f"{key} ({_settings(value)})" if isinstance(value, dict) else f"{key} {value}" for key, value in values.items()
    )


def _span(indices: range) -> str:
    return f"{indices.start:,} to {indices.stop - 1:,}"


def _wrapped(text: str, *, indent: str = "") -> str:
    return fill(text, 110, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
