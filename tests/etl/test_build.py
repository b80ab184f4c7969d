"""The chain as a whole: what goes in comes out, a second run does nothing, a change redoes only what it touches."""

import dataclasses
import json
import os
import shutil
import time

import numpy as np
import pytest
import torch

from etl.build import Study, build, extract_all, new_run, plan_models
from etl.plan import Options, plan_model
from etl.publish import publish
from etl.store import Store
from ssl_attn.datasets.base import Quarantined
from ssl_attn.errors import SslAttnError, UsageError
from ssl_attn.extraction import extract_batch
from ssl_attn.geometry import view_transform
from ssl_attn.images import open_image
from ssl_attn.methods import parse_request
from ssl_attn.metrics.scoring import score_maps
from ssl_attn.metrics.target import build_target
from ssl_attn.models.load import load_checkpoint, resolve_checkpoint
from ssl_attn.models.spec import parse_model_spec
from ssl_attn.models.tiny import write_tiny_checkpoint
from warehouse.catalog import connect
from warehouse.manifest import read_manifest

REGISTERS = "tiny_dinov2_with_registers"


@pytest.fixture(autouse=True)
def one_core(monkeypatch):
    """A store of eleven pictures is done sooner than processes have started."""
    monkeypatch.setattr("etl.pieces._cores", lambda: 1)


def rows(store, query, *parameters):
    with connect(store.root) as catalog:
        return catalog.execute(query, list(parameters)).fetchall()


def times(store):
    return {p: p.stat().st_mtime_ns for p in store.root.rglob("*") if p.is_file() and p.name != ".lock"}


def plan_of(store, folder, name, methods=None, **options):
    spec = parse_model_spec(f"{name}={folder}")
    requests = None if methods is None else [parse_request(method) for method in methods]
    return plan_models(store, [spec], requests, Options(batch_size=4, **options))


def test_every_image_layer_and_head_has_a_map_and_a_score(built, pictures):
    counts = dict(rows(built, "SELECT method, count(*) FROM maps WHERE model = ? GROUP BY 1", REGISTERS))
    layers, heads = rows(built, "SELECT layers, heads FROM models WHERE model = ?", REGISTERS)[0]
    images = len(pictures.images)
    every = images * layers * (heads + 1)
    assert counts == {"cls": every, "received": every, "value_norm": every, "rollout": images * layers}
    of_maps = "FROM {} WHERE method IN (SELECT method FROM methods)"
    assert rows(built, f"SELECT count(*) {of_maps.format('scores')}") == rows(built, "SELECT count(*) FROM maps")
    boxes = rows(built, f"SELECT count(*) {of_maps.format('box_scores')}")[0][0]
    assert boxes == rows(built, "SELECT count(*) FROM maps JOIN boxes USING (dataset, image_id)")[0][0]


