"""Cost of the attention probe: a pass with every reduction, a plain one, and one that keeps all matrices."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Literal

import torch
from transformers import Dinov2WithRegistersConfig, Dinov2WithRegistersModel

from ssl_attn.models.layout import TokenLayout
from ssl_attn.probe import Reductions, attention_probe

Mode = Literal["plain", "probe", "eager"]
MODES: tuple[Mode, ...] = ("plain", "probe", "eager")

_PATCH = 14
_REGISTERS = 4
_EVERYTHING = Reductions(row=True, received=True, head_mean=True)


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of one forward pass (median), and bytes that it took at its peak above the idle model.

    Memory is read from the kernel, which counts it so on Linux alone; elsewhere it is None.
    """

    seconds: float
    peak_bytes: int | None


def measure(size: int, *, repeats: int, hidden: int = 768) -> dict[Mode, Cost]:
    """Cost of each mode for one image of `size` pixels through a random DINOv2 with registers, 12 layers.

    Times are taken in turns within one process, so that a slow moment of the machine hits all modes alike; peak memory
    of each mode in a process of its own, since freed memory may stay with a process.
    """
    seconds = _times(size, repeats, hidden)
    with get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        peaks = {mode: pool.apply(_peak, (mode, size, hidden)) for mode in MODES}
    return {mode: Cost(statistics.median(seconds[mode]), peaks[mode]) for mode in MODES}


def _model(hidden: int) -> Dinov2WithRegistersModel:
    config = Dinov2WithRegistersConfig(
        hidden_size=hidden, num_attention_heads=hidden // 64, num_hidden_layers=12, image_size=518, patch_size=_PATCH
    )
    return Dinov2WithRegistersModel._from_config(config, attn_implementation="sdpa").eval()


def _times(size: int, repeats: int, hidden: int) -> dict[Mode, list[float]]:
    model, pixels = _model(hidden), torch.randn(1, 3, size, size)
    seconds: dict[Mode, list[float]] = {mode: [] for mode in MODES}
    for turn in range(repeats + 1):
        for mode in MODES:
            start = time.perf_counter()
            _run(mode, model, pixels)
            if turn:  # the first turn warms up
                seconds[mode].append(time.perf_counter() - start)
    return seconds


def _peak(mode: Mode, size: int, hidden: int) -> int | None:
    model = _model(hidden)
    # Through the model once at a tiny size, so that buffers which do not grow with the input are not counted.
    _run(mode, model, torch.randn(1, 3, 2 * _PATCH, 2 * _PATCH))
    pixels = torch.randn(1, 3, size, size)
    reset = Path("/proc/self/clear_refs")
    if not reset.exists():
        return None
    reset.write_text("5")  # the peak starts anew from what is resident now
    before = _kilobytes("VmRSS")
    _run(mode, model, pixels)
    return max(0, _kilobytes("VmHWM") - before) * 1024


def _kilobytes(entry: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(entry))


def _run(mode: Mode, model: Dinov2WithRegistersModel, pixels: torch.Tensor) -> None:
    with torch.no_grad():
        if mode == "plain":
            model(pixels)
        elif mode == "probe":
            grid = pixels.shape[-1] // _PATCH
            layout = TokenLayout(1, 0, _REGISTERS, grid, grid, _PATCH, "cls")
            with attention_probe(model, layout, _EVERYTHING, layers=12):
                model(pixels)
        else:
            model.set_attn_implementation("eager")
            try:
                # Kept until the pass ends, as a caller would who reads maps from them.
                attentions = model(pixels, output_attentions=True).attentions
                if len(attentions) != 12:
                    message = f"expected eager attention of 12 layers, got {len(attentions)}"
                    raise RuntimeError(message)
            finally:
                model.set_attn_implementation("sdpa")
