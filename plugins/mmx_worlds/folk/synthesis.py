"""A small band: ten instruments made of partials, breath and envelopes, and the playing of a tune on one of them.

Every instrument is a recipe, every `build` of it an individual with its own brightness, vibrato and tuning, as two
fiddles are: builds of training and test recordings can be kept apart. A build's note of one pitch is made once per
process and then cut to length, so that seconds of music take milliseconds. Shapes: T samples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from mmx_worlds.folk.performance import Part

Floats = NDArray[np.float32]


class Band(Protocol):
    """What renders a performance: the instruments of this module, or a soundfont's (`mmx_worlds.folk.soundfont`)."""

    def __call__(self, parts: Sequence[Part], *, seconds: float, rate: int) -> Floats:
        """Return float32 samples (T,), of no particular level."""
        ...


LONGEST_NOTE: Final = 2.5
"""Seconds; what is held longer fades."""
_PARTIALS: Final = 18
_HIGHEST: Final = 0.46
"""Partials above this share of the rate would fold back."""


@dataclass(frozen=True)
class Instrument:
    """A recipe.

    Attributes:
        slope: Partial k has amplitude k ** -slope.
        even: Amplitude of even partials relative to odd ones (a closed pipe has next to none).
        ranks: Frequencies of the partials as multiples of the pitch; empty is the harmonic series.
        decay: How fast a struck or plucked note dies (1 / s) at the lowest partial; 0 is sustained.
        damping: How much faster each higher partial dies.
        attack: Seconds until it speaks.
        release: Seconds that it rings on.
        vibrato: Depth in semitones, about 5.5 times a second, growing after the onset.
        tremolo: Two sources this many Hz apart.
        breath: Level of noise beside the tone.
        chiff: Level of a puff of noise at the onset.
        formant: Resonance in Hz, 0 for none.
        swell: Whether brightness grows in the first tenth of a second (brass).
    """

    slope: float
    even: float = 1.0
    ranks: tuple[float, ...] = ()
    decay: float = 0.0
    damping: float = 0.0
    attack: float = 0.01
    release: float = 0.04
    vibrato: float = 0.0
    tremolo: float = 0.0
    breath: float = 0.0
    chiff: float = 0.0
    formant: float = 0.0
    swell: bool = False


INSTRUMENTS: Final[Mapping[str, Instrument]] = MappingProxyType(
    {
        "harp": Instrument(1.3, decay=2.2, damping=0.35, attack=0.002, release=0.35),
        "fiddle": Instrument(1.0, attack=0.06, release=0.07, vibrato=0.25, formant=1100, breath=0.015),
        "flute": Instrument(2.2, attack=0.045, release=0.06, vibrato=0.16, breath=0.05),
        "clarinet": Instrument(1.1, even=0.06, attack=0.03, release=0.04, breath=0.008),
        "organ": Instrument(0.55, ranks=(1, 2, 3, 4, 6, 8), attack=0.012, release=0.03),
        "bells": Instrument(
            0.5, ranks=(1, 2.01, 2.76, 4.07, 5.43, 6.8), decay=1.6, damping=0.5, attack=0.001, release=0.9
        ),
        "trumpet": Instrument(0.7, attack=0.03, release=0.05, vibrato=0.05, formant=1500, swell=True),
        "harpsichord": Instrument(0.35, decay=3.2, damping=0.04, attack=0.001, release=0.08),
        "accordion": Instrument(0.8, attack=0.035, release=0.05, tremolo=5.0, formant=900),
        "whistle": Instrument(3.4, attack=0.015, release=0.03, breath=0.015, chiff=0.25),
    }
)

ACCOMPANISTS: Final[Mapping[str, Instrument]] = MappingProxyType(
    {
        "guitar": Instrument(1.6, decay=3.0, damping=0.25, attack=0.003, release=0.06),
        "drones": Instrument(0.9, attack=0.05, release=0.06, tremolo=1.5),
        "drum": Instrument(0.8, ranks=(1, 1.59, 2.14, 2.3, 2.65), decay=14.0, attack=0.001, release=0.05, chiff=0.5),
    }
)
"""Who plays along; never what a tag is about."""
_EVERYBODY: Final = {**INSTRUMENTS, **ACCOMPANISTS}


def play(parts: Sequence[Part], *, seconds: float, rate: int) -> Floats:
    """Render all parts: float32 samples (T,), of no particular level.

    Args:
        parts: Who plays what.
        seconds: Length of the result.
        rate: Samples per second.
    """
    length = round(seconds * rate)
    track_T = np.zeros(length, np.float32)
    for part in parts:
        for stroke in part.strokes:
            first = round(stroke.onset * rate)
            if first >= length:
                continue
            sound_T = _cut(part, int(np.clip(stroke.pitch, 24, 108)), stroke.duration, rate)[: length - first]
            track_T[first : first + len(sound_T)] += stroke.level * sound_T
    return track_T


