"""The stage that scores: rows of maps and baselines, each checked against a computation by hand."""

import dataclasses

import numpy as np
import pytest

from etl.pieces import Workers
from etl.run import Run
from etl.score import score
from etl.scoring.framings import read_frames, read_framings, target_of
from etl.store import Store
from ssl_attn.baselines import BASELINES, DRAWS, MODEL_FREE, OWN_MAPS
from ssl_attn.baselines.own_maps import donors
from ssl_attn.baselines.position import patch_random
from ssl_attn.geometry import PLACEMENT_COLUMNS, Placement, union_coverage, visible_fraction
from ssl_attn.metrics import BOX_SCALARS, METRICS, SCALARS
from ssl_attn.metrics.scoring import score_maps
from ssl_attn.metrics.target import MIN_VISIBLE_FRACTION, build_target
from warehouse.catalog import connect

DRAWN = [name for name, metric in METRICS.items() if metric.null == "monte_carlo"]
BOUNDED = ("auroc", "nss", "cc", "sim", "kl", "kl_mixture", "mse")


@pytest.fixture(autouse=True)
def one_core(monkeypatch):
    """A store of eleven pictures is done sooner than processes have started."""
    monkeypatch.setattr("etl.pieces._cores", lambda: 1)


def rows(store, query, *parameters):
    with connect(store.root, draft=True) as catalog:
        return catalog.execute(query, list(parameters)).fetchall()


def column(store, query, *parameters):
    return [row[0] for row in rows(store, query, *parameters)]


def frames_of(store):
    with connect(store.root, draft=True) as catalog:
        return read_frames(catalog), read_framings(catalog)


def features_of(dataset, image_id):
    """The places of an image's features: what unions are of."""
    distractors = {kind.feature_type for kind in dataset.feature_types if kind.distractor}
    marked = (b for b in dataset.boxes if b.image_id == image_id and b.feature_type not in distractors)
    boxes = sorted(marked, key=lambda b: b.box_id)
    return np.array([[b.x, b.y, b.width, b.height] for b in boxes]).reshape(-1, 4)


def stored_maps(store, **where):
    """Maps at some place as arrays, one an image, each with the placement that it lies in."""
    condition = " AND ".join(f"{name} = ?" for name in where)
    query = f'SELECT image_id, "values", grid_h, grid_w, {", ".join(PLACEMENT_COLUMNS)} FROM maps WHERE {condition}'
    found = rows(store, query, *where.values())
    return {image: (np.array(values).reshape(h, w), Placement(*place)) for image, values, h, w, *place in found}


def timeless(store, table):
    """Rows of a table without the run that made them."""
    names = [name for name in column(store, f"SELECT column_name FROM (DESCRIBE {table})") if name != "run_id"]
    return rows(
        store, f"SELECT {', '.join(f'{name!r}'.replace(chr(39), chr(34)) for name in names)} FROM {table} ORDER BY ALL"
    )


def test_every_map_has_its_scores_and_every_frame_its_baselines(scored, pictures):
    images = len(pictures.images)
    assert rows(scored, "SELECT count(*) FROM scores WHERE model != 'baseline' AND method NOT LIKE '%.%'") == rows(
        scored, "SELECT count(*) FROM maps"
    )
    frames, _ = frames_of(scored)
    assert len(frames) >= 5  # two views of the transformer, four stages of the network, one of them on its grid
    grain = "variant, method, view, params_id, layer, head"
    found = rows(scored, f"SELECT {grain}, count(*) FROM scores WHERE model = 'baseline' GROUP BY ALL")
    expected = {(f.name, name, f.view, name, -1, -1, images) for f in frames for name in MODEL_FREE}
    assert set(found) == expected
    assert column(scored, "SELECT DISTINCT frame = variant FROM scores WHERE model = 'baseline'") == [True]


