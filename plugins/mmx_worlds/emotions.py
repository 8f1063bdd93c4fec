"""`worlds/emotions`: six emotions in drawn faces and voice contours, each modality unable to tell one pair; synthetic.

A clip has three to six segments of 0.64 s. In each the voice makes one contour (how far its pitch rises or falls, how
loud it is, how much it trembles) while the face grows into an expression (curve and opening of the mouth, angle of the
brows). Angry and happy voices are alike, and so are sad and neutral faces: exactly, up to what is drawn by chance. In
some segments the speaker pauses: noise, and a face at rest. Speakers have their own pitch, loudness and resting face.
Shapes: T time or frames, H height, W width, C channels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Final, Literal

import numpy as np
from pydantic import Field

from mmx import Audio, Card, ConfigError, LazyFields, LazySplit, Sample, Video, unknown_split
from mmx_worlds.real import index

__all__ = ["EMOTIONS", "SEGMENT", "Emotions"]

VERSION: Final = 1
"""Part of the digest: raise it when the same parameters would give other samples."""
EMOTIONS: Final = ("neutral", "happy", "sad", "angry", "fearful", "surprised")
VOICES: Final = (
    (0.0, 0.0, 0.0),
    (0.35, 4.0, 0.0),
    (-0.4, -5.0, 0.0),
    (0.35, 4.0, 0.0),
    (0.0, 0.0, 0.12),
    (0.9, 0.0, 0.0),
)
"""Emotion -> octaves from begin to end, loudness in dB, depth of trembling in octaves. Happy and angry are alike."""
FACES: Final = (
    (0.0, 0.0, 0.0),
    (1.0, 0.1, 0.3),
    (0.0, 0.0, 0.0),
    (-0.7, -1.0, 0.2),
    (-0.6, 0.9, 0.5),
    (0.0, 0.7, 1.0),
)
"""Emotion -> curve of the mouth, angle of the brows, opening of the mouth. Neutral and sad are alike."""
VOICE_SPREAD: Final = (0.18, 2.0, 0.04)
FACE_SPREAD: Final = (0.35, 0.35, 0.2)
"""Deviation of each from segment to segment."""
SEGMENT: Final = 0.64
"""Seconds."""
SEGMENTS: Final = (3, 6)
RATE: Final = 8000
FRAMES: Final = 8
FPS: Final = FRAMES / SEGMENT
SIDE: Final = 32
TREMBLE: Final = 7.0
"""Hz."""

CARD: Final = Card(
    title="Emotions world",
    summary="Six emotions by synthetic voice contours and drawn faces of 24 speakers; no modality tells all of them.",
    licence="Apache-2.0",
    synthetic=True,
    caveats=(
        "A construction: nothing in it is measured, and no person's feelings can be told by what is learned from it.",
        "Which emotions are alike in voice or face is set by hand, so that fusion is needed.",
    ),
)


@dataclass(frozen=True, slots=True)
class Speaker:
    """What a speaker brings along.

    Attributes:
        pitch: In Hz.
        loudness: In dB.
        tilt: Loss per octave of overtones, in dB.
        rest: Added to the three numbers of the face.
        look: Width of the head, distance of the eyes, width of the mouth, relative to the average.
        skin: Red, green, blue, 0..255.
    """

    pitch: float
    loudness: float
    tilt: float
    rest: np.ndarray
    look: np.ndarray
    skin: np.ndarray


class Emotions:
    """Clips of emotional voices and faces, divided by speaker; synthetic.

    Fields: `audio` (8 kHz) and `video` (12.5 frames per second, 32 pixels), 1.9 to 3.8 s. Targets: `label` (emotion),
    `speaker` (the independent unit). Splits `train`, `val` and `test` have different speakers; `familiar` has new clips
    of the speakers of train.

    Args:
        speakers: Number of speakers: 6 of 12 for training, 1 for val, 5 for test.
        clips: Clips per speaker.
        pauses: Share of the segments that show nothing; at least one segment of a clip does.
        pairing: Whose face it is: the speaker's own, or another speaker's of the same emotion (`class`).
        seed: What the samples are drawn from.
    """

    fields: Mapping[str, str] = {"audio": "audio", "video": "video"}
    targets: Mapping[str, Sequence[str] | None] = {"label": EMOTIONS, "speaker": None}
    card = CARD

    def __init__(
        self,
        speakers: Annotated[int, Field(ge=12)] = 24,
        clips: Annotated[int, Field(ge=6)] = 60,
        pauses: Annotated[float, Field(ge=0, lt=1)] = 0.3,
        pairing: Literal["own", "class"] = "own",
        seed: Annotated[int, Field(ge=0)] = 0,
    ) -> None:
        if speakers % 12:
            raise ConfigError(
                [f"speakers: must be a multiple of 12, not {speakers}: 6, 1 and 5 go to train, val and test"]
            )
        twelfth = speakers // 12
        self._splits = {
            "train": range(6 * twelfth),
            "val": range(6 * twelfth, 7 * twelfth),
            "test": range(7 * twelfth, speakers),
            "familiar": range(6 * twelfth),
        }
        self._clips, self._pauses, self._pairing, self._seed = clips, float(pauses), pairing, seed
        self._speakers = [_speaker(np.random.default_rng((seed, 99, number))) for number in range(speakers)]
        self.digest = index.digest((), "emotions", VERSION, speakers, clips, float(pauses), pairing, seed)

    def split(self, name: str) -> Sequence[Sample]:
        """Return "train", "val", "test" or "familiar", rendered on access."""
        if name not in self._splits:
            raise unknown_split("worlds/emotions", name, tuple(self._splits))
        return LazySplit(len(self._splits[name]) * self._clips, partial(self._sample, name))

    def _sample(self, split: str, position: int) -> Sample:
        among = self._splits[split]
        speaker = among[position // self._clips]
        emotion = position % len(EMOTIONS)
        stream = (self._seed, int(split == "familiar"), speaker, position % self._clips)
        rng = np.random.default_rng(stream)
        count = int(rng.integers(SEGMENTS[0], SEGMENTS[1] + 1))
        speaks_S = rng.random(count) >= self._pauses
        speaks_S[int(rng.integers(count))] = True
        face = among[(speaker - among[0] + 1) % len(among)] if self._pairing == "class" else speaker
        makers: dict[str, Callable[[], Any]] = {
            "audio": partial(voice, self._speakers[speaker], emotion, speaks_S, (*stream, 1)),
            "video": partial(expression, self._speakers[face], emotion, speaks_S, (*stream, 2)),
        }
        name = f"{split}-{self._seed}-s{speaker:02d}-{position % self._clips:03d}"
        return Sample(name, LazyFields(makers), {"label": emotion, "speaker": f"s{speaker:02d}"})


def voice(speaker: Speaker, emotion: int, speaks_S: np.ndarray, seed: Sequence[int]) -> Audio:
    """Return the contours of a speaker's segments, noise in the pauses."""
    rng = np.random.default_rng(seed)
    count = round(SEGMENT * RATE)
    time_T = np.arange(count) / RATE
    swell_T = np.hanning(count) ** 0.5
    parts = []
    for speaks in speaks_S:
        slope, loud, tremble = np.array(VOICES[emotion]) + np.array(VOICE_SPREAD) * rng.standard_normal(3)
        octaves_T = slope * (time_T / SEGMENT - 0.5) + max(0.0, tremble) * np.sin(2 * np.pi * TREMBLE * time_T)
        octaves_T = octaves_T + 0.1 * rng.standard_normal()
        phase_T = 2 * np.pi * np.cumsum(speaker.pitch * 2**octaves_T) / RATE
        gain = 0.04 * 10 ** ((speaker.loudness + loud) / 20) * bool(speaks)
        parts.append(gain * _overtones(phase_T, speaker.tilt) * swell_T)
    whole_T = np.concatenate(parts) + 0.004 * rng.standard_normal(count * len(parts), dtype=np.float32)
    return Audio(np.clip(whole_T, -1, 1).astype(np.float32)[None], RATE)


