"""Synthetic people with a known statistical dependence between voice and face.

Four causes shape both: sex, age, size, and length (of the vocal tract, and of the face). Every trait of a voice or a
face is a mixture of these causes and of something of its own,

    trait = sum over causes of a_cause * cause + sqrt(1 - sum of a_cause^2) * own,

with sex -1 or 1 at equal odds, the other causes and own standard normal, all independent; so each has variance 1.
Audio and images follow from the traits through monotone curves. Hence a voice and a face share the causes and
nothing else, and the best possible prediction of one from the other can be computed (`mmx_worlds.people.inference`).
Skin, hair, eyes and glasses' frames have no cause in common with the voice: a model cannot predict them.

Shape legend: C causes, V traits of a voice, F traits of a face.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import ndtr

from mmx_worlds.people.speakers import Look, Voice

CAUSES: Final = ("sex", "age", "size", "length")
"""Causes that voice and face share: -1 (female) or 1 (male); the others standard normal."""

Weights = tuple[float, float, float, float]

VOICE: Final[dict[str, Weights]] = {
    "low": (0.72, 0.00, 0.60, 0.00),
    "long": (0.45, 0.00, 0.10, 0.85),
    "steep": (0.15, 0.40, 0.10, 0.00),
    "breathy": (-0.10, 0.88, 0.00, 0.00),
    "slow": (0.00, 0.65, 0.05, 0.00),
    "even": (0.30, 0.10, 0.00, 0.00),
}
"""Traits of a voice: low pitch, long vocal tract, falling spectrum, breath, slowness, evenness of pitch."""
FACE: Final[dict[str, Weights]] = {
    "wide": (0.15, 0.00, 0.85, 0.00),
    "jaw": (0.65, 0.00, 0.45, 0.00),
    "brow": (0.70, 0.00, 0.20, 0.00),
    "long_nose": (0.00, 0.20, 0.00, 0.85),
    "wide_nose": (0.20, 0.20, 0.65, 0.00),
    "low_mouth": (0.10, 0.00, 0.00, 0.85),
    "wide_mouth": (0.10, 0.00, 0.60, 0.15),
    "thin_lips": (0.40, 0.60, 0.00, 0.00),
    "small_eyes": (0.40, 0.40, 0.00, 0.00),
    "apart": (0.00, 0.00, 0.40, -0.30),
    "short_hair": (0.80, 0.20, 0.00, 0.00),
    "high_hairline": (0.30, 0.60, 0.00, 0.40),
    "lines": (0.05, 0.90, 0.00, 0.00),
    "grey": (0.00, 0.90, 0.00, 0.00),
    "beard": (0.70, 0.05, 0.10, 0.00),
    "red_lips": (-0.55, -0.20, 0.00, 0.00),
    "glasses": (0.00, 0.45, 0.00, 0.00),
    "skin": (0.00, 0.00, 0.00, 0.00),
    "hair": (0.00, 0.00, 0.00, 0.00),
    "iris": (0.00, 0.00, 0.00, 0.00),
}
"""Traits of a face; the last three are its own alone."""
YOUNGEST: Final = 20.0
OLDEST: Final = 80.0

_SKINS: Final = np.array([(0.98, 0.84, 0.74), (0.92, 0.72, 0.56), (0.76, 0.55, 0.38), (0.50, 0.33, 0.22)])
_HAIRS: Final = np.array([(0.09, 0.07, 0.06), (0.28, 0.17, 0.09), (0.52, 0.30, 0.14), (0.85, 0.70, 0.42)])
_IRISES: Final = np.array([(0.25, 0.15, 0.08), (0.35, 0.32, 0.15), (0.25, 0.42, 0.30), (0.25, 0.42, 0.65)])
_GREY: Final = np.array((0.80, 0.80, 0.80))
_RED: Final = np.array((0.80, 0.16, 0.22))


@dataclass(frozen=True, slots=True)
class Person:
    """A synthetic person.

    Attributes:
        causes_C: In the order of `CAUSES`.
        voice_V: Traits of the voice, in the order of `VOICE`.
        face_F: Traits of the face, in the order of `FACE`.
    """

    causes_C: np.ndarray
    voice_V: np.ndarray
    face_F: np.ndarray

    @property
    def years(self) -> float:
        """Age in years, uniform over the population."""
        return YOUNGEST + (OLDEST - YOUNGEST) * float(ndtr(self.causes_C[1]))


def draw_person(rng: np.random.Generator) -> Person:
    """Draw a person; the same generator state gives the same one."""
    causes_C = draw_causes(rng, 1)[0]
    return Person(causes_C, draw_traits(rng, causes_C[None], VOICE)[0], draw_traits(rng, causes_C[None], FACE)[0])


def draw_causes(rng: np.random.Generator, count: int) -> np.ndarray:
    """Draw causes (count, C)."""
    sex_N1 = rng.choice([-1.0, 1.0], (count, 1))
    return np.concatenate([sex_N1, rng.standard_normal((count, len(CAUSES) - 1))], axis=1)


def draw_traits(rng: np.random.Generator, causes_NC: np.ndarray, table: dict[str, Weights]) -> np.ndarray:
    """Draw traits (N, V or F) of people with these causes."""
    weights_TC, own_T = mixture(table)
    return np.asarray(causes_NC @ weights_TC.T + own_T * rng.standard_normal((len(causes_NC), len(own_T))))


def mixture(table: dict[str, Weights]) -> tuple[np.ndarray, np.ndarray]:
    """Return the causes' weights (T, C), and how much of each trait is its own (T,)."""
    weights_TC = np.array(list(table.values()))
    return weights_TC, np.sqrt(1.0 - (weights_TC**2).sum(1))