def test_stored_maps_are_those_of_the_model_and_scores_those_of_the_maps(built, pictures, tiny_folders):
    """One map followed by hand from the picture to the score in SQL."""
    checkpoint = resolve_checkpoint(parse_model_spec(f"{REGISTERS}={tiny_folders['dinov2_with_registers']}"))
    model = load_checkpoint(checkpoint)
    image = next(image for image in pictures.images if image.image_id.startswith("picture-02"))
    transform = view_transform("squash", checkpoint.preprocessing, image.width, image.height, checkpoint.input_size)
    pixels = torch.from_numpy(checkpoint.preprocessing.pixels(open_image(image.path), transform))[None]
    request = parse_request("cls")
    layer = extract_batch(model, pixels, [request], features=False).maps[request][-1]
    expected = layer.values[0, 2].numpy()  # fused, head 0, head 1

    query = """
        SELECT "values", peak, total, grid_h, grid_w, mass_cls, mass_register, mass_patch FROM maps
        WHERE model = ? AND method = 'cls' AND image_id = ? AND layer = ? AND head = 1
    """
    values, peak, total, grid_h, grid_w, *masses = rows(built, query, REGISTERS, image.image_id, layer.layer)[0]
    stored = np.array(values, dtype=np.float32).reshape(grid_h, grid_w)
    np.testing.assert_allclose(stored * peak, expected, rtol=1e-3, atol=1e-6)
    assert stored.max() == 1
    assert total == pytest.approx(expected.sum(), rel=1e-4)
    assert masses == pytest.approx(layer.masses[0, 2].tolist(), rel=1e-4)

    boxes = sorted((b for b in pictures.boxes if b.image_id == image.image_id), key=lambda b: b.box_id)
    places = np.array([[b.x, b.y, b.width, b.height] for b in boxes])
    signs = np.array([b.feature_type == "sign" for b in boxes])
    layout = checkpoint.layout_for(checkpoint.input_size, checkpoint.input_size)
    placement = transform.placement(layout.covered_width, layout.covered_height)
    target = build_target(places, placement, grid_h=grid_h, grid_w=grid_w, distractor=signs)
    scores = score_maps(stored[None], target)
    query = """
        SELECT iou[90], energy, area_grid FROM scores
        WHERE model = ? AND method = 'cls' AND image_id = ? AND layer = ? AND head = 1
    """
    iou, energy, chance = rows(built, query, REGISTERS, image.image_id, layer.layer)[0]
    assert iou == pytest.approx(scores.iou[0, 89], abs=1e-3)
    assert energy == pytest.approx(scores.scalars["energy"][0], rel=1e-4)
    assert 0 < chance < 1


def test_the_leaderboard_is_the_mean_of_the_last_layer(built):
    query = "SELECT value, n, n_left_out, layer, chance FROM leaderboard('energy') WHERE model = ? AND method = 'cls'"
    value, n, left_out, layer, chance = rows(built, query, REGISTERS)[0]
    query = """
        SELECT avg(energy), count(energy), count(*) - count(energy),
               avg(CASE WHEN energy IS NOT NULL THEN area_grid END)
        FROM scores WHERE model = ? AND method = 'cls' AND layer = ? AND head = -1
    """
    assert (value, n, left_out, chance) == pytest.approx(rows(built, query, REGISTERS, layer)[0], rel=1e-6)
    assert (n, left_out) == (10, 1)
    assert layer == rows(built, "SELECT layers - 1 FROM models WHERE model = ?", REGISTERS)[0][0]


def test_a_second_run_does_nothing(built, pictures, tiny_folders):
    before = times(built)
    plans = plan_models(
        built,
        [parse_model_spec(f"tiny_{f}={tiny_folders[f]}") for f in ("dinov2_with_registers", "siglip", "resnet")],
        None,
        Options(batch_size=4),
    )
    report = build(Store(built.root), pictures, plans)
    assert report.computed == 0
    assert report.skipped > 0
    assert times(built) == before


def test_another_method_computes_that_method_alone(tmp_path, pictures, tiny_folders):
    store = Store(tmp_path)
    folder = tiny_folders["dinov2"]
    build(store, pictures, plan_of(store, folder, "m", ["cls"]))
    maps = {part.file for part in store.draft().parts("maps")}

    build(store, pictures, plan_of(store, folder, "m", ["cls", "rollout"]))

    added = {part.file for part in store.draft().parts("maps")} - maps
    assert len(added) == 1
    assert "method=rollout" in added.pop()
    assert maps < {part.file for part in store.draft().parts("maps")}


def test_views_stand_beside_each_other(tmp_path, pictures, tiny_folders, with_preprocessing):
    store = Store(tmp_path / "store")
    crop = {"size": {"shortest_edge": 48}, "do_center_crop": True, "crop_size": {"height": 48, "width": 48}}
    folder = with_preprocessing(tiny_folders["clip"], tmp_path / "cropping", **crop)
    for view in ("squash", "letterbox", "processor"):
        build(store, pictures, plan_of(store, folder, "m", ["cls"], view=view))
    board = rows(store, "SELECT view, n + n_left_out FROM leaderboard('iou', 90) ORDER BY view")
    assert board == [("letterbox", 11), ("processor", 11), ("squash", 11)]
    # A centre crop of a picture twice as wide as high hides half of it; boxes it hides are left out, and counted.
    hidden = rows(store, "SELECT view, sum(boxes_left_out) FROM scores WHERE head = -1 GROUP BY 1 ORDER BY 1")
    assert dict(hidden)["squash"] == 0
    assert dict(hidden)["processor"] > 0
    visible = dict(rows(store, "SELECT view, min(visible_pixels) FROM scores GROUP BY 1"))
    assert visible["squash"] == 224 * 224
    assert visible["letterbox"] == pytest.approx(224 * 112, rel=0.05)