def test_every_fused_map_has_its_stand_ins(scored):
    query = """
        SELECT {} AS method, model, variant, params_id, target_id, view, input_size, frame, image_id, layer, head
        FROM {} WHERE head = -1 AND model != 'baseline' AND {} ORDER BY ALL
    """
    for name in OWN_MAPS:
        of_maps = rows(scored, query.format("method", "maps", "true"))
        of_others = rows(scored, query.format(f"replace(method, '.{name}', '')", "scores", f"method LIKE '%.{name}'"))
        assert of_others == of_maps
    assert not column(scored, "SELECT 1 FROM scores WHERE method LIKE '%.%' AND head != -1")


def test_outcomes_are_stated(scored):
    outcomes = dict(
        rows(scored, "SELECT method, outcome FROM scores WHERE model = 'baseline' AND outcome != 'no_box' GROUP BY ALL")
    )
    scored_ones = dict.fromkeys(MODEL_FREE, "scored")
    assert outcomes == scored_ones | {"uniform": "constant", "zero": "zero_map"}
    bare = column(scored, "SELECT DISTINCT image_id FROM scores WHERE outcome = 'no_box'")
    assert len(bare) == 1
    assert not column(scored, "SELECT 1 FROM nulls WHERE image_id = ?", bare[0])
    known = [f"count({name})" for name in SCALARS if name != "mse"]
    assert rows(scored, f"SELECT {', '.join(known)} FROM scores WHERE method = 'zero'") == [(0,) * len(known)]
    assert column(scored, "SELECT DISTINCT mse > 0 FROM scores WHERE method = 'zero' AND outcome = 'zero_map'") == [
        True
    ]


def test_a_uniform_map_scores_chance(scored):
    query = (
        "SELECT max(abs(energy - area_grid)), max(abs(auroc - 0.5)), max(abs(nss)) FROM scores WHERE method = 'uniform'"
    )
    assert rows(scored, query)[0] == pytest.approx((0, 0, 0), abs=1e-6)


def test_others_are_the_other_images_boxes_each_in_its_own_place(scored, pictures):
    """Against a sum over all other images, map by map, in both views and on every grid."""
    frames, framings = frames_of(scored)
    for frame in frames:
        framing = framings[frame.framing]
        for image_id in list(framing.images)[:3]:
            expected = np.zeros(frame.grid)
            for other in framing.images.values():
                boxes = features_of(pictures, other.image_id)
                if other.image_id != image_id and len(boxes):
                    kept = boxes[visible_fraction(boxes, other.placement) >= MIN_VISIBLE_FRACTION]
                    expected += union_coverage(other.placement.to_canvas(kept), *frame.grid)
            image = framing.images[image_id]
            target = target_of(image.boxes, image.placement, frame.grid, framing.total(frame.grid))
            np.testing.assert_allclose(target.others, expected, atol=1e-12)
            assert expected.any()


def test_shuffled_auc_in_the_store_is_that_of_these_others(scored, pictures):
    frames, framings = frames_of(scored)
    frame = next(frame for frame in frames if frame.view == "letterbox")
    image_id = next(i for i in framings[frame.framing].images if len(features_of(pictures, i)) > 1)
    values, placement = stored_maps(scored, model="vit", view="letterbox", head=-1, layer=0)[image_id]
    others = sum(
        union_coverage(other.placement.to_canvas(features_of(pictures, other.image_id)), *frame.grid)
        for other in framings[frame.framing].images.values()
        if other.image_id != image_id and len(features_of(pictures, other.image_id))
    )
    target = build_target(
        features_of(pictures, image_id), placement, grid_h=frame.grid[0], grid_w=frame.grid[1], others=others
    )
    expected = score_maps(values[None].astype(np.float32), target)
    query = """
        SELECT shuffled_auc FROM scores
        WHERE model = 'vit' AND method = 'cls' AND view = 'letterbox' AND image_id = ? AND layer = 0 AND head = -1
    """
    assert column(scored, query, image_id) == [pytest.approx(expected.scalars["shuffled_auc"][0], abs=1e-6)]
    assert expected.scalars["shuffled_auc"][0] != pytest.approx(expected.scalars["auroc"][0], abs=1e-4)


