"""Columns that are computed when they are read say what they should, and cost nothing when nobody asks for them."""

import numpy as np
import pytest

from ssl_attn.metrics.canvas import to_canvas
from ssl_attn.metrics.percentiles import PERCENTILES, selected_pixels
from warehouse.catalog import connect
from warehouse.contract import TABLES

CANVAS = 224


@pytest.fixture
def catalog(built):
    with connect(built.root) as connection:
        yield connection


def inside(canvas, boxes, percentile):
    """Target pixels among the strongest, and how many those are and the target has; pixels tied at the cut share."""
    centres = (np.arange(CANVAS) + 0.5) / CANVAS
    mask = np.zeros((CANVAS, CANVAS), dtype=bool)
    for x, y, width, height in boxes:
        mask |= ((centres >= y) & (centres < y + height))[:, None] & ((centres >= x) & (centres < x + width))
    k = int(selected_pixels(CANVAS * CANVAS, percentile))
    cut = np.sort(canvas.ravel())[-k]
    above, tied = canvas > cut, canvas == cut
    return mask[above].sum() + (k - above.sum()) / tied.sum() * mask[tied].sum(), k, mask.sum()


@pytest.mark.parametrize("image", ["picture-03.png", "picture-05.png"])
def test_recall_precision_and_share_follow_from_iou(catalog, image):
    query = """
        SELECT m."values", m.grid_h, m.grid_w, s.recall, s.precision, s.iou_share
        FROM maps AS m JOIN scores AS s USING (dataset, model, variant, method, view, image_id, layer, head)
        WHERE m.image_id = ? AND m.model = 'tiny_siglip' AND m.method = 'received' AND m.head = 1 AND m.layer = 1
    """
    ((values, grid_h, grid_w, *curves),) = catalog.execute(query, [image]).fetchall()
    marked = """
        SELECT x, y, width, height FROM boxes JOIN feature_types USING (dataset, feature_type)
        WHERE image_id = ? AND NOT distractor
    """
    boxes = catalog.execute(marked, [image]).fetchall()
    canvas = to_canvas(np.array(values, dtype=np.float64).reshape(1, grid_h, grid_w))[0]
    assert len(boxes) > 0
    for percentile in (1, 30, 50, 75, 90, 99):
        held, k, area = inside(canvas, boxes, percentile)
        iou = held / (k + area - held)
        expected = (held / area, held / k, iou * max(k, area) / min(k, area))
        found = tuple(curve[percentile - 1] for curve in curves)
        assert found == pytest.approx(expected, rel=2e-3, abs=2e-4)


def test_no_share_passes_1_by_rounding(catalog):
    query = """
        SELECT max(list_max(recall)), max(list_max(precision)), max(list_max(iou_share)), min(len(recall))
        FROM (
            SELECT recall, precision, iou_share FROM scores
            UNION ALL SELECT recall, precision, iou_share FROM box_scores
        )
    """
    ((recall, precision, share, percentiles),) = catalog.execute(query).fetchall()
    assert (recall, percentiles) == (1.0, len(PERCENTILES))  # the box that is found whole
    assert 0.5 < precision <= 1
    assert 0.5 < share <= 1


def test_a_target_without_a_pixel_has_no_share_of_anything(catalog):
    expressions = {column.name: column.expression for column in TABLES["scores"].columns if column.expression}
    assert set(expressions) == {"recall", "precision", "iou_share"}
    for name, expression in expressions.items():
        row = "SELECT [0.0, 0.0]::FLOAT[] AS iou, ?::DOUBLE AS area, 50 AS visible_pixels"
        query = f"SELECT {expression} AS {name} FROM ({row})"
        assert catalog.execute(query, [0.0]).fetchall() == [(None,)]
        assert catalog.execute(query, [0.5]).fetchall() == [([0.0, 0.0],)]


def test_what_is_not_asked_for_is_not_computed(catalog):
    def plan(query):
        return "".join(catalog.execute(f"EXPLAIN {query}").fetchall()[0][1])

    # what recall is computed from is read for recall alone
    assert "visible_pixels" in plan("SELECT recall[90] FROM scores")
    assert "visible_pixels" not in plan("SELECT iou[90], energy FROM scores")


def test_an_empty_store_has_the_computed_columns_too(tmp_path):
    with connect(tmp_path / "nowhere") as empty:
        assert empty.execute("SELECT recall, precision, iou_share FROM box_scores").fetchall() == []
