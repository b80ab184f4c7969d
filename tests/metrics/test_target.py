import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import distance_transform_edt

from ssl_attn.errors import UsageError
from ssl_attn.geometry import Placement, union_coverage
from ssl_attn.metrics.target import MIN_VISIBLE_FRACTION, build_target

FULL = Placement(1.0, 0.0, 1.0, 0.0)
WIDE = Placement(1.0, 0.0, 0.5, 0.25)  # a landscape image between two bars
CROPPED = Placement(2.0, -0.5, 1.0, 0.0)  # the middle half of the image's width


def test_overlapping_boxes_count_once():
    boxes = np.array([[0.0, 0.0, 0.5, 0.5], [0.25, 0.0, 0.5, 0.5], [0.0, 0.0, 0.5, 0.5]])
    target = build_target(boxes, FULL, grid_h=7, grid_w=9)
    assert target.area == pytest.approx(0.75 * 0.5)
    assert target.area_grid == pytest.approx(0.75 * 0.5)
    np.testing.assert_allclose(target.box_area, 0.25)
    np.testing.assert_allclose(target.box_area_grid, 0.25)
    np.testing.assert_array_equal(target.union, target.boxes.any(axis=0))


def test_padding_is_in_no_area():
    box = np.array([[0.25, 0.5, 0.5, 0.5]])
    padded, full = (build_target(box, placement, grid_h=14, grid_w=14) for placement in (WIDE, FULL))
    assert padded.window == (slice(56, 168), slice(0, 224))
    assert padded.visible_pixels == 112 * 224
    assert padded.area == full.area == 0.25
    assert padded.area_grid == pytest.approx(full.area_grid)
    assert padded.visible_share.sum() == pytest.approx(14 * 7)
    assert not padded.boxes[:, :56].any()
    assert not padded.boxes[:, 168:].any()


def test_a_hidden_box_is_in_no_union():
    boxes = np.array([[0.0, 0.2, 0.3, 0.4], [0.3, 0.2, 0.2, 0.4], [0.0, 0.0, 0.25, 1.0], [0.05, 0.1, 0.3, 0.1]])
    target = build_target(boxes, CROPPED, grid_h=14, grid_w=14)
    np.testing.assert_allclose(target.visible_fraction, [1 / 6, 1, 0, 1 / 3])
    assert target.kept.tolist() == [False, True, False, True]
    kept = build_target(boxes[[1, 3]], CROPPED, grid_h=14, grid_w=14)
    assert target.area == kept.area
    np.testing.assert_array_equal(target.union, kept.union)
    np.testing.assert_array_equal(target.union_coverage, kept.union_coverage)


def test_a_quarter_visible_is_enough():
    boxes = np.array([[0.0, 0.0, 1.0, 1.0], [0.125, 0.0, 0.5, 0.5]])
    target = build_target(boxes, Placement(4.0, -1.5, 1.0, 0.0), grid_h=4, grid_w=4)
    assert target.visible_fraction[0] == MIN_VISIBLE_FRACTION
    assert target.kept.all()


@pytest.mark.parametrize(
    "boxes", [np.empty((0, 4)), np.array([[0.0, 0.0, 0.1, 0.1]]), np.array([[0.5, 0.5, 0.0, 0.2]])]
)
def test_an_image_may_have_no_box_to_score(boxes):
    target = build_target(boxes, CROPPED, grid_h=5, grid_w=6)
    assert target.masks is None
    assert target.pointing_masks is None
    assert target.soft is None
    assert not target.kept.any()
    assert not target.union.any()
    assert target.area == target.area_grid == target.area_grown == 0
    assert target.union_coverage.shape == (5, 6)


