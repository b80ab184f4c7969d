"""A map that is the box must score as such, through every view and for every shape of image."""

import numpy as np
import pytest
from PIL import Image as PillowImage
from PIL import ImageDraw
from scipy.ndimage import map_coordinates

from ssl_attn.geometry import VIEWS, view_transform
from ssl_attn.metrics.percentiles import PERCENTILES, selected_pixels
from ssl_attn.metrics.scoring import score_maps
from ssl_attn.metrics.target import build_target
from ssl_attn.models.preprocessing import Preprocessing

HALF = (0.5, 0.5, 0.5)
CROPPING = Preprocessing(
    resample=PillowImage.Resampling.BICUBIC, mean=HALF, std=HALF, resize_shortest=256, crop=(224, 224)
)
SIZES = {"landscape": (640, 427), "portrait": (427, 640), "square": (500, 500), "odd": (333, 517), "wide": (901, 203)}


@pytest.fixture(params=SIZES.values(), ids=SIZES.keys())
def size(request):
    return request.param


@pytest.fixture(params=VIEWS)
def view(request):
    return request.param


def best(target, percentiles=PERCENTILES):
    """The greatest IoU that any map can have: smaller over larger area."""
    k, size = selected_pixels(target.visible_pixels, np.array(percentiles)), target.area * target.visible_pixels
    return np.minimum(k, size) / np.maximum(k, size)


def half_of_the_visible_image(placement):
    """A box, in image fractions, whose pixels are exactly half of the visible ones."""
    x, y, width, height = placement.visible_canvas
    if round(width * 224) % 2 == 0:
        return placement.to_image(np.array([[x, y, width / 2, height]]))
    return placement.to_image(np.array([[x, y, width, height / 2]]))


def test_a_canvas_resolution_map_that_is_the_box_scores_one(view, size):
    placement = view_transform(view, CROPPING, *size, 224).placement(224, 224)
    target = build_target(half_of_the_visible_image(placement), placement, grid_h=224, grid_w=224)
    assert target.area == 0.5
    scores = score_maps(target.union[None].astype(np.float32), target)
    assert scores.iou[0, 49] == 1
    assert scores.box_iou[0, 0, 49] == 1
    for metric in ("iou_oracle", "iou_mean", "iou_above_mean", "pointing", "pointing_15", "auroc", "average_precision"):
        expected = best(target).mean() if metric == "iou_mean" else 1
        assert scores.scalars[metric][0] == pytest.approx(expected, rel=1e-6), metric
        assert scores.box_scalars[metric][0, 0] == pytest.approx(expected, rel=1e-6), metric
    assert scores.scalars["energy"][0] == pytest.approx(1, abs=1e-6)
    # 60 % of the mask's pixels
    assert scores.scalars["iou_mass"][0] == pytest.approx(0.6, abs=1e-4)
    assert scores.area_above_mean[0] == 0.5
    np.testing.assert_allclose(scores.iou[0], best(target), rtol=1e-12)


def test_a_canvas_resolution_map_of_any_box_scores_the_greatest_possible(view, size):
    placement = view_transform(view, CROPPING, *size, 224).placement(224, 224)
    boxes = np.array([[0.31, 0.42, 0.23, 0.17], [0.45, 0.5, 0.2, 0.3]])
    target = build_target(boxes, placement, grid_h=224, grid_w=224)
    scores = score_maps(target.union[None].astype(np.float32), target)
    np.testing.assert_allclose(scores.iou[0], best(target), rtol=1e-12)


def test_a_box_drawn_into_the_picture_is_found_where_the_model_sees_it(view, size):
    """The picture itself is the map: drawn, resized, cropped and padded by the code that feeds the models."""
    width, height = size
    left, top, right, bottom = round(width * 0.36), round(height * 0.34), round(width * 0.66), round(height * 0.73)
    picture = PillowImage.new("RGB", size)
    ImageDraw.Draw(picture).rectangle((left, top, right - 1, bottom - 1), fill="white")
    transform = view_transform(view, CROPPING, *size, 224)
    seen = CROPPING.pixels(picture, transform)[0]

    box = np.array([[left / width, top / height, (right - left) / width, (bottom - top) / height]])
    target = build_target(box, transform.placement(224, 224), grid_h=224, grid_w=224)
    scores = score_maps(seen[None], target)
    assert (scores.iou[0] >= best(target) - 0.02).all()
    # a box moved by four pixels of the canvas scores clearly less: the test can tell
    moved = build_target(
        box + np.array([4 / 224, 4 / 224, 0, 0]), transform.placement(224, 224), grid_h=224, grid_w=224
    )
    nearest = int(np.argmax(best(target)))
    assert score_maps(seen[None], moved).iou[0, nearest] < scores.iou[0, nearest] - 0.05


