"""What a style consists of: its feature types, and what it may put in each place of a front."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from ssl_attn.datasets.base import FeatureType
from ssl_attn.demo.facades.elements import bands, pediments, portals, roofs, supports, windows

if TYPE_CHECKING:
    import numpy as np

    from ssl_attn.demo.facades.elements.part import Builder

FEATURE_TYPES: tuple[FeatureType, ...] = (
    FeatureType("window", "Window"),
    FeatureType("arched_window", "Arched window", ("window",)),
    FeatureType("round_arch_window", "Round-arch window", ("arched_window",)),
    FeatureType("twin_window", "Twin window", ("round_arch_window",)),
    FeatureType("pointed_arch_window", "Pointed-arch window", ("arched_window",)),
    FeatureType("segmental_window", "Segmental-arch window", ("arched_window",)),
    FeatureType("venetian_window", "Venetian window", ("arched_window",)),
    FeatureType("pedimented_window", "Pedimented window", ("window",)),
    FeatureType("round_window", "Round window", ("window",)),
    FeatureType("rose_window", "Rose window", ("round_window",)),
    FeatureType("oculus", "Oculus", ("round_window",)),
    FeatureType("oval_window", "Oval window", ("round_window",)),
    FeatureType("portal", "Portal"),
    FeatureType("stepped_portal", "Stepped portal", ("portal",)),
    FeatureType("pointed_portal", "Pointed portal", ("portal",)),
    FeatureType("columned_portal", "Columned portal", ("portal",)),
    FeatureType("gable", "Gable"),
    FeatureType("wimperg", "Wimperg", ("gable",)),
    FeatureType("pediment", "Pediment", ("gable",)),
    FeatureType("triangular_pediment", "Triangular pediment", ("pediment",)),
    FeatureType("segmental_pediment", "Segmental pediment", ("pediment",)),
    FeatureType("broken_pediment", "Broken pediment", ("pediment",)),
    FeatureType("support", "Support"),
    FeatureType("lesene", "Lesene", ("support",)),
    FeatureType("buttress", "Buttress", ("support",)),
    FeatureType("pilaster", "Pilaster", ("support",)),
    FeatureType("column", "Column", ("support",)),
    FeatureType("ornament", "Ornament"),
    FeatureType("tracery", "Tracery", ("ornament",)),
    FeatureType("pinnacle", "Pinnacle", ("ornament",)),
    FeatureType("fleuron", "Fleuron", ("ornament",)),
    FeatureType("volute", "Volute", ("ornament",)),
    FeatureType("frieze", "Frieze", ("ornament",)),
    FeatureType("lombard_band", "Lombard band", ("frieze",)),
    FeatureType("quatrefoil_frieze", "Quatrefoil frieze", ("frieze",)),
    FeatureType("dentil_cornice", "Dentil cornice", ("frieze",)),
    FeatureType("balustrade", "Balustrade", ("ornament",)),
    FeatureType("roof", "Roof"),
    FeatureType("helm_roof", "Helm roof", ("roof",)),
    FeatureType("spire", "Spire", ("roof",)),
    FeatureType("dome", "Dome", ("roof",)),
    FeatureType("onion_dome", "Onion dome", ("dome",)),
    FeatureType("clutter", "Clutter", distractor=True),
    FeatureType("tree", "Tree", ("clutter",), distractor=True),
    FeatureType("car", "Car", ("clutter",), distractor=True),
    FeatureType("person", "Passer-by", ("clutter",), distractor=True),
    FeatureType("lamp", "Street lamp", ("clutter",), distractor=True),
    FeatureType("clock", "Clock", ("clutter",), distractor=True),
    FeatureType("steps", "Steps", ("clutter",), distractor=True),
    FeatureType("mark", "Archive stamp", distractor=True),
)
"""Every kind that a box can have, and the broader kinds over them; distractors tell nothing of the style."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What fills each place of one front; a style offers several of each, some of them more than once."""

    window: tuple[Builder, ...]
    centre: tuple[Builder, ...]
    portal: tuple[Builder, ...]
    support: tuple[Builder, ...]
    band: tuple[Builder, ...]
    crown: tuple[Builder, ...]
    roof: tuple[Builder, ...]


PLAIN = Vocabulary(
    window=(windows.plain_window,),
    centre=(windows.plain_window,),
    portal=(portals.plain_door,),
    support=(supports.no_support,),
    band=(bands.string_course,),
    crown=(pediments.plain_gable,),
    roof=(roofs.low_roof,),
)
"""What any building may have; it tells nothing of the style and bears no box."""

STYLES: dict[str, Vocabulary] = {
    "Romanesque": Vocabulary(
        window=(windows.round_arch_window, windows.twin_window),
        centre=(windows.twin_window, windows.oculus, windows.round_arch_window),
        portal=(portals.stepped_portal,),
        support=(supports.lesene,),
        band=(bands.lombard_band,),
        crown=(pediments.lombard_gable,),
        roof=(roofs.helm_roof,),
    ),
    "Gothic": Vocabulary(
        window=(windows.pointed_arch_window,),
        centre=(windows.rose_window, windows.rose_window, windows.pointed_arch_window),
        portal=(portals.pointed_portal, portals.wimperg_portal),
        support=(supports.buttress,),
        band=(bands.quatrefoil_frieze,),
        crown=(pediments.wimperg,),
        roof=(roofs.spire,),
    ),
    "Renaissance": Vocabulary(
        window=(windows.pedimented_window, windows.round_arch_window),
        centre=(windows.venetian_window, windows.oculus, windows.pedimented_window),
        portal=(portals.temple_portal,),
        support=(supports.pilaster,),
        band=(bands.dentil_cornice,),
        crown=(pediments.pediment_front,),
        roof=(roofs.dome,),
    ),
    "Baroque": Vocabulary(
        window=(windows.segmental_window, windows.oval_window),
        centre=(windows.oval_window, windows.broken_pediment_window, windows.segmental_window),
        portal=(portals.baroque_portal,),
        support=(supports.column_pair, supports.column_pair, supports.column_pair, supports.pilaster),
        band=(bands.balustrade,),
        crown=(pediments.volute_gable, pediments.broken_gable),
        roof=(roofs.onion_dome,),
    ),
}

_PLAIN_SHARE = 0.15
_MOST_PLAIN = 3


@dataclass(frozen=True, slots=True)
class Choice:
    """One builder for each place of a front."""

    window: Builder
    centre: Builder
    portal: Builder
    support: Builder
    band: Builder
    crown: Builder
    roof: Builder


def choose(style: str, rng: np.random.Generator) -> Choice:
    """A front's builders: up to three places of seven plain, the others the style's own; no feature is always there."""
    places = [field.name for field in fields(Vocabulary)]
    shuffled = rng.permutation(places)
    plain = {str(place) for place in shuffled[:_MOST_PLAIN] if rng.random() < _PLAIN_SHARE * len(places) / _MOST_PLAIN}
    chosen = {}
    for place in places:
        offered = getattr(PLAIN if place in plain else STYLES[style], place)
        chosen[place] = offered[rng.integers(len(offered))]
    return Choice(**chosen)