def test_changed_boxes_are_scored_again_without_the_model(tmp_path, pictures, tiny_folders, monkeypatch):
    store = Store(tmp_path)
    plans = plan_of(store, tiny_folders["dinov2"], "m", ["cls"])
    build(store, pictures, plans)
    before = rows(store, "SELECT avg(energy) FROM scores")
    moved = tuple(dataclasses.replace(box, width=box.width / 2) for box in pictures.boxes)
    monkeypatch.setattr("etl.extract.load_checkpoint", lambda *_a, **_k: pytest.fail("no model is needed"))

    build(store, dataclasses.replace(pictures, boxes=moved), plans)

    assert rows(store, "SELECT avg(energy) FROM scores") != before
    assert rows(store, "SELECT count(*) FROM scores WHERE method = 'cls'") == rows(store, "SELECT count(*) FROM maps")


def test_a_killed_run_loses_at_most_one_shard(tmp_path, pictures, tiny_folders, monkeypatch):
    monkeypatch.setattr("etl.plan.IMAGES_PER_SHARD", 12)
    store = Store(tmp_path)
    plans = plan_of(store, tiny_folders["dinov2"], "m", ["cls"], features=False)
    written = []
    write = Store.write

    def killed_at_the_second_shard(self, table, *args):
        if table == "maps" and len(written) == 1:
            raise KeyboardInterrupt
        if table == "maps":
            written.append(table)
        return write(self, table, *args)

    monkeypatch.setattr(Store, "write", killed_at_the_second_shard)
    with pytest.raises(KeyboardInterrupt):
        build(store, pictures, plans)
    monkeypatch.setattr(Store, "write", write)
    assert rows(store, "SELECT count(*) FROM maps") == [(0,)]  # nothing half done is seen

    report = build(Store(tmp_path), pictures, plans)

    assert report.skipped >= 1
    assert rows(store, "SELECT count(DISTINCT image_id) FROM maps") == [(11,)]
    # what the killed run finished bears its name, and that run is on record, without an end
    runs = rows(
        store, "SELECT DISTINCT r.run_id, r.finished IS NULL FROM maps AS m JOIN runs AS r USING (run_id) ORDER BY 2"
    )
    assert [stopped for _, stopped in runs] == [False, True]
    assert rows(store, "SELECT DISTINCT run_id FROM scores") == [(report.run_id,)]


def test_other_weights_under_the_same_name_are_refused(tmp_path, pictures, tiny_folders):
    store = Store(tmp_path / "store")
    build(store, pictures, plan_of(store, tiny_folders["vit"], "m", ["cls"]))
    other = write_tiny_checkpoint("vit", tmp_path / "other", seed=99)
    with pytest.raises(SslAttnError, match="to be the one that"):
        plan_of(store, other, "m", ["cls"])


def test_random_weights_are_a_variant_of_the_model(tmp_path, pictures, tiny_folders):
    store = Store(tmp_path)
    spec = parse_model_spec(f"m={tiny_folders['vit']}")
    plans = plan_models(store, [spec], [parse_request("cls")], Options(), random_weights=True, seed=3)
    build(store, pictures, plans)
    board = rows(store, "SELECT variant, value FROM leaderboard('energy') ORDER BY variant")
    assert [variant for variant, _ in board] == ["frozen", "random_weights"]
    assert board[0][1] != board[1][1]
    assert rows(store, "SELECT train_seed FROM models WHERE variant = 'random_weights'") == [(3,)]


