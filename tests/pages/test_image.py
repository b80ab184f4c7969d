from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from etl.build import build, plan_models
from etl.plan import Options
from etl.store import Store
from ssl_attn.geometry import Placement
from ssl_attn.methods import parse_request
from ssl_attn.models.spec import parse_model_spec
from ssl_attn.similarity import box_similarity
from warehouse.catalog import connect

if TYPE_CHECKING:
    import polars as pl

LANDSCAPE, PORTRAIT, UNMARKED = "picture-00.png", "picture-01.png", "picture-09.png"
SIGN = "picture-02.png"


def asked(store, sql: str) -> pl.DataFrame:
    return connect(store).cursor().sql(sql).pl()


def image_id(store, file: str) -> str:
    return asked(store, f"SELECT image_id FROM images WHERE path LIKE '%{file}'").item()


def sent(app) -> dict:
    """What the viewer component was given."""
    component = app.get("bidi_component")[0].proto
    return json.loads(component.json)


def texts(app) -> str:
    shown = [*app.markdown, *app.caption, *app.info, *app.warning]
    return "\n".join(str(element.value) for element in shown)


def box_of(store, image: str) -> dict:
    return asked(store, f"SELECT * FROM boxes WHERE image_id = '{image}' ORDER BY area DESC, box_id").row(0, named=True)


def test_default_view_shows_the_last_layer_of_the_default_method(opened, dashboard_store):
    image = image_id(dashboard_store, LANDSCAPE)
    app = opened(dashboard_store, "image", image=image)
    expected = asked(
        dashboard_store, f"SELECT * FROM map_of('{image}', 'alpha', 'cls', 2) WHERE params_id = 'cls'"
    ).row(0, named=True)
    heat = sent(app)["heat"]
    assert heat["values"] == pytest.approx((np.array(expected["values"]) * expected["peak"]).tolist())
    assert (heat["rows"], heat["columns"]) == (expected["grid_h"], expected["grid_w"])
    assert [float(heat["low"]), float(heat["high"])] == pytest.approx(
        [min(heat["values"]), max(heat["values"])], rel=0.05
    )
    assert heat["placement"]["scale_x"] == expected["scale_x"]
    assert "layer 2" in heat["title"]


def test_url_decides_the_map_and_the_drawing(opened, dashboard_store):
    image = image_id(dashboard_store, PORTRAIT)
    app = opened(
        dashboard_store,
        "image",
        image=image,
        model="beta",
        method="cls",
        layer="1",
        head="2",
        opacity="30",
        cells="patches",
        colours="magma",
        threshold="mask",
        boxes="off",
    )
    drawing = sent(app)["drawing"]
    assert (drawing["opacity"], drawing["smooth"], drawing["threshold"]) == (0.3, False, "mask")
    assert sent(app)["boxes"] == []
    assert "layer 1 · head 2" in sent(app)["heat"]["title"]
    assert sent(app)["heat"]["cut"] is not None
    for name, value in {"image": image, "model": "beta", "layer": "1", "head": "2", "boxes": "off"}.items():
        assert app.query_params[name] == value


def test_controls_write_the_url(opened, dashboard_store):
    app = opened(dashboard_store, "image")
    app.selectbox(key="model").select("beta").run()
    app.select_slider(key="layer").set_value(0).run()
    app.toggle(key="boxes").set_value(False).run()
    assert not app.exception
    assert app.query_params["model"] == "beta"
    assert app.query_params["layer"] == "0"
    assert app.query_params["boxes"] == "off"


def test_next_and_previous(opened, dashboard_store):
    app = opened(dashboard_store, "image")
    first = app.selectbox(key="image").value
    assert app.button(key="previous-image").disabled
    app.button(key="next-image").click().run()
    second = app.selectbox(key="image").value
    assert second != first
    assert app.query_params["image"] == second
    app.button(key="previous-image").click().run()
    assert app.selectbox(key="image").value == first


def test_scores_are_those_of_the_store_with_chance(opened, dashboard_store):
    image = image_id(dashboard_store, LANDSCAPE)
    app = opened(dashboard_store, "image", image=image, percentile="75")
    score = asked(
        dashboard_store,
        f"FROM image_scores('{image}', at_percentile := 75) WHERE model = 'alpha' AND variant = 'frozen' "
        "AND method = 'cls' AND view = 'squash' AND layer = 2 AND head = -1",
    ).row(0, named=True)
    assert [metric.value for metric in app.metric] == [f"{score['iou']:.3f}", f"{score['energy']:.3f}"]
    assert f"Chance {score['iou_chance']:.3f}" in texts(app)
    assert "of the attention rests on CLS" in texts(app)


