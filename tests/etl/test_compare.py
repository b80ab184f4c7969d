"""Comparisons are the declared tests on the right pairs of images: against scipy, and on planted differences."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import binomtest, t, ttest_1samp, wilcoxon

from etl.aggregate import aggregate
from etl.aggregation.score_series import ScoreSeries
from etl.comparison.last_layers import COMPARED, MIXED_FRAMES, LastLayers
from etl.comparison.paired_rows import Sides, adjusted, compared, tie_breaks
from etl.comparison.pairs import Entrant, Training, all_pairs
from etl.run import Run
from etl.store import Store
from ssl_attn.baselines import UNPOINTED
from ssl_attn.metrics import METRICS
from ssl_attn.statistics.bootstrap import cluster_bootstrap, cluster_means
from ssl_attn.statistics.paired import paired_test
from ssl_attn.statistics.seeds import MIN_SEEDS, crossed_bootstrap
from tests.scored_store import ScoredStore, Series, Study, free_baselines
from warehouse.catalog import connect

ENERGY, KL, POINTING, IOU_90 = (COMPARED.index(c) for c in (("energy", -1), ("kl", -1), ("pointing", -1), ("iou", 90)))


@pytest.fixture
def catalog(summarised):
    with connect(summarised.store.root, draft=True) as connection:
        yield connection


def rows(catalog, query, *parameters):
    return catalog.execute(query, list(parameters)).fetchall()


def side_of(catalog, score, model, variant, method):
    """Scores of the last layer, heads fused, image by image, NaN where there is none, and their sources."""
    query = f"""
        SELECT {score}, source_id FROM scores JOIN images USING (dataset, image_id)
        WHERE model = ? AND variant = ? AND method = ? AND head = -1
            AND layer = (SELECT max(layer) FROM scores WHERE model = ? AND variant = ? AND method = ?) ORDER BY image_id
    """
    found = rows(catalog, query, *(model, variant, method) * 2)
    return np.array([np.nan if v is None else v for v, _ in found]), np.array([source for _, source in found])


PAIRS = [
    ("baseline", ("alpha", "frozen", "cls"), ("alpha", "frozen", "cls.mean_map")),
    ("baseline", ("alpha", "frozen", "cls"), ("baseline", "14x14_squash", "box_prior")),
    ("baseline", ("alpha", "frozen", "cls"), ("alpha", "random_weights", "cls")),
    ("model", ("alpha", "frozen", "cls"), ("beta", "frozen", "cls")),
    ("method", ("alpha", "frozen", "cls"), ("alpha", "frozen", "rollout")),
    ("variant", ("alpha", "full.s0", "cls"), ("alpha", "frozen", "cls")),
]


@pytest.mark.parametrize(("kind", "a", "b"), PAIRS)
@pytest.mark.parametrize(
    ("metric", "percentile"), [("iou", 75), ("recall", 90), ("energy", -1), ("nss", -1), ("emd", -1)]
)
def test_a_comparison_is_the_declared_test_on_the_images_of_both(catalog, kind, a, b, metric, percentile):
    score = metric if percentile == -1 else f"{metric}[{percentile}]"
    of_a, sources = side_of(catalog, score, *a)
    of_b, _ = side_of(catalog, score, *b)
    both = ~np.isnan(of_a - of_b)
    units_a, units_b = (cluster_means(of[both][:, None], sources[both])[:, 0] for of in (of_a, of_b))
    units = units_a - units_b
    interval = cluster_bootstrap(units[:, None], np.arange(len(units)), kind="bca")
    query = """
        SELECT n, n_sources, test, mean_a, mean_b, difference, ci_low, ci_high, median_difference, d_z, p, p_t, margin
        FROM comparisons
        WHERE kind = ? AND (a_model, a_variant, a_method) = (?, ?, ?) AND (b_model, b_variant, b_method) = (?, ?, ?)
            AND metric = ? AND percentile = ?
    """
    ((n, n_sources, test, *numbers),) = rows(catalog, query, kind, *a, *b, metric, percentile)
    assert (n, n_sources, test) == (both.sum(), len(units), "wilcoxon_exact")
    mean_b = units_b.mean()
    distinct = len(np.unique(np.abs(units))) == len(units)
    assert distinct or percentile != -1, "only curves, of half precision, may tie"
    assert numbers == pytest.approx(
        [
            units_a.mean(),
            mean_b,
            units.mean(),
            interval.low[0],
            interval.high[0],
            np.median(units),
            units.mean() / units.std(ddof=1),
            wilcoxon(units, method="exact").pvalue if distinct else float(paired_test(units).p),
            ttest_1samp(units, 0).pvalue,
            0.01 if metric == "iou" else 0.1 * abs(mean_b),
        ],
        rel=1e-5,
    )


def test_hits_have_mcnemars_test_on_the_same_broken_ties(catalog, summarised):
    of_a, sources = side_of(catalog, "pointing", "alpha", "frozen", "cls")
    of_b, _ = side_of(catalog, "pointing", "beta", "frozen", "cls")
    breaks = tie_breaks(summarised.study.image_ids)
    assert {0.0, 0.5, 1.0} == set(np.concatenate([of_a, of_b])[~np.isnan(np.concatenate([of_a, of_b]))])
    both = ~np.isnan(of_a - of_b)
    net = ((breaks < of_a).astype(int) - (breaks < of_b).astype(int))[both]
    of_source = np.array([net[sources[both] == source].sum() for source in sorted(set(sources[both]))])
    wins, losses = int((of_source > 0).sum()), int((of_source < 0).sum())
    found = rows(
        catalog,
        "SELECT test, p, p_t, mean_a FROM comparisons WHERE kind = 'model' AND a_model = 'alpha' AND b_model = 'beta' "
        "AND metric = 'pointing'",
    )
    expected = binomtest(wins, wins + losses).pvalue
    mean_a = cluster_means(of_a[both][:, None], sources[both]).mean()
    assert found == [("mcnemar_exact", pytest.approx(expected), None, pytest.approx(mean_a))]


def test_holm_runs_over_the_family_for_each_metric_and_percentile(catalog):
    query = "SELECT metric, percentile, p, p_holm FROM comparisons WHERE family = 'baseline/squash' ORDER BY p"
    of_column = {}
    for metric, percentile, p, p_holm in rows(catalog, query):
        of_column.setdefault((metric, percentile), []).append((p, p_holm))
    assert len(of_column) == len(COMPARED) - 1  # nobody asked for the distance on the native grid
    for tests in of_column.values():
        steps = [min(1.0, (len(tests) - i) * p) for i, (p, _) in enumerate(tests)]
        assert [adjusted_p for _, adjusted_p in tests] == pytest.approx(np.maximum.accumulate(steps))
    sizes = {metric: len(tests) for (metric, _), tests in of_column.items()}
    assert sizes["mse"] > sizes["energy"], "the zero map has a squared error alone"


def test_every_kind_compares_what_it_says(catalog):
    query = "SELECT DISTINCT a_model, a_variant, a_method, b_model, b_variant, b_method FROM comparisons WHERE kind = ?"
    assert set(rows(catalog, query, "model")) == {
        ("alpha", "frozen", "cls", "beta", "frozen", "cls"),
        ("alpha", "frozen", "cls", "gamma", "frozen", "map_pool"),
        ("beta", "frozen", "cls", "gamma", "frozen", "map_pool"),
    }
    assert set(rows(catalog, query, "method")) == {("alpha", "frozen", "cls", "alpha", "frozen", "rollout")}
    assert set(rows(catalog, query, "variant")) == {
        ("alpha", "full.s0", "cls", "alpha", "frozen", "cls"),
        ("alpha", "lora", "cls", "alpha", "frozen", "cls"),
        ("alpha", "lora", "cls", "alpha", "full.s0", "cls"),
    }
    baselines = set(rows(catalog, query, "baseline"))
    free = ("uniform", "zero", "patch_random", "centre_gaussian", "edge", "box_prior")
    assert {b[3:] for b in baselines if b[:3] == ("beta", "frozen", "cls")} == {
        *(("baseline", "16x16_squash", name) for name in free),
        ("beta", "frozen", "cls.mean_map"),
        ("beta", "frozen", "cls.other_image"),
    }
    # an untrained model and a fine-tuned one are measured by the same yardsticks, but none by itself
    twins = {b[:2] for b in baselines if b[4] == "random_weights"}
    assert twins == {("alpha", "frozen")} | {("alpha", v) for v in ("full.s0", "lora.s0", "lora.s1", "lora.s2")}
    assert ("baseline", "14x14_squash", "edge") in {b[3:] for b in baselines if b[1] == "random_weights"}


def test_a_strategy_of_several_seeds_is_their_mean(catalog):
    seeds = [side_of(catalog, "energy", "alpha", f"lora.s{seed}", "cls")[0] for seed in range(3)]
    frozen, sources = side_of(catalog, "energy", "alpha", "frozen", "cls")
    both = ~np.isnan(np.mean(seeds, axis=0) - frozen)

    def over_sources(scores):
        return cluster_means(scores[both][:, None], sources[both]).mean()

    of_seeds = [over_sources(seed - frozen) for seed in seeds]
    half = t.ppf(0.975, 2) * np.std(of_seeds, ddof=1) / np.sqrt(3)
    query = """
        SELECT n_seeds, seeds_agree, difference, mean_a, seed_low, seed_high FROM comparisons
        WHERE kind = 'variant' AND a_variant = 'lora' AND b_variant = 'frozen' AND metric = 'energy'
    """
    ((n, agree, *numbers),) = rows(catalog, query)
    assert (n, agree) == (3, True)
    centre = np.mean(of_seeds)
    expected = (centre, over_sources(np.mean(seeds, axis=0)), centre - half, centre + half)
    assert numbers == pytest.approx(expected, rel=1e-5)
    one = rows(catalog, "SELECT DISTINCT n_seeds, seed_low, seeds_agree FROM comparisons WHERE a_variant = 'full.s0'")
    assert one == [(1, None, None)]


class TestUnequalSources:
    """Thirty buildings with one photograph each, and one with sixty."""

    sources = np.array([f"s{i:02}" for i in range(30)] + ["many"] * 60, dtype=object)

    def verdict(self, of_one, of_many):
        noise = np.random.default_rng(1).normal(0, 0.01, (1, 90, len(COMPARED)))
        d = np.where(self.sources == "many", of_many, of_one)[None, :, None] + noise
        b = np.full((1, 90, len(COMPARED)), 0.4, dtype=np.float32)
        sides = Sides(names("x"), (b + d).astype(np.float32), b, paired_seeds=False)
        (tested,) = compared([f"i{i}" for i in range(90)], self.sources, [sides])
        return next(row for row in adjusted(tested).to_pylist() if row["metric"] == "energy")

    def test_one_much_photographed_building_does_not_outvote_the_others(self):
        row = self.verdict(of_one=-0.1, of_many=0.3)
        assert row["difference"] == pytest.approx((30 * -0.1 + 0.3) / 31, abs=0.005)
        assert row["ci_high"] < 0
        assert row["rank_biserial"] < 0
        assert (row["verdict"], row["significant"]) == ("diminished", True)

    def test_who_wins_in_the_mean_alone_has_not_won(self):
        row = self.verdict(of_one=-0.05, of_many=9.0)
        assert row["difference"] > 0 > row["rank_biserial"]
        assert (row["verdict"], row["significant"]) == ("inconclusive", True)


def test_what_points_nowhere_has_no_hits_to_compare(catalog):
    query = "SELECT DISTINCT b_method FROM comparisons WHERE kind = 'baseline' AND b_model = 'baseline' AND metric = ?"
    of_hits, of_energy = (
        {method for (method,) in rows(catalog, query, metric)} for metric in ("pointing_15", "energy")
    )
    assert of_energy - of_hits == set(UNPOINTED) & of_energy
    assert "uniform" in of_energy
    assert of_hits


def planted(seeds, difference, spread=0.02, images=40):
    """Two sides whose energy differs by so much; the other columns are noise around nothing."""
    generator = np.random.default_rng(3)
    b = generator.uniform(0.3, 0.6, (1, images, len(COMPARED))).astype(np.float32)
    noise = generator.normal(0, spread, (len(seeds), images, len(COMPARED)))
    a = b + noise
    a[:, :, ENERGY] += np.reshape(seeds, (-1, 1)) * difference
    return Sides(names("x"), a.astype(np.float32), b, paired_seeds=False)


def names(model, family="model/squash"):
    sides = {
        f"{side}_{name}": value
        for side in "ab"
        for name, value in {
            "model": model + side,
            "variant": "frozen",
            "method": "cls",
            "input_size": 224,
            "params_id": "cls",
            "layer": 1,
        }.items()
    }
    return {"family": family, "kind": "model", "view": "squash", **sides}


def judged(*sides):
    images = [f"{number}.jpg" for number in range(sides[0].a.shape[1])]
    (table,) = compared(images, np.array(images, dtype=object), sides)
    return [row for row in adjusted(table).to_pylist() if row["metric"] == "energy"]


def test_a_verdict_needs_one_sign_in_all_seeds():
    (agreed,) = judged(planted([1, 1.2, 0.8], 0.1))
    (torn,) = judged(planted([1, 1.2, -0.4], 0.1))
    assert (agreed["verdict"], agreed["significant"], agreed["seeds_agree"]) == ("enhanced", True, True)
    assert (torn["verdict"], torn["significant"], torn["seeds_agree"]) == ("inconclusive", True, False)


def test_from_eight_seeds_on_the_interval_is_over_seeds_too():
    sides = planted(np.linspace(0.5, 1.5, MIN_SEEDS), 0.1)
    (row,) = judged(sides)
    images = np.array([f"{number}.jpg" for number in range(40)], dtype=object)
    crossed = crossed_bootstrap(sides.a.astype(float) - sides.b.astype(float), images)
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((crossed.low[ENERGY], crossed.high[ENERGY]))
    alone = judged(planted([1.0], 0.1))[0]
    assert row["ci_high"] - row["ci_low"] > 2 * (alone["ci_high"] - alone["ci_low"])


def test_a_small_difference_is_preserved_even_where_it_is_significant():
    (row,) = judged(planted([1], 0.02, spread=0.01))
    assert (row["verdict"], row["significant"]) == ("preserved", True)


def test_better_is_lower_where_the_metric_says_so():
    sides = planted([1], 0.0)
    a = sides.a.copy()
    a[:, :, [KL, ENERGY]] += 0.2
    images = [f"{number}.jpg" for number in range(40)]
    (table,) = compared(images, np.array(images, dtype=object), [Sides(names("x"), a, sides.b, False)])
    verdicts = {row["metric"]: row["verdict"] for row in adjusted(table).to_pylist() if row["percentile"] == -1}
    assert (verdicts["energy"], verdicts["kl"]) == ("enhanced", "diminished")


def test_equal_scores_are_null_by_construction_and_no_members_of_the_family():
    different = planted([1], 0.03)
    equal = Sides(names("probe"), different.b, different.b, False)
    with_probe, alone = judged(different, equal), judged(different)
    (probe,) = [row for row in with_probe if row["a_model"] == "probea"]
    (other,) = [row for row in with_probe if row["a_model"] == "xa"]
    assert (probe["p"], probe["p_holm"], probe["difference"], probe["verdict"]) == (1, 1, 0, "preserved")
    assert other["p_holm"] == alone[0]["p_holm"] == alone[0]["p"]


def test_a_half_credit_is_the_same_hit_for_every_map():
    breaks = tie_breaks([f"{number}.jpg" for number in range(4000)])
    assert ((breaks >= 0) & (breaks < 1)).all()
    assert np.mean(breaks < 0.5) == pytest.approx(0.5, abs=0.03)
    np.testing.assert_array_equal(breaks[:10], tie_breaks([f"{number}.jpg" for number in range(10)]))
    half = np.full((1, 40, len(COMPARED)), 0.5, dtype=np.float32)
    full = half.copy()
    full[:, :, ENERGY] = 0.6
    images = [f"{number}.jpg" for number in range(40)]
    (table,) = compared(images, np.array(images, dtype=object), [Sides(names("x"), full, half, False)])
    assert [row["p"] for row in table.to_pylist() if row["metric"] == "pointing"] == [1.0]


class TestPairs:
    def series(self, model="m", variant="frozen", method="cls", view="squash", size=224):
        return ScoreSeries("d", model, variant, method, view, size, method)

    def kinds(self, series, trainings):
        return {
            family: [(p.a.first.model, p.a.variant, p.b.first.model, p.b.variant) for p in pairs]
            for family, pairs in all_pairs(sorted(series), trainings).items()
        }

    def test_untrained_models_are_a_family_of_their_own(self):
        frozen, random = Training("", -1, "cls"), Training("", 0, "cls")
        trainings = {
            ("m", "frozen"): frozen,
            ("n", "frozen"): frozen,
            ("m", "random_weights"): random,
            ("n", "random_weights"): random,
        }
        series = [self.series(m, v) for m in "mn" for v in ("frozen", "random_weights")]
        series += [self.series("m", v, "rollout") for v in ("frozen", "random_weights")]
        series += [ScoreSeries("d", "baseline", "14x14_squash", "uniform", "squash", 224, "uniform")]
        found = self.kinds(series, trainings)
        assert found["model/squash"] == [("m", "frozen", "n", "frozen")]
        assert found["model/squash/random_weights"] == [("m", "random_weights", "n", "random_weights")]
        assert {a for a in found["baseline/squash"] if a[2] != "baseline"} == {
            ("m", "frozen", "m", "random_weights"),
            ("n", "frozen", "n", "random_weights"),
        }
        assert {variant for _, variant, *_ in found["baseline/squash"]} == {"frozen"}
        assert {variant for _, variant, *_ in found["baseline/squash/random_weights"]} == {"random_weights"}
        assert len(found["method/squash"]) == len(found["method/squash/random_weights"]) == 1

    def test_views_and_input_sizes_do_not_mix(self):
        frozen = Training("", -1, "cls")
        series = [self.series("m"), self.series("n", view="letterbox"), self.series("m", method="rollout", size=518)]
        assert self.kinds(series, {("m", "frozen"): frozen, ("n", "frozen"): frozen}) == {}

    def test_a_strategy_with_more_seeds_comes_first(self):
        names = {
            "frozen": Training("", -1, "cls"),
            "full.s0": Training("full", 0, "cls"),
            "lora.s0": Training("lora", 0, "cls"),
            "lora.s4": Training("lora", 4, "cls"),
        }
        found = self.kinds([self.series(variant=v) for v in names], {("m", v): t for v, t in names.items()})
        assert found == {
            "variant/squash": [
                ("m", "full.s0", "m", "frozen"),
                ("m", "lora", "m", "frozen"),
                ("m", "lora", "m", "full.s0"),
            ]
        }

    def test_only_a_models_default_method_stands_for_it(self):
        trainings = {(m, "frozen"): Training("", -1, "cls") for m in "mn"}
        series = [self.series("m"), self.series("n"), self.series("n", method="rollout")]
        assert self.kinds(series, trainings)["model/squash"] == [("m", "frozen", "n", "frozen")]


def test_a_baseline_is_matched_image_by_image_in_the_frame_of_each():
    of_a = ScoreSeries("d", "m", "frozen", "cls", "processor", 224, "cls")
    frames = {name: ScoreSeries("d", "baseline", name, "edge", "processor", 224, "edge") for name in ("4x6", "6x4")}
    shape = (3, len(COMPARED))
    values = {of_a: np.zeros(shape), frames["4x6"]: np.full(shape, 46.0), frames["6x4"]: np.full(shape, 64.0)}
    values[frames["6x4"]][0] = np.nan
    in_frames = {of_a: np.array(["4x6", "6x4", "4x6"], dtype=object)}
    last = LastLayers(("a", "b", "c"), np.array(["a", "b", "c"], dtype=object), values, in_frames, {})
    baseline = Entrant(tuple(frames.values()), "", matched=True)
    scores, name = last.matched(baseline, of_a)
    assert scores[0, :, ENERGY].tolist() == [46.0, 64.0, 46.0]
    assert name == MIXED_FRAMES
    in_frames[of_a] = np.array(["4x6", "", "4x6"], dtype=object)
    scores, name = last.matched(baseline, of_a)
    assert np.isnan(scores[0, 1, ENERGY])
    assert name == "4x6"


def test_a_new_model_changes_its_families_and_no_other(tmp_path, monkeypatch):
    monkeypatch.setattr("etl.pieces._cores", lambda: 1)
    study = Study(images=10, sources=10, boxes=20, feature_types=4)
    writer = ScoredStore(Store(tmp_path), study)
    series = [Series(name, layers=(0,)) for name in ("a", "b")]
    tuned = Series("a", "full.s0", layers=(0,))

    def stage(*new):
        writer.write(*series, tuned, *free_baselines("14x14_squash"), *new)
        run = Run("aggregate", {})
        aggregate(writer.store, run)
        return run, {part.slice: part.file for part in writer.store.draft().parts("comparisons")}

    _, before = stage()
    again, same = stage()
    assert (again.shards_computed, same) == (0, before)
    _, after = stage(Series("c", layers=(0,)))
    assert set(after) == {"baseline/squash", "model/squash", "variant/squash"}
    assert {family for family in after if after[family] != before[family]} == {"baseline/squash", "model/squash"}
    with connect(tmp_path, draft=True) as catalog:
        assert rows(catalog, "SELECT count(DISTINCT (a_model, b_model)) FROM comparisons WHERE kind = 'model'") == [
            (3,)
        ]


def test_only_metrics_with_a_better_end_are_compared():
    assert {metric for metric, _ in COMPARED} == {n for n, m in METRICS.items() if m.direction != "neither"}
    percentiles = [p for metric, p in COMPARED if metric == "iou_share"]
    assert all(low < high for low, high in pairwise(percentiles))
    assert COMPARED[IOU_90] == ("iou", 90)
    assert COMPARED[POINTING] == ("pointing", -1)
