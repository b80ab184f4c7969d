"""Real photographs and a real checkpoint through the whole chain, against numbers computed independently of it."""

import pytest

from etl.build import build, plan_models
from etl.plan import Options
from etl.store import Store
from ssl_attn.datasets import read_dataset
from ssl_attn.methods import parse_request
from ssl_attn.models.spec import parse_model_spec
from warehouse.catalog import connect

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
        SELECT sum(boxes), sum(boxes_left_out) FROM scores WHERE view = ? AND layer = 11 AND head = -1
    """
    with connect(store.root) as catalog:
        assert catalog.execute(query, ["squash"]).fetchone() == (418, 0)
        seen, hidden = catalog.execute(query, ["processor"]).fetchone()
    assert seen + hidden == 418
    assert hidden > 100
