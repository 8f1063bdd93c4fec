"""Cheap statistics of raw audio, images and texts, as input of baselines without a network.

Shape legend: N items, D statistics, C channels, T samples or frames, F frequencies, H height, W width.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mmx import Audio, DataError, Signal, Video

__all__ = ["Blocks", "describe"]

Floats = NDArray[np.float64]
Blocks = dict[str, tuple[Floats, Floats]]
"""Name of a kind of statistics -> (training items, D) and (test items, D)."""

BANDS: Final = 24
CEPSTRA: Final = 13
WORDS: Final = 500
"""Most frequent words of the training texts that are counted."""
FRAMES: Final = 16
"""Frames of a video that are looked at, evenly spread."""
GRID: Final = 8
_FFT: Final = 1024
_SECONDS: Final = 30.0
"""Audio after this is not looked at."""


def describe(train: Sequence[Any], test: Sequence[Any]) -> Blocks:
    """Return statistics of raw values of one field, by kind; of the test items nothing but their own values is used.

    Audio: `scalars` (duration, level, peak, zero crossings, centroid, bandwidth, rolloff), `spectrum` (mean and
    deviation of 24 logarithmic bands), `cepstrum` (mean and deviation of 13 coefficients). Image: `colours`, `pixels`.
    Video: those of its mean frame, and `motion`. Text and subtitles: `words` (counts times idf of the training texts).
    Signal: `moments`. Arrays of one shape (D,): `values`, as they are. A missing value is a row of zeros.

    Raises:
        DataError: The values are of no kind that there are statistics for.
    """
    known = next((value for value in [*train, *test] if value is not None), None)
    if known is None:
        return {}
    if _is_text(known):
        return {"words": _words([_text(each) for each in train], [_text(each) for each in test])}
    function = _function(known)
    blocks = [None if value is None else function(value) for value in [*train, *test]]
    first = next(block for block in blocks if block is not None)
    found: Blocks = {}
    for name, row in first.items():
        rows_ND = np.stack([np.zeros_like(row) if block is None else block[name] for block in blocks])
        rows_ND = np.nan_to_num(rows_ND, posinf=0.0, neginf=0.0)
        found[name] = rows_ND[: len(train)], rows_ND[len(train) :]
    return found


def _function(value: Any) -> Callable[[Any], Mapping[str, Floats]]:
    if isinstance(value, Audio):
        return of_audio
    if isinstance(value, Video):
        return of_video
    if isinstance(value, Signal):
        return of_signal
    if isinstance(value, np.ndarray) and value.ndim == 3:
        return of_image
    if isinstance(value, np.ndarray) and value.ndim == 1:
        return lambda each: {"values": np.asarray(each, np.float64)}
    raise DataError(f"there are no cheap statistics of a {type(value).__name__}; give arrays of one shape (D,)")


def of_audio(audio: Audio) -> dict[str, Floats]:
    """Return the statistics of audio, over windows of 1024 samples, all channels averaged."""
    audio_T = np.asarray(audio.samples_CT, np.float64).mean(0)[: int(_SECONDS * audio.rate)]
    padded_T = np.pad(audio_T, (0, max(0, _FFT - len(audio_T))))
    frames_TF = np.lib.stride_tricks.sliding_window_view(padded_T, _FFT)[:: _FFT // 2] * np.hanning(_FFT)
    power_TF = np.abs(np.fft.rfft(frames_TF, axis=1)) ** 2 + 1e-10
    hertz_F = np.fft.rfftfreq(_FFT, 1 / audio.rate)
    total_F = power_TF.mean(0)
    share_F = total_F / total_F.sum()
    centroid = float(share_F @ hertz_F)
    scalars = [
        np.log(audio.seconds + 1e-3),
        np.log(np.sqrt((audio_T**2).mean()) + 1e-5) if len(audio_T) else np.log(1e-5),
        np.log(np.abs(padded_T).max() + 1e-5),
        float((np.diff(np.signbit(padded_T)) != 0).mean()),
        np.log(centroid + 1.0),
        np.log(np.sqrt(share_F @ (hertz_F - centroid) ** 2) + 1.0),
        np.log(hertz_F[np.searchsorted(share_F.cumsum(), 0.85)] + 1.0),
    ]
    bands_TD = np.log(power_TF @ _filters(audio.rate))
    place_D = (np.arange(BANDS) + 0.5)[:, None] * np.arange(1, CEPSTRA + 1) * np.pi / BANDS
    cepstra_TD = bands_TD @ np.cos(place_D)
    return {
        "scalars": np.array(scalars, np.float64),
        "spectrum": np.concatenate([bands_TD.mean(0), bands_TD.std(0)]),
        "cepstrum": np.concatenate([cepstra_TD.mean(0), cepstra_TD.std(0)]),
    }


def of_image(image_HWC: NDArray[Any]) -> dict[str, Floats]:
    """Return colour histograms (8 bins per channel) and the image on a grid of 8 by 8, values 0 to 1."""
    values_HWC = np.asarray(image_HWC, np.float64) / (255.0 if image_HWC.dtype == np.uint8 else 1.0)
    bins = [np.histogram(values_HWC[..., channel], 8, (0, 1))[0] for channel in range(values_HWC.shape[-1])]
    return {
        "colours": np.sqrt(np.concatenate(bins) / max(1, values_HWC[..., 0].size)),
        "pixels": _grid(values_HWC, GRID).ravel(),
    }


def of_video(video: Video) -> dict[str, Floats]:
    """Return the statistics of the mean frame, and of differences of frames: where, how much, and when."""
    count = len(video.frames_THWC)
    places = np.unique(np.linspace(0, count - 1, min(FRAMES, count)).round().astype(np.int64))
    frames_THWC = np.stack([_grid(video.frames_THWC[place] / 255.0, GRID) for place in places])
    differences_THW = np.abs(np.diff(frames_THWC, axis=0)).mean(-1) if len(places) > 1 else np.zeros((1, GRID, GRID))
    parts = np.array_split(differences_THW.mean((1, 2)), 8)
    course = np.array([part.mean() if len(part) else 0.0 for part in parts])
    middle = of_image(video.frames_THWC[places[len(places) // 2]])
    return {
        "colours": middle["colours"],
        "pixels": frames_THWC.mean(0).ravel(),
        "motion": np.concatenate([differences_THW.mean(0).ravel(), differences_THW.std(0).ravel(), course]),
    }


def of_signal(signal: Signal) -> dict[str, Floats]:
    """Return mean, deviation, skewness, extremes and mean step of every channel."""
    values_TC = np.asarray(signal.values_TC, np.float64)
    centred_TC = values_TC - values_TC.mean(0)
    deviation_C = values_TC.std(0)
    skewness_C = (centred_TC**3).mean(0) / (deviation_C**3 + 1e-9)
    steps_C = np.abs(np.diff(values_TC, axis=0)).mean(0) if len(values_TC) > 1 else np.zeros(values_TC.shape[1])
    parts = [values_TC.mean(0), deviation_C, skewness_C, values_TC.min(0), values_TC.max(0), steps_C]
    return {"moments": np.concatenate(parts)}


def _filters(rate: int) -> Floats:
    """Return triangular filters (F, 24), evenly spread on the mel scale from 50 Hz to half the rate."""
    edges = 700 * (10 ** (np.linspace(np.log10(1 + 50 / 700), np.log10(1 + rate / 1400), BANDS + 2)) - 1)
    hertz_F1 = np.fft.rfftfreq(_FFT, 1 / rate)[:, None]
    rise_FD = (hertz_F1 - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall_FD = (edges[2:] - hertz_F1) / (edges[2:] - edges[1:-1])
    return np.asarray(np.maximum(np.minimum(rise_FD, fall_FD), 1e-6))


def _grid(values_HWC: NDArray[Any], side: int) -> Floats:
    """Return means over a grid of `side` by `side` cells."""
    rows, columns = (np.linspace(0, size, side + 1).astype(np.int64)[:-1] for size in values_HWC.shape[:2])
    sums_HWC = np.add.reduceat(np.add.reduceat(np.asarray(values_HWC, np.float64), rows, 0), columns, 1)
    counts_HW1 = np.add.reduceat(np.add.reduceat(np.ones(values_HWC.shape[:2]), rows, 0), columns, 1)[..., None]
    return np.asarray(sums_HWC / counts_HW1)


def _is_text(value: Any) -> bool:
    if isinstance(value, tuple | list):
        return all(isinstance(each, str) or hasattr(each, "text") for each in value)
    return isinstance(value, str)


def _text(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return " ".join(each if isinstance(each, str) else str(getattr(each, "text", each)) for each in value)


def _words(train: Sequence[str], test: Sequence[str]) -> tuple[Floats, Floats]:
    split = [re.findall(r"\w+", text.lower()) for text in [*train, *test]]
    learnt = split[: len(train)]
    frequency = Counter(word for words in learnt for word in set(words))
    kept = sorted(frequency, key=lambda word: (-frequency[word], word))[:WORDS]
    place = {word: number for number, word in enumerate(kept)}
    counts_ND = np.zeros((len(split), max(1, len(kept))))
    for row, words in enumerate(split):
        for word in words:
            if word in place:
                counts_ND[row, place[word]] += 1
    idf_D = np.array([np.log((1 + len(train)) / (1 + frequency[word])) + 1 for word in kept] or [1.0])
    weighted_ND = np.log1p(counts_ND) * idf_D
    weighted_ND /= np.linalg.norm(weighted_ND, axis=1, keepdims=True).clip(min=1e-9)
    return weighted_ND[: len(train)], weighted_ND[len(train) :]
