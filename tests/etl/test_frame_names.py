"""Names of frames: the same only where images of one size lie in the same place on the same cells."""

import re
from dataclasses import replace

import pytest

from etl.frame_names import frame_name, framing_name, framing_of
from ssl_attn.geometry import view_transform
from ssl_attn.models.preprocessing import Preprocessing

PLAIN = Preprocessing(resample=3, mean=(0, 0, 0), std=(1, 1, 1))
CROPPING = replace(PLAIN, resize_shortest=256, crop=(224, 224))
SQUARE = replace(PLAIN, resize_square=(224, 224))
SHORTEST = replace(PLAIN, resize_shortest=224)


def name(view, preprocessing, input_size=224, cell=14, *, convolutional=False):
    return framing_name(view, preprocessing, input_size, cell, convolutional=convolutional)


@pytest.mark.parametrize(
    ("framing", "expected"),
    [
        (name("squash", CROPPING), "squash"),
        (name("letterbox", CROPPING), "letterbox"),
        (name("processor", CROPPING), "processor-short256-crop224"),
        (name("processor", CROPPING, 448), "processor-short512-crop448"),
        (name("processor", SQUARE), "processor-224x224"),
        (name("processor", replace(CROPPING, crop=(224, 196))), "processor-short256-crop224x196"),
        (name("processor", SHORTEST), "processor-short224-patch14"),
        (name("processor", PLAIN), "processor-unresized-patch14"),
        (name("squash", CROPPING, 230), "squash-patch14"),
        (name("squash", CROPPING, 230, 32, convolutional=True), "squash-stride32"),
    ],
)
def test_names_say_how_images_are_laid(framing, expected):
    assert framing == expected
    assert re.fullmatch(r"[A-Za-z0-9_-]+", frame_name(16, 16, framing))
    assert framing_of(frame_name(16, 9, framing)) == framing


def test_one_name_is_one_place():
    """Every combination that differs in where an image lies on the canvas has a name of its own."""
    places = {}
    for view in ("squash", "letterbox", "processor"):
        for preprocessing in (CROPPING, SQUARE, SHORTEST, replace(CROPPING, resize_shortest=224), PLAIN):
            for input_size in (224, 230):
                for cell, convolutional in ((14, False), (16, False), (32, False), (32, True)):
                    transform = view_transform(view, preprocessing, 640, 427, input_size)
                    width, height = transform.input_width, transform.input_height
                    columns, rows = (-(-side // cell) if convolutional else side // cell for side in (width, height))
                    placement = transform.placement(columns * cell, rows * cell)
                    framing = name(view, preprocessing, input_size, cell, convolutional=convolutional)
                    key = (input_size, frame_name(rows, columns, framing))
                    assert places.setdefault(key, placement) == placement
    assert len(places) > 40
