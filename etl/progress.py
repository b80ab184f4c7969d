"""How stages tell a person how far they are: library code reports, the command line draws."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator


class Task(Protocol):
    """A piece of work whose progress is counted."""

    def advance(self, count: int = 1) -> None:
        """So many units more are done."""
        ...


class Progress(Protocol):
    """Opens tasks; `unit` is what is counted (images, maps)."""

    def task(self, label: str, total: int, unit: str) -> Task:
        """A new task of `total` units."""
        ...


class _Silent:
    def advance(self, count: int = 1) -> None:
        """Say nothing."""

    def task(self, label: str, total: int, unit: str) -> Task:
        """Say nothing."""
        return self


SILENT: Progress = _Silent()
"""For callers that want no progress."""


@contextmanager
def drawn() -> Iterator[Progress]:
    """Progress bars on the terminal, with rate and time left."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bars

    bars = Bars(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[unit]}"),
        TextColumn("{task.fields[rate]}", style="dim"),
        TimeElapsedColumn(),
        TextColumn("left", style="dim"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )

    class Drawn:
        def __init__(self, label: str, total: int, unit: str) -> None:
            self.unit = unit
            self.id = bars.add_task(label, total=total, unit=unit, rate="")

        def advance(self, count: int = 1) -> None:
            bars.advance(self.id, count)
            speed = bars.tasks[bars.task_ids.index(self.id)].speed
            if speed:
                bars.update(self.id, rate=f"{speed:,.1f} {self.unit}/s")

    class Drawing:
        def task(self, label: str, total: int, unit: str) -> Task:
            return Drawn(label, total, unit)

    with bars:
        yield Drawing()