def recorded(track_T: Floats, *, gain: float, noise: float, seed: Sequence[int]) -> Floats:
    """Return a track as it was recorded: at a peak of `gain`, over a background of noise.

    Args:
        track_T: What was played.
        gain: Peak of the result, before the noise.
        noise: Level of the background relative to the peak.
        seed: What the background is drawn from.
    """
    noise_T = np.random.default_rng(list(seed)).standard_normal(len(track_T), np.float32)
    peak = float(np.abs(track_T).max()) or 1.0
    return (gain / peak * track_T + gain * noise * noise_T).astype(np.float32)


def _cut(part: Part, pitch: int, seconds: float, rate: int) -> Floats:
    """Return a note of a given length: the long one, cut, with its release."""
    recipe = _EVERYBODY[part.instrument]
    whole_T = tone(part.instrument, part.build, pitch, rate)
    release = round(recipe.release * rate)
    held = round(min(seconds, LONGEST_NOTE) * rate)
    sound_T = whole_T[: held + release].copy()
    falling = min(release, len(sound_T))
    if falling:
        sound_T[-falling:] *= np.linspace(1, 0, falling, dtype=np.float32) ** 2
    return sound_T


@lru_cache(maxsize=3000)
def tone(name: str, build: int, pitch: int, rate: int) -> Floats:
    """Return the longest note of one pitch of one build: float32 (T,), read-only, of unit power in its first 0.3 s."""
    recipe = _EVERYBODY[name]
    rng = np.random.default_rng([list(_EVERYBODY).index(name), build])
    brightness, wobble, phase = rng.uniform(-0.15, 0.15), rng.uniform(5.0, 6.2), rng.uniform(0, 6.28)
    detune, formant = rng.uniform(-0.06, 0.06), recipe.formant * rng.uniform(0.85, 1.2)
    time_T = np.arange(round((LONGEST_NOTE + recipe.release) * rate)) / rate
    depth_T = recipe.vibrato * np.minimum(time_T / 0.25, 1.0) * (np.log(2) / 12) / (2 * np.pi * wobble)
    warped_T = time_T + depth_T * np.sin(2 * np.pi * wobble * time_T + phase)
    frequency = 440.0 * 2 ** ((pitch + detune - 69) / 12)
    sound_T = np.zeros(len(time_T))
    voices = (-0.5, 0.5) if recipe.tremolo else (0.0,)
    for offset in voices:
        sound_T += _voice(recipe, frequency + offset * recipe.tremolo, warped_T, time_T, rate, brightness, formant)
    noise_T = rng.standard_normal(len(time_T))
    level = np.sqrt(np.mean(sound_T[: round(0.3 * rate)] ** 2)) or 1.0
    sound_T /= level
    sound_T += recipe.breath * noise_T + recipe.chiff * noise_T * np.exp(-time_T / 0.02)
    sound_T *= np.minimum(time_T / recipe.attack, 1.0)
    made_T = sound_T.astype(np.float32)
    made_T.setflags(write=False)
    return made_T


def _voice(
    recipe: Instrument,
    frequency: float,
    warped_T: NDArray[np.float64],
    time_T: NDArray[np.float64],
    rate: int,
    brightness: float,
    formant: float,
) -> NDArray[np.float64]:
    """Return the sum of the partials below the limit."""
    sound_T = np.zeros(len(time_T))
    dying_T = np.exp(-recipe.decay * time_T) if recipe.decay else None
    turning_T = np.exp(2j * np.pi * frequency * warped_T)  # harmonic k is its k-th power: far cheaper than a sine each
    power_T = np.ones_like(turning_T)
    for number, rank in enumerate(recipe.ranks or range(1, _PARTIALS + 1), start=1):
        partial = rank * frequency
        if partial > _HIGHEST * rate:
            break
        amplitude = number ** -(recipe.slope + brightness)
        if not recipe.ranks and number % 2 == 0:
            amplitude *= recipe.even
        if formant:
            amplitude *= 0.35 + 1.3 / (1 + ((partial - formant) / 500) ** 2)
        power_T = np.exp(2j * np.pi * partial * warped_T) if recipe.ranks else power_T * turning_T
        part_T = amplitude * (power_T * np.exp(1.7j * number)).imag
        if dying_T is not None:
            part_T *= dying_T ** (1 + recipe.damping * (number - 1))
        if recipe.swell and number > 1:
            part_T *= np.minimum(time_T / (0.03 * number**0.7), 1.0)
        sound_T += part_T
    return sound_T
