"""The one registry of data set formats, and the door to their readers.

Readers are imported when they are used, so the registry costs nothing to read.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from ssl_attn.datasets.slugs import checked_dataset_slug, dataset_slug
from ssl_attn.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ssl_attn.datasets.base import AnnotatedImages


@dataclass(frozen=True, slots=True)
class DatasetFormat:
    """A kind of input: what its data path must be, and `module:function` of its reader.

    A `generated` data set is drawn, not found: it needs no path and takes no folder of images.
    """

    name: str
    label: str
    data: str
    reader: str
    path_is: Literal["file", "folder", "either"] = "file"
    generated: bool = False

    def load_reader(self) -> Callable[..., AnnotatedImages]:
        """The reader function."""
        module, _, function = self.reader.partition(":")
        reader: Callable[..., AnnotatedImages] = getattr(import_module(module), function)
        return reader

    def default_name(self, path: Path | None) -> str:
        """The slug of a data set that the user did not name: the nearest telling name on its path, or the format's."""
        return self.name if path is None else dataset_slug(path, fallback=self.name)


FORMATS = {
    entry.name: entry
    for entry in (
        DatasetFormat(
            "facade",
            "Synthetic facades, drawn with exact boxes",
            "not needed; a folder, to keep the drawn images there",
            "ssl_attn.datasets.facade:read_facade",
            path_is="folder",
            generated=True,
        ),
        DatasetFormat(
            "facade_marked",
            "The same facades, each with a mark that gives its style away",
            "not needed; a folder, to keep the drawn images there",
            "ssl_attn.datasets.facade:read_marked_facade",
            path_is="folder",
            generated=True,
        ),
        DatasetFormat(
            "wikichurches",
            "WikiChurches",
            "building_parts.json or its folder, with images/ in it",
            "ssl_attn.datasets.wikichurches:read_wikichurches",
            path_is="either",
        ),
        DatasetFormat(
            "coco",
            "COCO detection JSON",
            "the .json file, images beside it or in images/",
            "ssl_attn.datasets.coco:read_coco",
        ),
        DatasetFormat(
            "voc",
            "Pascal VOC XML",
            "the folder with one .xml an image",
            "ssl_attn.datasets.voc:read_voc",
            path_is="folder",
        ),
        DatasetFormat(
            "yolo",
            "YOLO text labels",
            "the folder with images/, labels/ and data.yaml or classes.txt",
            "ssl_attn.datasets.yolo:read_yolo",
            path_is="either",
        ),
        DatasetFormat(
            "csv",
            "CSV table, a row a box",
            "the .csv file, images beside it or in images/",
            "ssl_attn.datasets.csv_table:read_csv",
        ),
    )
}
"""Format name -> format."""


def dataset_format(name: str) -> DatasetFormat:
    """The format of that name.

    Raises:
        UsageError: there is none.
    """
    if name in FORMATS:
        return FORMATS[name]
    message = f"expected a data set format out of {', '.join(FORMATS)}, got {name!r}"
    raise UsageError(message)


def read_dataset(
    format_name: str,
    path: Path | None = None,
    *,
    name: str | None = None,
    images: Path | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> AnnotatedImages:
    """Read a data set of any format.

    `name` is its slug in the warehouse; `images` the folder of the images where they lie elsewhere; `on_progress` is
    called with images checked and images in all.

    Raises:
        UsageError: the format is unknown, the path is missing or of the wrong kind, or `name` is no slug.
        SslAttnError: the annotations as a whole cannot be read, or no image can be used.
    """
    chosen = dataset_format(format_name)
    if name is not None:
        checked_dataset_slug(name)
    if chosen.generated:
        if images is not None:
            message = f"expected no folder of images with '{chosen.name}', which draws its own, got {images}"
            raise UsageError(message)
        return chosen.load_reader()(path, name=name)
    if path is None:
        message = f"expected the data path of '{chosen.name}' ({chosen.data}), got none; give it with --data"
        raise UsageError(message)
    _check_kind(path, chosen.path_is, what=f"the data of '{chosen.name}' ({chosen.data})")
    if images is not None:
        _check_kind(images, "folder", what="the folder of the images")
    options: dict[str, Any] = {"name": name, "images": images, "on_progress": on_progress}
    return chosen.load_reader()(path, **options)


def _check_kind(path: Path, kind: str, *, what: str) -> None:
    found = "a folder" if path.is_dir() else "a file" if path.exists() else "nothing"
    if found == "nothing" or (kind != "either" and found != f"a {kind}"):
        message = f"expected {what} at {path}, found {found}; check the path"
        raise UsageError(message)
