"""Names of frames: what decides where images lie on a grid of cells, short enough to be a folder's name.

Two maps with one frame and input size see an image in the same place on the same cells, so they share chance levels and
baselines. Names hold letters, digits, '-' and '_' alone, since a frame is the `variant` of the baselines' partitions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ssl_attn.geometry import ViewName
    from ssl_attn.models.preprocessing import Preprocessing


def frame_name(grid_h: int, grid_w: int, framing: str) -> str:
    """Grid and framing, such as `16x16_squash`."""
    return f"{grid_h}x{grid_w}_{framing}"


def framing_of(frame: str) -> str:
    """The framing in a frame's name: how images of all shapes are laid, whatever grid they come to lie on."""
    return frame.partition("_")[2]


def framing_name(
    view: ViewName, preprocessing: Preprocessing, input_size: int, cell: int, *, convolutional: bool
) -> str:
    """How images are laid on an input of `input_size` under cells of `cell` pixels.

    The view; for `processor`, the checkpoint's resize and crop at this size; and what the cells are where they do not
    tile the input, since the margin that patches leave, or a convolution's cells overhang by, moves images on the grid.
    """
    name: str = view
    sides: tuple[int, ...] | None = (input_size,)
    if view == "processor":
        steps = preprocessing.scaled_to(input_size)
        name = f"processor-{_steps(steps)}"
        # without either, each image has an input of its own size
        sides = steps.crop or steps.resize_square
    if sides is not None and all(side % cell == 0 for side in sides):
        return name
    return f"{name}-{'stride' if convolutional else 'patch'}{cell}"


def _steps(preprocessing: Preprocessing) -> str:
    """Resize and crop in words: `short256-crop224`, `224x224`, `unresized`."""
    if preprocessing.resize_square is not None:
        resize = "x".join(map(str, preprocessing.resize_square))
    elif preprocessing.resize_shortest is not None:
        resize = f"short{preprocessing.resize_shortest}"
    else:
        resize = "unresized"
    if preprocessing.crop is None:
        return resize
    height, width = preprocessing.crop
    return f"{resize}-crop{height if height == width else f'{height}x{width}'}"
