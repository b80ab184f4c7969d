"""Which series are compared with which, and what makes the family of tests that each comparison is adjusted in.

| kind | a | b |
|---|---|---|
| baseline | every series | each baseline that bounds it from below: of its frames, of its own maps, of random weights |
| model | a model's default method, as released or with random weights | another model's, likewise |
| method | a method of a model and variant | another one of the same |
| variant | a fine-tuning strategy, averaged over its seeds | the frozen model, or another strategy |
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations, groupby
from typing import TYPE_CHECKING, Literal

from ssl_attn.baselines import BASELINE_MODEL, BASELINES, MODEL_FREE, OWN_MAPS
from ssl_attn.models.variants import FROZEN, RANDOM_WEIGHTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from etl.aggregation.score_series import ScoreSeries

Kind = Literal["baseline", "model", "method", "variant"]


@dataclass(frozen=True, slots=True)
class Training:
    """What the table `models` says of a model and variant."""

    strategy: str
    seed: int
    default_method: str


@dataclass(frozen=True, slots=True)
class Entrant:
    """One side of a comparison: a series, or the series of several training seeds, whose mean it then is.

    With `matched`, the series are those of one model-free baseline in all frames: each image is scored in the frame
    that it has on the other side.
    """

    series: tuple[ScoreSeries, ...]
    variant: str
    seeds: tuple[int, ...] = ()
    matched: bool = False

    @property
    def first(self) -> ScoreSeries:
        """A series that stands for all, where they do not differ."""
        return self.series[0]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two sides of one comparison; all of one data set, view and `family` are adjusted together."""

    kind: Kind
    family: str
    a: Entrant
    b: Entrant


def all_pairs(series: Sequence[ScoreSeries], trainings: Mapping[tuple[str, str], Training]) -> dict[str, list[Pair]]:
    """The comparisons of one data set, by family."""
    own = [each for each in series if not each.baseline]
    pairs = [
        *_with_baselines(own, series),
        *_of_models(own, trainings),
        *_of_methods(own),
        *_of_variants(own, trainings),
    ]
    families: dict[str, list[Pair]] = {}
    for pair in pairs:
        families.setdefault(pair.family, []).append(pair)
    return families


def _pair(kind: Kind, a: Entrant, b: Entrant) -> Pair:
    family = f"{kind}/{a.first.view}"
    # Untrained models are yardsticks: what is asked of them must not weaken what is asked of the trained ones.
    return Pair(kind, f"{family}/{RANDOM_WEIGHTS}" if a.variant == RANDOM_WEIGHTS else family, a, b)


def _alone(series: ScoreSeries) -> Entrant:
    return Entrant((series,), series.variant)


def _with_baselines(own: Sequence[ScoreSeries], series: Sequence[ScoreSeries]) -> Iterator[Pair]:
    known = set(series)
    for each in own:
        for baseline in BASELINES.values():
            if baseline.bound == "upper":
                continue
            if baseline.name in MODEL_FREE:
                frames = [s for s in series if s.model == BASELINE_MODEL and s.method == baseline.name]
                same = tuple(s for s in frames if (s.view, s.input_size) == (each.view, each.input_size))
                if same:
                    yield _pair("baseline", _alone(each), Entrant(same, "", matched=True))
                continue
            if baseline.name in OWN_MAPS:
                other = replace(each, method=baseline.method_of(each.method))
            else:
                other = replace(each, variant=RANDOM_WEIGHTS)
            if other in known and other != each:
                yield _pair("baseline", _alone(each), _alone(other))


def _of_models(own: Sequence[ScoreSeries], trainings: Mapping[tuple[str, str], Training]) -> Iterator[Pair]:
    shown = [each for each in own if _is_default(each, trainings.get((each.model, each.variant)))]
    for a, b in combinations(shown, 2):
        if a.model != b.model and (a.view, a.variant) == (b.view, b.variant):
            yield _pair("model", _alone(a), _alone(b))


def _is_default(series: ScoreSeries, training: Training | None) -> bool:
    return training is not None and not training.strategy and training.default_method == series.method


def _of_methods(own: Sequence[ScoreSeries]) -> Iterator[Pair]:
    for a, b in combinations(own, 2):
        if (a.model, a.variant, a.view, a.input_size) == (b.model, b.variant, b.view, b.input_size):
            yield _pair("method", _alone(a), _alone(b))


def _of_variants(own: Sequence[ScoreSeries], trainings: Mapping[tuple[str, str], Training]) -> Iterator[Pair]:
    def rest(series: ScoreSeries) -> tuple[str | int, ...]:
        return tuple(value for key, value in series.keys.items() if key != "variant")

    for _, group in groupby(sorted(own, key=rest), key=rest):
        same = list(group)
        tuned: dict[str, list[tuple[int, ScoreSeries]]] = {}
        for each in same:
            training = trainings.get((each.model, each.variant))
            if training is not None and training.strategy:
                tuned.setdefault(training.strategy, []).append((training.seed, each))
        entrants = [_strategy(name, seeds) for name, seeds in sorted(tuned.items())]
        frozen = [_alone(each) for each in same if each.variant == FROZEN]
        for entrant in entrants:
            for reference in frozen:
                yield _pair("variant", entrant, reference)
        for one, other in combinations(entrants, 2):
            a, b = sorted((one, other), key=lambda entrant: -len(entrant.series))
            yield _pair("variant", a, b)


def _strategy(name: str, seeds: Sequence[tuple[int, ScoreSeries]]) -> Entrant:
    """A strategy with one seed goes by the name of that variant, with several by its own."""
    ordered = sorted(seeds)
    series = tuple(each for _, each in ordered)
    return Entrant(series, name if len(series) > 1 else series[0].variant, tuple(seed for seed, _ in ordered))
