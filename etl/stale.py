"""When a data set's images change, maps of what is no longer there must not stand beside scores of what is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from warehouse.catalog import connect

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from etl.store import Store
    from ssl_attn.datasets.base import Image

_EXTRACTED = ("maps", "patch_features", "image_features")


def drop_stale(store: Store, dataset: str, images: Sequence[Image]) -> tuple[str, ...]:
    """Take out of the draft whatever was extracted from images that are gone or have another content now.

    The parts stay on disk: a build of the same models takes up those that are still right.

    Returns:
        The map series that were taken out, in words.
    """
    with connect(store.root, draft=True) as catalog:
        rows = catalog.execute("SELECT image_id, sha256 FROM images WHERE dataset = ?", [dataset]).fetchall()
    present = {image.image_id: image.sha256 for image in images}
    changed = {image_id for image_id, sha256 in rows if present.get(image_id) != sha256}
    if not changed:
        return ()
    dropped = []
    for table in _EXTRACTED:
        for part in store.draft().parts(table):
            if part.partition["dataset"] != dataset:
                continue
            ids = pq.read_table(store.root / part.file, columns=["image_id"], partitioning=None)["image_id"].unique()
            if changed & set(ids.to_pylist()):
                store.replace(table, part.partition, part.slice, ())
                if table == "maps":
                    keys = part.partition
                    dropped.append(f"{keys['model']} ({keys['variant']}) {keys['method']} {part.slice}")
    return tuple(dict.fromkeys(dropped))


def drop_orphans(store: Store, table: str, datasets: Iterable[str] | None, series: set[tuple[str, str]]) -> None:
    """Take slices out of a derived table whose source is no longer in the draft.

    `series` are the (partition, slice) pairs, the partition as `repr` of its keys, that still have one.
    """
    wanted = None if datasets is None else set(datasets)
    for part in store.draft().parts(table):
        if wanted is not None and part.partition["dataset"] not in wanted:
            continue
        if (repr(part.partition), part.slice) not in series:
            store.replace(table, part.partition, part.slice, ())