def voice_of(voice_V: np.ndarray) -> Voice:
    """Return the voice that has these traits."""
    share = dict(zip(VOICE, ndtr(voice_V).tolist(), strict=True))
    return Voice(
        pitch=265.0 * (85.0 / 265.0) ** share["low"],
        swing=0.42 - 0.3 * share["even"],
        tract=1.20 - 0.36 * share["long"],
        tilt=0.5 + 0.7 * share["steep"],
        breath=0.01 + 0.29 * share["breathy"],
        tempo=1.25 - 0.5 * share["slow"],
    )


def look_of(face_F: np.ndarray) -> Look:
    """Return the appearance that has these traits."""
    share = dict(zip(FACE, ndtr(face_F).tolist(), strict=True))
    skin = _between(_SKINS, share["skin"])
    grey = float(np.clip((share["grey"] - 0.45) / 0.45, 0, 1))
    hair = (1 - grey) * _between(_HAIRS, share["hair"]) + grey * _GREY
    red = 0.20 + 0.55 * share["red_lips"]
    return Look(
        skin=_colour(skin),
        hair=_colour(hair),
        iris=_colour(_between(_IRISES, share["iris"])),
        lips=_colour((1 - red) * 0.85 * skin + red * _RED),
        wide=0.58 + 0.26 * share["wide"],
        jaw=0.36 - 0.32 * share["jaw"],
        hairline=-0.44 - 0.34 * share["high_hairline"],
        long_hair=1.0 - 1.25 * share["short_hair"],
        eye=0.145 - 0.05 * share["small_eyes"],
        brow=0.02 + 0.055 * share["brow"],
        nose=0.08 + 0.11 * share["wide_nose"],
        mouth=0.22 + 0.16 * share["wide_mouth"],
        lines=share["lines"],
        glasses=share["glasses"] > 0.75,
        beard=float(np.clip((share["beard"] - 0.62) / 0.3, 0, 1)) * 0.75,
        apart=0.26 + 0.09 * share["apart"],
        nose_place=0.07 + 0.17 * share["long_nose"],
        mouth_place=0.46 + 0.17 * share["low_mouth"],
        lip=0.11 - 0.07 * share["thin_lips"],
    )


def _between(table_K3: np.ndarray, place: float) -> np.ndarray:
    """Return the colour at `place` in 0..1 along a row of colours."""
    position = place * (len(table_K3) - 1)
    first = min(int(position), len(table_K3) - 2)
    share = position - first
    return np.asarray((1 - share) * table_K3[first] + share * table_K3[first + 1])


def _colour(values_3: np.ndarray) -> tuple[float, float, float]:
    red, green, blue = values_3.tolist()
    return (red, green, blue)
