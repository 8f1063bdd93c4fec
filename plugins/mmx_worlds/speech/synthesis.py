"""Formant synthesis of speech: phonemes with times to a waveform, by source and filter.

The source is a train of band-limited glottal pulses and noise; the filter is four resonances that move from phoneme to
phoneme (Fant's acoustic theory of speech production). Speaker, phonemes and times are known exactly.

Shape legend: T samples, K control frames (`CONTROL` per second), F frequency bins.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final

import numpy as np
from scipy import fft

from mmx_worlds.people.speakers import Voice
from mmx_worlds.speech.melody import Melody, even
from mmx_worlds.speech.utterance import CONTROL, Utterance, smooth, timeline

_FORMANT_SMOOTHING: Final = 0.045
_LEVEL_SMOOTHING: Final = 0.016
_BANDWIDTHS: Final = (70.0, 100.0, 140.0, 220.0)
_FOURTH: Final = 3500.0
_TABLE: Final = 2048


def speak(
    utterance: Utterance,
    voice: Voice,
    seconds: float,
    rate: int,
    rng: np.random.Generator,
    melody: Melody = even,
) -> np.ndarray:
    """Return the waveform (T,) of an utterance, float32, RMS 0.1 where it is not silent; `melody` moves its pitch."""
    samples = round(seconds * rate)
    targets, place_K = timeline(utterance, seconds)
    level_K = smooth(np.array([target.voice for target in targets])[place_K], _LEVEL_SMOOTHING)
    noise_K = smooth(np.array([target.noise for target in targets])[place_K], _LEVEL_SMOOTHING)
    time_T = np.arange(samples) / rate
    control_K = (np.arange(len(place_K)) + 0.5) / CONTROL
    pitch_T = np.interp(time_T, control_K, melody(utterance, voice, control_K, rng))
    folds_T = (_pulses if melody is even else _gliding)(pitch_T, rate, voice.tilt)
    hiss_T = rng.standard_normal(samples).astype(np.float32)
    loudness_T = np.interp(time_T, control_K, level_K).astype(np.float32)
    voiced_T = (folds_T + np.float32(voice.breath) * hiss_T) * loudness_T
    formants_K3 = np.array([target.formants for target in targets])[place_K] * voice.tract
    formants_K3 = np.stack([smooth(column, _FORMANT_SMOOTHING) for column in formants_K3.T], axis=1)
    said_T = _filtered(voiced_T, rate, lambda hertz_F: _resonances(formants_K3, voice.tract, hertz_F))
    rough_T = hiss_T * np.interp(time_T, control_K, noise_K).astype(np.float32)
    bands_K2 = np.array([target.band for target in targets])[place_K]
    said_T += _filtered(rough_T, rate, lambda hertz_F: _bands(bands_K2, hertz_F))
    loud_T = np.abs(said_T) > 0.05 * max(float(np.abs(said_T).max()), 1e-9)
    rms = float(np.sqrt(np.mean(said_T[loud_T] ** 2))) if loud_T.any() else 1.0
    return np.asarray(said_T * (0.1 / max(rms, 1e-9)), dtype=np.float32)


def _pulses(pitch_T: np.ndarray, rate: int, tilt: float) -> np.ndarray:
    """Return glottal pulses (T,) without harmonics above half the rate at the usual pitch, unit variance."""
    count = max(1, int(0.5 * rate / float(np.median(pitch_T))))
    phase_T = np.cumsum(pitch_T / rate)
    index_T = (phase_T % 1.0 * _TABLE).astype(np.int64) % _TABLE
    return _pulse_table(count, round(tilt, 2))[index_T]


def _gliding(pitch_T: np.ndarray, rate: int, tilt: float) -> np.ndarray:
    """Return the same without harmonics above half the rate at any moment, for a pitch that moves far."""
    count_T = np.maximum(1, (0.5 * rate / pitch_T).astype(np.int64))
    index_T = (np.cumsum(pitch_T / rate) % 1.0 * _TABLE).astype(np.int64) % _TABLE
    folds_T = np.empty(len(pitch_T), np.float32)
    for count in np.unique(count_T).tolist():
        here_T = count_T == count
        folds_T[here_T] = _pulse_table(count, round(tilt, 2))[index_T[here_T]]
    return folds_T


@lru_cache(maxsize=4096)
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
