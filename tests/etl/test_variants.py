"""Trained variants of a model in a store: what stands of them, who is their yardstick, and what is refused."""

from __future__ import annotations

import dataclasses

import pytest
from scipy.stats import binomtest

from etl.build import Study, build_studies, extract_all, new_run, plan_models
from etl.plan import Options
from etl.store import Store
from ssl_attn.demo.zoo.measured import MEASURED_FILE, Accuracy, Measured, write_measured
from ssl_attn.errors import SslAttnError, UsageError
from ssl_attn.methods import parse_request
from ssl_attn.models.card import FAMILIES
from ssl_attn.models.spec import parse_model_specs
from ssl_attn.models.tiny import write_tiny_checkpoint
from warehouse.catalog import connect

MEASURED = Measured(
    seed=1,
    command="none",
    generator_version=2,
    steps=1,
    seconds=1.0,
    parameters=1,
    loss=(),
    accuracy=(
        Accuracy("facade_marked", "head", 97, 100),
        Accuracy("facade", "head", 88, 100, untrained_correct=25),
    ),
)


@pytest.fixture(autouse=True)
def one_core(monkeypatch):
    monkeypatch.setattr("etl.pieces._cores", lambda: 1)


@pytest.fixture
def folders(tmp_path):
    """Two trainings of one architecture; of the second it is on record how accurate it is."""
    made = {name: write_tiny_checkpoint("vit", tmp_path / name, seed=seed) for seed, name in enumerate(("one", "two"))}
    write_measured(made["two"], MEASURED)
    return made


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def plans(store, *texts, **asked):
    return plan_models(store, parse_model_specs(texts), [parse_request("cls")], Options(batch_size=4), **asked)


def extracted(store, dataset, planned):
    """Maps and what stands with them, in the draft."""
    run = new_run("extract", [Study(dataset, planned)])
    extract_all(store, dataset, planned, run)
    run.finish(store)


def rows(store, query):
    with connect(store.root, draft=True) as catalog:
        return catalog.execute(query).fetchall()


@pytest.fixture
def few(pictures):
    images = pictures.images[:4]
    ids = {image.image_id for image in images}
    boxes = tuple(box for box in pictures.boxes if box.image_id in ids)
    return dataclasses.replace(pictures, images=images, boxes=boxes)


def test_each_variant_is_a_row_with_its_training(store, few, folders):
    texts = [f"m:lora.s0={folders['one']}", f"m:lora.s1={folders['two']}"]
    extracted(store, few, plans(store, *texts, random_weights=True, seed=9))
    query = "SELECT variant, strategy, train_seed, weights_sha256 FROM models ORDER BY variant"
    found = rows(store, query)
    assert [row[:3] for row in found] == [("lora.s0", "lora", 0), ("lora.s1", "lora", 1), ("random_weights", "", 9)]
    assert len({row[3] for row in found}) == 3
    counts = dict(rows(store, "SELECT variant, count(*) FROM maps GROUP BY 1"))
    assert len(counts) == 3
    assert len(set(counts.values())) == 1
    assert rows(store, "SELECT seed FROM runs") == [(9,)]


def test_the_seed_of_a_training_is_not_that_of_the_run(store, few, folders):
    extracted(store, few, plans(store, f"m:lora.s7={folders['one']}"))
    assert rows(store, "SELECT seed FROM runs") == [(0,)]


def test_verdicts_hold_for_trained_variants_as_for_released_weights(store, few, folders):
    extracted(store, few, plans(store, f"facade_vit:lora.s0={folders['one']}", random_weights=True))
    found = dict(rows(store, "SELECT variant, (verdict, note) FROM verdicts WHERE method = 'cls'"))
    card = FAMILIES["vit"].verdicts[0]
    assert found["lora.s0"] == (card.verdict, card.note)
    assert found["random_weights"][0] == "baseline"


def test_one_untrained_twin_stands_for_all_variants(store, folders):
    trained = [f"m:lora.s0={folders['one']}", f"m:lora.s1={folders['two']}"]
    found = [plan.checkpoint for plan in plans(store, *trained, random_weights=True)]
    assert [checkpoint.variant for checkpoint in found] == ["lora.s0", "random_weights", "lora.s1"]
    assert found[1].config_sha256 == found[0].config_sha256


