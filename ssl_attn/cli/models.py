"""`ssl-attn models` and `ssl-attn doctor`: what can be run, and what stands in the way."""

from __future__ import annotations

import json
import platform
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from importlib import metadata
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from ssl_attn.cli.options import JsonOption
from ssl_attn.models.card import CARDS, FAMILIES, ModelCard
from ssl_attn.models.files import WEIGHTS_FILE
from ssl_attn.models.spec import BUNDLED_REMEDY

_TIMEOUT_SECONDS = 4.0
_READY = ("local", "cached", "reachable")


@dataclass(frozen=True, slots=True)
class Package:
    """An installed or missing distribution; `required` when the program does not start without it."""

    name: str
    version: str
    required: bool


@dataclass(frozen=True, slots=True)
class ModelState:
    """Whether a card's checkpoint could be loaded now, and what to do when not."""

    name: str
    source: str
    status: str
    detail: str


def models(
    as_json: JsonOption = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the tables of docs/models.md.")] = False,
) -> None:
    """List the registry: where each model comes from, how it was trained, how far each method is to be trusted."""
    if as_json:
        typer.echo(json.dumps([card_facts(card) for card in CARDS.values()], ensure_ascii=False))
        return
    if markdown:
        typer.echo(registry_markdown())
        return
    table = Table("model", "what it is", "methods, the default first", show_lines=True)
    for card in CARDS.values():
        family = FAMILIES[card.family]
        what = f"{card.label}\n{_source(card)}\n{family.paradigm}; {card.licence}"
        name = "\n".join([card.name, *(f":{variant}" for variant in card.variants)])
        table.add_row(name, what, "\n".join(f"{verdict.method}: {verdict.verdict}" for verdict in family.verdicts))
    Console().print(table)
    typer.echo(
        "Why each verdict: ssl-attn models --markdown. One variant of a model: --models name:variant. A checkpoint of "
        "your own: --models name=FOLDER."
    )


def doctor(as_json: JsonOption = False) -> None:
    """Say what is installed, which models can be had, what is missing and how to get it."""
    packages, devices, states = installed_packages(), compute_devices(), model_states()
    if as_json:
        report: dict[str, Any] = {
            "python": platform.python_version(),
            "devices": devices,
            "packages": [asdict(package) for package in packages],
            "models": [asdict(state) for state in states],
        }
        typer.echo(json.dumps(report, ensure_ascii=False))
        return
    console = Console()
    console.print(f"Python {platform.python_version()} on {platform.platform()}; computes on {', '.join(devices)}")
    console.print(
        "Installed: " + ", ".join(f"{package.name} {package.version}" for package in packages if package.version)
    )
    for package in packages:
        if not package.version:
            need = "required: install ssl-attn again" if package.required else f"optional: pip install {package.name}"
            console.print(f"Missing: {package.name} ({need})")
    table = Table("model", "checkpoint", "status")
    for state in states:
        known = f", {state.detail}" if state.status in _READY and state.detail else ""
        table.add_row(
            state.name, state.source, f"{state.status}{known}", style=None if state.status in _READY else "yellow"
        )
    console.print(table)
    for remedy in dict.fromkeys(state.detail for state in states if state.status not in _READY):
        names = ", ".join(state.name for state in states if state.detail == remedy)
        console.print(f"{names}: {remedy}", style="yellow", highlight=False, markup=False)


def card_facts(card: ModelCard) -> dict[str, Any]:
    """A card with its family's facts, as `models --json` prints it."""
    family = FAMILIES[card.family]
    return {
        **asdict(card),
        "paradigm": family.paradigm,
        "readout": family.readout,
        "default_method": family.default_method,
        "verdicts": [asdict(verdict) for verdict in family.verdicts],
    }


def registry_markdown() -> str:
    """The registry as Markdown tables: checkpoints first, then a family's verdicts with their notes."""
    lines = ["| name | model | checkpoint | trained by | input | licence |", "|---|---|---|---|---|---|"]
    for card in CARDS.values():
        gated = " (gated)" if card.gated else ""
        lines.append(
            f"| `{card.name}` | {card.label} | {_source(card)}{gated} | {FAMILIES[card.family].paradigm} "
            f"| {card.input_size} px | {card.licence} |"
        )
    notes = [_noted(card) for card in CARDS.values() if card.notes or card.variants]
    lines += ["", *notes, "", "| family | method | verdict | why |", "|---|---|---|---|"]
    for family in FAMILIES.values():
        for index, verdict in enumerate(family.verdicts):
            default = " (default)" if index == 0 else ""
            lines.append(f"| {family.label} | `{verdict.method}`{default} | {verdict.verdict} | {verdict.note} |")
    return "\n".join(lines)


def _noted(card: ModelCard) -> str:
    variants = ", ".join(f"`{card.name}:{variant}`" for variant in card.variants)
    return f"- `{card.name}`: {card.notes}" + (f" Variants: {variants}." if variants else "")


def installed_packages() -> list[Package]:
    """What this distribution asks for, and which version of it is there."""
    found = []
    for requirement in metadata.requires("ssl-attn") or ():
        name = re.match(r"[\w.-]+", requirement)
        if name is not None:
            found.append(Package(name[0], _version(name[0]), required="extra ==" not in requirement))
    return found


def compute_devices() -> list[str]:
    """Devices that PyTorch can compute on."""
    import torch  # takes a second, and the registry commands do without it

    devices = ["cpu"]
    if torch.cuda.is_available():
        devices += [f"cuda:{index} ({torch.cuda.get_device_name(index)})" for index in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        devices.append("mps")
    return devices


def model_states() -> list[ModelState]:
    """Every card's state, asked in parallel; no weights are downloaded."""
    with ThreadPoolExecutor(max_workers=len(CARDS)) as pool:
        return list(pool.map(_state, CARDS.values()))


def _state(card: ModelCard) -> ModelState:
    if card.folders:
        missing = [variant for variant, folder in card.folders.items() if not (folder / WEIGHTS_FILE).is_file()]
        detail = f"not in this installation: {BUNDLED_REMEDY}" if missing else ""
        if 0 < len(missing) < len(card.folders):
            detail = f"without {', '.join(missing)}; {detail}"
        return ModelState(card.name, _source(card), "missing" if missing else "local", detail)
    from ssl_attn.models.hub import availability  # a third of a second that `models` does without

    found = availability(card.hf_id, timeout=_TIMEOUT_SECONDS)
    return ModelState(card.name, card.hf_id, found.status, found.detail)


def _source(card: ModelCard) -> str:
    if not card.bundled:
        return card.hf_id
    return f"bundled, {len(card.variants)} variants" if card.variants else "bundled"


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""