def test_a_model_without_the_methods_asked_for_is_refused(tiny_folders):
    checkpoint = resolve_checkpoint(parse_model_spec(f"m={tiny_folders['siglip']}"))
    with pytest.raises(UsageError, match="expected at least one method that m has"):
        plan_model(checkpoint, [parse_request("cls")], Options())


def test_a_failed_check_publishes_nothing(tmp_path, pictures, tiny_folders):
    store = Store(tmp_path)
    broken = dataclasses.replace(pictures.boxes[0], feature_type="unheard of")
    faulty = dataclasses.replace(pictures, boxes=(broken, *pictures.boxes[1:]))
    with pytest.raises(SslAttnError, match="box_in_image"):
        build(store, faulty, plan_of(store, tiny_folders["dinov2"], "m", ["cls"]))
    assert read_manifest(tmp_path).generation == 0


def test_what_was_left_out_is_on_record(tmp_path, pictures, tiny_folders):
    entry = Quarantined("box", "17", "no_size", "a positive width", "0")
    store = Store(tmp_path)
    faulty = dataclasses.replace(pictures, quarantine=(entry,))
    report = build(store, faulty, plan_of(store, tiny_folders["dinov2"], "m", ["cls"]))
    assert report.quarantine == (entry,)
    assert rows(store, "SELECT what, identifier, rule FROM quarantine") == [("box", "17", "no_size")]
    assert rows(store, "SELECT quarantined FROM runs") == [(1,)]


def test_a_run_says_what_made_the_numbers(built):
    (row,) = rows(built, "SELECT command, code_version, packages, config, device, dtype FROM runs")
    command, version, packages, config, device, dtype = row
    assert (command, device, dtype) == ("build", "cpu", "float32")
    assert version
    assert '"torch"' in packages
    assert "weights_sha256" in config
    assert rows(built, "SELECT count(*) FROM maps WHERE run_id NOT IN (SELECT run_id FROM runs)") == [(0,)]


def test_stores_can_be_moved(copied):
    assert rows(copied, "SELECT count(*) > 0 FROM scores") == [(True,)]
    (preview,) = rows(copied, "SELECT preview FROM images LIMIT 1")[0]
    assert (copied.root / preview).exists()


def test_input_sizes_of_one_pass_may_differ_under_the_view_processor(
    tmp_path, pictures, tiny_folders, with_preprocessing
):
    """A checkpoint that resizes the shorter side and does not crop sees every picture in its own shape."""
    uncropped = {"size": {"shortest_edge": 48}, "do_center_crop": False}
    folder = with_preprocessing(tiny_folders["dinov2"], tmp_path / "uncropped", **uncropped)
    store = Store(tmp_path / "store")
    build(store, pictures, plan_of(store, folder, "m", ["cls"], view="processor"))
    shapes = rows(store, "SELECT DISTINCT grid_h, grid_w FROM maps ORDER BY ALL")
    assert len(shapes) > 2
    assert rows(store, "SELECT count(DISTINCT image_id) FROM scores WHERE outcome = 'scored'") == [(10,)]


def test_readers_see_the_old_generation_until_the_new_one_is_published(copied, pictures, tiny_folders):
    with connect(copied.root) as reader:
        before = reader.execute("SELECT count(*) FROM maps").fetchall()
        build(copied, pictures, plan_of(copied, tiny_folders["vit"], "late", ["cls"]))
        assert reader.execute("SELECT count(*) FROM maps").fetchall() == before
    assert rows(copied, "SELECT count(*) FROM maps") > before
    assert not (copied.root / "manifest.draft.json").exists()


def test_two_writers_keep_out_of_each_others_way(tmp_path):
    with Store(tmp_path).locked(), pytest.raises(SslAttnError, match="only writer"), Store(tmp_path).locked():
        pass


def test_time_of_files_is_not_part_of_their_key(copied, pictures, tiny_folders):
    for image in pictures.images:
        os.utime(image.path, (time.time(), time.time()))
    plans = plan_of(copied, tiny_folders["siglip"], "tiny_siglip")
    assert build(copied, pictures, plans).computed == 0