def test_released_weights_lend_the_twin_its_configuration(store, folders, tiny_folders):
    texts = [f"m:lora.s0={folders['one']}", f"m={tiny_folders['dino']}"]
    found = [plan.checkpoint for plan in plans(store, *texts, random_weights=True)]
    assert [checkpoint.variant for checkpoint in found] == ["lora.s0", "frozen", "random_weights"]
    assert found[2].config_sha256 == found[1].config_sha256 != found[0].config_sha256


def test_a_variant_stands_for_one_set_of_weights(store, few, folders):
    extracted(store, few, plans(store, f"m:lora.s0={folders['one']}"))
    with pytest.raises(SslAttnError, match=r"expected m \(lora\.s0\) to be the one"):
        plans(store, f"m:lora.s0={folders['two']}")
    plans(store, f"m:lora.s1={folders['two']}")


def test_variants_of_a_model_are_of_one_family(store, few, folders, tiny_folders):
    extracted(store, few, plans(store, f"m:lora.s0={folders['one']}"))
    with pytest.raises(SslAttnError, match=r"expected m \(lora\.s1\) to be of the family .* \(vit\), got clip"):
        plans(store, f"m:lora.s1={tiny_folders['clip']}")


def test_accuracies_are_published_with_the_model(store, few, folders):
    texts = [f"m:lora.s0={folders['one']}", f"m:lora.s1={folders['two']}"]
    extracted(store, few, plans(store, *texts, random_weights=True))
    query = "SELECT variant, data, split, readout, n, correct, accuracy, untrained_accuracy, chance FROM accuracies"
    assert rows(store, f"{query} ORDER BY data") == [
        ("lora.s1", "facade", "held_out", "head", 100, 88, 0.88, 0.25, 0.25),
        ("lora.s1", "facade_marked", "held_out", "head", 100, 97, 0.97, None, 0.25),
    ]
    ((low, high),) = rows(store, "SELECT ci_low, ci_high FROM accuracies WHERE data = 'facade'")
    wilson = binomtest(88, 100).proportion_ci(method="wilson")
    assert (low, high) == (wilson.low, wilson.high)
    query = "SELECT strategy, train_seed, gain FROM accuracy_profile WHERE data = 'facade'"
    ((strategy, seed, gain),) = rows(store, query)
    assert (strategy, seed, gain) == ("lora", 1, pytest.approx(0.63))


def test_an_accuracy_that_is_no_longer_on_record_goes(store, few, folders):
    text = f"m:lora.s1={folders['two']}"
    extracted(store, few, plans(store, text))
    write_measured(folders["two"], dataclasses.replace(MEASURED, accuracy=MEASURED.accuracy[:1]))
    extracted(store, few, plans(store, text))
    assert rows(store, "SELECT data FROM accuracies") == [("facade_marked",)]
    (folders["two"] / MEASURED_FILE).unlink()
    extracted(store, few, plans(store, text))
    assert rows(store, "SELECT data FROM accuracies") == []


def test_several_data_sets_are_scored_and_published_once(store, few, folders):
    other = dataclasses.replace(few, name="others", images=few.images[:3])
    planned = plans(store, f"m:lora.s0={folders['one']}")
    report = build_studies(store, [Study(few, planned), Study(other, planned)])
    assert report.generation == 1
    counts = "SELECT dataset, count(DISTINCT image_id) FROM scores WHERE model = 'm' AND method = 'cls' GROUP BY 1"
    assert rows(store, f"{counts} ORDER BY 1") == [("others", 3), (few.name, 4)]
    assert rows(store, "SELECT count(*) FROM runs") == [(1,)]
    assert build_studies(store, [Study(few, planned), Study(other, planned)]).computed == 0


def test_a_data_set_is_named_once(store, few, folders):
    planned = plans(store, f"m:lora.s0={folders['one']}")
    with pytest.raises(UsageError, match="expected every data set once"):
        build_studies(store, [Study(few, planned), Study(few, planned)])
    assert not store.root.exists()
