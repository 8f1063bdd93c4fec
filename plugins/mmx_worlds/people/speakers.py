"""Synthetic speakers: parameters of voices and faces, with factors that both share.

A voice predicts a face in part: `size` and `age` shape both; the other factors belong to the voice or to the face
alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

FACTORS: Final = (
    "size",
    "age",
    "pitch",
    "tract",
    "tilt",
    "tempo",
    "skin",
    "hair",
    "style",
    "eyes",
    "nose",
    "mouth",
)
"""Names of a speaker's factors, each uniform in 0..1: shared, then the voice's own, then the face's own."""
SHARED: Final = 2
"""So many factors, the first ones, shape both voice and face."""
LOWEST, HIGHEST = 80.0, 315.0
"""Usual pitches in Hz: with these the logarithm of all speakers' pitches has the mean of a population with men around
120 and women around 210 Hz, and about its deviation: 5.1 semitones."""
_OWN: Final = 0.35
"""Share of pitch and tract that is the voice's own and does not follow from the size."""


@dataclass(frozen=True, slots=True)
class Voice:
    """Parameters of a voice.

    Attributes:
        pitch: Usual frequency of the vocal folds in Hz.
        swing: How far the pitch moves, in octaves: its deviation in a lively melody, its largest accent in an even one.
        tract: Factor on all formants: above 1 for a short vocal tract.
        tilt: Fall of the source's harmonics, as an exponent.
        breath: Share of noise in voiced sounds.
        tempo: Factor on speed.
    """

    pitch: float
    swing: float
    tract: float
    tilt: float
    breath: float
    tempo: float


@dataclass(frozen=True, slots=True)
class Look:
    """Parameters of a face; colours are RGB in 0..1, sizes in half heights of a head.

    Attributes:
        skin: Colour of the skin.
        hair: Colour of the hair.
        iris: Colour of the eyes.
        lips: Colour of the lips.
        wide: Half width of the head.
        jaw: How much narrower the head is at the chin, 0..1.
        hairline: Where the hair begins, -1 (top) .. 0 (middle).
        long_hair: How far the hair comes down at the sides.
        eye: Size of the eyes.
        brow: Thickness of the brows.
        nose: Half width of the nose.
        mouth: Half width of the mouth at rest.
        lines: Depth of the lines of age, 0..1.
        glasses: Whether there are glasses.
        beard: Darkness of a beard, 0..1.
        apart: How far the eyes are from the middle.
        nose_place: Height of the nose's wings.
        mouth_place: Height of the mouth.
        lip: Thickness of a lip.
    """

    skin: tuple[float, float, float]
    hair: tuple[float, float, float]
    iris: tuple[float, float, float]
    lips: tuple[float, float, float]
    wide: float
    jaw: float
    hairline: float
    long_hair: float
    eye: float
    brow: float
    nose: float
    mouth: float
    lines: float
    glasses: bool
    beard: float
    apart: float = 0.31
    nose_place: float = 0.2
    mouth_place: float = 0.52
    lip: float = 0.085


@dataclass(frozen=True, slots=True)
class Speaker:
    """A synthetic speaker.

    Attributes:
        factors: What everything else follows from, in the order of `FACTORS`.
        voice: Parameters of the voice.
        look: Parameters of the face.
    """

    factors: tuple[float, ...]
    voice: Voice
    look: Look


_SKINS: Final = np.array([(0.99, 0.86, 0.76), (0.93, 0.74, 0.58), (0.76, 0.55, 0.38), (0.50, 0.33, 0.22)])
_HAIRS: Final = np.array([(0.09, 0.07, 0.06), (0.28, 0.17, 0.09), (0.52, 0.30, 0.14), (0.85, 0.70, 0.42)])
_IRISES: Final = np.array([(0.25, 0.15, 0.08), (0.35, 0.32, 0.15), (0.25, 0.42, 0.30), (0.25, 0.42, 0.65)])
_GREY: Final = np.array((0.78, 0.78, 0.78))


def numbers_of(counts: Mapping[str, int], split: str, position: int) -> tuple[int, int]:
    """Return the number of the person at a position: within the split, and over all splits.

    Consecutive positions are of different people; people of different splits have different numbers.

    Args:
        counts: Split -> people in it, in the order of the splits.
        split: Name of a split.
        position: Index of a sample in it.
    """
    number = position % counts[split]
    names = list(counts)
    return number, number + sum(counts[earlier] for earlier in names[: names.index(split)])


def draw_speaker(rng: np.random.Generator) -> Speaker:
    """Draw a speaker; the same generator state gives the same one."""
    factors = rng.random(len(FACTORS))
    extra = rng.random(4)
    named = dict(zip(FACTORS, factors.tolist(), strict=True))
    return Speaker(tuple(factors.tolist()), _voice(named, extra), _look(named, extra))


def _voice(named: dict[str, float], extra: np.ndarray) -> Voice:
    """Large speakers have long tracts and low voices, old ones breathy voices."""
    low = (1 - _OWN) * named["size"] + _OWN * named["pitch"]
    length = (1 - _OWN) * named["size"] + _OWN * named["tract"]
    return Voice(
        pitch=float(HIGHEST * (LOWEST / HIGHEST) ** low),
        swing=(2.0 + 2.0 * float(extra[0])) / 12.0,
        tract=1.18 - 0.32 * length,
        tilt=0.6 + 0.45 * named["tilt"],
        breath=0.01 + 0.06 * named["age"],
        tempo=0.85 + 0.35 * named["tempo"] - 0.1 * named["age"],
    )


def _look(named: dict[str, float], extra: np.ndarray) -> Look:
    skin = _between(_SKINS, named["skin"])
    grey = max(0.0, named["age"] - 0.55) / 0.45
    hair = (1 - grey) * _between(_HAIRS, named["hair"]) + grey * _GREY
    lips = 0.55 * skin + 0.45 * np.array((0.78, 0.22, 0.25))
    low = named["size"]
    return Look(
        skin=_colour(skin),
        hair=_colour(hair),
        iris=_colour(_between(_IRISES, named["eyes"])),
        lips=_colour(lips),
        wide=0.66 + 0.16 * low,
        jaw=0.32 - 0.22 * low,
        hairline=-0.48 - 0.26 * named["age"] * low,
        long_hair=-0.2 + 1.1 * named["style"],
        eye=0.10 + 0.05 * named["eyes"],
        brow=0.025 + 0.035 * low,
        nose=0.09 + 0.09 * named["nose"],
        mouth=0.24 + 0.12 * named["mouth"],
        lines=named["age"],
        glasses=bool(extra[1] < 0.25),
        beard=float(extra[2]) * 0.6 if low > 0.6 and extra[3] < 0.5 else 0.0,
    )


def _between(table_K3: np.ndarray, place: float) -> np.ndarray:
    """Return the colour at `place` in 0..1 along a row of colours."""
    position = place * (len(table_K3) - 1)
    first = min(int(position), len(table_K3) - 2)
    share = position - first
    mixed_3: np.ndarray = (1 - share) * table_K3[first] + share * table_K3[first + 1]
    return mixed_3


def _colour(values_3: np.ndarray) -> tuple[float, float, float]:
    red, green, blue = values_3.tolist()
    return (red, green, blue)
