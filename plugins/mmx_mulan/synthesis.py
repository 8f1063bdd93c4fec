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
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mmx_mulan.notation import Note

Floats = NDArray[np.float32]

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


@dataclass(frozen=True)
class Manner:
    """How a tune is played.

    Attributes:
        instrument: Name in `INSTRUMENTS`.
        build: Which individual of it.
        speed: Whole notes per second.
        shift: Semitones up, a multiple of 12: the key stays.
        start: Where in the tune to begin, in whole notes.
        gain: Peak of the result.
        noise: Level of the background relative to the peak.
    """

    instrument: str
    build: int
    speed: float
    shift: int
    start: float = 0.0
    gain: float = 0.7
    noise: float = 0.003


def play(notes: Sequence[Note], manner: Manner, *, seconds: float, rate: int, seed: Sequence[int]) -> Floats:
    """Play a tune, over and over where it is shorter than the time.

    Args:
        notes: In order of their onsets, in whole notes.
        manner: Instrument, speed, register, place.
        seconds: Length of the result.
        rate: Samples per second.
        seed: What the background noise is drawn from.

    Returns:
        float32 samples (T,), peak `manner.gain`.
    """
    recipe = INSTRUMENTS[manner.instrument]
    length = round(seconds * rate)
    track_T = np.zeros(length, np.float32)
    end = max(note.onset + note.duration for note in notes)
    turn = -manner.start
    while turn / manner.speed < seconds:
        for note in notes:
            onset = (turn + note.onset) / manner.speed
            if note.pitch is None or onset < -1e-9 or onset >= seconds:
                continue
            pitch = int(np.clip(note.pitch + manner.shift, 24, 108))
            sound_T = _cut(recipe, manner, pitch, note.duration / manner.speed, rate)
            first = round(onset * rate)
            track_T[first : first + len(sound_T)] += sound_T[: length - first]
        turn += end
    noise_T = np.random.default_rng(list(seed)).standard_normal(length, np.float32)
    peak = float(np.abs(track_T).max()) or 1.0
    return (manner.gain / peak * track_T + manner.gain * manner.noise * noise_T).astype(np.float32)


def _cut(recipe: Instrument, manner: Manner, pitch: int, seconds: float, rate: int) -> Floats:
    """Return a note of a given length: the long one, cut, with its release."""
    whole_T = tone(manner.instrument, manner.build, pitch, rate)
    release = round(recipe.release * rate)
    held = round(min(seconds, LONGEST_NOTE) * rate)
    sound_T = whole_T[: held + release].copy()
    falling = min(release, len(sound_T))
    if falling:
        sound_T[-falling:] *= np.linspace(1, 0, falling, dtype=np.float32) ** 2
    return sound_T


@lru_cache(maxsize=3000)
def tone(name: str, build: int, pitch: int, rate: int) -> Floats:
    """Return the longest note of one pitch of one build: float32 (T,), read-only, of unit power at its loudest."""
    recipe = INSTRUMENTS[name]
    rng = np.random.default_rng([list(INSTRUMENTS).index(name), build])
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
