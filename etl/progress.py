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

    def step(self, label: str) -> None:
        """The work as a whole enters its next step, which the tasks from here on belong to."""
        ...


class _Silent:
    def advance(self, count: int = 1) -> None:
        """Say nothing."""

    def task(self, label: str, total: int, unit: str) -> Task:
        """Say nothing."""
        return self

    def step(self, label: str) -> None:
        """Say nothing."""


SILENT: Progress = _Silent()
"""For callers that want no progress."""


@contextmanager
def drawn(*, steps: int = 0) -> Iterator[Progress]:
    """Progress bars on the terminal, with rate and time left.

    With the number of `steps` of the whole, a bar above says which of them is at work, and tasks vanish when they are
    done, so that long work stays on one screen; where no terminal draws bars, each step gets a line.
    """
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
    from rich.progress import Task as Bar
    from rich.text import Text

    class Left(TimeRemainingColumn):
        """Time left of a task; steps differ too much in length for one of the whole."""

        def render(self, task: Bar) -> Text:
            return Text() if task.fields["unit"] == "steps" else Text("left ", "dim") + super().render(task)

    console = Console(stderr=True)
    bars = Bars(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[unit]}"),
        TextColumn("{task.fields[rate]}", style="dim"),
        TimeElapsedColumn(),
        Left(),
        console=console,
    )

    class Drawn:
        def __init__(self, label: str, total: int, unit: str) -> None:
            self.unit = unit
            self.id = bars.add_task(label, total=total, unit=unit, rate="")

        def advance(self, count: int = 1) -> None:
            bars.advance(self.id, count)
            task = bars.tasks[bars.task_ids.index(self.id)]
            # What an earlier run left is ready at once, and has no rate.
            if task.speed and (task.elapsed or 0.0) > 1.0:
                bars.update(self.id, rate=f"{task.speed:,.1f} {self.unit}/s")
            if steps and task.finished:
                bars.update(self.id, visible=False)

    class Drawing:
        def __init__(self) -> None:
            self.begun = 0
            self.whole = bars.add_task("", total=steps, unit="steps", rate="", visible=False)

        def task(self, label: str, total: int, unit: str) -> Task:
            return Drawn(label, total, unit)

        def step(self, label: str) -> None:
            if not steps:
                return
            self.begun += 1
            said = f"Step {self.begun} of {steps}: {label}"
            bars.update(self.whole, description=f"[bold]{said}", completed=self.begun - 1, visible=True)
            if not console.is_terminal:
                console.print(said, highlight=False)

        def finish(self) -> None:
            bars.update(self.whole, description="[bold]Done", completed=steps)

    with bars:
        drawing = Drawing()
        yield drawing
        drawing.finish()