def test_patch_random_rows_and_nulls_are_the_mean_over_the_draws(scored, pictures):
    frames, framings = frames_of(scored)
    frame = next(frame for frame in frames if frame.view == "letterbox")
    image = next(i for i in framings[frame.framing].images.values() if len(i.boxes.places) == 2)
    target = target_of(image.boxes, image.placement, frame.grid, framings[frame.framing].total(frame.grid))
    draws = score_maps(patch_random(target.visible_share, image_id=image.image_id, frame=frame.name), target)
    assert len(draws.outcome) == DRAWS

    names = [name for name in SCALARS if name != "emd_native"]
    where = "method = 'patch_random' AND frame = ? AND image_id = ?"
    stored = rows(scored, f"SELECT {', '.join(names)} FROM scores WHERE {where}", frame.name, image.image_id)[0]
    assert stored == pytest.approx([draws.scalars[name].mean() for name in names], rel=1e-5, abs=1e-7)
    curve = column(scored, f"SELECT iou FROM scores WHERE {where}", frame.name, image.image_id)[0]
    np.testing.assert_allclose(curve, draws.iou.mean(axis=0), atol=1e-3)

    query = "SELECT box_id, metric, mean, standard_error, draws FROM nulls WHERE frame = ? AND image_id = ?"
    nulls = {(box, metric): numbers for box, metric, *numbers in rows(scored, query, frame.name, image.image_id)}
    assert set(nulls) == {(box, metric) for box in ("", *image.boxes.box_ids) for metric in DRAWN}
    for metric in DRAWN:
        of_targets = np.column_stack([draws.scalars[metric], draws.box_scalars[metric]])
        for box, values in zip(("", *image.boxes.box_ids), of_targets.T, strict=True):
            error = values.std(ddof=1) / np.sqrt(DRAWS)
            assert nulls[box, metric] == pytest.approx([values.mean(), error, DRAWS], rel=1e-9)
            assert error > 0


def expected_stand_ins(maps, image_id, source_of):
    """Mean map and other image's map, computed with plain loops over maps by image."""
    ids = sorted(maps)
    others = [maps[i] / maps[i].sum() for i in ids if source_of[i] != source_of[image_id]]
    donor = donors(ids, [source_of[i] for i in ids])[ids.index(image_id)]
    return np.mean(others, axis=0), maps[ids[donor]]


def test_stand_ins_leave_the_source_out(tmp_path, pictures, tiny_folders, plan_for, scored_store):
    """Eleven pictures of six buildings: the mean is that of the other buildings, the other image's of another one."""
    numbered = sorted(pictures.images, key=lambda image: image.image_id)
    images = tuple(dataclasses.replace(image, source_id=f"b{n % 6}") for n, image in enumerate(numbered))
    dataset = dataclasses.replace(pictures, images=images)
    scored_store(tmp_path, dataset, plan_for(tiny_folders["dinov2"], "vit", "cls"))
    store, source_of = Store(tmp_path), {image.image_id: image.source_id for image in images}
    stored = stored_maps(store, view="squash", head=-1, layer=1)
    maps = {image_id: values for image_id, (values, _) in stored.items()}
    for image in (images[0], images[7]):
        expected = expected_stand_ins(maps, image.image_id, source_of)
        placement = stored[image.image_id][1]
        grid_h, grid_w = expected[0].shape
        target = build_target(features_of(dataset, image.image_id), placement, grid_h=grid_h, grid_w=grid_w)
        by_hand = score_maps(np.stack(expected), target)
        for number, name in enumerate(OWN_MAPS):
            query = "SELECT energy, auroc, emd, cc, iou[90] FROM scores WHERE method = ? AND image_id = ? AND layer = 1"
            expected_row = [by_hand.scalars[metric][number] for metric in ("energy", "auroc", "emd", "cc")]
            assert rows(store, query, f"cls.{name}", image.image_id) == [
                pytest.approx((*expected_row, by_hand.iou[number, 89]), abs=1e-3)
            ]