@settings(deadline=None)
@given(st.floats(0, 0.999), st.floats(0, 0.999), st.floats(1e-6, 1e-3), st.integers(20, 3000), st.integers(20, 3000))
def test_the_smallest_box_keeps_a_visible_pixel(x, y, extent, width, height):
    longest = max(width, height)
    scale_x, scale_y = width / longest, height / longest
    placement = Placement(scale_x, (1 - scale_x) / 2, scale_y, (1 - scale_y) / 2)
    box = np.array([[x, y, min(extent, 1 - x), min(extent, 1 - y)]])
    target = build_target(box, placement, grid_h=14, grid_w=14)
    assert target.kept.all()
    rows, columns = target.window
    assert target.boxes[0, rows, columns].any()
    assert target.boxes[0].sum() == target.boxes[0, rows, columns].sum()
    assert target.masks is not None
    assert (target.masks.sizes > 0).all()


def test_crop_takes_the_visible_pixels_row_by_row():
    target = build_target(np.array([[0.0, 0.0, 0.5, 0.5]]), WIDE, grid_h=14, grid_w=14)
    canvas = np.arange(2 * 224 * 224).reshape(2, 224, 224)
    np.testing.assert_array_equal(target.crop(canvas), canvas[:, 56:168].reshape(2, -1))


def test_masks_are_the_union_and_the_kept_boxes():
    boxes = np.array([[0.3, 0.1, 0.2, 0.3], [0.0, 0.0, 0.1, 0.1], [0.4, 0.2, 0.3, 0.3]])
    target = build_target(boxes, CROPPED, grid_h=14, grid_w=14)
    assert target.masks is not None
    masks = target.crop(np.stack([target.union, target.boxes[0], target.boxes[2]]))
    np.testing.assert_array_equal(target.masks.pixels, np.flatnonzero(masks[0]))
    np.testing.assert_array_equal(target.masks.membership[target.masks.region].T, masks[:, masks[0]])


@pytest.mark.parametrize("placement", [FULL, WIDE, CROPPED])
def test_pointing_masks_are_the_masks_and_all_within_15_visible_pixels_of_them(placement):
    boxes = np.array([[0.3, 0.1, 0.2, 0.3], [0.0, 0.0, 0.1, 0.1], [0.4, 0.2, 0.3, 0.3], [0.5, 0.6, 0.001, 0.001]])
    target = build_target(boxes, placement, grid_h=14, grid_w=14)
    assert target.pointing_masks is not None
    masks = np.concatenate([target.union[None], target.boxes[target.kept]])
    near = np.stack([distance_transform_edt(~mask) <= 15 for mask in masks])
    np.testing.assert_array_equal(target.pointing_masks, target.crop(np.concatenate([masks, near])))
    areas = target.crop(near).mean(axis=1)
    assert target.area_grown == pytest.approx(areas[0], rel=1e-12)
    np.testing.assert_allclose(target.box_area_grown[target.kept], areas[1:], rtol=1e-12)
    assert target.box_area_grown.shape == (4,)


def test_soft_targets_are_those_of_the_kept_boxes():
    boxes = np.array([[0.3, 0.1, 0.2, 0.3], [0.0, 0.0, 0.1, 0.1], [0.2, 0.2, 0.3, 0.3]])
    target, kept = (build_target(b, CROPPED, grid_h=14, grid_w=12) for b in (boxes, boxes[[0, 2]]))
    assert target.soft is not None
    assert kept.soft is not None
    assert target.soft.grid.shape == (3, 14, 12)
    np.testing.assert_array_equal(target.soft.grid, kept.soft.grid)


def test_coverage_is_that_of_the_union_and_the_kept_boxes():
    boxes = np.array([[0.3, 0.1, 0.2, 0.3], [0.0, 0.0, 0.1, 0.1], [0.2, 0.2, 0.3, 0.3]])
    target = build_target(boxes, CROPPED, grid_h=14, grid_w=12)
    expected = [target.union_coverage, target.box_coverage[0], target.box_coverage[2]]
    np.testing.assert_array_equal(target.coverage, expected)