def _overtones(phase_T: np.ndarray, tilt: float) -> np.ndarray:
    """Return ten harmonics of a tone, each from the two before: sin (n + 1)x = 2 cos x sin nx - sin (n - 1)x."""
    before_T, now_T, twice_T = np.zeros(len(phase_T)), np.sin(phase_T), 2 * np.cos(phase_T)
    whole_T = now_T.copy()
    for harmonic in range(2, 11):
        before_T, now_T = now_T, twice_T * now_T - before_T
        whole_T += 10 ** (-tilt * np.log2(harmonic) / 20) * now_T
    return np.asarray(whole_T)


def expression(speaker: Speaker, emotion: int, speaks_S: np.ndarray, seed: Sequence[int]) -> Video:
    """Return a face that grows into the expression in each segment, at rest in the pauses."""
    rng = np.random.default_rng(seed)
    growth_T = np.sin(np.pi * (np.arange(FRAMES) + 1) / (FRAMES + 1))
    shown = []
    for speaks in speaks_S:
        goal_K = (np.array(FACES[emotion]) + np.array(FACE_SPREAD) * rng.standard_normal(3)) * bool(speaks)
        shown.append(growth_T[:, None] * goal_K + speaker.rest)
    shown_TK = np.concatenate(shown)
    shift_T2 = 0.03 * np.cumsum(rng.standard_normal((len(shown_TK), 2)), axis=0) / np.sqrt(FRAMES)
    pixels_THWC = draw(speaker, shown_TK, np.clip(shift_T2, -0.15, 0.15))
    pixels_THWC = pixels_THWC + 6 * rng.standard_normal(pixels_THWC.shape, dtype=np.float32)
    return Video(np.clip(pixels_THWC, 0, 255).astype(np.uint8), FPS)