def test_the_prior_leaves_the_source_out(tmp_path, pictures, tiny_folders, plan_for, scored_store):
    """Two sources: the prior of one is made of the other's boxes alone, so it scores as they do."""
    numbered = sorted(pictures.images, key=lambda image: image.image_id)
    images = tuple(dataclasses.replace(image, source_id=f"b{n % 2}") for n, image in enumerate(numbered))
    dataset = dataclasses.replace(pictures, images=images)
    scored_store(tmp_path, dataset, plan_for(tiny_folders["dinov2"], "vit", "cls"))
    frames, framings = frames_of(Store(tmp_path))
    ((frame, _),) = frames.items()
    first = framings[frame.framing].images[images[0].image_id]
    of_others = sum(
        union_coverage(features_of(dataset, image.image_id), *frame.grid)
        for image in images[1::2]
        if len(features_of(dataset, image.image_id))
    )
    target = target_of(first.boxes, first.placement, frame.grid, framings[frame.framing].total(frame.grid))
    by_hand = score_maps(of_others[None], target)
    query = "SELECT auroc, cc, energy, kl FROM scores WHERE method = 'box_prior' AND image_id = ?"
    expected = [by_hand.scalars[metric][0] for metric in ("auroc", "cc", "energy", "kl")]
    assert rows(Store(tmp_path), query, first.image_id) == [pytest.approx(expected, rel=1e-5)]


def test_without_another_source_there_is_nothing_to_stand_in(tmp_path, pictures, tiny_folders, plan_for, scored_store):
    images = tuple(dataclasses.replace(image, source_id="one") for image in pictures.images)
    dataset = dataclasses.replace(pictures, images=images)
    scored_store(tmp_path, dataset, plan_for(tiny_folders["dinov2"], "vit", "cls"))
    methods = set(column(Store(tmp_path), "SELECT DISTINCT method FROM scores"))
    assert methods == {"cls", *MODEL_FREE} - {"box_prior"}


def test_pictures_without_a_box_are_said_to_have_none(tmp_path, pictures, tiny_folders, plan_for, scored_store):
    dataset = dataclasses.replace(pictures, boxes=())
    scored_store(tmp_path, dataset, plan_for(tiny_folders["dinov2"], "vit", "cls"))
    store = Store(tmp_path)
    assert rows(store, "SELECT DISTINCT outcome, boxes FROM scores") == [("no_box", 0)]
    assert set(column(store, "SELECT DISTINCT method FROM scores")) == {
        "cls", "cls.mean_map", "cls.other_image", *MODEL_FREE
    } - {"box_prior"}  # fmt: skip
    assert rows(store, "SELECT (SELECT count(*) FROM box_scores), (SELECT count(*) FROM nulls)") == [(0, 0)]
    assert again(store).shards_computed == 0


def better(metric):
    return "max" if METRICS[metric].direction == "higher" else "min"


@pytest.mark.parametrize("table", ["scores", "box_scores"])
def test_no_row_beats_the_ceiling(scored, table):
    """Image by image, box by box and grid by grid, where the ceiling claims to be one."""
    box = ", box_id" if table == "box_scores" else ""
    for metric in BOUNDED:
        best = f"{better(metric)}({metric})"
        query = f"""
            SELECT any_value({metric}) FILTER (method = 'ceiling'), {best} FILTER (method != 'ceiling')
            FROM {table} WHERE {metric} IS NOT NULL GROUP BY frame, image_id{box}
        """
        compared = np.array(rows(scored, query))
        sign = 1 if METRICS[metric].direction == "higher" else -1
        assert len(compared) >= 50
        assert (sign * (compared[:, 0] - compared[:, 1]) >= -1e-6).all(), metric


