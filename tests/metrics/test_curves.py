import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ssl_attn.metrics.curves import iou_share, precision, recall
from ssl_attn.metrics.overlap import overlaps, partition
from ssl_attn.metrics.percentiles import PERCENTILES, selected_pixels


@given(
    arrays(np.float32, (2, 40), elements=st.sampled_from([-1.0, 0.0, 0.25, 0.5, 1.0])),
    arrays(bool, (3, 40)).map(lambda masks: masks | ~masks.any(axis=1, keepdims=True)),
)
def test_what_follows_from_the_curve_equals_counting(canvas, masks):
    iou, area = overlaps(canvas, partition(masks)).iou, masks.mean(axis=1)
    curves = recall(iou, area, 40), precision(iou, area, 40), iou_share(iou, area, 40)
    for percentile in PERCENTILES:
        k = int(selected_pixels(40, percentile))
        for i, values in enumerate(canvas):
            cut = np.sort(values)[-k]
            weight = np.where(values > cut, 1.0, 0.0)
            weight[values == cut] = (k - weight.sum()) / (values == cut).sum()
            for j, mask in enumerate(masks):
                inside = weight[mask].sum()
                at = (i, j, percentile - 1)
                assert curves[0][at] == pytest.approx(inside / mask.sum(), rel=1e-12)
                assert curves[1][at] == pytest.approx(inside / k, rel=1e-12)
                greatest = min(k, mask.sum()) / max(k, mask.sum())
                assert curves[2][at] == pytest.approx(iou[at] / greatest, rel=1e-12)


def test_areas_may_differ_in_their_visible_pixels():
    rng = np.random.default_rng(0)
    iou, area, pixels = rng.random((4, 99)) / 2, rng.random(4), np.array([100, 200, 50176, 7])
    for curve in (recall, precision, iou_share):
        together = curve(iou, area, pixels)
        for row in range(4):
            np.testing.assert_array_equal(together[row], curve(iou[row], area[row], pixels[row]))


def test_recall_never_grows_with_the_percentile():
    rng = np.random.default_rng(3)
    masks = rng.random((7, 500)) < 0.3
    iou = overlaps(rng.integers(0, 9, (5, 500)).astype(np.float32), partition(masks)).iou
    assert (np.diff(recall(iou, masks.mean(axis=1), 500), axis=2) <= 1e-12).all()
