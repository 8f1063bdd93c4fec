"""A talking machine: words to phonemes with times, and phonemes to a waveform by source and filter.

The source is a train of band-limited glottal pulses and noise; the filter is four resonances that move from phoneme to
phoneme (Fant's acoustic theory of speech production). Everything is known: who speaks, what, and when.

Shape legend: T samples, K control frames (`CONTROL` per second), F frequency bins.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from scipy import fft

from mmx_worlds.phonemes import PAUSE, PHONEMES, WORDS, Lips, Target
from mmx_worlds.speakers import Voice

CONTROL: Final = 250
"""Control frames per second."""
_FORMANT_SMOOTHING: Final = 0.045
_LEVEL_SMOOTHING: Final = 0.016
_LIP_SMOOTHING: Final = 0.09
_BANDWIDTHS: Final = (70.0, 100.0, 140.0, 220.0)
_FOURTH: Final = 3500.0
_TABLE: Final = 2048


@dataclass(frozen=True, slots=True)
class Spoken:
    """A phoneme in an utterance: symbol, and where it begins and ends in seconds."""

    symbol: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Utterance:
    """What is said, and when.

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


def speak(utterance: Utterance, voice: Voice, seconds: float, rate: int, rng: np.random.Generator) -> np.ndarray:
    """Return the waveform (T,) of an utterance, float32, RMS 0.1 where it sounds."""
    samples = round(seconds * rate)
    targets, place_K = _timeline(utterance, seconds)
    level_K = _smooth(np.array([target.voice for target in targets])[place_K], _LEVEL_SMOOTHING)
    noise_K = _smooth(np.array([target.noise for target in targets])[place_K], _LEVEL_SMOOTHING)
    time_T = np.arange(samples) / rate
    control_K = (np.arange(len(place_K)) + 0.5) / CONTROL
    pitch_T = np.interp(time_T, control_K, _pitch(utterance, voice, control_K, rng))
    folds_T = _pulses(pitch_T, rate, voice.tilt)
    hiss_T = rng.standard_normal(samples).astype(np.float32)
    loudness_T = np.interp(time_T, control_K, level_K).astype(np.float32)
    voiced_T = (folds_T + np.float32(voice.breath) * hiss_T) * loudness_T
    formants_K3 = np.array([target.formants for target in targets])[place_K] * voice.tract
    formants_K3 = np.stack([_smooth(column, _FORMANT_SMOOTHING) for column in formants_K3.T], axis=1)
    said_T = _filtered(voiced_T, rate, lambda hertz_F: _resonances(formants_K3, voice.tract, hertz_F))
    rough_T = hiss_T * np.interp(time_T, control_K, noise_K).astype(np.float32)
    bands_K2 = np.array([target.band for target in targets])[place_K]
    said_T += _filtered(rough_T, rate, lambda hertz_F: _bands(bands_K2, hertz_F))
    loud_T = np.abs(said_T) > 0.05 * max(float(np.abs(said_T).max()), 1e-9)
    rms = float(np.sqrt(np.mean(said_T[loud_T] ** 2))) if loud_T.any() else 1.0
    return np.asarray(said_T * (0.1 / max(rms, 1e-9)), dtype=np.float32)


def lips(utterance: Utterance, seconds: float, fps: float) -> np.ndarray:
    """Return opening, width and teeth of the lips (frames, 3) in the middle of each picture."""
    targets, place_K = _timeline(utterance, seconds)
    shapes: list[Lips] = [target.lips for target in targets]
    tracks_K3 = np.array(shapes)[place_K]
    smooth_K3 = np.stack([_smooth(column, _LIP_SMOOTHING) for column in tracks_K3.T], axis=1)
    control_K = (np.arange(len(place_K)) + 0.5) / CONTROL
    time_N = (np.arange(frame_count(seconds, fps)) + 0.5) / fps
    return np.stack([np.interp(time_N, control_K, column) for column in smooth_K3.T], axis=1).astype(np.float32)


def visemes(utterance: Utterance, seconds: float, fps: float) -> list[str]:
    """Return the viseme in the middle of each picture."""
    ends = [phoneme.end for phoneme in utterance.phonemes]
    time_N = (np.arange(frame_count(seconds, fps)) + 0.5) / fps
    places = np.minimum(np.searchsorted(ends, time_N, side="right"), len(ends) - 1)
    return [PHONEMES[utterance.phonemes[place].symbol].viseme for place in places]


def frame_count(seconds: float, fps: float) -> int:
    """Return how many pictures cover `seconds`."""
    return int(np.ceil(seconds * fps - 1e-6))


def _timeline(utterance: Utterance, seconds: float) -> tuple[list[Target], np.ndarray]:
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