def test_the_ceiling_is_near_perfect_where_the_grid_allows_it(scored):
    query = "SELECT min(cc), max(kl), max(mse), min(sim) FROM scores WHERE method = 'ceiling'"
    assert rows(scored, query)[0] == pytest.approx((1, 0, 0, 1), abs=1e-6)
    finest = "frame = (SELECT max_by(frame, grid_h) FROM maps)"
    query = f"SELECT min(iou_oracle), min(auroc), max(emd) FROM scores WHERE method = 'ceiling' AND {finest}"
    iou, auroc, emd = rows(scored, query)[0]
    assert iou > 0.8
    assert auroc > 0.95
    assert emd < 0.02
    means = "avg(iou_oracle), avg(energy), avg(average_precision), -avg(emd), avg(iou_mean)"
    query = f"SELECT method = 'ceiling', {means} FROM scores WHERE {finest} AND method != 'zero' GROUP BY model, method"
    compared = rows(scored, f"{query} ORDER BY 1 DESC")
    assert len(compared) > 5
    assert (np.array(compared[0][1:]) > np.array(compared[1:])[:, 1:]).all()


def test_a_box_has_a_ceiling_of_its_own(scored):
    """Against one of several boxes a map of them all is not the best there is."""
    query = """
        SELECT min(b.cc), max(b.kl), count(*) FILTER (b.iou_oracle > u.iou_oracle) FROM box_scores AS b
        JOIN scores AS u USING (method, frame, image_id) WHERE method = 'ceiling' AND u.boxes > 1
    """
    cc, kl, better_than_the_union = rows(scored, query)[0]
    assert (cc, kl) == pytest.approx((1, 0), abs=1e-6)
    assert better_than_the_union > 10


def test_every_number_is_a_number(scored):
    """NULL where there is none, never NaN."""
    for table, names in (("scores", SCALARS), ("box_scores", BOX_SCALARS)):
        nans = ", ".join(f"count(*) FILTER (isnan({name} + 0))" for name in names)
        lengths = "count(*) FILTER (len(iou) != 99)"
        assert set(rows(scored, f"SELECT {nans}, {lengths} FROM {table}")[0]) == {0}


def test_rows_of_baselines_name_the_run_and_their_parameters(scored):
    assert len(column(scored, "SELECT DISTINCT run_id FROM scores UNION SELECT DISTINCT run_id FROM nulls")) == 1
    missing = """
        SELECT s.method FROM scores AS s LEFT JOIN params AS p USING (params_id)
        WHERE p.params_id IS NULL
    """
    assert not column(scored, missing)
    registry = rows(scored, "SELECT baseline, needs_model, bound FROM baselines ORDER BY baseline")
    assert registry == sorted((b.name, b.needs_model, b.bound) for b in BASELINES.values())
    assert rows(scored, "SELECT parameters, seed FROM params WHERE params_id = 'patch_random'") == [
        ('{"draws": 100, "seed": 0}', 0)
    ]


def test_neither_cores_nor_pieces_nor_other_models_change_a_number(
    scored, tmp_path, pictures, tiny_folders, plan_for, scored_store, monkeypatch
):
    """`scored` was made by several processes."""
    monkeypatch.setattr("etl.scoring.baselines._IMAGES_PER_PIECE", 4)
    monkeypatch.setattr("etl.scoring.own_maps._IMAGES_PER_PIECE", 3)
    scored_store(tmp_path, pictures, plan_for(tiny_folders["dinov2_with_registers"], "vit", "cls", view="letterbox"))
    for table in ("scores", "box_scores", "nulls"):
        alone = set(map(str, timeless(Store(tmp_path), table)))
        assert alone
        assert alone <= set(map(str, timeless(scored, table)))


def test_maps_in_frames_of_their_own(tmp_path, pictures, tiny_folders, plan_for, scored_store, with_preprocessing):
    """A checkpoint that does not crop sees each shape on its own grid: stand-ins are of images of the same shape."""
    uncropped = {"size": {"shortest_edge": 48}, "do_center_crop": False}
    folder = with_preprocessing(tiny_folders["dinov2"], tmp_path / "uncropped", **uncropped)
    scored_store(tmp_path / "store", pictures, plan_for(folder, "vit", "cls", view="processor"))
    store = Store(tmp_path / "store")
    frames, framings = frames_of(store)
    assert len(frames) > 2
    assert len(framings) == 1
    for name in ("cls.mean_map", "cls.other_image"):
        found = column(store, "SELECT DISTINCT image_id FROM scores WHERE method = ? ORDER BY 1", name)
        assert found == sorted(image for images in frames.values() if len(images) > 1 for image in images)
    assert column(store, "SELECT count(DISTINCT image_id) FROM scores WHERE shuffled_auc IS NOT NULL") == [10]


