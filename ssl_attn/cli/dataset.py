"""`ssl-attn dataset`: fetch, look at and validate images with boxes before a long run."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from etl.progress import drawn
from ssl_attn.cli.options import (
    EXIT_QUARANTINED,
    DataOption,
    DatasetOption,
    ImagesOption,
    JsonOption,
    NameOption,
    print_quarantine,
)
from ssl_attn.datasets import read_dataset
from ssl_attn.datasets.zenodo import WIKICHURCHES_FILES, WIKICHURCHES_RECORD
from ssl_attn.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from etl.progress import Task
    from ssl_attn.datasets.base import AnnotatedImages
    from ssl_attn.datasets.summary import Summary

_PICTURES = (".png", ".jpg", ".jpeg", ".webp")

dataset_app = typer.Typer(no_args_is_help=True, help="Fetch, look at and check images with expert boxes.")


@dataset_app.command()
def download(
    destination: Annotated[Path, typer.Argument(help="Folder for the files")] = Path("data/wikichurches"),
    all_images: Annotated[
        bool, typer.Option("--all-images", help="Unpack every image, not only those with boxes")
    ] = False,
    no_images: Annotated[
        bool, typer.Option("--no-images", help="Fetch the annotations only, not the 12 GB of images")
    ] = False,
    record_url: Annotated[str, typer.Option(help="Address of the record in Zenodo's API")] = WIKICHURCHES_RECORD,
    json_: JsonOption = False,
) -> None:
    """Fetch WikiChurches from Zenodo, verify it, and unpack its images. Interrupted, it goes on where it stopped."""
    from ssl_attn.datasets.archive import extract_images
    from ssl_attn.datasets.wikichurches import annotated_image_names
    from ssl_attn.datasets.zenodo import download_record

    if all_images and no_images:
        message = "expected one of --all-images and --no-images, got both"
        raise UsageError(message)
    names = [name for name in WIKICHURCHES_FILES if not (no_images and name.endswith(".zip"))]
    with _byte_bars() as on_bytes:
        files = download_record(destination, files=names, record_url=record_url, on_bytes=on_bytes)
    images: list[Path] = []
    if not no_images:
        wanted = None if all_images else annotated_image_names(destination / "building_parts.json")
        with _counter("Unpacking", "images") as on_progress:
            images = extract_images(
                destination / "images.zip", destination / "images", wanted=wanted, on_progress=on_progress
            )
    if json_:
        typer.echo(json.dumps({"files": [str(file) for file in files], "images": len(images)}))
        return
    typer.echo(f"{len(files)} files and {len(images)} images in {destination}")
    typer.echo(f"next: ssl-attn dataset check --dataset wikichurches --data {destination / 'building_parts.json'}")


@dataset_app.command()
def preview(
    dataset: DatasetOption,
    data: DataOption = None,
    images: ImagesOption = None,
    name: NameOption = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="Picture to write: .png, .jpg or .webp")] = Path(
        "contact_sheet.png"
    ),
    limit: Annotated[int, typer.Option(min=1, max=200, help="Images on a sheet")] = 24,
    page: Annotated[int, typer.Option(min=1, help="Which sheet")] = 1,
) -> None:
    """Draw a contact sheet: thumbnails with boxes, a colour for each feature type."""
    from ssl_attn.datasets.contact_sheet import contact_sheet, page_count

    if output.suffix.lower() not in _PICTURES:
        message = f"expected --output to end in {', '.join(_PICTURES)}, got {output.name!r}"
        raise UsageError(message)
    found = _read(dataset, data, images, name)
    with _counter("Drawing", "images") as on_progress:
        sheet = contact_sheet(found, limit=limit, page=page, on_progress=on_progress)
    output.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(output)
    typer.echo(f"sheet {page} of {page_count(found, limit)}: {output}")
    _finish(found)


@dataset_app.command()
def check(
    dataset: DatasetOption,
    data: DataOption = None,
    images: ImagesOption = None,
    name: NameOption = None,
    json_: JsonOption = False,
) -> None:
    """Read everything, decode every image to its end, and say what is there, what is odd and what was left out."""
    from ssl_attn.datasets.summary import summarise

    found = _read(dataset, data, images, name)
    summary = summarise(found)
    if json_:
        report = asdict(summary) | {"quarantine": [asdict(entry) for entry in found.quarantine]}
        typer.echo(json.dumps(report, indent=2, ensure_ascii=False))
    else:
        _print_summary(summary)
    _finish(found, shown=0 if json_ else len(found.quarantine))


def _read(dataset: str, data: Path | None, images: Path | None, name: str | None) -> AnnotatedImages:
    with _counter("Checking images", "images") as on_progress:
        return read_dataset(dataset, data, name=name, images=images, on_progress=on_progress)


def _finish(found: AnnotatedImages, *, shown: int = 20) -> None:
    if found.quarantine:
        if shown:
            print_quarantine(found.quarantine, shown=shown)
        raise typer.Exit(EXIT_QUARANTINED)


def _print_summary(summary: Summary) -> None:
    console = Console()
    console.print(
        f"[bold]{summary.name}[/bold]: {summary.images} images of {summary.sources} sources, {summary.boxes} boxes"
    )
    roles = {key: f"{key} (distractor)" for key in summary.distractors}
    for title, counts, unit in (
        ("Feature types", {roles.get(key, key): n for key, n in summary.boxes_of_feature_type.items()}, "boxes"),
        ("Styles", summary.images_of_style, "images"),
        ("Splits", summary.images_of_split, "images"),
        ("Left out", summary.quarantined_by_rule, "inputs"),
    ):
        if counts:
            table = Table(title, unit.capitalize(), box=None, pad_edge=False)
            table.columns[1].justify = "right"
            for key, count in counts.items():
                table.add_row(escape(key), str(count))
            console.print()
            console.print(table)
    console.print()
    for warning in summary.warnings:
        console.print(f"[yellow]note[/yellow] {escape(warning)}", highlight=False)
    if not summary.warnings and not summary.quarantined_by_rule:
        console.print("[green]nothing odd found[/green]")


@contextmanager
def _counter(label: str, unit: str) -> Iterator[Callable[[int, int], None]]:
    """A bar for callbacks that report how many of how many are done."""
    with drawn() as progress:
        task: Task | None = None
        last = 0

        def report(done: int, total: int) -> None:
            nonlocal task, last
            if task is None:
                task = progress.task(label, total, unit)
            task.advance(done - last)
            last = done

        yield report


@contextmanager
def _byte_bars() -> Iterator[Callable[[str, int, int], None]]:
    """A bar a file, with size, rate and time left."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks = {}

        def report(name: str, done: int, total: int) -> None:
            if name not in tasks:
                # What was there before this run must not count as its speed.
                tasks[name] = bars.add_task(name, total=total, completed=done)
            bars.update(tasks[name], completed=done)

        yield report
