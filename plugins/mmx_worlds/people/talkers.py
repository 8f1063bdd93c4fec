"""`worlds/talkers`: synthetic people who speak, in video and audio, with full ground truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from hashlib import sha256
from typing import Annotated, Any, Final, Literal

import numpy as np
from pydantic import Field

from mmx import Audio, Card, LazyFields, LazySplit, Sample, Video, unknown_split
from mmx_worlds.faces import drawing
from mmx_worlds.people.speakers import Speaker, draw_speaker, numbers_of
from mmx_worlds.speech import melody, synthesis, utterance
from mmx_worlds.speech.phonemes import VISEMES
from mmx_worlds.speech.utterance import Utterance

VERSION: Final = 2
"""Part of the digest: raise it when the same parameters would give other clips."""
SPLITS: Final = ("train", "val", "test")
FPS: Final = 25.0

Voices = Literal["synthetic", "recorded"]

CARD: Final = Card(
    title="Talkers",
    summary="Drawn heads whose lips follow synthesised or unit-selection speech, phoneme by phoneme.",
    licence="Apache-2.0; recorded voices, where used: SVOX Pico in py-nanotts, Apache-2.0",
    synthetic=True,
    caveats=(
        "All people are synthetic: faces are drawn, voices synthesised; results do not carry over to real video.",
        "Lips and audio share one timeline, so they correspond better than in real video; the tongue is not shown.",
        "Words are drawn without grammar from a list of a hundred; there is no meaning to use, and none in the melody.",
        "Faces and voices are drawn independently but for size and age; groups of people are not modelled.",
        "With voices=recorded six people's recordings are shifted in pitch and speed; times inside words are guessed.",
    ),
)


@dataclass(frozen=True, slots=True)
class Setting:
    """Setting that all clips share: length, sizes, kind of voices, and what they are drawn from."""

    seconds: float
    rate: int
    side: int
    voices: Voices
    seed: int


@dataclass(frozen=True, slots=True)
class Take:
    """One clip before it is rendered: speaker, utterance, and the recorded voice and its waveform where there are."""

    speaker: Speaker
    utterance: Utterance
    recorded: str = ""
    recorded_T: np.ndarray | None = None


class Talkers:
    """Unlimited speakers with a face and a voice, talking in clips of equal length.

    Fields: `face` (video at 25 fps), `audio` (the clean voice), `text`. Targets: `speaker` (a number; speakers of
    train, val and test are disjoint), `voice` (name of the recorded voice, or "synthetic"), `factors` (float32, see
    `mmx_worlds.people.speakers.FACTORS`), `pitch` (Hz), `phonemes` (symbol, start, end), `lips` (float32 (T, 3):
    opening, width, teeth), `visemes` (int64 (T,), see `VISEMES`). A clip depends on seed, split and index
    alone; consecutive clips are of different speakers.

    Args:
        speakers: Speakers in split train.
        val_speakers: Speakers in split val.
        test_speakers: Speakers in split test.
        clips: Clips in split train.
        val_clips: Clips in split val.
        test_clips: Clips in split test.
        seconds: Length of a clip.
        rate: Audio samples per second.
        side: Height and width of the images in pixels.
        voices: Our own synthesiser, or recordings of six people (needs py-nanotts).
        seed: What the clips are drawn from.
    """

    fields: Mapping[str, str] = {"face": "video", "audio": "audio", "text": "text"}
    card = CARD

    def __init__(
        self,
        speakers: Annotated[int, Field(ge=2)] = 200,
        val_speakers: Annotated[int, Field(ge=2)] = 20,
        test_speakers: Annotated[int, Field(ge=2)] = 40,
        clips: Annotated[int, Field(ge=2)] = 800,
        val_clips: Annotated[int, Field(ge=2)] = 40,
        test_clips: Annotated[int, Field(ge=2)] = 120,
        seconds: Annotated[float, Field(ge=0.4, le=60)] = 2.0,
        rate: Annotated[int, Field(ge=4000, le=48000, multiple_of=250)] = 16000,
        side: Annotated[int, Field(ge=16, le=512)] = 48,
        voices: Voices = "synthetic",
        seed: Annotated[int, Field(ge=0)] = 0,
    ) -> None:
        self._speakers = dict(zip(SPLITS, (speakers, val_speakers, test_speakers), strict=True))
        self._clips = dict(zip(SPLITS, (clips, val_clips, test_clips), strict=True))
        self._setting = Setting(float(seconds), rate, side, voices, seed)
        self.targets: Mapping[str, Sequence[str] | None] = {
            "speaker": None,
            "voice": None,
            "factors": None,
            "pitch": None,
            "phonemes": None,
            "lips": None,
            "visemes": None,
        }
        facts = (VERSION, self._speakers, self._clips, self._setting)
        self.digest = sha256(repr(("talkers", facts)).encode()).hexdigest()[:32]

    def split(self, name: str) -> Sequence[Sample]:
        """Return the clips of "train", "val" or "test", rendered on access.

        Raises:
            DataError: No such split.
        """
        if name not in SPLITS:
            raise unknown_split("worlds/talkers", name, SPLITS)
        return LazySplit(self._clips[name], partial(self._sample, name))

    def _sample(self, split: str, position: int) -> Sample:
        number, overall = numbers_of(self._speakers, split, position)
        where = (self._setting, split, number, position)
        fields = LazyFields(
            {
                "face": partial(face_of, *where),
                "audio": partial(voice_of, *where),
                "text": partial(_text, *where),
            }
        )
        name = f"talker-{split}-{self._setting.seed}-{position:05d}"
        return Sample(name, fields, truth(self._setting, take_of(*where), overall))


@lru_cache(maxsize=8192)
def speaker_of(seed: int, split: str, number: int) -> Speaker:
    """Return a speaker by the world's seed, the split and the speaker's place in it."""
    return draw_speaker(np.random.default_rng((seed, SPLITS.index(split), number, 99)))


@lru_cache(maxsize=4096)
def take_of(setting: Setting, split: str, number: int, position: int) -> Take:
    """Return the take of a clip: the same in every corpus of the same setting."""
    speaker = speaker_of(setting.seed, split, number)
    rng = np.random.default_rng((setting.seed, SPLITS.index(split), position, 0))
    if setting.voices == "synthetic":
        return Take(speaker, utterance.compose(rng, speaker.voice, setting.seconds))
    from mmx_worlds.speech import tts

    name = tts.VOICES[split][number % len(tts.VOICES[split])]
    pitch = 1.25 - 0.5 * speaker.factors[0]
    spoken, samples_T = tts.speak(rng, name, pitch, speaker.voice.tempo, setting.seconds, setting.rate)
    samples_T.setflags(write=False)
    return Take(speaker, spoken, name, samples_T)


@lru_cache(maxsize=2048)
def voice_of(setting: Setting, split: str, number: int, position: int) -> Audio:
    """Return the voice of a clip; read-only."""
    take = take_of(setting, split, number, position)
    samples_T = take.recorded_T
    if samples_T is None:
        rng = np.random.default_rng((setting.seed, SPLITS.index(split), position, 1))
        samples_T = synthesis.speak(
            take.utterance, take.speaker.voice, setting.seconds, setting.rate, rng, melody.lively
        )
        samples_T.setflags(write=False)
    return Audio(samples_T[None], setting.rate)


@lru_cache(maxsize=1024)
def face_of(setting: Setting, split: str, number: int, position: int) -> Video:
    """Return the face of a clip; read-only. Cached, so that several corpora over the same talkers draw it once."""
    take = take_of(setting, split, number, position)
    rng = np.random.default_rng((setting.seed, SPLITS.index(split), position, 2))
    motion = drawing.draw_motion(rng, utterance.lips(take.utterance, setting.seconds, FPS), FPS)
    frames_THWC = drawing.render(take.speaker.look, motion, drawing.draw_light(rng), setting.side)
    frames_THWC.setflags(write=False)
    return Video(frames_THWC, FPS)


def truth(setting: Setting, take: Take, number: int) -> dict[str, Any]:
    """Return the targets of a clip of speaker `number`."""
    names = utterance.visemes(take.utterance, setting.seconds, FPS)
    return {
        "speaker": number,
        "voice": take.recorded or "synthetic",
        "factors": np.array(take.speaker.factors, np.float32),
        "pitch": take.speaker.voice.pitch,
        "phonemes": tuple((spoken.symbol, spoken.start, spoken.end) for spoken in take.utterance.phonemes),
        "lips": utterance.lips(take.utterance, setting.seconds, FPS),
        "visemes": np.array([VISEMES.index(name) for name in names], np.int64),
    }


def _text(setting: Setting, split: str, number: int, position: int) -> str:
    return take_of(setting, split, number, position).utterance.text