def parts(store):
    manifest = store.draft()
    return {p.file for table in ("scores", "box_scores", "nulls") for p in manifest.parts(table)}


def again(store, **options):
    run = Run("score", {})
    score(store, run, **options)
    run.finish(store)
    return run


@pytest.fixture
def small(tmp_path, pictures, tiny_folders, plan_for, scored_store):
    """A store of one small model, to be changed."""
    scored_store(tmp_path / "small", pictures, plan_for(tiny_folders["dinov2"], "vit", "cls"))
    return Store(tmp_path / "small")


def test_a_second_run_computes_nothing_and_starts_no_process(small, monkeypatch):
    before = parts(small)
    monkeypatch.setattr(Workers, "results", lambda *_: pytest.fail("nothing is to be computed"))
    run = again(small)
    assert (run.shards_computed, run.shards_skipped > 2) == (0, True)
    assert parts(small) == before


def test_moved_boxes_are_scored_again_everywhere(small, pictures, tiny_folders, plan_for, scored_store):
    """One image's boxes are the negatives and the prior of all the others."""
    before = dict(
        rows(small, "SELECT image_id, shuffled_auc FROM scores WHERE method = 'cls' AND layer = 0 AND head = -1")
    )
    prior = dict(rows(small, "SELECT image_id, auroc FROM scores WHERE method = 'box_prior'"))
    energy = dict(rows(small, "SELECT image_id, energy FROM scores WHERE method = 'cls' AND layer = 0 AND head = -1"))
    moved = pictures.boxes[0].image_id
    boxes = tuple(
        dataclasses.replace(box, x=0.0, y=0.0, width=0.2, height=0.2) if box.image_id == moved else box
        for box in pictures.boxes
    )
    scored_store(small.root, dataclasses.replace(pictures, boxes=boxes), plan_for(tiny_folders["dinov2"], "vit", "cls"))

    after = dict(
        rows(small, "SELECT image_id, shuffled_auc FROM scores WHERE method = 'cls' AND layer = 0 AND head = -1")
    )
    assert all(after[image] != before[image] for image in before if before[image] is not None)
    assert dict(rows(small, "SELECT image_id, auroc FROM scores WHERE method = 'box_prior'")) != prior
    new = dict(rows(small, "SELECT image_id, energy FROM scores WHERE method = 'cls' AND layer = 0 AND head = -1"))
    assert {image for image in new if new[image] != energy[image]} == {moved}


def test_another_source_redoes_what_leaves_sources_out_alone(small, pictures, tiny_folders, plan_for, scored_store):
    before = parts(small)
    images = (dataclasses.replace(pictures.images[0], source_id="elsewhere"), *pictures.images[1:])
    scored_store(
        small.root, dataclasses.replace(pictures, images=images), plan_for(tiny_folders["dinov2"], "vit", "cls")
    )
    kept = before & parts(small)
    assert {file.split("method=")[1].split("/")[0] for file in kept if "method=" in file} == {"cls"}


def test_baselines_go_with_the_last_map_in_their_frame(small, pictures, tiny_folders, plan_for, scored_store):
    letterbox = plan_for(tiny_folders["vit"], "other", "cls", view="letterbox")
    scored_store(small.root, pictures, letterbox)
    assert set(column(small, "SELECT DISTINCT view FROM scores WHERE model = 'baseline'")) == {"squash", "letterbox"}
    with small.edited_draft() as draft:
        draft.tables["maps"] = [part for part in draft.parts("maps") if part.partition["model"] == "other"]
    again(small)
    for table in ("scores", "box_scores", "nulls"):
        assert column(small, f"SELECT DISTINCT view FROM {table}") == ["letterbox"]
    assert set(column(small, "SELECT DISTINCT model FROM scores")) == {"baseline", "other"}


