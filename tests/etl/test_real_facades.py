"""Real photographs and a real checkpoint through the whole chain, against numbers computed independently of it."""

import pytest

from etl.build import build, plan_models
from etl.plan import Options
from etl.store import Store
from ssl_attn.datasets import read_dataset
from ssl_attn.methods import parse_request
from ssl_attn.models.spec import parse_model_spec
from warehouse.catalog import connect
from warehouse.manifest import read_manifest

pytestmark = [pytest.mark.shared, pytest.mark.slow]


@pytest.fixture(scope="module")
def store(shared, tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("facades"))
    spec = parse_model_spec(f"dinov2s={shared / 'weights' / 'dinov2-small-saliency'}")
    facades = read_dataset("coco", shared / "data" / "facades" / "annotations.coco.json")
    for view in ("squash", "processor"):
        options = Options(view=view, features=False)
        build(store, facades, plan_models(store, [spec], [parse_request("cls")], options))
    return store


def test_the_last_layer_scores_what_an_independent_computation_gives(store):
    with connect(store.root) as catalog:
        (iou,) = catalog.execute("SELECT value, chance, n FROM leaderboard('iou', 90) WHERE view = 'squash'").fetchall()
        (energy,) = catalog.execute("SELECT value, chance FROM leaderboard('energy') WHERE view = 'squash'").fetchall()
    assert iou == (pytest.approx(0.165, abs=0.001), pytest.approx(0.080, abs=0.001), 57)
    assert energy == (pytest.approx(0.39, abs=0.01), pytest.approx(0.304, abs=0.001))


def test_what_the_processor_crops_is_left_out_and_counted(store):
    query = """
        SELECT sum(boxes), sum(boxes_left_out) FROM scores
        WHERE method = 'cls' AND view = ? AND layer = 11 AND head = -1
    """
    with connect(store.root) as catalog:
        assert catalog.execute(query, ["squash"]).fetchone() == (418, 0)
        seen, hidden = catalog.execute(query, ["processor"]).fetchone()
    assert seen + hidden == 418
    assert hidden > 100


def means(store, *metrics, **where):
    condition = " AND ".join(f"{name} = ?" for name in where)
    columns = ", ".join(f"avg({metric})" for metric in metrics)
    with connect(store.root) as catalog:
        return catalog.execute(f"SELECT {columns} FROM scores WHERE {condition}", list(where.values())).fetchone()


def test_noise_in_patches_scores_less_than_noise_in_pixels(store):
    """Interpolated patches are smooth and few: IoU@90 is 0.074 where the formula for noise in pixels says 0.080."""
    drawn = means(store, "iou[90]", "energy", "auroc", "nss", method="patch_random", view="squash")
    assert drawn == pytest.approx((0.0745, 0.304, 0.5, 0), abs=0.005)
    uniform = means(store, "iou[90]", "energy", "auroc", "nss", method="uniform", view="squash")
    assert uniform == pytest.approx((0.0797, 0.304, 0.5, 0), abs=0.0005)
    assert drawn[0] < uniform[0] - 0.003


def test_facades_stand_in_the_middle_and_windows_have_edges(store):
    for baseline in ("centre_gaussian", "box_prior"):
        assert means(store, "auroc", method=baseline, view="squash")[0] > 0.65
        # position alone gains little once the negatives are where other facades have boxes
        assert means(store, "shuffled_auc", method=baseline, view="squash")[0] < 0.6
    assert means(store, "pointing", method="edge", view="squash")[0] > 0.6
    ceiling = means(store, "iou_oracle", "auroc", "cc", "emd", "mse", method="ceiling", view="squash")
    assert ceiling == pytest.approx((0.86, 0.977, 1, 0, 0), abs=0.005)


def test_a_zero_map_has_a_smaller_squared_error_than_any_other_that_knows_nothing(store):
    zero = means(store, "mse", method="zero", view="squash")[0]
    for other in ("uniform", "patch_random", "centre_gaussian", "edge", "box_prior"):
        assert zero < means(store, "mse", method=other, view="squash")[0]


def test_this_model_looks_at_this_image(store):
    """Its maps of other images score less, most of all where position counts for nothing."""
    own, mean, other = (
        means(store, "iou[90]", "shuffled_auc", method=method, view="squash", layer=11, head=-1)
        for method in ("cls", "cls.mean_map", "cls.other_image")
    )
    assert own > mean > other
    assert own[1] > mean[1] + 0.04


def test_the_estimate_of_bytes_is_about_right(store, shared):
    spec = parse_model_spec(f"dinov2s={shared / 'weights' / 'dinov2-small-saliency'}")
    plans = plan_models(store, [spec], [parse_request("cls")], Options(features=False))
    listed = read_manifest(store.root)
    parts = [p for table in ("maps", "scores", "box_scores", "nulls") for p in listed.parts(table)]
    of_view = sum(part.bytes for part in parts if part.slice.startswith("squash/"))
    assert plans[0].bytes_for(57, 418) == pytest.approx(of_view, rel=0.15)
