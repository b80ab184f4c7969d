"""Parts appear whole, under the manifest's rule; damage is found, leftovers are pruned."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from etl.build import build
from etl.check import prune, run_checks, verify
from etl.publish import publish
from etl.store import Store, content_key
from warehouse.catalog import connect
from warehouse.contract import FORMAT_VERSION, TABLES
from warehouse.manifest import MANIFEST, StoreFormatError, read_manifest


def feature_rows(*names):
    rows = [{"feature_type": n, "name": n.title(), "parent": []} for n in names]
    return pa.Table.from_pylist(rows, schema=TABLES["feature_types"].stored_schema)


def put(store, dataset, *names):
    partition = {"dataset": dataset}
    part = store.write("feature_types", partition, "all", content_key(dataset, names), feature_rows(*names), "run")
    store.replace("feature_types", partition, "all", [part])
    return part


def names_in(root, **options):
    with connect(root, **options) as catalog:
        return catalog.execute("SELECT dataset, feature_type FROM feature_types ORDER BY ALL").fetchall()


def test_an_empty_store_opens_and_has_every_table(tmp_path):
    with connect(tmp_path / "nowhere") as catalog:
        for table in TABLES.values():
            described = catalog.execute(f"DESCRIBE {table.name}").fetchall()
            assert [row[0] for row in described] == [column.name for column in table.columns]
            assert catalog.execute(f"SELECT count(*) FROM {table.name}").fetchall() == [(0,)]


def test_types_are_the_same_with_and_without_parts(built):
    with connect(built.root) as full, connect(built.root / "nowhere") as empty:
        for table in TABLES:
            assert (
                full.execute(f"DESCRIBE {table}").fetchall()[0][:2]
                == empty.execute(f"DESCRIBE {table}").fetchall()[0][:2]
            )


def test_a_part_is_seen_only_when_published(tmp_path):
    store = Store(tmp_path)
    put(store, "2024", "door")
    assert names_in(tmp_path) == []
    assert names_in(tmp_path, draft=True) == [("2024", "door")]  # and a data set named 2024 stays text
    publish(store)
    assert names_in(tmp_path) == [("2024", "door")]


def test_a_draft_is_read_again_when_another_writer_has_changed_it_and_is_the_callers_own(tmp_path):
    store, other = Store(tmp_path), Store(tmp_path)
    put(store, "one", "arch")
    store.draft().tables["feature_types"].clear()
    assert [part.partition["dataset"] for part in store.draft().parts("feature_types")] == ["one"]
    put(other, "two", "gable")
    assert [part.partition["dataset"] for part in store.draft().parts("feature_types")] == ["one", "two"]
    publish(other)
    assert len(store.draft().parts("feature_types")) == 2
    assert not store.has_draft()


def test_a_slice_is_replaced_and_its_neighbours_stay(tmp_path):
    store = Store(tmp_path)
    put(store, "a", "door")
    put(store, "b", "window")
    put(store, "a", "tower", "spire")
    publish(store)
    assert names_in(tmp_path) == [("a", "spire"), ("a", "tower"), ("b", "window")]


def test_odd_names_survive_the_folder_names(tmp_path):
    store = Store(tmp_path)
    put(store, "São José/50 %", "door")
    publish(store)
    assert names_in(tmp_path) == [("São José/50 %", "door")]


def test_publishing_nothing_new_keeps_the_generation(tmp_path):
    store = Store(tmp_path)
    put(store, "a", "door")
    assert publish(store).generation == 1
    put(store, "a", "door")
    assert publish(store).generation == 1
    put(store, "a", "window")
    assert publish(store).generation == 2
    assert [p.name for p in tmp_path.glob("marts-*.duckdb")] == ["marts-000002.duckdb"]


def test_a_newer_store_is_refused(tmp_path):
    (tmp_path / MANIFEST).write_text(json.dumps({"format": FORMAT_VERSION + 1, "generation": 1, "tables": {}}))
    with pytest.raises(StoreFormatError, match="written by a newer ssl-attn"):
        read_manifest(tmp_path)


def test_an_older_store_is_refused(tmp_path):
    (tmp_path / MANIFEST).write_text(json.dumps({"format": FORMAT_VERSION - 1, "generation": 1, "tables": {}}))
    with pytest.raises(StoreFormatError, match="written by an older ssl-attn"):
        read_manifest(tmp_path)


def test_a_damaged_manifest_is_named(tmp_path):
    (tmp_path / MANIFEST).write_text('{"format": 1, "gene')
    with pytest.raises(StoreFormatError, match="damaged file"):
        read_manifest(tmp_path)


def test_parquet_is_what_other_engines_read(built):
    part = built.draft().parts("maps")[0]
    file = pq.ParquetFile(built.root / part.file)
    assert file.schema_arrow.field("values").type == pa.list_(pa.float16())
    column = file.metadata.row_group(0).column(file.schema.names.index("element"))
    assert "BYTE_STREAM_SPLIT" not in column.encodings
    assert column.compression == "ZSTD"
    import polars

    frame = polars.read_parquet(built.root / part.file, hive_partitioning=False)
    keys = frame.select("image_id", "layer", "head")
    assert keys.equals(keys.sort("image_id", "layer", "head"))


def test_checks_pass_on_a_sound_store_and_each_can_fail(copied):
    results = run_checks(copied)
    assert len(results) >= 14
    assert [r.name for r in results if r.broken] == []


def test_verify_finds_a_damaged_and_a_missing_part(copied):
    assert verify(copied) == []
    damaged, missing = copied.draft().parts("maps")[:2]
    with (copied.root / damaged.file).open("r+b") as stream:
        stream.seek(200)
        stream.write(b"\xff\xff\xff")
    (copied.root / missing.file).unlink()
    faults = verify(copied)
    assert len(faults) == 2
    assert any(damaged.file in fault and "hash" in fault for fault in faults)
    assert any(missing.file in fault and "found none" in fault for fault in faults)


def test_a_lost_part_is_named_to_readers_and_made_again_by_the_same_build(copied, pictures, tiny_plans):
    lost = [copied.draft().parts(table)[0] for table in ("maps", "box_scores", "aggregates")]
    for part in lost:
        (copied.root / part.file).unlink()
    with pytest.raises(StoreFormatError, match="building again makes them anew"):
        connect(copied.root)
    store = Store(copied.root)
    report = build(store, pictures, tiny_plans(store))
    assert report.computed == len(lost)
    assert verify(store) == []
    assert {part.file for part in lost} <= store.draft().files()


def test_prune_deletes_what_no_manifest_lists_and_nothing_else(copied):
    prune(copied)
    orphan = copied.root / "maps" / "dataset=old" / "part-0.parquet"
    orphan.parent.mkdir(parents=True)
    orphan.write_bytes(b"x" * 10)
    stale = copied.root / "previews" / "ab" / "stale.webp"
    stale.parent.mkdir(parents=True, exist_ok=True)
    stale.write_bytes(b"y" * 5)
    before = verify(copied)
    assert prune(copied) == (2, 15)
    assert not orphan.parent.exists()
    assert verify(copied) == before == []
    with connect(copied.root) as catalog:
        for (preview,) in catalog.execute("SELECT preview FROM images").fetchall():
            assert (copied.root / preview).exists()


def test_the_published_marts_answer_on_their_own(built):
    import duckdb

    (path,) = built.root.glob("marts-*.duckdb")
    with duckdb.connect(str(path), read_only=True) as marts, connect(built.root) as catalog:
        question = "SELECT model, method, value, ci_low, ci_high FROM leaderboard('iou', 90) ORDER BY ALL"
        assert marts.execute(question).fetchall() == catalog.execute(question).fetchall()
    assert path.stat().st_size < 20e6


def test_the_shell_catalogue_works_from_inside_the_store(built, monkeypatch):
    import duckdb

    monkeypatch.chdir(built.root)
    with duckdb.connect() as shell, connect(built.root) as catalog:
        shell.execute((built.root / "current.sql").read_text())
        question = "SELECT count(*) FROM scores"
        assert shell.execute(question).fetchall() == catalog.execute(question).fetchall()
