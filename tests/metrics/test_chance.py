import numpy as np
import pytest

from ssl_attn.errors import UsageError
from ssl_attn.metrics import METRICS
from ssl_attn.metrics.chance import chance, iou_chance, recall_chance, selection_chance
from ssl_attn.metrics.percentiles import PERCENTILES

AREAS = {
    "visible_pixels": np.array([50176, 25088, 1000]),
    "area": np.array([0.1, 0.25, 0.5]),
    "area_grid": np.array([0.11, 0.26, 0.51]),
    "area_grown": np.array([0.2, 0.35, 0.6]),
    "area_mass": np.array([0.3, 0.45, 0.6]),
    "area_above_mean": np.array([0.4, 0.0, 0.3]),
}
CLOSED = [name for name, metric in METRICS.items() if metric.null == "closed_form"]


def level(name, areas=AREAS):
    return chance(name, areas, 90 if METRICS[name].thresholded else None)


@pytest.mark.parametrize("name", CLOSED)
def test_every_metric_with_a_closed_form_has_a_level_in_the_shape_of_the_areas(name):
    assert level(name).shape == (3,)
    column = {key: values[:, None] for key, values in AREAS.items()}
    np.testing.assert_array_equal(level(name, column), level(name)[:, None])
    single = {key: values[1] for key, values in AREAS.items()}
    assert float(level(name, single)) == level(name)[1]


@pytest.mark.parametrize("name", CLOSED)
def test_without_an_area_there_is_no_level(name):
    missing = {key: np.where([True, False, True], values, np.nan) for key, values in AREAS.items()}
    missing["visible_pixels"] = AREAS["visible_pixels"]
    np.testing.assert_array_equal(np.isnan(level(name, missing)), [False, True, False])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("iou", [0.1 * 0.1 / 0.19, 0.025 / 0.325, 0.05 / 0.55]),
        ("iou_share", [0.1 * 0.1 / 0.19, 0.025 / 0.325 / 0.4, 0.05 / 0.55 / 0.2]),
        ("recall", [0.1, 0.1, 0.1]),
        ("precision", [0.1, 0.25, 0.5]),
        ("iou_oracle", [0.1 / 1.9, 0.25 / 1.75, 0.5 / 1.5]),
        ("iou_mass", [0.03 / 0.37, 0.1125 / 0.5875, 0.3 / 0.8]),
        ("iou_above_mean", [0.04 / 0.46, 0, 0.15 / 0.65]),
        ("pointing", [0.1, 0.25, 0.5]),
        ("pointing_15", [0.2, 0.35, 0.6]),
        ("energy", [0.11, 0.26, 0.51]),
        ("lift", [1, 1, 1]),
        ("energy_normalised", [0, 0, 0]),
        ("auroc", [0.5, 0.5, 0.5]),
        ("shuffled_auc", [0.5, 0.5, 0.5]),
        ("nss", [0, 0, 0]),
    ],
)
def test_by_hand(name, expected):
    # 5018 of 50176 pixels and 2509 of 25088 are a little more than a tenth
    np.testing.assert_allclose(level(name), expected, rtol=2e-4)


def test_the_mean_of_the_curve_is_the_mean_of_its_levels():
    expected = np.mean([chance("iou", AREAS, percentile) for percentile in PERCENTILES], axis=0)
    np.testing.assert_allclose(chance("iou_mean", AREAS), expected, rtol=1e-12)


def test_a_selection_of_all_or_of_nothing():
    assert selection_chance(0.3, 1.0) == 0.3
    assert selection_chance(0.3, 0.0) == 0
    assert selection_chance(0.0, 0.0) == 0
    assert recall_chance(1000, 100) == 0.001
    assert iou_chance(0.0, 1000, 50) == 0


@pytest.mark.parametrize("name", [name for name in METRICS if name not in CLOSED] + ["unheard_of"])
def test_a_metric_without_a_closed_form_is_refused(name):
    with pytest.raises(UsageError, match=rf"closed form, got '{name}'; those are iou, .*nss"):
        chance(name, AREAS)


@pytest.mark.parametrize("name", CLOSED)
def test_a_percentile_belongs_to_thresholded_metrics_alone(name):
    with pytest.raises(UsageError, match=f"percentile with {name}, got"):
        chance(name, AREAS, None if METRICS[name].thresholded else 90)
