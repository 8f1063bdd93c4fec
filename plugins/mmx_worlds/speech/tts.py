"""Recorded voices by unit selection, where `py-nanotts` is installed, with the times of words.

The package (SVOX Pico, Apache-2.0) holds recordings of six speakers. Words are spoken one by one, so that when each
begins and ends is known; inside a word the phonemes of our own spelling are spread evenly over its duration.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import gcd
from typing import Any, Final

import numpy as np
from scipy import signal

from mmx import AssetError
from mmx_worlds.speech.phonemes import PAUSE, PHONEMES, WORDS
from mmx_worlds.speech.utterance import Spoken, Utterance

VOICES: Final = {"train": ("en-US", "de-DE", "fr-FR"), "val": ("es-ES",), "test": ("en-GB", "it-IT")}
"""Recorded speakers by split: disjoint."""
RATE: Final = 16000
_AUDIBLE: Final = 0.03


def speak(
    rng: np.random.Generator, voice: str, pitch: float, speed: float, seconds: float, rate: int
) -> tuple[Utterance, np.ndarray]:
    """Return an utterance, and its waveform (T,) float32 with RMS 0.1 where it is not silent.

    Args:
        rng: Draws words and pauses.
        voice: One of the package's voices.
        pitch: Factor on the recorded pitch, 0.5..2.
        speed: Factor on the recorded speed.
        seconds: Length of the clip.
        rate: Samples per second.

    Raises:
        AssetError: The package is not installed.
    """
    names = sorted(WORDS)
    track_T = np.zeros(round(seconds * RATE), np.float32)
    time, text = float(rng.uniform(0.0, 0.2)), []
    phonemes: list[Spoken] = [Spoken(PAUSE, 0.0, time)]
    while time < seconds:
        word = names[int(rng.integers(len(names)))]
        word_T = word_waveform(word, voice, round(pitch, 2), round(speed, 2))
        first = round(time * RATE)
        room = min(len(word_T), len(track_T) - first)
        track_T[first : first + room] = word_T[:room]
        end = time + len(word_T) / RATE
        phonemes += _spread(word, time, end)
        text.append(word)
        pause = float(rng.uniform(0.02, 0.06) if rng.random() < 0.6 else rng.uniform(0.1, 0.35))
        phonemes.append(Spoken(PAUSE, end, end + pause))
        time = end + pause
    kept = [Spoken(p.symbol, p.start, min(seconds, p.end)) for p in phonemes if p.start < seconds and p.end > p.start]
    common = gcd(rate, RATE)
    resampled_T = track_T if rate == RATE else signal.resample_poly(track_T, rate // common, RATE // common)
    resampled_T = np.asarray(resampled_T[: round(seconds * rate)], dtype=np.float32)
    loud_T = np.abs(resampled_T) > 0.05 * max(float(np.abs(resampled_T).max()), 1e-9)
    rms = float(np.sqrt(np.mean(resampled_T[loud_T] ** 2))) if loud_T.any() else 1.0
    return Utterance(" ".join(text), tuple(kept), ()), np.asarray(resampled_T * (0.1 / rms), dtype=np.float32)


@lru_cache(maxsize=4096)
def word_waveform(word: str, voice: str, pitch: float, speed: float) -> np.ndarray:
    """Return one spoken word at `RATE`, without the silence around it; read-only."""
    spoken = _engine().speak(word, voice=voice, pitch=pitch, speed=speed)
    samples_T = np.frombuffer(spoken, dtype="<i2").astype(np.float32) / 32768.0
    loud = np.flatnonzero(np.abs(samples_T) > _AUDIBLE * max(float(np.abs(samples_T).max(initial=0.0)), 1e-9))
    kept_T = samples_T[loud[0] : loud[-1] + 1] if len(loud) else samples_T
    kept_T.setflags(write=False)
    return kept_T


def _spread(word: str, start: float, end: float) -> Sequence[Spoken]:
    lengths = np.array([PHONEMES[symbol].seconds for symbol in WORDS[word]])
    edges = start + (end - start) * np.concatenate([[0.0], np.cumsum(lengths) / lengths.sum()])
    return [Spoken(symbol, float(a), float(b)) for symbol, a, b in zip(WORDS[word], edges[:-1], edges[1:], strict=True)]


@lru_cache(maxsize=1)
def _engine() -> Any:
    try:
        from py_nanotts import NanoTTS
    except ImportError as error:
        raise AssetError(
            "worlds/talkers: voices=recorded needs the package py-nanotts (Apache-2.0, 5 MB); "
            "pip install 'mmx[weights]', or use voices=synthetic"
        ) from error
    return NanoTTS()