def test_maps_of_images_that_changed_are_no_longer_shown(tmp_path, pictures, tiny_folders):
    store = Store(tmp_path)
    build(store, pictures, plan_of(store, tiny_folders["vit"], "first", ["cls"]))
    second = plan_of(store, tiny_folders["dinov2"], "second", ["cls"])
    fewer = dataclasses.replace(
        pictures,
        images=pictures.images[1:],
        boxes=tuple(box for box in pictures.boxes if box.image_id != pictures.images[0].image_id),
    )

    report = build(store, fewer, second)

    assert report.dropped == ("first (frozen) cls squash/48/cls",)
    assert rows(store, "SELECT DISTINCT model FROM maps") == [("second",)]
    for table in ("scores", "box_scores", "aggregates", "patch_features"):
        shown = rows(store, f"SELECT DISTINCT model FROM {table} WHERE model != 'baseline'")
        assert shown == [("second",)]

    again = build(store, fewer, plan_of(store, tiny_folders["vit"], "first", ["cls"]))

    assert again.dropped == ()
    assert rows(store, "SELECT model, n + n_left_out FROM leaderboard('iou') ORDER BY 1") == [
        ("first", 10),
        ("second", 10),
    ]


def test_models_of_equal_weights_are_rows_of_their_own(tmp_path, pictures, tiny_folders):
    """Equal content under two names, and untrained twins of one architecture: no series takes the place of another."""
    store = Store(tmp_path)
    specs = [parse_model_spec(f"{name}={tiny_folders['vit']}") for name in ("one", "two")]
    build(store, pictures, plan_models(store, specs, [parse_request("cls")], Options(), random_weights=True))
    board = rows(store, "SELECT model, variant FROM leaderboard('energy') ORDER BY ALL")
    assert board == [(m, v) for m in ("one", "two") for v in ("frozen", "random_weights")]


def test_another_configuration_of_the_same_weights_is_another_model(tmp_path, pictures, tiny_folders):
    store = Store(tmp_path / "store")
    build(store, pictures, plan_of(store, tiny_folders["vit"], "m", ["cls"]))
    changed = tmp_path / "changed"
    shutil.copytree(tiny_folders["vit"], changed)
    config = json.loads((changed / "config.json").read_text())
    (changed / "config.json").write_text(json.dumps(config | {"layer_norm_eps": 0.5}))
    with pytest.raises(SslAttnError, match="configuration"):
        plan_of(store, changed, "m", ["cls"])

    build(store, pictures, plan_of(store, changed, "other", ["cls"]))

    values = [
        value
        for (value,) in rows(
            store, "SELECT value FROM leaderboard('energy') WHERE layer = (SELECT max(layer) FROM maps)"
        )
    ]
    assert len(set(values)) == 2


def test_an_unfinished_draft_of_one_data_set_does_not_stand_in_the_way_of_another(tmp_path, pictures, tiny_folders):
    store = Store(tmp_path)
    other = dataclasses.replace(pictures, name="other")
    plans = plan_of(store, tiny_folders["vit"], "m", ["cls"])
    extract_all(store, other, plans, new_run("extract", [Study(other, plans)]))

    build(store, pictures, plans)

    assert rows(store, "SELECT DISTINCT dataset FROM aggregates ORDER BY 1") == [("other",), ("pictures",)]


def test_an_unsound_draft_is_not_published_and_can_be_forgotten(tmp_path, pictures, tiny_folders):
    store = Store(tmp_path)
    plans = plan_of(store, tiny_folders["vit"], "m", ["cls"])
    extract_all(store, pictures, plans, new_run("extract", [Study(pictures, plans)]))
    with pytest.raises(SslAttnError, match=r"every_map_is_scored.*ssl-attn discard"):
        publish(store)
    assert read_manifest(tmp_path).generation == 0

    store.discard()
    report = build(store, pictures, plans)

    assert (report.generation, report.skipped > 0) == (1, True)