def test_models_on_one_frame_share_their_baselines(small, pictures, tiny_folders, plan_for, scored_store):
    before = {file for file in parts(small) if "model=baseline" in file}
    scored_store(small.root, pictures, plan_for(tiny_folders["dinov2_with_registers"], "other", "received"))
    assert {file for file in parts(small) if "model=baseline" in file} == before


def test_a_killed_run_is_taken_up(tmp_path, pictures, tiny_folders, plan_for, scored_store, monkeypatch):
    plan = plan_for(tiny_folders["dinov2"], "vit", "cls")
    write, written = Store.write, []

    def killed(self, table, partition, *args):
        if partition.get("method") == "edge":
            raise KeyboardInterrupt
        if table in ("scores", "box_scores"):
            written.append(partition["method"])
        return write(self, table, partition, *args)

    monkeypatch.setattr(Store, "write", killed)
    with pytest.raises(KeyboardInterrupt):
        scored_store(tmp_path, pictures, plan)
    monkeypatch.setattr(Store, "write", write)
    assert {"cls", "uniform"} <= set(written)
    assert column(Store(tmp_path), "SELECT count(*) FROM scores") == [0]  # nothing half done is seen
    stale = {file: (tmp_path / file).stat().st_mtime_ns for file in map(str, tmp_path.rglob("scores/**/*.parquet"))}

    run = again(Store(tmp_path))

    assert (run.shards_skipped, run.shards_computed) == (1, 2)
    assert {file: (tmp_path / file).stat().st_mtime_ns for file in stale} == stale
    assert set(column(Store(tmp_path), "SELECT DISTINCT method FROM scores")) == {
        "cls", "cls.mean_map", "cls.other_image", *MODEL_FREE
    }  # fmt: skip
    stamped = column(Store(tmp_path), "SELECT DISTINCT run_id FROM scores")
    assert set(stamped) <= set(column(Store(tmp_path), "SELECT run_id FROM runs"))


def test_the_native_distance_is_had_on_request_and_kept(small):
    native = "SELECT count(*), count(emd_native) FROM scores WHERE {}"
    assert rows(small, native.format("true"))[0][1] == 0
    again(small, native_emd=True)
    for which in ("head = -1 AND method = 'cls'", "method LIKE '%.%'", "method IN ('edge', 'box_prior', 'ceiling')"):
        total, known = rows(small, native.format(f"{which} AND outcome IN ('scored', 'constant')"))[0]
        assert total == known > 0
    assert (
        rows(small, native.format("head >= 0 OR method IN ('patch_random', 'zero') OR outcome = 'no_box'"))[0][1] == 0
    )
    ceiling = rows(small, "SELECT max(emd_native) FROM scores WHERE method = 'ceiling'")[0][0]
    assert ceiling == pytest.approx(0, abs=1e-9)

    before = parts(small)
    assert again(small).shards_computed == 0  # a run that does not ask does not lose it
    assert parts(small) == before


@pytest.fixture
def relabelled(pictures):
    """The pictures with other feature types as their distractors."""

    def relabel(*distractors):
        kinds = (dataclasses.replace(k, distractor=k.feature_type in distractors) for k in pictures.feature_types)
        return dataclasses.replace(pictures, feature_types=tuple(kinds))

    return relabel


