"""Where an image lies on a model input: measured on pixels, compared with live processors, and inverted."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as PillowImage

from ssl_attn.errors import SslAttnError, UsageError
from ssl_attn.geometry import (
    VIEWS,
    Placement,
    ViewTransform,
    clip,
    coverage,
    rasterise,
    union_coverage,
    view_transform,
    visible_fraction,
)
from ssl_attn.models.preprocessing import Preprocessing, parse_preprocessing, read_preprocessing

PLAIN = {"do_normalize": False, "do_rescale": True}
PROCESSORS = {
    "dinov2": {"image_processor_type": "BitImageProcessor", "size": {"shortest_edge": 256}, "resample": 3},
    "clip": {"feature_extractor_type": "CLIPFeatureExtractor", "size": 224, "crop_size": 224, "resample": 3},
    "vit": {"image_processor_type": "ViTImageProcessor", "size": {"height": 224, "width": 224}, "resample": 2},
    "dinov3": {"image_processor_type": "DINOv3ViTImageProcessorFast", "size": {"height": 224, "width": 224}},
    "siglip": {"image_processor_type": "SiglipImageProcessor", "size": {"height": 224, "width": 224}, "resample": 3},
    "deit": {"feature_extractor_type": "DeiTFeatureExtractor", "size": 256, "crop_size": 224, "do_center_crop": True},
    "resnet": {"feature_extractor_type": "ConvNextFeatureExtractor", "size": 224, "crop_pct": 0.875, "resample": 3},
}
SIZES = {
    "landscape": (640, 427),
    "portrait": (427, 640),
    "odd": (641, 427),
    "odd portrait": (333, 517),
    "square": (512, 512),
    "small": (150, 101),
    "panorama": (900, 250),
}


def ramp(width: int, height: int) -> PillowImage.Image:
    """Red rises along x and green along y, from 0 at one edge to 255 at the other."""
    red = np.broadcast_to(((np.arange(width) + 0.5) / width * 255)[None, :], (height, width))
    green = np.broadcast_to(((np.arange(height) + 0.5) / height * 255)[:, None], (height, width))
    return PillowImage.fromarray(np.stack([red, green, np.zeros_like(red)], axis=-1).round().astype(np.uint8))


def largest_error(profile: np.ndarray, resized: int, placed: int) -> float:
    """Greatest distance, in input pixels, of a line fitted to a ramp from where it should lie.

    The filter flattens a ramp near the image's own edges, so that only pixels well inside the image are fitted.
    """
    centres = np.arange(len(profile)) + 0.5
    fraction = (centres - placed) / resized
    inside = (fraction > 0.08) & (fraction < 0.92)
    slope, intercept = np.polyfit(centres[inside], profile[inside], 1)
    seen = np.array([max(0, placed), min(len(profile), placed + resized)])
    return float(np.abs((slope * seen + intercept) * resized + placed - seen).max())


def placed_sides(transform: ViewTransform) -> tuple[tuple[int, int], tuple[int, int]]:
    return (transform.top, transform.resized_height), (transform.left, transform.resized_width)


class TestRamp:
    @pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
    @pytest.mark.parametrize("processor", PROCESSORS)
    @pytest.mark.parametrize(("view", "input_size"), [(view, 224) for view in VIEWS] + [("processor", 320)])
    def test_pixels_lie_where_the_transform_says(self, view, input_size, processor, size):
        preprocessing = parse_preprocessing({**PROCESSORS[processor], **PLAIN})
        width, height = size
        transform = view_transform(view, preprocessing, width, height, input_size)

        pixels = preprocessing.pixels(ramp(width, height), transform)

        assert pixels.shape == (3, input_size, input_size)
        rows, columns = (slice(max(0, start), start + size) for start, size in placed_sides(transform))
        assert largest_error(pixels[0, rows].mean(axis=0), transform.resized_width, transform.left) < 0.5
        assert largest_error(pixels[1, :, columns].mean(axis=1), transform.resized_height, transform.top) < 0.5

    def test_letterbox_pads_with_the_mean_colour(self):
        preprocessing = parse_preprocessing(PROCESSORS["vit"])
        transform = view_transform("letterbox", preprocessing, 640, 320, 224)

        pixels = preprocessing.pixels(PillowImage.new("RGB", (640, 320), "white"), transform)

        assert np.all(pixels[:, :56] == 0.0)
        assert np.all(pixels[:, 168:] == 0.0)
        assert pixels[:, 56:168] == pytest.approx(1.0)


class TestKnownCrops:
    """Visible shares worked out by hand from the processors' rules."""

    @pytest.mark.parametrize(
        ("processor", "size", "visible_x", "visible_y"),
        [
            ("dinov2", (640, 427), (79 / 383, 303 / 383), (16 / 256, 240 / 256)),
            ("dinov2", (427, 640), (16 / 256, 240 / 256), (79 / 383, 303 / 383)),
            ("clip", (640, 427), (55 / 335, 279 / 335), (0.0, 1.0)),
            ("deit", (640, 427), (16 / 256, 240 / 256), (16 / 256, 240 / 256)),
            ("resnet", (640, 427), (79 / 383, 303 / 383), (16 / 256, 240 / 256)),
            ("vit", (640, 427), (0.0, 1.0), (0.0, 1.0)),
        ],
    )
    def test_processor_view(self, processor, size, visible_x, visible_y):
        preprocessing = parse_preprocessing(PROCESSORS[processor])
        placement = view_transform("processor", preprocessing, *size, 224).placement(224, 224)

        x, y, width, height = placement.visible_image

        assert (x, x + width) == pytest.approx(visible_x, abs=1e-9)
        assert (y, y + height) == pytest.approx(visible_y, abs=1e-9)

    def test_unknown_view_lists_the_known_ones(self):
        with pytest.raises(UsageError, match="squash, letterbox, processor"):
            view_transform("stretch", parse_preprocessing({}), 10, 10, 224)


