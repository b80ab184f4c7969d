import subprocess
import sys

import numpy as np
import pytest

from ssl_attn.errors import UsageError
from ssl_attn.metrics import METRICS
from ssl_attn.metrics.percentiles import DEFAULT_PERCENTILE, HEADLINE_PERCENTILES, PERCENTILES, selected_pixels
from warehouse.contract import TABLES


def test_the_registry_has_the_columns_of_the_metrics_table():
    columns = [column.name for column in TABLES["metrics"].columns]
    fields = list(next(iter(METRICS.values())).__dataclass_fields__)
    assert columns == ["metric", *fields[1:]]
    assert fields[0] == "name"


def test_every_metric_is_a_column_of_the_score_tables():
    union = {column.name for column in TABLES["scores"].columns}
    box = {column.name for column in TABLES["box_scores"].columns}
    assert {"iou", "energy"} <= union & box & METRICS.keys()
    assert METRICS.keys() <= box
    assert all(METRICS[name].name == name and METRICS[name].low < METRICS[name].high for name in METRICS)


def test_registry_and_scoring_import_no_torch():
    code = "import sys, ssl_attn.metrics.scoring, ssl_attn.statistics; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_percentiles():
    assert tuple(range(1, 100)) == PERCENTILES
    assert set(HEADLINE_PERCENTILES) < set(PERCENTILES)
    assert DEFAULT_PERCENTILE in HEADLINE_PERCENTILES


def test_selected_pixels_follow_python_rounding():
    pixels = np.concatenate([np.arange(1, 1200), [50176, 33376]])
    expected = [[max(1, round(int(n) * (100 - p) / 100)) for p in PERCENTILES] for n in pixels]
    np.testing.assert_array_equal(selected_pixels(pixels[:, None], np.array(PERCENTILES)), expected)


def test_selected_pixels_of_the_full_canvas():
    counts = selected_pixels(224 * 224, np.array([90, 85, 80, 75, 70, 60, 50]))
    assert counts.tolist() == [5018, 7526, 10035, 12544, 15053, 20070, 25088]


@pytest.mark.parametrize("percentile", [-1, 101])
def test_a_percentile_outside_the_scale_is_refused(percentile):
    with pytest.raises(UsageError, match="from 0 to 100"):
        selected_pixels(10, percentile)
