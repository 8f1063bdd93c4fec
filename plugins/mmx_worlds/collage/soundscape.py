"""Soundscapes mixed from recordings: speed, onsets, rooms, background noise, levels. Waveforms: float32, mono.

Shape legend: T samples over time, F frequency bins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import gcd
from typing import Final

import numpy as np
from scipy import fft, signal

from mmx import Audio

LEAD_SECONDS: Final = 0.005
"""Kept before the first audible sample of a recording."""
AUDIBLE: Final = 0.05
"""A recording begins where it first reaches this share of its peak."""
TAIL_SECONDS: Final = 0.5
"""Longest echo of a room."""


@dataclass(frozen=True, slots=True)
class Voice:
    """A recording prepared for mixing: mono, without silence before it, unit RMS where it is not silent.

    Attributes:
        samples_T: float32, read-only.
        rate: Hz.
        entries: Sample positions where an excerpt may begin, because it is not silent there; the first is 0.
    """

    samples_T: np.ndarray
    rate: int
    entries: Sequence[int]

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return len(self.samples_T) / self.rate


@dataclass(frozen=True, slots=True)
class Ambience:
    """The background noise of a kind of place, by the shape of its spectrum and its swell.

    Attributes:
        low: Lower edge of its band in Hz.
        high: Upper edge in Hz (both fall off by 24 dB per octave).
        slope: Decibels per octave inside the band.
        swell: Rate of its loudness changes in Hz; 0 for none.
        depth: How deep they are, 0..1.
        hum: Frequency of a hum with overtones in Hz; 0 for none.
        level: Decibels added to the clip's noise level.
    """

    low: float
    high: float
    slope: float
    swell: float = 0.0
    depth: float = 0.0
    hum: float = 0.0
    level: float = 0.0


def prepare_voice(audio: Audio, rate: int) -> Voice:
    """Prepare a recording for mixing at `rate` Hz."""
    mono_T = audio.samples_CT.mean(axis=0, dtype=np.float64)
    if audio.rate != rate:
        common = gcd(audio.rate, rate)
        mono_T = signal.resample_poly(mono_T, rate // common, audio.rate // common)
    loud_T = np.abs(mono_T) > AUDIBLE * np.abs(mono_T).max()
    first = max(0, int(np.argmax(loud_T)) - round(LEAD_SECONDS * rate))
    mono_T = mono_T[first:]
    step = max(1, rate // 20)
    energy = np.add.reduceat(mono_T**2, np.arange(0, len(mono_T), step)) / step
    sounding = energy > 0.1 * energy.max()
    samples_T = (mono_T / np.sqrt(energy[sounding].mean())).astype(np.float32)
    samples_T.setflags(write=False)
    # An excerpt may begin anywhere but in a pause and in the last quarter.
    last = int(0.75 * len(energy))
    entries = [0, *(int(block) * step for block in np.flatnonzero(energy > 0.3 * energy.mean()) if 0 < block <= last)]
    return Voice(samples_T, rate, entries)


def change_speed(samples_T: np.ndarray, factor: float) -> np.ndarray:
    """Play a recording faster (factor > 1: shorter and higher) or slower, band-limited.

    The spectrum is cut or padded to the new length, which is exact for periodic signals; a padding of silence keeps the
    end from leaking into the beginning.
    """
    padded, target = _fast_lengths(len(samples_T) + 256, factor)
    spectrum_F = fft.rfft(samples_T, padded)
    kept = min(len(spectrum_F), target // 2 + 1)
    resized_F = np.zeros(target // 2 + 1, np.complex64)
    resized_F[:kept] = spectrum_F[:kept]
    length = max(1, round(len(samples_T) * target / padded))
    return np.asarray(fft.irfft(resized_F, target)[:length] * (target / padded), dtype=np.float32)


def _fast_lengths(least: int, factor: float) -> tuple[int, int]:
    """Return two lengths that are quick to transform, the first at least `least`, whose ratio is close to `factor`."""
    pairs = []
    for _ in range(12):
        padded = int(fft.next_fast_len(least, real=True))
        pairs.append((padded, int(fft.next_fast_len(max(2, round(padded / factor))))))
        least = padded + 1
    return min(pairs, key=lambda pair: abs(pair[0] / pair[1] / factor - 1))


def fade(samples_T: np.ndarray, rate: int, *, attack: float = 0.005, release: float = 0.05) -> np.ndarray:
    """Return a copy that begins and ends without a click; `attack` and `release` are seconds."""
    faded_T = np.array(samples_T, dtype=np.float32)
    rise, fall = (min(len(faded_T), max(1, round(seconds * rate))) for seconds in (attack, release))
    faded_T[:rise] *= np.linspace(0, 1, rise, dtype=np.float32)
    faded_T[-fall:] *= np.linspace(1, 0, fall, dtype=np.float32)
    return faded_T


def add(track_T: np.ndarray, samples_T: np.ndarray, onset: int, gain: float = 1.0) -> None:
    """Add a waveform to a track, in place, from sample `onset` on; what does not fit is cut off."""
    room = min(len(samples_T), len(track_T) - onset)
    if room > 0:
        track_T[onset : onset + room] += gain * samples_T[:room]


def decibels(value: float) -> float:
    """Return the amplitude factor of a level in decibels."""
    return float(10.0 ** (value / 20.0))


class Rooms:
    """A bank of rooms and recording chains: each colours a track and lets it ring.

    Args:
        rng: Source of chance.
        rate: Hz.
        length: Samples of the tracks it will be applied to.
        count: Number of rooms; the first leaves tracks as they are.
    """

    def __init__(self, rng: np.random.Generator, rate: int, length: int, count: int = 24) -> None:
        self._length = length
        self._padded = int(fft.next_fast_len(length + round(TAIL_SECONDS * rate), real=True))
        frequencies_F = fft.rfftfreq(self._padded, 1 / rate)
        self._responses = [self._response(rng, rate, frequencies_F) for _ in range(count - 1)]

    def __len__(self) -> int:
        return len(self._responses) + 1

    def _response(self, rng: np.random.Generator, rate: int, frequencies_F: np.ndarray) -> np.ndarray:
        """Draw one room: tilt of the spectrum, an edge at the top, and an exponentially dying echo."""
        tilt = rng.uniform(-0.3, 0.3)
        edge = rate * rng.uniform(0.25, 0.6)
        colour_F = np.maximum(frequencies_F, 40.0) ** tilt / 1000.0**tilt / np.sqrt(1 + (frequencies_F / edge) ** 8)
        time_T = np.arange(round(TAIL_SECONDS * rate)) / rate
        decay = rng.uniform(0.03, 0.15)
        echo_T = rng.standard_normal(len(time_T)) * np.exp(-time_T / decay) * (time_T > 0.002)
        echo_T *= decibels(rng.uniform(-20, -6)) / np.sqrt((echo_T**2).sum())
        echo_T[0] = 1.0
        return np.asarray(colour_F * fft.rfft(echo_T, self._padded), dtype=np.complex64)

    def apply(self, track_T: np.ndarray, room: int) -> np.ndarray:
        """Return `track_T` with the reverberation of room number `room`, equally loud."""
        if room == 0:
            return track_T.copy()
        spectrum_F = fft.rfft(track_T, self._padded)
        spectrum_F *= self._responses[room - 1]
        wet_T = fft.irfft(spectrum_F, self._padded)[: self._length]
        return np.asarray(wet_T * np.float32(np.linalg.norm(track_T) / max(float(np.linalg.norm(wet_T)), 1e-9)))


class Noises:
    """Long stretches of the background noise of each place; clips take pieces of them.

    Args:
        rng: Source of chance.
        rate: Hz.
        ambiences: Place -> its noise.
        seconds: Length of each stretch.
    """

    def __init__(
        self, rng: np.random.Generator, rate: int, ambiences: Mapping[str, Ambience], seconds: float = 20.0
    ) -> None:
        length = int(fft.next_fast_len(round(seconds * rate), real=True))
        self._stretches = {name: _stretch(rng, rate, length, ambience) for name, ambience in ambiences.items()}

    def piece(self, rng: np.random.Generator, place: str, length: int) -> np.ndarray:
        """Return `length` samples of the noise of `place` at unit RMS: two pieces of the stretch, mixed."""
        stretch_T = self._stretches[place]
        first, second = rng.integers(0, len(stretch_T), 2)
        share = rng.uniform(0.2, 0.8)
        mixed_T = np.float32(np.sqrt(share)) * _wrapped(stretch_T, first, length)
        mixed_T += np.float32(np.sqrt(1 - share)) * _wrapped(stretch_T, second, length)
        return np.asarray(mixed_T / np.float32(np.sqrt(np.mean(mixed_T**2)) + 1e-9))


def _wrapped(stretch_T: np.ndarray, start: int, length: int) -> np.ndarray:
    end = start + length
    if end <= len(stretch_T):
        return stretch_T[start:end]
    return np.resize(np.roll(stretch_T, -start), length)


def _stretch(rng: np.random.Generator, rate: int, length: int, ambience: Ambience) -> np.ndarray:
    """Make noise with the spectrum and the swell of an ambience; it wraps around without a seam."""
    frequencies_F = np.maximum(fft.rfftfreq(length, 1 / rate), 1.0)
    shape_F = (frequencies_F / 1000.0) ** (ambience.slope / 6.02)
    shape_F /= np.sqrt((1 + (ambience.low / frequencies_F) ** 8) * (1 + (frequencies_F / ambience.high) ** 8))
    noise_T = fft.irfft(fft.rfft(rng.standard_normal(length)) * shape_F, length)
    noise_T /= noise_T.std()
    time_T = np.arange(length) / rate
    if ambience.hum:
        tones = sum(
            np.sin(2 * np.pi * ambience.hum * k * time_T) / k for k in (1, 2, 3, 5) if ambience.hum * k < rate / 2
        )
        noise_T += 0.7 * np.asarray(tones)
    if ambience.swell:
        slow_F = np.exp(-0.5 * ((fft.rfftfreq(length, 1 / rate) - ambience.swell) / (0.3 * ambience.swell)) ** 2)
        slow_T = fft.irfft(fft.rfft(rng.standard_normal(length)) * slow_F, length)
        noise_T *= 1 - ambience.depth + ambience.depth * np.clip(0.5 + 0.5 * slow_T / max(slow_T.std(), 1e-9), 0, 2)
    return np.asarray(noise_T / noise_T.std(), dtype=np.float32)


def set_peak(samples_T: np.ndarray, peak: float) -> np.ndarray:
    """Return float32 samples whose greatest absolute value is `peak`; silence stays silence."""
    return np.asarray(samples_T * np.float32(peak / max(float(np.abs(samples_T).max()), 1e-9)), dtype=np.float32)
