"""Simple methods beside the voice encoder: from cheap statistics of a voice to the face feature, by least squares.

Shape legend: M people learned from, N people judged, D width of the face feature, F frequencies.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from mmx import Audio, DataError
from mmx_std import baselines

if TYPE_CHECKING:
    from mmx import Sample

Floats = NDArray[np.float64]
WINDOW: Final = 512
"""Samples of a window of the mean spectrum: at 8 kHz 16 Hz apart, so that pitch shows."""


def from_voices(known: Sequence[Sample], known_ND: Floats, judged: Sequence[Sample], field: str) -> dict[str, Floats]:
    """Return face features (N, D) predicted from voices, by method; nothing where voices cannot be read.

    Ridge regression from the mean spectrum, from each kind of cheap statistics and from all of them, the penalty chosen
    on folds of the training people; and the face of the person whose statistics are nearest.

    Args:
        known: People of the train split, M.
        known_ND: Their face features.
        judged: People to predict for, N.
        field: Field of the voice.
    """
    try:
        values = [[sample.fields.get(field) for sample in part] for part in (known, judged)]
        blocks = baselines.describe(*values)
    except DataError:
        return {}
    if not blocks or len(known) < 2:
        return {}
    spectra = [np.stack([mean_spectrum(value) for value in part]) for part in values]
    joined_MD, joined_ND = baselines.joined(blocks)
    every = {"mean_spectrum": (spectra[0], spectra[1]), **blocks, "statistics": (joined_MD, joined_ND)}
    middle_D, scale_D = joined_MD.mean(0), joined_MD.std(0).clip(min=1e-9)
    a_MD, b_ND = ((each - middle_D) / scale_D for each in (joined_MD, joined_ND))
    nearest_N = np.array([np.square(a_MD - b_D).sum(1).argmin() for b_D in b_ND])
    return {**baselines.regress(every, known_ND), "nearest_voice": known_ND[nearest_N]}


def mean_spectrum(audio: Audio | None) -> Floats:
    """Return the logarithm of the mean power (F,) over Hann windows; of silence or nothing the least there is."""
    audio_T = np.zeros(WINDOW) if audio is None else np.asarray(audio.samples_CT, np.float64).mean(0)
    padded_T = np.pad(audio_T, (0, max(0, WINDOW - len(audio_T))))
    frames_KT = np.lib.stride_tricks.sliding_window_view(padded_T, WINDOW)[:: WINDOW // 2] * np.hanning(WINDOW)
    return np.asarray(np.log((np.abs(np.fft.rfft(frames_KT, axis=1)) ** 2).mean(0) + 1e-6))