LIVE = {
    "BitImageProcessor": ("bit", [{}, {"size": {"shortest_edge": 256}, "image_mean": [0.485, 0.456, 0.406]}]),
    "CLIPImageProcessor": ("clip", [{}, {"size": {"shortest_edge": 336}, "crop_size": {"height": 336, "width": 336}}]),
    "ViTImageProcessor": ("vit", [{}, {"size": {"height": 96, "width": 96}, "resample": 3}, {"do_normalize": False}]),
    "SiglipImageProcessor": ("siglip", [{}, {"size": {"height": 256, "width": 256}, "resample": 2}]),
    "DeiTImageProcessor": ("deit", [{}, {"size": {"height": 438, "width": 438}}]),
    "ConvNextImageProcessor": ("convnext", [{}, {"size": {"shortest_edge": 224}, "crop_pct": 0.95}]),
}


class TestLiveProcessors:
    """The project's own arithmetic against transformers', for every processor that needs no torchvision."""

    @pytest.mark.parametrize("size", [(640, 427), (427, 640), (641, 427), (333, 517), (150, 101)])
    @pytest.mark.parametrize(
        ("name", "settings"),
        [(name, settings) for name, (_, cases) in LIVE.items() for settings in cases],
        ids=lambda value: value if isinstance(value, str) else ",".join(value) or "defaults",
    )
    def test_same_pixels(self, name, settings, size):
        folder = LIVE[name][0]
        module = importlib.import_module(f"transformers.models.{folder}.image_processing_pil_{folder}")
        live = getattr(module, f"{name}Pil")(**settings)
        noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        image = PillowImage.fromarray(noise)
        # the file as people have it: with the fields that were set, the rest left to the processor it names
        ours = parse_preprocessing({"image_processor_type": name, **settings})

        expected = live(image, return_tensors="np")["pixel_values"][0]
        pixels = ours.pixels(image, ours.transform(*size))

        assert pixels.shape == expected.shape
        np.testing.assert_allclose(pixels, expected, atol=1e-5)

    def test_what_a_processor_saves_reads_back_the_same(self, tmp_path):
        module = importlib.import_module("transformers.models.clip.image_processing_pil_clip")
        module.CLIPImageProcessorPil().save_pretrained(tmp_path)

        assert read_preprocessing(tmp_path / "preprocessor_config.json") == parse_preprocessing(
            {"image_processor_type": "CLIPImageProcessor"}
        )