@pytest.mark.parametrize("grid", [(14, 14), (16, 16), (37, 37), (9, 12)])
def test_a_native_grid_map_scores_what_an_independent_computation_gives(view, size, grid):
    transform = view_transform(view, CROPPING, *size, 224)
    placement = transform.placement(224, 224)
    boxes = np.array([[0.31, 0.42, 0.23, 0.17], [0.45, 0.5, 0.2, 0.3], [0.35, 0.3, 0.1, 0.05]])
    values = np.random.default_rng(7).random(grid).round(1)
    values[: grid[0] // 2] = 0.2
    scores = score_maps(values[None], build_target(boxes, placement, grid_h=grid[0], grid_w=grid[1]))

    # positions of the pixel centres in image fractions, straight from the sizes and offsets in pixels
    resized_width, resized_height = transform.resized_width, transform.resized_height
    rows, columns = np.mgrid[0:224, 0:224] + 0.5
    x, y = (columns - transform.left) / resized_width, (rows - transform.top) / resized_height
    visible = (x >= 0) & (x < 1) & (y >= 0) & (y < 1)
    # cells that show nothing of the image have no say: beyond the outermost one that does, its value goes on
    shown = [
        (max(0, transform.top), transform.top + resized_height),
        (max(0, transform.left), transform.left + resized_width),
    ]
    cells = [
        np.clip(at / 224 * size - 0.5, low * size // 224, min(size, np.ceil(high * size / 224)) - 1)
        for at, size, (low, high) in zip((rows, columns), grid, shown, strict=True)
    ]
    canvas = map_coordinates(values, cells, order=1, mode="nearest")[visible].astype(np.float32)
    inside = [((x >= bx) & (x < bx + bw) & (y >= by) & (y < by + bh))[visible] for bx, by, bw, bh in boxes]
    for percentile in (10, 50, 90):
        expected = [iou(canvas, mask, percentile) for mask in [np.any(inside, axis=0), *inside]]
        np.testing.assert_allclose(scores.iou[0, percentile - 1], expected[0], atol=2e-3)
        np.testing.assert_allclose(scores.box_iou[0, :, percentile - 1], expected[1:], atol=2e-3)

    # energy: a thousand points a side, each with the value of its cell
    steps = (np.arange(1000) + 0.5) / 1000
    x = (steps * 224 - transform.left) / resized_width
    y = (steps * 224 - transform.top) / resized_height
    cell = values[np.ix_((steps * grid[0]).astype(int), (steps * grid[1]).astype(int))]
    shown = ((y >= 0) & (y < 1))[:, None] & ((x >= 0) & (x < 1))
    hit = np.zeros_like(shown)
    for bx, by, bw, bh in boxes:
        hit |= ((y >= by) & (y < by + bh))[:, None] & ((x >= bx) & (x < bx + bw))
    assert scores.scalars["energy"][0] == pytest.approx((cell * (hit & shown)).sum() / (cell * shown).sum(), abs=3e-3)


def iou(canvas, mask, percentile):
    k = max(1, round(len(canvas) * (100 - percentile) / 100))
    cut = np.sort(canvas)[-k]
    weight = (k - (canvas > cut).sum()) / (canvas == cut).sum()
    inside = (mask & (canvas > cut)).sum() + weight * (mask & (canvas == cut)).sum()
    return inside / (k + mask.sum() - inside)


@pytest.mark.parametrize(
    ("box", "percentile"),
    [((3, 4, 7, 7), 75), ((0, 0, 7, 7), 75), ((7, 2, 7, 7), 75), ((4, 0, 7, 14), 50), ((0, 7, 14, 7), 50)],
)
def test_a_box_on_a_14_by_14_grid_gets_nearly_one_at_its_own_area(box, percentile):
    x, y, width, height = box
    placement = view_transform("squash", CROPPING, 500, 500, 224).placement(224, 224)
    target = build_target(np.array([box]) / 14, placement, grid_h=14, grid_w=14)
    assert selected_pixels(target.visible_pixels, percentile) == target.area * target.visible_pixels
    values = np.zeros((1, 14, 14))
    values[0, y : y + height, x : x + width] = 1
    assert 0.94 < score_maps(values, target).iou[0, percentile - 1] <= 1
