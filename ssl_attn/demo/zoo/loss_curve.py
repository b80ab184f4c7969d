"""The loss of a training run as a small picture in SVG, light enough to lie beside the weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_WIDTH, _HEIGHT = 480, 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 12, 34  # margins
_STYLE = 'font-family="sans-serif" font-size="11" fill="#555"'


def loss_curve(points: Sequence[tuple[int, float]]) -> str:
    """The SVG of losses `(step, mean loss)`, with the ends of both axes labelled."""
    steps, losses = [step for step, _ in points], [loss for _, loss in points]
    low, high = min(losses), max(losses)
    spread = high - low or 1.0
    right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM

    def place(step: int, loss: float) -> str:
        x = _LEFT + step / steps[-1] * (right - _LEFT)
        y = bottom - (loss - low) / spread * (bottom - _TOP)
        return f"{x:.1f},{y:.1f}"

    line = " ".join(place(step, loss) for step, loss in points)
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">
<title>Training loss from {losses[0]:.3g} to {losses[-1]:.3g} in {steps[-1]:,} steps</title>
<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>
<path d="M{_LEFT} {_TOP}V{bottom}H{right}" fill="none" stroke="#bbb"/>
<polyline points="{line}" fill="none" stroke="#31688e" stroke-width="1.6" stroke-linejoin="round"/>
<g {_STYLE}>
<text x="{_LEFT - 6}" y="{_TOP + 9}" text-anchor="end">{high:.3g}</text>
<text x="{_LEFT - 6}" y="{bottom}" text-anchor="end">{low:.3g}</text>
<text x="{_LEFT}" y="{bottom + 15}">0</text>
<text x="{right}" y="{bottom + 15}" text-anchor="end">{steps[-1]:,}</text>
<text x="{(_LEFT + right) / 2}" y="{bottom + 26}" text-anchor="middle">step</text>
</g>
</svg>
"""