class TestReading:
    def test_missing_file_says_where_to_get_it(self, tmp_path):
        with pytest.raises(SslAttnError, match=r"preprocessor_config\.json.*copy it from the model's page"):
            read_preprocessing(tmp_path / "preprocessor_config.json")

    def test_a_preprocessing_without_fixed_input_is_refused(self):
        with pytest.raises(SslAttnError, match="fixed-resolution checkpoint"):
            parse_preprocessing({"image_processor_type": "Siglip2ImageProcessor", "size": {"max_num_patches": 256}})

    def test_without_resize_an_image_keeps_its_size(self):
        preprocessing = parse_preprocessing({"do_resize": False})
        assert preprocessing.transform(30, 20) == ViewTransform(30, 20, 0, 0, 30, 20)

    @pytest.mark.parametrize("processor", PROCESSORS)
    def test_scaled_steps_show_the_same_part(self, processor):
        preprocessing = parse_preprocessing(PROCESSORS[processor])
        native = preprocessing.transform(640, 427).placement(224, 224)
        scaled = preprocessing.scaled_to(448).transform(640, 427).placement(448, 448)

        assert scaled.visible_image == pytest.approx(native.visible_image, abs=3e-3)


fractions = st.floats(-0.5, 1.5)
extents = st.floats(0.0, 1.5)
boxes = st.lists(st.tuples(fractions, fractions, extents, extents), min_size=1, max_size=6).map(np.array)
transforms = st.builds(
    ViewTransform,
    resized_width=st.integers(8, 900),
    resized_height=st.integers(8, 900),
    left=st.integers(-400, 200),
    top=st.integers(-400, 200),
    input_width=st.integers(16, 600),
    input_height=st.integers(16, 600),
)


class TestInverses:
    @given(transform=transforms, points=st.lists(st.tuples(fractions, fractions), min_size=1, max_size=5))
    def test_points_return(self, transform, points):
        points = np.array(points)
        assert transform.to_image(transform.to_input(points)) == pytest.approx(points, abs=1e-9)

    @given(transform=transforms, boxes=boxes, covered=st.integers(8, 600))
    def test_boxes_return(self, transform, boxes, covered):
        placement = transform.placement(covered, covered)
        assert placement.to_image(placement.to_canvas(boxes)) == pytest.approx(boxes, abs=1e-9)

    @given(transform=transforms, boxes=boxes)
    def test_a_box_maps_as_its_corners_do(self, transform, boxes):
        placement = transform.placement(transform.input_width, transform.input_height)
        mapped = placement.to_canvas(boxes)
        side = [transform.input_width, transform.input_height]
        assert mapped[:, :2] == pytest.approx(transform.to_input(boxes[:, :2]) / side, abs=1e-9)
        assert mapped[:, :2] + mapped[:, 2:] == pytest.approx(
            transform.to_input(boxes[:, :2] + boxes[:, 2:]) / side, abs=1e-9
        )

    def test_the_margin_that_no_patch_sees_is_off_the_canvas(self):
        # 230 px hold 16 patches of 14 px; the last 6 px are seen by none
        placement = ViewTransform(230, 230, 0, 0, 230, 230).placement(224, 224)
        assert placement.visible_image == pytest.approx([0, 0, 224 / 230, 224 / 230])


class TestVisibleFraction:
    @given(boxes=boxes, transform=transforms)
    def test_is_a_share(self, boxes, transform):
        placement = transform.placement(transform.input_width, transform.input_height)
        shares = visible_fraction(boxes, placement)
        assert np.all((shares >= 0) & (shares <= 1 + 1e-9))

    def test_a_box_shown_whole_has_exactly_one_however_thin(self):
        placement = Placement(scale_x=0.5, offset_x=0.0, scale_y=8 / 29, offset_y=1 / 29)
        thin = np.array([[0.0, 0.0, 1.0, 2.220446049250313e-16], [0.3, 0.7, 1e-12, 0.1]])
        assert visible_fraction(thin, placement).tolist() == [1.0, 1.0]

    def test_half_of_a_box_beyond_the_crop(self):
        placement = Placement(scale_x=2.0, offset_x=-0.5, scale_y=1.0, offset_y=0.0)  # the middle half of the width
        inside, half, outside, empty = visible_fraction(
            np.array([[0.3, 0.1, 0.2, 0.2], [0.2, 0.0, 0.1, 1.0], [0.0, 0.0, 0.2, 1.0], [0.3, 0.3, 0.0, 0.5]]),
            placement,
        )
        assert (inside, half, outside, empty) == pytest.approx((1.0, 0.5, 0.0, 0.0))


def brute_force(boxes: np.ndarray, grid_h: int, grid_w: int, fine: int = 40) -> np.ndarray:
    """Union coverage by counting sub-pixels of a much finer raster, `fine` a side of every cell."""
    x = (np.arange(grid_w * fine) + 0.5) / (grid_w * fine)
    y = (np.arange(grid_h * fine) + 0.5) / (grid_h * fine)
    covered = np.zeros((len(y), len(x)), dtype=bool)
    for left, top, width, height in boxes:
        covered |= ((y >= top) & (y < top + height))[:, None] & ((x >= left) & (x < left + width))[None, :]
    return covered.reshape(grid_h, fine, grid_w, fine).mean(axis=(1, 3))