def test_choosing_a_box_shows_what_resembles_it(opened, dashboard_store):
    image = image_id(dashboard_store, LANDSCAPE)
    box = box_of(dashboard_store, image)
    app = opened(dashboard_store, "image", image=image, box=box["box_id"])
    patches = asked(
        dashboard_store,
        f"SELECT * FROM patch_features WHERE image_id = '{image}' AND model = 'alpha' AND variant = 'frozen' "
        "AND view = 'squash' AND layer = 2 ORDER BY patch",
    )
    side = patches["grid_h"][0]
    features = np.array(patches["vector"].to_list()).reshape(side, side, -1)
    fractions = np.array([box[name] for name in ("x", "y", "width", "height")])
    expected = box_similarity(features, fractions, Placement(1.0, 0.0, 1.0, 0.0))
    heat = sent(app)["heat"]
    assert heat["values"] == pytest.approx(expected.values.ravel().tolist(), abs=1e-6)
    assert (heat["low"], heat["high"]) == (f"{expected.low:.3f}", f"{expected.high:.3f}")
    assert heat["query"] == (expected.weight > 0).ravel().tolist()
    assert heat["title"].startswith("Cosine similarity to ")
    assert f"{side} × {side} patches" in heat["title"]
    assert sent(app)["selected"] == box["box_id"]


def test_distractors_are_named_as_such_and_come_after_the_features(opened, dashboard_store):
    image = image_id(dashboard_store, SIGN)
    app = opened(dashboard_store, "image", image=image)
    listed = app.dataframe[0].value["name"].to_list()
    assert listed[-1] == "sign (distractor)"
    assert not any("distractor" in name for name in listed[:-1])
    drawn = sent(app)["boxes"]
    assert {box["name"] for box in drawn if box["distractor"]} == {"sign (distractor)"}
    areas = [box["width"] * box["height"] for box in drawn]
    assert areas == sorted(areas, reverse=True)
    assert [box["name"] for box in drawn] != listed, "the sign must be larger than a feature"


def test_a_box_of_another_image_is_dropped_from_the_url(opened, dashboard_store):
    other = box_of(dashboard_store, image_id(dashboard_store, PORTRAIT))["box_id"]
    app = opened(dashboard_store, "image", image=image_id(dashboard_store, LANDSCAPE), box=other)
    assert sent(app)["selected"] is None
    assert "box" not in app.query_params


def test_an_image_without_boxes_says_so(opened, dashboard_store):
    app = opened(dashboard_store, "image", image=image_id(dashboard_store, UNMARKED))
    assert "marked no box" in texts(app)
    assert "nothing to score against" in texts(app)
    assert sent(app)["boxes"] == []
    assert sent(app)["heat"] is not None


def test_the_processor_view_hides_what_was_cropped(opened, dashboard_store):
    app = opened(dashboard_store, "image", image=image_id(dashboard_store, LANDSCAPE), view="processor")
    placement = sent(app)["heat"]["placement"]
    assert placement["scale_x"] == pytest.approx(1.5)
    assert placement["offset_x"] == pytest.approx(-0.25)
    assert placement["scale_y"] == pytest.approx(1.0)
    assert "hides 33% of the image" in texts(app)


def test_a_lost_preview_gives_a_message_and_a_map(opened, own_store):
    image = image_id(own_store, LANDSCAPE)
    (own_store / asked(own_store, f"SELECT preview FROM images WHERE image_id = '{image}'").item()).unlink()
    app = opened(own_store, "image", image=image)
    assert sent(app)["picture"]["address"] is None
    assert sent(app)["heat"] is not None


def test_provenance_names_run_weights_and_code(opened, dashboard_store):
    app = opened(dashboard_store, "image")
    facts = dict(app.table[0].value.itertuples(index=False))
    model = asked(dashboard_store, "SELECT * FROM models WHERE model = 'alpha' AND variant = 'frozen'").row(
        0, named=True
    )
    assert facts["Weights"] == model["weights_sha256"]
    assert facts["Run"] in asked(dashboard_store, "SELECT run_id FROM runs")["run_id"].to_list()
    assert facts["Code"]
    assert "squash" in facts["View"]


def test_no_store_names_the_command_to_run(opened, tmp_path):
    app = opened(tmp_path / "nowhere", "image")
    assert "ssl-attn demo" in app.code[0].value


def test_a_map_without_features_explains_what_to_do(opened, own_store, pictures, tiny_folders):
    store = Store(own_store)
    bare = parse_model_spec(f"bare={tiny_folders['dino']}")
    options = Options(batch_size=4, features=False)
    build(store, pictures, plan_models(store, [bare], [parse_request("cls")], options))
    image = image_id(own_store, LANDSCAPE)
    app = opened(own_store, "image", image=image, model="bare", box=box_of(own_store, image)["box_id"])
    assert "found none" in app.warning[0].value
    assert "--features" in app.warning[0].value
