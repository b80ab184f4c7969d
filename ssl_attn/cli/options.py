"""Options that several commands share, and what they fall back to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ssl_attn.errors import UsageError
from ssl_attn.settings import Settings

if TYPE_CHECKING:
    from ssl_attn.datasets.base import Quarantined

EXIT_QUARANTINED = 3
"""Finished, with inputs left out."""

EXIT_INTERRUPTED = 130
"""Stopped by Ctrl-C, as shells number it."""

StoreOption = Annotated[Path | None, typer.Option("--store", help="Folder of the warehouse [default: warehouse/store]")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for scripts")]
DatasetOption = Annotated[str, typer.Option("--dataset", help="Format of the data: see `ssl-attn datasets`")]
DataOption = Annotated[Path | None, typer.Option("--data", help="File or folder of the annotations")]
ImagesOption = Annotated[
    Path | None, typer.Option("--images", help="Folder of the images, where it is not found by itself")
]
NameOption = Annotated[str | None, typer.Option("--name", help="Name of the data set in the warehouse")]
ModelsOption = Annotated[
    str, typer.Option("--models", help="Comma-separated: registry names, name:variant, hub ids, or name=FOLDER")
]
MethodsOption = Annotated[
    str | None,
    typer.Option("--methods", help="Comma-separated [default: all that a model has]; gradcam:target=sum_logits"),
]


def store_path(store: Path | None) -> Path:
    """The store that a command works on."""
    return Settings().store if store is None else store


def resolve_device(device: str) -> str:
    """The device to run on; `auto` takes the best of this machine.

    Raises:
        UsageError: this machine does not have the device.
    """
    import torch

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if device == "auto":
        return next(name for name, available in there.items() if available)
    if not there[device]:
        has = ", ".join(name for name, available in there.items() if available)
        message = f"expected --device to be one that PyTorch finds here ({has}), got {device}; use --device auto"
        raise UsageError(message)
    return device


def print_quarantine(quarantine: tuple[Quarantined, ...], *, shown: int = 20) -> None:
    """Say what was left out, and why, on the standard error stream."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(
        "What", "Which", "Rule", "Expected", "Found", title=f"Left out: {len(quarantine)} inputs", title_justify="left"
    )
    for entry in quarantine[:shown]:
        cells = (entry.what, entry.identifier, entry.rule, entry.expected, entry.found)
        table.add_row(*map(escape, cells))
    console = Console(stderr=True)
    console.print(table)
    if len(quarantine) > shown:
        console.print(f'and {len(quarantine) - shown} more: ssl-attn sql "FROM quarantine"', style="dim")
