"""Utterances: words, phonemes with their times, and the lip positions that follow from them.

Shape legend: K control frames (`CONTROL` per second).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from mmx_worlds.people.speakers import Voice
from mmx_worlds.speech.phonemes import PAUSE, PHONEMES, WORDS, Lips, Target

CONTROL: Final = 250
"""Control frames per second."""
_LIP_SMOOTHING: Final = 0.09


@dataclass(frozen=True, slots=True)
class Spoken:
    """A phoneme in an utterance: symbol, and where it begins and ends in seconds."""

    symbol: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Utterance:
    """Words and phonemes with their times.

    Attributes:
        text: The words that are begun within the clip.
        phonemes: In order, without gaps; pauses are phonemes too.
        accents: Per word: its middle in seconds and how much the pitch rises there, in octaves.
    """

    text: str
    phonemes: Sequence[Spoken]
    accents: Sequence[tuple[float, float]]


def compose(rng: np.random.Generator, voice: Voice, seconds: float) -> Utterance:
    """Draw words until `seconds` are filled, with pauses between some of them."""
    names = sorted(WORDS)
    time = -float(rng.uniform(0.0, 0.25))
    phonemes: list[Spoken] = []
    accents: list[tuple[float, float]] = []
    text: list[str] = []
    while time < seconds:
        pause = float(rng.uniform(0.1, 0.4)) if rng.random() < 0.4 else float(rng.uniform(0.0, 0.04))
        if pause > 0.02:
            phonemes.append(Spoken(PAUSE, time, time + pause))
            time += pause
        word = names[int(rng.integers(len(names)))]
        began = time
        for symbol in WORDS[word]:
            length = PHONEMES[symbol].seconds * float(rng.uniform(0.85, 1.25)) / voice.tempo
            phonemes.append(Spoken(symbol, time, time + length))
            time += length
        if began < seconds:
            text.append(word)
        accents.append(((began + time) / 2, voice.swing * float(rng.uniform(-0.3, 1.0))))
    kept = [
        Spoken(p.symbol, max(0.0, p.start), min(seconds, p.end)) for p in phonemes if p.end > 0 and p.start < seconds
    ]
    return Utterance(" ".join(text), tuple(kept), tuple(accents))


def lips(utterance: Utterance, seconds: float, fps: float) -> np.ndarray:
    """Return opening, width and teeth of the lips (frames, 3) in the middle of each frame."""
    targets, place_K = timeline(utterance, seconds)
    shapes: list[Lips] = [target.lips for target in targets]
    tracks_K3 = np.array(shapes)[place_K]
    smooth_K3 = np.stack([smooth(column, _LIP_SMOOTHING) for column in tracks_K3.T], axis=1)
    control_K = (np.arange(len(place_K)) + 0.5) / CONTROL
    time_N = (np.arange(frame_count(seconds, fps)) + 0.5) / fps
    return np.stack([np.interp(time_N, control_K, column) for column in smooth_K3.T], axis=1).astype(np.float32)


def visemes(utterance: Utterance, seconds: float, fps: float) -> list[str]:
    """Return the viseme in the middle of each frame."""
    ends = [phoneme.end for phoneme in utterance.phonemes]
    time_N = (np.arange(frame_count(seconds, fps)) + 0.5) / fps
    places = np.minimum(np.searchsorted(ends, time_N, side="right"), len(ends) - 1)
    return [PHONEMES[utterance.phonemes[place].symbol].viseme for place in places]


def frame_count(seconds: float, fps: float) -> int:
    """Return the number of frames that cover `seconds`."""
    return int(np.ceil(seconds * fps - 1e-6))


def timeline(utterance: Utterance, seconds: float) -> tuple[list[Target], np.ndarray]:
    """Return all targets, and which of them is due at each control frame (K,)."""
    targets: list[Target] = []
    ends: list[float] = []
    for spoken in utterance.phonemes:
        time = spoken.start
        for target in PHONEMES[spoken.symbol].targets:
            time += target.share * (spoken.end - spoken.start)
            targets.append(target)
            ends.append(time)
    middle_K = (np.arange(round(seconds * CONTROL)) + 0.5) / CONTROL
    return targets, np.minimum(np.searchsorted(ends, middle_K, side="right"), len(targets) - 1)


def smooth(track_K: np.ndarray, seconds: float) -> np.ndarray:
    """Return a track smoothed by a Hann window, its ends held."""
    width = max(3, round(2 * seconds * CONTROL) | 1)
    kernel = np.hanning(width + 2)[1:-1]
    padded = np.pad(track_K, width // 2, mode="edge")
    return np.asarray(np.convolve(padded, kernel / kernel.sum(), mode="valid"))
