"""What was measured of a trained model, kept beside its weights in `measured.json`: read, checked, written."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_type_hints

from scipy.stats import binomtest

from ssl_attn.demo.facades.styles import STYLES
from ssl_attn.errors import SslAttnError
from ssl_attn.files import replacing

if TYPE_CHECKING:
    from pathlib import Path

MEASURED_FILE = "measured.json"

DATA = ("facade", "facade_marked")
"""Data sets that accuracies are measured on."""

READOUTS = ("head", "linear_probe")
"""What answers: the model's own classifier, or a linear probe on its frozen embedding."""

SPLIT = "held_out"
"""The facades that every accuracy is measured on: none of them was learned from."""

CHANCE = 1 / len(STYLES)
"""Accuracy of guessing: the styles are equally frequent."""


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Styles told correctly on `n` held-out pictures of a data set; `untrained_correct` by the same model untrained."""

    data: str
    readout: str
    correct: int
    n: int
    untrained_correct: int | None = None

    def __post_init__(self) -> None:
        _require(self.data in DATA, f"data out of {', '.join(DATA)}", repr(self.data))
        _require(self.readout in READOUTS, f"a readout out of {', '.join(READOUTS)}", repr(self.readout))
        _require(self.n > 0, "at least one picture", f"n = {self.n}")
        for name in ("correct", "untrained_correct"):
            count = getattr(self, name)
            _require(count is None or 0 <= count <= self.n, f"{name} between 0 and n = {self.n}", str(count))

    @property
    def share(self) -> float:
        """Correct over all."""
        return self.correct / self.n

    @property
    def untrained_share(self) -> float | None:
        """The same of the untrained model; None where it was not measured."""
        return None if self.untrained_correct is None else self.untrained_correct / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """95 % Wilson score interval of the share (Wilson 1927)."""
        found = binomtest(self.correct, self.n).proportion_ci(confidence_level=0.95, method="wilson")
        return float(found.low), float(found.high)


@dataclass(frozen=True, slots=True)
class Energy:
    """Energy in the boxes of features, at a method, layer and head that were fixed before training.

    `mean` over `n` pictures, `untrained_mean` of the same model untrained, `chance` the boxes' share of the area;
    `difference` is trained minus untrained, picture by picture, with its 95 % interval and the p-value of its test.
    """

    method: str
    layer: int
    head: int
    mean: float
    untrained_mean: float
    chance: float
    difference: float
    ci_low: float
    ci_high: float
    n: int
    p: float

    def __post_init__(self) -> None:
        for name in ("mean", "untrained_mean", "chance", "p"):
            value = getattr(self, name)
            _require(0 <= value <= 1, f"{name} between 0 and 1", f"{value}")
        _require(self.ci_low <= self.ci_high, "ci_low to be at most ci_high", f"{self.ci_low} and {self.ci_high}")
        _require(self.n > 0, "at least one picture", f"n = {self.n}")


@dataclass(frozen=True, slots=True)
class Measured:
    """How a model was trained, and what came of it.

    `seconds` are those of the training, over all its runs; `loss` pairs a step with the mean loss up to it.
    """

    seed: int
    command: str
    generator_version: int
    steps: int
    seconds: float
    parameters: int
    loss: tuple[tuple[int, float], ...]
    accuracy: tuple[Accuracy, ...]
    energy: Energy | None = None

    def __post_init__(self) -> None:
        kinds = [(each.data, each.readout) for each in self.accuracy]
        twice = sorted({f"{data}, {readout}" for data, readout in kinds if kinds.count((data, readout)) > 1})
        _require(not twice, "one accuracy for each data set and readout", f"several for {'; '.join(twice)}")
        steps = [step for step, _ in self.loss]
        _require(steps == sorted(set(steps)), "the steps of the loss in order, each once", f"{steps}")


_Record = TypeVar("_Record", Accuracy, Energy, Measured)


def read_measured(folder: Path) -> Measured | None:
    """What was measured of the model in a folder; None where nothing is on record.

    Raises:
        SslAttnError: the file is not of the form that `write_measured` writes.
    """
    path = folder / MEASURED_FILE
    if not path.is_file():
        return None
    try:
        values = _mapping(json.loads(path.read_text(encoding="utf-8")), "an object")
        values["loss"] = tuple(_loss_point(point) for point in _list(values, "loss"))
        values["accuracy"] = tuple(_record(Accuracy, entry, "accuracy") for entry in _list(values, "accuracy"))
        if values.get("energy") is not None:
            values["energy"] = _record(Energy, values["energy"], "energy")
        return _record(Measured, values, "the file")
    except (OSError, ValueError) as error:
        message = f"cannot read {path}: {error}; restore the file, or measure again with ssl-attn demo train"
        raise SslAttnError(message) from error


def write_measured(folder: Path, measured: Measured) -> None:
    """Write `measured.json` beside the weights."""
    text = json.dumps(asdict(measured), indent=1, allow_nan=False)
    with replacing(folder / MEASURED_FILE) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def _require(holds: object, expected: str, came: str) -> None:
    """Raise ValueError, which says what was expected and what came, unless something holds."""
    if not holds:
        message = f"expected {expected}, got {came}"
        raise ValueError(message)


def _record(kind: type[_Record], entry: object, where: str) -> _Record:
    """An object of JSON as a dataclass: exactly its fields, each of its type."""
    values = _mapping(entry, f"{where} to be an object")
    names = [field.name for field in fields(kind)]
    unknown, missing = set(values) - set(names), set(names) - set(values)
    _require(not unknown, f"the keys {', '.join(names)} in {where}", f"also {', '.join(sorted(map(str, unknown)))}")
    _require(not missing, f"the keys {', '.join(names)} in {where}", f"no {', '.join(sorted(missing))}")
    hints = get_type_hints(kind)
    checked: dict[str, Any] = {name: _typed(value, hints[name], f"{name} in {where}") for name, value in values.items()}
    return kind(**checked)


def _typed(value: object, hint: object, where: str) -> object:
    """A value that may stand in a field of this type; numbers are finite, and a whole one may stand for any."""
    accepted = get_args(hint) or (hint,)
    if int in accepted or float in accepted:
        whole = isinstance(value, int) and not isinstance(value, bool)
        real = float in accepted and isinstance(value, float) and math.isfinite(value)
        kind = "a finite number" if float in accepted else "a whole number"
        _require(whole or real or (value is None and type(None) in accepted), f"{kind} as {where}", repr(value))
        return float(value) if float in accepted and whole else value  # type: ignore[arg-type]
    if hint is str:
        _require(isinstance(value, str), f"text as {where}", repr(value))
    return value


def _mapping(value: object, what: str) -> dict[str, Any]:
    if isinstance(value, dict):
        return dict(value)
    message = f"expected {what}, got {value!r}"
    raise ValueError(message)


def _list(values: dict[str, Any], name: str) -> list[Any]:
    found = values.get(name)
    if isinstance(found, list):
        return found
    message = f"expected a list as {name}, got {found!r}"
    raise ValueError(message)


def _loss_point(point: object) -> tuple[int, float]:
    if isinstance(point, list) and len(point) == 2:
        step, loss = (_typed(value, hint, "loss") for value, hint in zip(point, (int, float), strict=True))
        return step, loss  # type: ignore[return-value]
    message = f"expected pairs of step and loss, got {point!r}"
    raise ValueError(message)
