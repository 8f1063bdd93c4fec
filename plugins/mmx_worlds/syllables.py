"""`worlds/syllables`: ba, da and ga by audio and by lips, on one axis each, with the exact posterior; all synthetic.

A syllable's place is -1 (ba, lips closed), 0 (da) or 1 (ga, lips open). Its audio and its lips each show that place
with a normal error of known size: the audio as the pitch of the burst before the vowel, the lips as how far they are
open. The audio's error grows with the hiss, which is audible, so that a listener can know how far to trust it.
Shapes: C classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Final

import numpy as np
from pydantic import Field

from mmx import Audio, Card, LazyFields, LazySplit, Sample, Video, unknown_split
from mmx_worlds.real import index

__all__ = ["Syllables", "posterior"]

VERSION: Final = 1
"""Part of the digest: raise it when the same parameters would give other samples."""
CLASSES: Final = ("ba", "da", "ga")
PLACES: Final = (-1.0, 0.0, 1.0)
SPLITS: Final = ("train", "val", "test")
RATE: Final = 8000
_BURST: Final = 0.06
_VOWEL: Final = 0.14
"""Seconds."""
_MIDDLE: Final = 900.0
_OCTAVES: Final = 0.6
"""Pitch of da's burst in Hz, and octaves from one place to the next."""
_PITCH: Final = 130.0
_FORMANTS: Final = ((700.0, 1.0), (1200.0, 0.5))
_FARTHEST: Final = 3.4
"""Places beyond are shown as this: the pitch stays below half the rate."""
FRAMES: Final = 4
SIDE: Final = 24
FPS: Final = 20.0

CARD: Final = Card(
    title="Syllables world",
    summary="Ba, da and ga by a synthetic burst and a drawn mouth, each with a known error, and the exact posterior.",
    licence="Apache-2.0",
    synthetic=True,
    caveats=("A construction: bursts and lips of people differ in much more than one number each.",),
)


def posterior(
    audio: tuple[float, float] | None, video: float | None, spread: tuple[float, float], lips: float
) -> np.ndarray:
    """Return the exact probability of each class (3,) given what audio and video show.

    Args:
        audio: Place shown by the audio, and its hiss in 0..1; None is silence.
        video: Place shown by the lips; None is no image.
        spread: Error of the audio without hiss and at full hiss.
        lips: Error of the lips.
    """
    log_C = np.zeros(3)
    if audio is not None:
        place, hiss = audio
        log_C -= (place - np.array(PLACES)) ** 2 / (2 * _error(hiss, spread) ** 2)
    if video is not None:
        log_C -= (video - np.array(PLACES)) ** 2 / (2 * lips**2)
    powers_C = np.exp(log_C - log_C.max())
    return np.asarray(powers_C / powers_C.sum())


class Syllables:
    """Ba, da and ga by audio and lips, with errors of known size; synthetic, with the exact posterior.

    Fields: `audio` (a burst and a vowel, 0.2 s) and `video` (four frames of a mouth). Targets: `label`, `audio_place`,
    `audio_hiss` and `video_place` (what they show), `posterior` (float32 (3,)). `posterior(parts)` gives it for audio
    and video of different samples.

    Args:
        clips: Samples in split train.
        val_clips: Samples in split val.
        test_clips: Samples in split test.
        clear: Error of the audio without hiss, in steps from one class to the next.
        hissing: Error of the audio at full hiss.
        lips: Error of the lips.
        swap: Share of training samples whose video is another sample's (a control: at 1 it has no use).
        seed: What the samples are drawn from.
    """

    fields: Mapping[str, str] = {"audio": "audio", "video": "video"}
    targets: Mapping[str, Sequence[str] | None] = {
        "label": CLASSES,
        "audio_place": None,
        "audio_hiss": None,
        "video_place": None,
        "posterior": None,
    }
    card = CARD

    def __init__(
        self,
        clips: Annotated[int, Field(ge=2)] = 2000,
        val_clips: Annotated[int, Field(ge=2)] = 300,
        test_clips: Annotated[int, Field(ge=2)] = 600,
        clear: Annotated[float, Field(gt=0)] = 0.35,
        hissing: Annotated[float, Field(gt=0)] = 1.0,
        lips: Annotated[float, Field(gt=0)] = 0.45,
        swap: Annotated[float, Field(ge=0, le=1)] = 0.0,
        seed: Annotated[int, Field(ge=0)] = 0,
    ) -> None:
        self._lengths = {"train": clips, "val": val_clips, "test": test_clips}
        self._spread, self._lips, self._swap, self._seed = (float(clear), float(hissing)), float(lips), swap, seed
        facts = (self._lengths, self._spread, float(lips), float(swap), seed)
        self.digest = index.digest((), "syllables", VERSION, *facts)
        self._drawn: dict[str, np.ndarray] = {}

    def split(self, name: str) -> Sequence[Sample]:
        """Return "train", "val" or "test", rendered on access."""
        if name not in SPLITS:
            raise unknown_split("worlds/syllables", name, SPLITS)
        return LazySplit(self._lengths[name], partial(self._sample, name))

    def posterior(self, parts: Mapping[str, Sample]) -> np.ndarray:
        """Return the exact probability of each class (3,), given the audio of one sample and the video of another.

        Args:
            parts: Field -> the sample that it is taken from; a field that is not named is missing.
        """
        audio = parts["audio"].targets if "audio" in parts else None
        heard = None if audio is None else (audio["audio_place"], audio["audio_hiss"])
        seen = parts["video"].targets["video_place"] if "video" in parts else None
        return posterior(heard, seen, self._spread, self._lips)

    def _rows(self, split: str) -> np.ndarray:
        """Return class, hiss, and the places of audio and lips (N, 4)."""
        if split not in self._drawn:
            rng = np.random.default_rng((self._seed, SPLITS.index(split)))
            count = self._lengths[split]
            label_N, hiss_N = rng.integers(3, size=count), rng.random(count)
            place_N = np.array(PLACES)[label_N]
            audio_N = place_N + _error(hiss_N, self._spread) * rng.standard_normal(count)
            video_N = place_N + self._lips * rng.standard_normal(count)
            if split == "train" and self._swap:
                chosen_M = np.flatnonzero(rng.random(count) < self._swap)
                video_N[chosen_M] = video_N[rng.permutation(chosen_M)]
            self._drawn[split] = np.stack([label_N, hiss_N, audio_N, video_N], axis=1)
        return self._drawn[split]

    def _sample(self, split: str, position: int) -> Sample:
        label, hiss, heard, seen = self._rows(split)[position].tolist()
        stream = (self._seed, SPLITS.index(split), position)
        makers: dict[str, Callable[[], Any]] = {
            "audio": partial(spoken, heard, hiss, (*stream, 1)),
            "video": partial(mouth, seen, (*stream, 2)),
        }
        targets = {
            "label": int(label),
            "audio_place": heard,
            "audio_hiss": hiss,
            "video_place": seen,
            "posterior": posterior((heard, hiss), seen, self._spread, self._lips).astype(np.float32),
        }
        return Sample(f"{split}-{self._seed}-{position:05d}", LazyFields(makers), targets)