class TestDistractors:
    BOXES = np.array(
        [[0.3, 0.1, 0.2, 0.3], [0.25, 0.5, 0.4, 0.3], [0.0, 0.0, 0.1, 0.1], [0.4, 0.2, 0.3, 0.3], [0.0, 0.5, 0.1, 0.1]]
    )
    ROLES = np.array([False, True, True, False, False])

    def test_the_union_is_that_of_the_features_alone(self):
        target = build_target(self.BOXES, CROPPED, grid_h=14, grid_w=12, distractor=self.ROLES)
        features = build_target(self.BOXES[~self.ROLES], CROPPED, grid_h=14, grid_w=12)
        np.testing.assert_array_equal(target.union, features.union)
        np.testing.assert_array_equal(target.union_coverage, features.union_coverage)
        assert (target.area, target.area_grid, target.area_grown) == (
            features.area, features.area_grid, features.area_grown,
        )  # fmt: skip
        assert target.kept.tolist() == [True, True, False, True, False]
        assert target.in_union.tolist() == [True, False, False, True, False]
        np.testing.assert_allclose(target.soft.grid[[0, 1, 3]], features.soft.grid, rtol=1e-12)

    def test_every_kept_box_is_a_target_of_its_own(self):
        target = build_target(self.BOXES, CROPPED, grid_h=14, grid_w=12, distractor=self.ROLES)
        every = build_target(self.BOXES, CROPPED, grid_h=14, grid_w=12)
        np.testing.assert_array_equal(target.boxes, every.boxes)
        np.testing.assert_array_equal(target.coverage[1:], every.coverage[1:])
        np.testing.assert_array_equal(target.target_area_grid[1:], every.target_area_grid[1:])
        np.testing.assert_allclose(target.soft.grid[1:], every.soft.grid[1:], rtol=1e-12)
        of_boxes = [1, 2, 3, 5, 6, 7]  # exact, then grown, the union first in each
        np.testing.assert_array_equal(target.pointing_masks[of_boxes], every.pointing_masks[of_boxes])
        assert target.masks.sizes.tolist() == [target.union.sum(), *target.boxes[target.kept].sum(axis=(1, 2))]

    def test_features_are_told_from_distractors_too_and_a_distractor_from_all_but_itself_and_the_features(self):
        target = build_target(self.BOXES, FULL, grid_h=14, grid_w=12, distractor=self.ROLES)
        assert target.outside.of_target.tolist() == [0, 0, 1, 2, 0, 0]
        for place, among in enumerate(([0, 3, 4], [0, 1, 3, 4], [0, 2, 3, 4])):
            inside = union_coverage(self.BOXES[among], 14, 12)
            np.testing.assert_allclose(target.outside.shares[place], 1 - inside, atol=1e-12)

    def test_an_image_of_distractors_alone_has_targets_and_no_union(self):
        target = build_target(self.BOXES[1:3], FULL, grid_h=14, grid_w=12, distractor=self.ROLES[1:3])
        assert not target.has_union
        assert not target.union.any()
        assert target.area == target.area_grid == target.area_grown == 0
        np.testing.assert_array_equal(target.coverage, target.box_coverage)
        assert len(target.target_area_grid) == len(target.masks.sizes) == len(target.soft.grid) == 2
        assert len(target.pointing_masks) == 4
        assert target.outside.of_target.tolist() == [1, 2]

    def test_there_is_a_role_for_each_box(self):
        with pytest.raises(UsageError, match="expected the role of each of 5 boxes"):
            build_target(self.BOXES, FULL, grid_h=14, grid_w=12, distractor=self.ROLES[:3])


def test_other_images_coverage_must_be_on_the_grid():
    box = np.array([[0.3, 0.1, 0.2, 0.3]])
    others = np.ones((14, 12))
    assert build_target(box, FULL, grid_h=14, grid_w=12, others=others).others is others
    with pytest.raises(UsageError, match=r"grid \(12, 14\), got \(14, 12\)"):
        build_target(box, FULL, grid_h=12, grid_w=14, others=others)