def test_distractors_change_nothing_but_their_own_scores(
    tmp_path, pictures, relabelled, tiny_folders, plan_for, scored_store
):
    """Scores, baselines and nulls of features are those of a data set in which distractors are not marked at all."""
    plan = plan_for(tiny_folders["dinov2"], "vit", "cls", view="letterbox")
    marked = relabelled("sign", "door")
    kept = tuple(box for box in pictures.boxes if box.feature_type not in ("sign", "door"))
    scored_store(tmp_path / "with", marked, plan)
    scored_store(tmp_path / "without", dataclasses.replace(marked, boxes=kept), plan)
    both = [Store(tmp_path / name) for name in ("with", "without")]
    of_features = "feature_type NOT IN ('sign', 'door')"
    box_ids = "(SELECT '' UNION ALL SELECT box_id FROM boxes WHERE feature_type NOT IN ('sign', 'door'))"
    for table, where in (("scores", "true"), ("box_scores", of_features), ("nulls", f"box_id IN {box_ids}")):
        query = f"SELECT * EXCLUDE (run_id) FROM {table} WHERE {where} ORDER BY ALL"
        found, expected = (rows(store, query) for store in both)
        assert len(found) == len(expected) > 0
        for ours, theirs in zip(found, expected, strict=True):
            assert [v for v in flat(ours) if not isinstance(v, float)] == [
                v for v in flat(theirs) if not isinstance(v, float)
            ]
            numbers = [v for v in flat(theirs) if isinstance(v, float)]
            assert [v for v in flat(ours) if isinstance(v, float)] == pytest.approx(numbers, rel=1e-6, abs=1e-7)
    of_distractors = f"SELECT count(*), count(energy) FROM box_scores WHERE NOT ({of_features}) AND model = 'vit'"
    ((boxes, scored_boxes),) = rows(both[0], of_distractors)
    assert boxes == scored_boxes > 0


def flat(row):
    """A row's values in one list, curves element by element."""
    return [value for field in row for value in (field if isinstance(field, list) else [field])]


def test_an_image_of_distractors_alone_has_no_union_and_scores_of_its_boxes(
    tmp_path, relabelled, tiny_folders, plan_for, scored_store
):
    """Every window, door and tower is a distractor: images 2 and 3 keep their sign as their one feature."""
    scored_store(tmp_path, relabelled("window", "door", "tower"), plan_for(tiny_folders["dinov2"], "vit", "cls"))
    store = Store(tmp_path)
    outcomes = dict(rows(store, "SELECT image_id, any_value(outcome) FROM scores WHERE method = 'cls' GROUP BY ALL"))
    assert {image for image, outcome in outcomes.items() if outcome == "scored"} == {"picture-02.png", "picture-03.png"}
    empty = "method NOT IN ('zero') AND outcome = 'no_box' AND (iou IS NOT NULL OR energy IS NOT NULL OR boxes != 0 "
    assert not column(store, f"SELECT 1 FROM scores WHERE {empty} OR area_mass IS NOT NULL OR density IS NOT NULL)")
    alone = "image_id NOT IN ('picture-02.png', 'picture-03.png') AND method IN ('cls', 'ceiling', 'patch_random')"
    counts = "count(*), count(iou), count(iou_mass), count(area_mass)"
    query = f"SELECT {counts} FROM box_scores WHERE {alone} GROUP BY method"
    assert all(total == curves == masses == areas > 0 for total, curves, masses, areas in rows(store, query))
    assert rows(store, f"SELECT DISTINCT box_id = '' FROM nulls WHERE {alone.split(' AND method')[0]}") == [(False,)]
    perfect = f"SELECT min(cc), max(kl) FROM box_scores WHERE method = 'ceiling' AND {alone}"
    assert rows(store, perfect)[0] == pytest.approx((1, 0), abs=1e-6)
    # Two images have features: each is the other's prior.
    assert set(column(store, "SELECT image_id FROM scores WHERE method = 'box_prior'")) == set(outcomes)


def test_another_role_is_scored_again(small, relabelled, tiny_folders, plan_for, scored_store):
    before = parts(small)
    union = "SELECT sum(boxes), avg(energy) FROM scores WHERE method = 'cls'"
    of_boxes = "SELECT count(*), avg(energy) FROM box_scores WHERE method = 'cls'"
    (boxes, energy), alone = rows(small, union)[0], rows(small, of_boxes)[0]
    scored_store(small.root, relabelled("sign", "door"), plan_for(tiny_folders["dinov2"], "vit", "cls"))
    assert not before & parts(small)
    assert rows(small, union)[0][0] < boxes
    assert rows(small, union)[0][1] != energy
    assert rows(small, of_boxes)[0] == pytest.approx(alone)
