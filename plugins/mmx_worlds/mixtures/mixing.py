"""Mixing of voices: the random choices of a mixture, and the sum (Ephrat et al. 2018, section 3, with our own levels).

Every source is brought to equal loudness first; then levels are drawn, waveforms are added, and one factor brings the
mixture to a fixed level. Targets get the same factor: mixture = sum of targets + noise, exactly.

Shape legend: N voices, T samples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import gcd
from typing import Any, Final

import numpy as np

from mmx import Audio, DataError, Video

FPS: Final = 25
"""Offsets are whole frames of 40 ms, so that faces and voices stay synchronous."""
LEVEL: Final = 0.1
"""RMS of every mixture."""
SILENT: Final = 1e-4
"""RMS below which a source counts as silent."""


@dataclass(frozen=True, slots=True)
class Mixture:
    """Components of one mixture; the frozen manifest is a list of mixtures.

    Attributes:
        id: Of the mixture.
        clips: Places of the talking clips in their split.
        speakers: Speaker of each.
        gains_db: Level of each voice.
        offsets: Start of each clip, in frames of 40 ms.
        noise: Place of the background sound in its split, or None.
        noise_offset: Where it begins, as a share of its length.
        noise_db: Its level.
    """

    id: str
    clips: tuple[int, ...]
    speakers: tuple[str, ...]
    gains_db: tuple[float, ...]
    offsets: tuple[int, ...]
    noise: int | None = None
    noise_offset: float = 0.0
    noise_db: float = 0.0

    def row(self) -> dict[str, Any]:
        """Return a plain row for tables and JSON."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class Plan:
    """Settings that mixtures are drawn with.

    Attributes:
        voices: N.
        frames: Length of a mixture in frames.
        relative_db: Widest difference between voices in decibels, half up and half down.
        noise_db: Level of the background against a voice in decibels; None for none.
    """

    voices: int
    frames: int
    relative_db: float
    noise_db: float | None


def draw_mixture(
    rng: np.random.Generator, name: str, speakers: Sequence[str], lengths: Sequence[int], noises: int, plan: Plan
) -> Mixture:
    """Draw a mixture of different speakers.

    Args:
        rng: Random generator.
        name: Id of the mixture.
        speakers: Speaker of every clip of the split; at least as many different ones as voices.
        lengths: Frames of every clip.
        noises: Background sounds of the split.
        plan: The settings.
    """
    clips: list[int] = []
    while len(clips) < plan.voices:
        place = int(rng.integers(len(speakers)))
        if all(speakers[place] != speakers[other] for other in clips):
            clips.append(place)
    offsets = [int(rng.integers(0, max(1, lengths[clip] - plan.frames + 1))) for clip in clips]
    gains = rng.uniform(-plan.relative_db / 2, plan.relative_db / 2, len(clips)).round(2).tolist()
    noise = int(rng.integers(noises)) if plan.noise_db is not None and noises else None
    return Mixture(
        name,
        tuple(clips),
        tuple(speakers[clip] for clip in clips),
        tuple(gains),
        tuple(offsets),
        noise,
        round(float(rng.random()), 4) if noise is not None else 0.0,
        float(plan.noise_db or 0.0),
    )


def mixture_of(row: Mapping[str, Any]) -> Mixture:
    """Return the mixture that `Mixture.row` wrote.

    Raises:
        DataError: A key is missing or unknown.
    """
    try:
        values: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in row.items()}
        return Mixture(**values)
    except TypeError as error:
        raise DataError(f"not a row of a mixture manifest: {error}") from error


def loudness(samples_T: np.ndarray) -> float:
    """Return the RMS of the parts of a waveform that are not silent; 0 for silence."""
    step = max(1, len(samples_T) // 64)
    energy = np.add.reduceat(samples_T.astype(np.float64) ** 2, np.arange(0, len(samples_T), step)) / step
    loud = energy > 0.01 * energy.max(initial=0.0)
    return float(np.sqrt(energy[loud].mean())) if loud.any() else 0.0


def excerpt(audio: Audio, rate: int, start: float, samples: int) -> np.ndarray:
    """Return `samples` of the left channel at `rate`, from `start` seconds on, padded with silence at the end.

    Raises:
        DataError: There are no samples, or some are not finite.
    """
    left_T = np.asarray(audio.samples_CT)[0]
    if not left_T.size or not np.isfinite(left_T).all():
        raise DataError("a voice has no samples, or samples that are not finite; mmx data check FILE names such items")
    first = round(start * audio.rate)
    piece_T = left_T[first : first + int(np.ceil(samples * audio.rate / rate)) + 1]
    if audio.rate != rate:
        from scipy import signal

        common = gcd(rate, audio.rate)
        piece_T = signal.resample_poly(piece_T, rate // common, audio.rate // common)
    piece_T = piece_T[:samples]
    return np.pad(np.asarray(piece_T, np.float32), (0, samples - len(piece_T)))


def background(audio: Audio, rate: int, offset: float, samples: int) -> np.ndarray:
    """Return `samples` of a background sound that is repeated as often as needed, from a share of its length on."""
    whole_T = excerpt(audio, rate, 0.0, max(1, round(audio.seconds * rate)))
    first = int(offset * len(whole_T))
    return np.resize(np.roll(whole_T, -first), samples)


def mix(
    voices_NT: np.ndarray, gains_db: Sequence[float], noise_T: np.ndarray | None, noise_db: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the mixture (T,) and its voices (N, T), float32; a silent voice stays silent."""
    levels = [loudness(voice_T) for voice_T in voices_NT]
    scaled_NT = np.stack(
        [
            voice_T * (10 ** (gain / 20) / level if level > SILENT else 0.0)
            for voice_T, gain, level in zip(voices_NT, gains_db, levels, strict=True)
        ]
    )
    mixture_T = scaled_NT.sum(0)
    if noise_T is not None and (level := loudness(noise_T)) > SILENT:
        mixture_T = mixture_T + noise_T * (10 ** (noise_db / 20) / level)
    factor = LEVEL / max(float(np.sqrt(np.mean(mixture_T**2))), 1e-9)
    return (mixture_T * factor).astype(np.float32), (scaled_NT * factor).astype(np.float32)


def cut(video: Video, offset: int, frames: int) -> Video:
    """Return `frames` at 25 per second from frame `offset` on; the last is repeated where the video is shorter."""
    count = len(video.frames_THWC)
    times = (np.arange(offset, offset + frames) + 0.5) / FPS * video.fps
    return Video(video.frames_THWC[np.minimum(times.astype(np.int64), count - 1)], float(FPS))