def _smooth(track_K: np.ndarray, seconds: float) -> np.ndarray:
    """Return a track smoothed by a Hann window, its ends held."""
    width = max(3, round(2 * seconds * CONTROL) | 1)
    kernel = np.hanning(width + 2)[1:-1]
    padded = np.pad(track_K, width // 2, mode="edge")
    return np.asarray(np.convolve(padded, kernel / kernel.sum(), mode="valid"))


def _pitch(utterance: Utterance, voice: Voice, control_K: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the frequency of the vocal folds (K,): a fall over the clip, a rise at accents, a slight unsteadiness."""
    octaves_K = -0.12 * (control_K / max(float(control_K[-1]), 1e-9) - 0.5) + rng.uniform(-0.1, 0.1)
    for middle, rise in utterance.accents:
        octaves_K = octaves_K + rise * np.exp(-0.5 * ((control_K - middle) / 0.12) ** 2)
    unsteady_K = _smooth(rng.standard_normal(len(control_K)), 0.03) * 0.02
    return np.asarray(voice.pitch * 2.0 ** (octaves_K + unsteady_K))


def _pulses(pitch_T: np.ndarray, rate: int, tilt: float) -> np.ndarray:
    """Return glottal pulses (T,) without harmonics above half the rate, unit variance."""
    count = max(1, int(0.5 * rate / float(np.median(pitch_T))))
    phase_T = np.cumsum(pitch_T / rate)
    index_T = (phase_T % 1.0 * _TABLE).astype(np.int64) % _TABLE
    return _pulse_table(count, round(tilt, 2))[index_T]


@lru_cache(maxsize=512)
def _pulse_table(harmonics: int, tilt: float) -> np.ndarray:
    """Return one period: harmonics that fall with frequency and whose phases spread, so that no peak towers."""
    number = np.arange(1, harmonics + 1)
    spectrum = np.zeros(_TABLE // 2 + 1, np.complex128)
    spectrum[1 : harmonics + 1] = number**-tilt * np.exp(-1j * 0.35 * np.sqrt(number) * np.pi)
    table = fft.irfft(spectrum, _TABLE)
    table_T: np.ndarray = (table / table.std()).astype(np.float32)
    table_T.setflags(write=False)
    return table_T


def _resonances(formants_K3: np.ndarray, tract: float, hertz_F: np.ndarray) -> np.ndarray:
    """Return the transfer function (K, F) of four resonances in cascade, each 1 at 0 Hz."""
    fourth_K1 = np.full((len(formants_K3), 1), _FOURTH * tract)
    s_F = 2j * np.pi * hertz_F
    product_KF = np.ones((len(formants_K3), len(hertz_F)), np.complex64)
    for centre_K, bandwidth in zip(np.concatenate([formants_K3, fourth_K1], axis=1).T, _BANDWIDTHS, strict=True):
        pole_K1 = (-np.pi * bandwidth + 2j * np.pi * centre_K)[:, None]
        gain_K1 = np.abs(pole_K1) ** 2
        product_KF *= (gain_K1 / ((s_F - pole_K1) * (s_F - pole_K1.conj()))).astype(np.complex64)
    return product_KF


def _bands(bands_K2: np.ndarray, hertz_F: np.ndarray) -> np.ndarray:
    """Return bells (K, F) around the centres of the noise, within what the rate can hold."""
    top = float(hertz_F[-1])
    centre_K1 = np.minimum(bands_K2[:, :1], 0.8 * top)
    return np.asarray(np.exp(-2.0 * ((hertz_F - centre_K1) / bands_K2[:, 1:]) ** 2))


def _filtered(samples_T: np.ndarray, rate: int, response: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Return samples through a filter that changes at every control frame (overlap-add of windowed stretches)."""
    hop = rate // CONTROL
    size = 4 * hop
    padded = int(fft.next_fast_len(4 * size, real=True))
    frames = -(-len(samples_T) // hop)
    ready_T = np.pad(samples_T, (size // 2, size + hop * frames - len(samples_T)))
    stretches_KN = np.lib.stride_tricks.sliding_window_view(ready_T, size)[: frames * hop : hop]
    window_N = np.hanning(size + 1)[:-1].astype(np.float32) * 0.5
    spectra_KF = fft.rfft(stretches_KN * window_N, padded, axis=1)
    response_KF = response(fft.rfftfreq(padded, 1 / rate))
    shaped_KN = fft.irfft(spectra_KF * response_KF[np.minimum(np.arange(frames), len(response_KF) - 1)], padded, axis=1)
    pieces = -(-padded // hop)
    shaped_KN = np.pad(shaped_KN, ((0, 0), (0, pieces * hop - padded)))
    out_T = np.zeros((frames + pieces) * hop, np.float32)
    for piece in range(pieces):
        out_T[piece * hop : (piece + frames) * hop] += shaped_KN[:, piece * hop : (piece + 1) * hop].reshape(-1)
    return out_T[size // 2 : size // 2 + len(samples_T)]
