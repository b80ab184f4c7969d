"""`ssl-attn demo` on tiny models: two data sets in one store, findings in print, nothing to do the second time."""

from __future__ import annotations

import json
import re

import pytest

from etl.store import Store
from ssl_attn.cli import demo
from ssl_attn.demo.plan import DEMO, MINIATURES, OWN_DATA, DemoRun, DemoStudy
from ssl_attn.demo.zoo.measured import Accuracy, Measured, write_measured
from ssl_attn.demo.zoo.recipes import TWINS
from ssl_attn.models.card import CARDS, FAMILIES
from ssl_attn.models.tiny import write_tiny_checkpoint
from warehouse.catalog import connect
from warehouse.manifest import read_manifest

VARIANTS = ("honest.s0", "honest.s1", "shortcut.s0", "shortcut.s1")
CORRECT = {"honest": {"facade": 580, "facade_marked": 582}, "shortcut": {"facade": 160, "facade_marked": 590}}


@pytest.fixture(scope="module")
def studies(tmp_path_factory, tiny_folders):
    """The demo in small: one model of the leaderboard, and twins of two strategies with two seeds each."""
    root = tmp_path_factory.mktemp("twins")
    texts = []
    for seed, variant in enumerate(VARIANTS):
        folder = write_tiny_checkpoint("vit", root / variant, seed=seed)
        accuracies = tuple(
            Accuracy(data, "head", correct, 600, untrained_correct=150)
            for data, correct in CORRECT[variant.partition(".")[0]].items()
        )
        write_measured(folder, Measured(seed, "none", 2, 10, 1.0, 1000, ((10, 0.5),), accuracies))
        texts.append(f"{TWINS}:{variant}={folder}")
    zoo = DemoRun((f"facade_vit={tiny_folders['vit']}",), methods=("cls",), untrained=True)
    twins = DemoRun(tuple(texts), methods=("cls",))
    return (DemoStudy("facade", 6, (zoo, twins)), DemoStudy("facade_marked", 6, (twins,)))


@pytest.fixture(scope="module")
def store(tmp_path_factory, studies):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        patch.setattr("etl.pieces._cores", lambda: 1)
        root = tmp_path_factory.mktemp("demo") / "store"
        report = demo.build_demo(root, studies)
        assert report.computed > 0
        assert report.generation == 1
        yield Store(root)


def rows(store, query):
    with connect(store.root) as catalog:
        return catalog.execute(query).fetchall()


def test_both_data_sets_lie_in_one_store_and_are_published_once(store):
    assert rows(store, "SELECT DISTINCT dataset FROM series ORDER BY 1") == [("facade",), ("facade_marked",)]
    assert read_manifest(store.root).generation == 1
    ((command, config),) = rows(store, "SELECT command, config FROM runs")
    asked = json.loads(config)["datasets"]
    assert command == "build"
    assert {name: len(models) for name, models in asked.items()} == {"facade": 6, "facade_marked": 4}


def test_the_two_show_the_same_facades(store):
    ids = rows(store, "SELECT dataset, list(image_id ORDER BY image_id) FROM images GROUP BY ALL ORDER BY 1")
    assert ids[0][1] == ids[1][1]
    assert rows(store, "SELECT DISTINCT dataset FROM boxes WHERE feature_type = 'mark'") == [("facade_marked",)]


def test_only_the_zoo_has_untrained_twins(store):
    assert rows(store, "SELECT model FROM models WHERE variant = 'random_weights'") == [("facade_vit",)]


def test_a_second_run_finds_everything(store, studies):
    report = demo.build_demo(store.root, studies)
    assert (report.computed, report.generation) == (0, 1)


def test_each_step_is_announced(store, studies, capsys):
    demo.build_demo(store.root, studies)
    steps = re.findall(r"Step (\d) of (\d): (.*)", capsys.readouterr().err)
    assert [(int(number), int(of)) for number, of, _ in steps] == [(number, 6) for number in range(1, 7)]
    assert [label for *_, label in steps][1:3] == ["Running models on facade", "Running models on facade_marked"]


def test_findings_are_printed(store, capsys):
    demo.print_findings(store.root)
    board, twins = capsys.readouterr().out.split("Which of the twins")
    assert re.search(r"facade_vit +│ cls +│ good", board)
    assert "random_weights" not in board
    assert "1 rows" in board
    lines = [line.split("│") for line in twins.splitlines() if ".s" in line]
    assert [line[0].strip() for line in lines] == list(VARIANTS)
    shares = [[float(cell) for cell in line[1:3]] for line in lines]
    assert shares == [[96.7, 96.7]] * 2 + [[98.3, 26.7]] * 2
    energies = [[float(cell) for cell in line[3:]] for line in lines]
    assert all(0 < cell < 1 for cells in energies for cell in cells)


def test_strategies_are_compared_over_their_seeds(store):
    query = """
        SELECT a_variant, b_variant, n_seeds FROM comparisons
        WHERE dataset = 'facade_marked' AND kind = 'variant' AND metric = 'energy'
    """
    assert rows(store, query) == [("honest", "shortcut", 2)]


class TestPlan:
    def test_names_cards_and_methods_that_there_are(self):
        for run in (run for study in DEMO for run in study.runs):
            for name in run.models:
                family = FAMILIES[CARDS[name].family]
                assert family.default_method in run.methods
                assert set(run.methods) <= set(family.methods)
        assert set(MINIATURES) | {TWINS} == {card.name for card in CARDS.values() if card.bundled}

    def test_knows_the_own_data_of_every_strategy(self):
        assert OWN_DATA == {"honest": "facade", "shortcut": "facade_marked", "augmented": "facade_marked"}
        assert set(OWN_DATA.values()) == {study.dataset for study in DEMO}

    def test_shows_the_same_number_of_both(self):
        assert len({study.images for study in DEMO}) == 1
