"""Colours and light of one picture, drawn without regard to its style, so that no colour gives the style away."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ssl_attn.demo.facades.shapes import Colour

WALLS: tuple[Colour, ...] = (
    (214, 190, 148),  # sandstone
    (222, 212, 190),  # limestone
    (186, 122, 98),  # red sandstone
    (172, 96, 74),  # brick
    (168, 164, 158),  # granite
    (229, 205, 138),  # ochre plaster
    (226, 184, 164),  # rose plaster
    (238, 233, 222),  # whitewash
    (196, 201, 186),  # sage plaster
    (170, 188, 204),  # blue plaster
)
TRIMS: tuple[Colour, ...] = (
    (241, 233, 214),
    (232, 222, 200),
    (206, 188, 160),
    (222, 224, 222),
    (188, 170, 150),
    (244, 240, 232),
)
ROOFS: tuple[Colour, ...] = (
    (92, 98, 110),
    (164, 88, 62),
    (112, 150, 136),
    (122, 84, 70),
    (108, 114, 120),
    (142, 104, 76),
)
DOORS: tuple[Colour, ...] = ((104, 68, 44), (74, 92, 74), (122, 50, 42), (60, 74, 98), (84, 62, 54))
STAINED: tuple[Colour, ...] = ((74, 112, 172), (178, 74, 66), (208, 160, 74), (88, 138, 110), (126, 92, 150))

GREENS: tuple[Colour, ...] = (
    (86, 124, 72),
    (108, 140, 78),
    (72, 108, 84),
    (146, 142, 74),
    (186, 122, 60),
    (94, 130, 104),
)
GROUNDS: tuple[Colour, ...] = ((190, 180, 160), (176, 172, 166), (150, 166, 116), (204, 188, 158), (160, 150, 146))
CLOTHES: tuple[Colour, ...] = (
    (172, 64, 58),
    (58, 86, 132),
    (214, 170, 84),
    (84, 116, 92),
    (70, 62, 76),
    (226, 218, 204),
    (150, 96, 128),
)
CARS: tuple[Colour, ...] = ((176, 58, 52), (70, 104, 146), (222, 216, 204), (66, 70, 76), (208, 168, 76))


@dataclass(frozen=True, slots=True)
class Mood:
    """An hour and a weather: the sky from zenith to horizon, what light does to colours, how bright the windows are."""

    zenith: Colour
    horizon: Colour
    light: tuple[float, float, float]
    cloud: Colour
    glass: Colour
    lit: bool = False


MOODS: tuple[Mood, ...] = (
    Mood((98, 156, 212), (214, 232, 240), (1.02, 1.01, 0.98), (252, 252, 250), (62, 78, 98)),  # clear day
    Mood((128, 182, 214), (244, 234, 208), (1.05, 1.00, 0.92), (255, 248, 236), (70, 82, 96)),  # morning
    Mood((168, 180, 192), (222, 224, 222), (0.95, 0.97, 1.00), (236, 238, 240), (76, 86, 98)),  # overcast
    Mood((120, 138, 186), (250, 204, 158), (1.08, 0.96, 0.84), (252, 220, 196), (92, 82, 92)),  # golden hour
    Mood((44, 58, 104), (186, 142, 150), (0.74, 0.74, 0.90), (146, 122, 148), (248, 206, 122), lit=True),  # dusk
    Mood((146, 196, 206), (232, 238, 226), (0.99, 1.02, 1.00), (250, 252, 250), (58, 80, 88)),  # spring haze
)


@dataclass(frozen=True, slots=True)
class Look:
    """The colours of one building; `sun` is -1 with the light from the left, 1 with the light from the right."""

    wall: Colour
    trim: Colour
    roof: Colour
    door: Colour
    glass: Colour
    stained: tuple[Colour, Colour]
    sun: int

    @property
    def wall_dark(self) -> Colour:
        """The wall in shade."""
        return tint(self.wall, 0.72)

    @property
    def reveal(self) -> Colour:
        """The depth of an opening."""
        return tint(self.wall, 0.46)

    @property
    def trim_light(self) -> Colour:
        """An edge of dressed stone that the light strikes."""
        return tint(self.trim, 1.07)

    @property
    def trim_dark(self) -> Colour:
        """Dressed stone in shade."""
        return tint(self.trim, 0.74)


@lru_cache(maxsize=4096)
def tint(colour: Colour, factor: float) -> Colour:
    """The colour lighter (factor over 1) or darker."""
    red, green, blue = colour
    return min(255, round(red * factor)), min(255, round(green * factor)), min(255, round(blue * factor))


def blend(first: Colour, second: Colour, share: float) -> Colour:
    """The first colour with a share of the second."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def tinted(colour: Colour, mood: Mood) -> Colour:
    """The colour in the light of the hour."""
    red, green, blue = (min(255, round(channel * gain)) for channel, gain in zip(colour, mood.light, strict=True))
    return red, green, blue


def draw_mood(rng: np.random.Generator) -> Mood:
    """An hour of the day."""
    return MOODS[rng.integers(len(MOODS))]


def draw_look(rng: np.random.Generator, mood: Mood) -> Look:
    """The colours of a building in this light."""

    def lit(colours: tuple[Colour, ...]) -> Colour:
        colour = colours[rng.integers(len(colours))]
        varied = np.asarray(colour) * rng.uniform(0.94, 1.05) * np.asarray(mood.light) + rng.normal(0, 4, 3)
        red, green, blue = np.clip(varied, 0, 255).astype(int).tolist()
        return red, green, blue

    wall, trim = lit(WALLS), lit(TRIMS)
    if abs(sum(wall) - sum(trim)) < 60:  # dressed stone must stand out from the wall, lighter or darker
        trim = tint(trim, 1.12 if sum(wall) < 560 else 0.82)
    first, second = rng.choice(len(STAINED), 2, replace=False)
    share = 0.55 if mood.lit else 0.25
    stained = (blend(STAINED[first], mood.glass, share), blend(STAINED[second], mood.glass, share))
    return Look(wall, trim, lit(ROOFS), lit(DOORS), mood.glass, stained, sun=-1 if rng.random() < 0.5 else 1)