def draw(speaker: Speaker, shown_TK: np.ndarray, shift_T2: np.ndarray) -> np.ndarray:
    """Return faces (T, H, W, 3), 0..255.

    Args:
        speaker: Whose face.
        shown_TK: Curve of the mouth, angle of the brows, opening of the mouth, by frame.
        shift_T2: Of the head to the right and down, in half sides of the image.
    """
    axis = ((np.arange(SIDE) + 0.5) / (SIDE / 2) - 1).astype(np.float32)
    right_T, down_T, curve_T, brow_T, open_T = (
        column[:, None, None] for column in np.concatenate([shift_T2, shown_TK], axis=1).astype(np.float32).T
    )
    x_THW, y_THW = axis - right_T, axis[:, None] - down_T
    head, eyes, lips = speaker.look.tolist()
    away_THW = np.abs(x_THW) - 0.32 * eyes
    wide_THW = x_THW / (0.36 * lips)
    bow_THW = np.clip(1 - wide_THW**2, 0, 1)
    middle_THW = 0.45 - 0.14 * curve_T * (wide_THW**2 - 0.5)
    masks = (
        ((x_THW / (0.72 * head)) ** 2 + (y_THW / 0.92) ** 2 - 1) / 2,
        np.sqrt((away_THW / 0.11) ** 2 + ((y_THW + 0.18) / 0.09) ** 2) * 0.1 - 0.1,
        np.maximum(np.abs(away_THW) - 0.17, np.abs(y_THW + 0.42 + 0.45 * brow_T * -away_THW) - 0.045),
        np.maximum(np.abs(wide_THW) - 1, np.abs(y_THW - middle_THW) - 0.04 - 0.13 * np.clip(open_T, 0, 1.5) * bow_THW),
    )
    colours = np.array([[90, 110, 130], speaker.skin, [40, 30, 30], 0.35 * speaker.skin, [120, 30, 40]], np.float32)
    shape, left_THW = np.broadcast_shapes(x_THW.shape, y_THW.shape), np.float32(1)
    shares = []
    # From the front to the back: each part gets its share of a pixel of what those before it left. A soft edge: parts
    # of a pixel tell where a line is.
    for outside_THW in reversed(masks):
        cover_THW = np.clip(0.5 - outside_THW * (SIDE / 2.5), 0, 1)
        shares.append(np.broadcast_to(cover_THW * left_THW, shape))
        left_THW = left_THW * (1 - cover_THW)
    pixels_THWC: np.ndarray = np.stack([left_THW, *reversed(shares)], axis=-1) @ colours
    return pixels_THWC


def _speaker(rng: np.random.Generator) -> Speaker:
    return Speaker(
        pitch=float(160 * 2 ** rng.uniform(-0.7, 0.7)),
        loudness=float(rng.normal(0, 1.5)),
        tilt=float(rng.uniform(5, 9)),
        rest=np.array([0.2, 0.2, 0.05]) * rng.standard_normal(3),
        look=1 + 0.08 * rng.standard_normal(3),
        skin=np.array([214.0, 170.0, 150.0]) * rng.uniform(0.55, 1.05),
    )
