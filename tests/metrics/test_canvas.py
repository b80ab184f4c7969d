import numpy as np
import pytest
import torch

from ssl_attn.metrics.canvas import to_canvas


@pytest.mark.parametrize(
    "grid", [(14, 14), (16, 16), (37, 37), (7, 7), (1, 1), (9, 23), (224, 224), (300, 100), (1, 500)]
)
def test_equals_torch_bilinear_interpolation(grid):
    maps = np.random.default_rng(0).normal(size=(3, *grid)).astype(np.float32)
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(maps.astype(np.float64))[:, None], size=(224, 224), mode="bilinear", align_corners=False
    )[:, 0].numpy()
    canvas = to_canvas(maps)
    assert canvas.dtype == np.float32
    np.testing.assert_allclose(canvas, expected, rtol=2e-7, atol=1e-12)


@pytest.mark.parametrize("grid", [(14, 14), (37, 37), (11, 29), (300, 300)])
@pytest.mark.parametrize("value", [0.1, 1 / 3, -7.3e-6])
def test_a_flat_map_stays_flat_to_the_last_bit(grid, value):
    maps = np.full((1, *grid), value, dtype=np.float32)
    assert np.unique(to_canvas(maps)).tolist() == [np.float32(value)]


def test_a_canvas_resolution_map_is_unchanged():
    maps = np.random.default_rng(1).random((2, 224, 224)).astype(np.float32)
    np.testing.assert_array_equal(to_canvas(maps), maps)


def test_half_precision_maps_are_taken_as_they_are():
    maps = np.random.default_rng(2).random((2, 14, 14)).astype(np.float16)
    np.testing.assert_array_equal(to_canvas(maps), to_canvas(maps.astype(np.float64)))
