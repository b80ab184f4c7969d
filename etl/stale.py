"""When a data set's images change, maps of what is no longer there must not stand beside scores of what is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from warehouse.catalog import connect

if TYPE_CHECKING:
    from collections.abc import Sequence

    from etl.store import Store
    from ssl_attn.datasets.base import Image
    from warehouse.manifest import Manifest

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
    with store.edited_draft() as manifest:
        for table in _EXTRACTED:
            for part in manifest.parts(table):
                if part.partition["dataset"] != dataset:
                    continue
                ids = pq.read_table(store.root / part.file, columns=["image_id"], partitioning=None)["image_id"]
                if changed & set(ids.unique().to_pylist()):
                    manifest.replace(table, part.partition, part.slice, ())
                    if table == "maps":
                        keys = part.partition
                        dropped.append(f"{keys['model']} ({keys['variant']}) {keys['method']} {part.slice}")
    return tuple(dict.fromkeys(dropped))


def drop_orphans(manifest: Manifest, table: str, series: set[tuple[str, str]]) -> None:
    """Take slices out of a derived table whose source is no longer there.

    `series` are the (partition, slice) pairs, the partition as `repr` of its keys, that still have one.
    """
    for part in manifest.parts(table):
        if (repr(part.partition), part.slice) not in series:
            manifest.replace(table, part.partition, part.slice, ())


def incomplete_series(store: Store, dataset: str) -> tuple[str, ...]:
    """Map series of a data set that lack some of its images, in words: built before those were added."""
    query = """
        SELECT format('{} ({}) {} {}/{}/{}: {} of {} images', model, variant, method, view, input_size, params_id,
                      count(DISTINCT image_id), (SELECT count(*) FROM images WHERE dataset = $dataset))
        FROM maps WHERE dataset = $dataset
        GROUP BY model, variant, method, view, input_size, params_id
        HAVING count(DISTINCT image_id) < (SELECT count(*) FROM images WHERE dataset = $dataset)
        ORDER BY ALL
    """
    with connect(store.root) as catalog:
        return tuple(line for (line,) in catalog.execute(query, {"dataset": dataset}).fetchall())