def test_an_added_image_redoes_its_own_piece_and_names_the_models_that_lack_it(
    tmp_path, pictures, tiny_folders, monkeypatch
):
    monkeypatch.setattr("etl.plan.IMAGES_PER_SHARD", 12)
    store = Store(tmp_path)
    fewer = dataclasses.replace(
        pictures,
        images=pictures.images[1:],
        boxes=tuple(box for box in pictures.boxes if box.image_id != pictures.images[0].image_id),
    )
    both = [*plan_of(store, tiny_folders["vit"], "a", ["cls"]), *plan_of(store, tiny_folders["dinov2"], "b", ["cls"])]
    build(store, fewer, both)

    report = build(store, pictures, both[:1])

    assert report.incomplete == ("b (frozen) cls squash/48/cls: 10 of 11 images",)
    assert report.dropped == ()
    parts = [part for part in store.draft().parts("maps") if part.partition["model"] == "a"]
    assert len({part.run_id for part in parts}) == 2


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_short_number_formats_go_through_the_whole_chain(tmp_path, pictures, tiny_folders, dtype):
    store = Store(tmp_path)
    plans = [
        plan
        for family in ("dinov3", "siglip", "resnet")
        for plan in plan_of(store, tiny_folders[family], family, dtype=dtype)
    ]
    build(store, pictures, plans)
    assert rows(store, "SELECT count(*) FROM maps WHERE peak IS NULL") == [(0,)]
    assert rows(store, "SELECT DISTINCT dtype FROM runs") == [(dtype,)]
    assert rows(store, "SELECT count(DISTINCT model) FROM leaderboard('iou', 90)") == [(3,)]


def test_a_data_set_without_images_is_refused(tmp_path, pictures, tiny_folders):
    store = Store(tmp_path)
    with pytest.raises(UsageError, match="expected at least one image"):
        build(store, dataclasses.replace(pictures, images=(), boxes=()), plan_of(store, tiny_folders["vit"], "m"))


def test_another_data_set_of_the_same_name_is_refused(tmp_path, pictures, tiny_folders):
    store = Store(tmp_path)
    plans = plan_of(store, tiny_folders["vit"], "m", ["cls"])
    build(store, pictures, plans)
    renamed = tuple(dataclasses.replace(image, image_id=f"x{image.image_id}") for image in pictures.images)
    with pytest.raises(UsageError, match="give this one another name with --name"):
        build(store, dataclasses.replace(pictures, images=renamed, boxes=()), plans)


def test_a_checkpoint_without_a_card_is_judged_by_architecture_and_says_so(built):
    notes = rows(built, "SELECT DISTINCT note FROM verdicts WHERE model = ?", REGISTERS)
    assert all(note.startswith("Judged by architecture") for (note,) in notes)


def test_pictures_that_share_no_grid_have_no_stand_ins_and_are_published(
    tmp_path, pictures, tiny_folders, with_preprocessing
):
    """Each picture alone on its grid: there is no other map to put in the place of one, and nothing is missing."""
    uncropped = {"size": {"shortest_edge": 48}, "do_center_crop": False}
    folder = with_preprocessing(tiny_folders["dinov2"], tmp_path / "uncropped", **uncropped)
    shapes = {}
    for image in pictures.images:
        if any(box.image_id == image.image_id for box in pictures.boxes):
            shapes.setdefault(round(image.width / image.height), image)
    kept = {image.image_id for image in shapes.values()}
    boxes = tuple(box for box in pictures.boxes if box.image_id in kept)
    few = dataclasses.replace(pictures, images=tuple(shapes.values()), boxes=boxes)
    store = Store(tmp_path / "store")
    build(store, few, plan_of(store, folder, "m", ["cls"], view="processor"))
    assert len(kept) > 1
    assert rows(store, "SELECT count(DISTINCT frame) FROM scores") == [(len(kept),)]
    methods = {method for (method,) in rows(store, "SELECT DISTINCT method FROM scores")}
    assert "box_prior" in methods
    assert not {"cls.mean_map", "cls.other_image"} & methods