def spoken(place: float, hiss: float, seed: Sequence[int]) -> Audio:
    """Return a burst at the pitch of a place, a vowel, and hiss (0..1) over both."""
    rng = np.random.default_rng(seed)
    pitch = _MIDDLE * 2 ** (_OCTAVES * float(np.clip(place, -_FARTHEST, _FARTHEST)))
    burst_T = np.arange(round(_BURST * RATE)) / RATE
    vowel_T = np.arange(round(_VOWEL * RATE)) / RATE
    burst = 0.5 * np.sin(2 * np.pi * (pitch * burst_T + rng.random())) * np.hanning(len(burst_T))
    vowel = np.zeros(len(vowel_T))
    for harmonic in range(1, 12):
        strength = sum(gain * np.exp(-(((harmonic * _PITCH - formant) / 150) ** 2)) for formant, gain in _FORMANTS)
        vowel += strength * np.sin(2 * np.pi * (harmonic * _PITCH * vowel_T + rng.random()))
    wave_T = np.concatenate([burst, 0.15 * vowel * np.hanning(len(vowel_T))])
    wave_T += (0.001 + 0.02 * hiss) * rng.standard_normal(len(wave_T))
    return Audio(np.clip(wave_T, -1, 1).astype(np.float32)[None], RATE)


def mouth(place: float, seed: Sequence[int]) -> Video:
    """Return four frames of a mouth that opens as far as a place says."""
    rng = np.random.default_rng(seed)
    y_H1, x_1W = (axis - (SIDE - 1) / 2 for axis in np.ogrid[0:SIDE, 0:SIDE])
    widest = SIDE * (0.17 + 0.075 * float(np.clip(place, -_FARTHEST / 1.5, _FARTHEST / 1.5)))
    x_1W = x_1W + rng.uniform(-1, 1)
    frames = []
    for frame in range(FRAMES):
        opening = max(0.4, widest * (0.7 + 0.3 * frame / (FRAMES - 1)))
        far_HW = (x_1W / (SIDE * 0.4)) ** 2
        # A soft edge, so that the opening is told by shades, not only by whole pixels.
        inner_HW = 1 / (1 + np.exp(4 * (np.sqrt(far_HW + (y_H1 / opening) ** 2) - 1) * opening / 2))
        lips_HW = 1 / (1 + np.exp(4 * (np.sqrt(far_HW * 0.8 + (y_H1 / (opening + 3)) ** 2) - 1) * 3))
        colours = np.array([[214, 170, 150], [170, 70, 75], [40, 12, 16]], np.float64)
        pixels_HWC = colours[0] + lips_HW[..., None] * (colours[1] - colours[0])
        pixels_HWC = pixels_HWC + inner_HW[..., None] * (colours[2] - pixels_HWC)
        frames.append(np.clip(pixels_HWC + 3 * rng.standard_normal(pixels_HWC.shape), 0, 255).astype(np.uint8))
    return Video(np.stack(frames), FPS)


def _error(hiss: Any, spread: tuple[float, float]) -> Any:
    return spread[0] + (spread[1] - spread[0]) * hiss