class TestCoverage:
    @given(boxes=boxes, grid_h=st.integers(1, 7), grid_w=st.integers(1, 7))
    def test_union_equals_a_fine_raster(self, boxes, grid_h, grid_w):
        # an edge cuts off at most one sub-pixel row or column of a cell for each box
        tolerance = 4 * len(boxes) / 40
        exact, counted = union_coverage(boxes, grid_h, grid_w), brute_force(boxes, grid_h, grid_w)
        assert exact == pytest.approx(counted, abs=tolerance)

    @given(boxes=boxes, grid_h=st.integers(1, 9), grid_w=st.integers(1, 9))
    def test_one_box_is_its_own_union(self, boxes, grid_h, grid_w):
        each = coverage(boxes, grid_h, grid_w)
        for box, alone in zip(boxes, each, strict=True):
            assert union_coverage(box[None], grid_h, grid_w) == pytest.approx(alone, abs=1e-9)

    @given(boxes=boxes, grid_h=st.integers(1, 9), grid_w=st.integers(1, 9))
    def test_cells_add_up_to_the_visible_area(self, boxes, grid_h, grid_w):
        seen = clip(boxes)
        areas = coverage(boxes, grid_h, grid_w).sum(axis=(1, 2)) / (grid_h * grid_w)
        assert areas == pytest.approx(seen[:, 2] * seen[:, 3], abs=1e-9)

    @given(boxes=boxes, grid_h=st.integers(1, 9), grid_w=st.integers(1, 9))
    def test_the_union_lies_between_the_largest_and_the_sum(self, boxes, grid_h, grid_w):
        each, union = coverage(boxes, grid_h, grid_w), union_coverage(boxes, grid_h, grid_w)
        assert np.all(union >= each.max(axis=0) - 1e-9)
        assert np.all(union <= np.minimum(each.sum(axis=0), 1.0) + 1e-9)

    def test_overlap_counts_once(self):
        twice = np.array([[0.0, 0.0, 0.5, 1.0], [0.25, 0.0, 0.5, 1.0]])
        assert union_coverage(twice, 1, 4) == pytest.approx(np.array([[1.0, 1.0, 1.0, 0.0]]))

    def test_no_boxes_cover_nothing(self):
        assert union_coverage(np.zeros((0, 4)), 3, 5).tolist() == np.zeros((3, 5)).tolist()


class TestRasterise:
    @given(boxes=boxes, height=st.integers(1, 40), width=st.integers(1, 40))
    def test_a_pixel_is_inside_when_its_centre_is(self, boxes, height, width):
        masks = rasterise(boxes, height, width)
        x, y = (np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height
        for (left, top, box_width, box_height), mask in zip(clip(boxes), masks, strict=True):
            columns, rows = (x >= left) & (x < left + box_width), (y >= top) & (y < top + box_height)
            if columns.any() and rows.any():
                assert np.array_equal(mask, rows[:, None] & columns[None, :])
            elif box_width > 0 and box_height > 0:
                assert mask.any()
            else:
                assert not mask.any()

    def test_a_box_between_centres_gets_the_pixel_of_its_own_centre(self):
        tiny = np.array([[0.26, 0.51, 0.01, 0.01]])
        mask = rasterise(tiny, 4, 4)[0]
        assert np.argwhere(mask).tolist() == [[2, 1]]

    def test_a_box_outside_has_no_pixel(self):
        assert not rasterise(np.array([[1.2, 0.1, 0.3, 0.3], [-0.4, 0.0, 0.4, 1.0]]), 16, 16).any()

    def test_a_box_on_the_last_edge_stays_on_the_canvas(self):
        mask = rasterise(np.array([[0.999, 0.999, 0.5, 0.5]]), 8, 8)[0]
        assert np.argwhere(mask).tolist() == [[7, 7]]


def test_preprocessing_knows_its_input_size():
    assert Preprocessing(2, (0, 0, 0), (1, 1, 1), resize_shortest=256, crop=(224, 224)).input_size == 224
    assert Preprocessing(2, (0, 0, 0), (1, 1, 1), resize_square=(384, 384)).input_size == 384
