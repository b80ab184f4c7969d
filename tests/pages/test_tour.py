"""The tour: five steps on twins whose numbers are known, and plain words where there are none."""

from __future__ import annotations

import pytest

from etl.build import Study, build_studies, plan_models
from etl.plan import Options
from etl.store import Store
from ssl_attn.datasets.facade import read_facade
from ssl_attn.demo.plan import TWIN_METHOD
from ssl_attn.demo.zoo.measured import Accuracy, Measured, write_measured
from ssl_attn.demo.zoo.recipes import TWINS
from ssl_attn.methods import parse_request
from ssl_attn.models.spec import parse_model_specs
from ssl_attn.models.tiny import write_tiny_checkpoint
from tests.pages.test_leaderboard import figure, texts
from warehouse.catalog import connect

IMAGES = 10
CORRECT = {
    "honest": {"facade": 588, "facade_marked": 585},
    "shortcut": {"facade": 240, "facade_marked": 590},
    "augmented": {"facade": 576, "facade_marked": 582},
}
SEEDS = (0, 1, 2)


@pytest.fixture(scope="module")
def tour_store(tmp_path_factory):
    """Nine twins on ten facades, with and without the mark; what they got right was made up."""
    folder = tmp_path_factory.mktemp("twins")
    specs = []
    for number, (strategy, correct) in enumerate(CORRECT.items()):
        for seed in SEEDS:
            checkpoint = write_tiny_checkpoint("vit", folder / f"{strategy}.s{seed}", seed=10 * number + seed)
            told = tuple(Accuracy(data, "head", count - seed, 600, 150) for data, count in correct.items())
            write_measured(checkpoint, Measured(seed, "none", 2, 10, 1.0, 1000, ((10, 0.5),), told))
            specs.append(f"{TWINS}:{strategy}.s{seed}={checkpoint}")
    store = Store(tmp_path_factory.mktemp("tour") / "store")
    requests = [parse_request(TWIN_METHOD)]
    studies = []
    for marked in (False, True):
        drawn = read_facade(tmp_path_factory.mktemp("facades"), count=IMAGES, marked=marked)
        studies.append(Study(drawn, plan_models(store, parse_model_specs(specs), requests, Options())))
    build_studies(store, studies)
    return store.root


def headings(app) -> list[str]:
    return [str(element.value) for element in app.header]


def test_the_story_has_five_steps_with_a_way_on_from_each(opened, tour_store):
    app = opened(tour_store, "tour")
    assert [heading[0] for heading in headings(app)] == ["1", "2", "3", "4", "5"]
    links = app.get("page_link")
    assert len(links) == 5
    assert {link.proto.page for link in links} == {"", "image"}  # the leaderboard is the page without a name


def test_accuracies_are_those_of_the_store_each_on_its_own_kind(opened, tour_store):
    app = opened(tour_store, "tour")
    shown = {trace["name"]: sorted(trace["x"]) for trace in figure(app, "tour-own")["data"] if trace["name"] in CORRECT}
    own = {"honest": "facade", "shortcut": "facade_marked", "augmented": "facade_marked"}
    assert shown == {
        strategy: pytest.approx(sorted((CORRECT[strategy][data] - seed) / 600 for seed in SEEDS))
        for strategy, data in own.items()
    }
    assert "96.7% to 98.3%" in texts(app)


def test_the_fall_without_the_stamp_is_told(opened, tour_store):
    said = texts(opened(tour_store, "tour"))
    assert "were right in 98.0% to 98.3% and are now in **39.7% to 40.0%**" in said
    assert "shortcut -58.3 points" in said


def test_energies_and_differences_are_those_of_the_store(opened, tour_store):
    app = opened(tour_store, "tour")
    query = f"""
        SELECT m.strategy, m.train_seed, avg(s.energy) FROM scores AS s JOIN models AS m USING (model, variant)
        WHERE s.dataset = 'facade_marked' AND s.method = '{TWIN_METHOD}' AND s.head = -1
            AND s.layer = (SELECT max(layer) FROM scores)
        GROUP BY ALL ORDER BY ALL
    """
    with connect(tour_store) as catalog:
        mean = {(strategy, seed): value for strategy, seed, value in catalog.execute(query).fetchall()}
    for trace in figure(app, "tour-energy")["data"]:
        if trace["name"] in CORRECT:
            assert trace["x"] == pytest.approx([mean[trace["name"], seed] for seed in SEEDS], abs=1e-6)
    said = texts(app)
    for seed in SEEDS:
        assert f"is **{mean['honest', seed] - mean['shortcut', seed]:+.3f}** of all energy" in said
    assert f"n = {IMAGES}" in said


def test_every_chart_has_a_chance_line_and_words(opened, tour_store):
    app = opened(tour_store, "tour")
    charts = app.get("plotly_chart")
    assert len(charts) == 6
    assert all("Chart of" in chart.proto.alt for chart in charts)
    for key in ("own", "energy", "mark", "iou", "removed", "plain"):
        assert "Chance" in {trace["name"] for trace in figure(app, f"tour-{key}")["data"]}


def test_picture_and_seed_are_taken_from_the_url(opened, tour_store):
    app = opened(tour_store, "tour", picture="facade_0003", seed="2")
    assert app.selectbox(key="picture").value == "facade_0003"
    query = "SELECT energy FROM scores WHERE variant = 'honest.s2' AND image_id = 'facade_0003' AND head = -1 " + (
        "AND method = 'cls' AND dataset = 'facade_marked' ORDER BY layer DESC LIMIT 1"
    )
    with connect(tour_store) as catalog:
        (energy,) = catalog.execute(query).fetchone()
    assert f"**honest** · energy in the features {energy:.2f}" in texts(app)


def test_another_store_is_told_how_to_get_the_tour(opened, dashboard_store):
    app = opened(dashboard_store, "tour")
    assert "ssl-attn demo" in texts(app)
    assert not headings(app)
