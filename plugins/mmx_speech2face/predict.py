"""Predictions for a user's recording: a check that it is a voice, a face, its features, and notes on their limits.

Two cheap numbers are measured before a face is drawn: how much the loudness moves at the rate of syllables, and how
much of the loud part has a pitch. Their thresholds were set on the shipped media (beginnings of at most 6 s): all 37
recordings of speech of a second or more lie above both, none of the 7 pieces of music does, and 2 of 59 other
recordings (a tabla, a glass) do. They were not tried on other recordings; whispering, and speech under music, will be
taken for something else than a voice.

Shape legend: T samples, K frames.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch

from mmx import Audio, Clip, DataError, PortError, Prediction
from mmx_speech2face.evaluation.encoding import Names, draw, enlarged, mean_feature
from mmx_speech2face.evaluation.retrieval import angles
from mmx_std import judging, waveforms

if TYPE_CHECKING:
    from mmx import Model

AVERAGE: Final = (
    "The image shows an average-looking face of people whose voices have something in common with this one. It is "
    "not the speaker, and identifies nobody."
)
SILENT: Final = 1e-4
"""A recording whose loudest sample is below this is silent (-80 dB)."""
SHORTEST: Final = 0.2
"""Seconds that a syllable takes: a recording has at least one."""
SURE: Final = 1.0
"""Seconds from which on the thresholds below were tried."""
MEASURED: Final = 6.0
"""Seconds that are measured: those that the thresholds were set on, whatever the voice encoder takes."""
LEAST_SYLLABIC: Final = 0.2
LEAST_VOICED: Final = 0.58
_FRAME: Final = 0.025
_MODULATIONS: Final = (2.0, 8.0)
"""Syllables per second, in Hz."""
_RATE: Final = 8000
_PITCHES: Final = (70, 400)
"""Hz of the vocal folds."""
_PERIODIC: Final = 0.7
"""A frame has a pitch when its autocorrelation comes back to this share of its energy."""


def answer(model: Model, names: Names, audio: Audio, exaggeration: float) -> Prediction:
    """Draw a face for a recording.

    Args:
        model: The model.
        names: Names of its parts.
        audio: Any rate, length and number of channels.
        exaggeration: Factor on the distance from the mean face, for the last image.

    Raises:
        DataError: No usable audio: see `check_audio`.
        PortError: The run classifies voices and has no face features.
    """
    if names.told is not None:
        raise PortError("this run was trained to name attributes of voices; it has no face to draw")
    front: Any = getattr(model.encoders[names.voice], "front", None)
    check_audio(audio, *(() if front is None else (front.seconds,)))
    port = f"fused.{names.voice}"
    features = judging.one_input(model, (port,), {model.fields[names.voice]: audio}).fused[names.voice].pooled_BD
    voice_1D = np.asarray(features.double().cpu().numpy())
    mean_D = mean_feature(model, names)
    steps = {
        "face": voice_1D[0],
        "average_face": mean_D,
        "exaggerated_face": mean_D + exaggeration * (voice_1D[0] - mean_D),
    }
    drawn = draw(model, names, np.stack(list(steps.values()))).images_NSSC
    captions = {
        "face": "From the voice. " + AVERAGE,
        "average_face": "The mean of all faces of the training.",
        "exaggerated_face": f"From the voice, moved {exaggeration:g} times as far from the average face.",
    }
    images = zip(steps, drawn, strict=True)
    row = {
        "seconds": round(audio.seconds, 2),
        "degrees_from_average": float(angles(voice_1D, mean_D[None])[0]),
        "feature_width": voice_1D.shape[1],
    }
    return Prediction(
        [row],
        [Clip(name, enlarged(image), captions[name]) for name, image in images],
        [AVERAGE, *_notes(model, names, audio)],
        {"features": voice_1D[0].astype(np.float32)},
    )


def _notes(model: Model, names: Names, audio: Audio) -> list[str]:
    notes = doubts(audio)
    front: Any = getattr(model.encoders[names.voice], "front", None)
    if front is not None and audio.seconds < front.seconds:
        notes.append(
            f"The recording has {audio.seconds:.2f} s; it was repeated until {front.seconds:g} s, as in the paper."
        )
    if front is not None and audio.seconds > front.seconds:
        notes.append(f"Of {audio.seconds:.1f} s the first {front.seconds:g} s were used.")
    if len(audio.samples_CT) > 1:
        notes.append(f"{len(audio.samples_CT)} channels were averaged.")
    return notes


def check_audio(audio: Audio, seconds: float = MEASURED) -> None:
    """Raise where there is no usable audio.

    Args:
        audio: Any rate, length and number of channels.
        seconds: Seconds from the beginning that the voice encoder takes.

    Raises:
        DataError: No samples, samples that are not finite, less than a syllable, silence, a silent beginning, or
            channels that cancel each other.
    """
    samples_CT = audio.samples_CT
    if not samples_CT.size or not np.isfinite(samples_CT).all():
        raise DataError("the recording has no samples, or samples that are not finite numbers")
    if float(np.abs(samples_CT).max()) < SILENT:
        raise DataError("the recording is silent: there is no voice to draw a face for")
    if audio.seconds < SHORTEST:
        raise DataError(f"the recording has {audio.seconds:.2f} s, less than a syllable; give {seconds:g} s of speech")
    mono_T = np.abs(samples_CT.mean(0))
    if float(mono_T.max()) < SILENT:
        raise DataError("the channels of the recording cancel each other out when averaged: give one of them alone")
    if float(mono_T[: round(seconds * audio.rate)].max()) < SILENT:
        raise DataError(f"the first {seconds:g} s are silent, and only they are used: cut the recording to the speech")


def doubts(audio: Audio) -> list[str]:
    """Return a note where the beginning does not sound like one person speaking, or is too short to decide."""
    if audio.seconds < SURE:
        return [f"{audio.seconds:.2f} s are too short to decide whether this is one person speaking."]
    syllables, pitch = syllabic(audio, MEASURED), voiced(audio, MEASURED)
    if syllables >= LEAST_SYLLABIC and pitch >= LEAST_VOICED:
        return []
    return [
        "This does not sound like one person speaking (music, noise, whispering?): its loudness moves at the rate of "
        f"syllables by {syllables:.2f} (speech: {LEAST_SYLLABIC} or more), and {pitch:.0%} of what is loud has a pitch "
        f"(speech: {LEAST_VOICED:.0%} or more). A face is drawn all the same; it means nothing."
    ]


def syllabic(audio: Audio, seconds: float) -> float:
    """Return how much of the loudness's movement is at the rate of syllables, 0..1, in the first `seconds`.

    The loudness (RMS in frames of 25 ms, compressed by a square root) of speech rises and falls with its syllables,
    2 to 8 times a second; that of music and noise moves less, or elsewhere. It is the share of the variance of that
    curve, relative to its mean, which lies in this band: sqrt(band variance) / mean, cut at 1.
    """
    mono_T = audio.samples_CT.mean(0)[: round(seconds * audio.rate)].astype(np.float64)
    size = max(1, round(_FRAME * audio.rate))
    count = len(mono_T) // size
    if count < 8:
        return 0.0
    loudness_K = np.sqrt(np.sqrt((mono_T[: count * size].reshape(count, size) ** 2).mean(1)))
    spectrum = np.fft.rfft((loudness_K - loudness_K.mean()) * np.hanning(count))
    hertz = np.fft.rfftfreq(count, size / audio.rate)
    band = (hertz >= _MODULATIONS[0]) & (hertz <= _MODULATIONS[1])
    variance = 2 * (np.abs(spectrum[band]) ** 2).sum() / (count * (np.hanning(count) ** 2).sum())
    return float(min(1.0, np.sqrt(variance) / max(float(loudness_K.mean()), 1e-9)))


def voiced(audio: Audio, seconds: float) -> float:
    """Return the share of loud frames that have a pitch between 70 and 400 Hz, 0..1, in the first `seconds`.

    By the autocorrelation of frames of 40 ms, each relative to its energy and to the window's own (Boersma 1993).
    """
    mono_T = torch.from_numpy(audio.samples_CT.mean(0)[: round(seconds * audio.rate)].astype(np.float32))
    samples_T = waveforms.resample(mono_T, audio.rate, _RATE).double().numpy()
    size, padded = _RATE // 25, 1024
    if len(samples_T) < 4 * size:
        return 0.0
    window = np.hanning(size)
    frames_KT = np.lib.stride_tricks.sliding_window_view(samples_T, size)[:: size // 2]
    rms_K = np.sqrt((frames_KT**2).mean(1))
    loud_K = rms_K > 0.25 * np.quantile(rms_K, 0.95)
    centred_KT = (frames_KT - frames_KT.mean(1, keepdims=True)) * window
    own = np.fft.irfft(np.abs(np.fft.rfft(window, padded)) ** 2, padded)
    kept = slice(_RATE // _PITCHES[1], _RATE // _PITCHES[0])
    again_KT = np.fft.irfft(np.abs(np.fft.rfft(centred_KT, padded)) ** 2, padded)
    ratio_KT = again_KT[:, kept] / np.maximum(again_KT[:, :1], 1e-12) / (own[kept] / own[0])
    return float((ratio_KT.max(1) > _PERIODIC)[loud_K].mean()) if loud_K.any() else 0.0
