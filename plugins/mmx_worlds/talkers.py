"""`worlds/talkers`: people who do not exist, talking: a face, a voice, and everything that is true of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from hashlib import sha256
from typing import Annotated, Any, Final, Literal

import numpy as np
from pydantic import Field

from mmx.types import Audio, Card, Sample, Video
from mmx_worlds import heads, speech
from mmx_worlds.lazy import LazyFields, LazySplit, unknown_split
from mmx_worlds.phonemes import VISEMES
from mmx_worlds.speakers import Speaker, draw_speaker
from mmx_worlds.speech import Utterance

VERSION: Final = 1
"""Part of the digest: raise it when the same parameters would give other clips."""
SPLITS: Final = ("train", "val", "test")
FPS: Final = 25.0

Voices = Literal["synthetic", "recorded"]

CARD: Final = Card(
    title="Talkers",
    summary="Drawn heads whose lips follow synthesised or unit-selection speech, phoneme by phoneme.",
    licence="Apache-2.0; recorded voices, where used: SVOX Pico in py-nanotts, Apache-2.0",
    synthetic=True,
    limits=(
        "Nobody here exists: faces are drawn, voices synthesised; results do not carry over to real video.",
        "Lips and sound share one timeline, so they correspond better than in any film; the tongue is not seen.",
        "Words are drawn without grammar from a list of a hundred; there is no meaning to use.",
        "Looks and voices are drawn independently but for size and age; groups of people are not modelled.",
        "With voices=recorded six people's recordings are shifted in pitch and speed; times inside words are guessed.",
    ),
)


@dataclass(frozen=True, slots=True)
class Take:
    """One clip before it is rendered: who, what is said, and the recorded waveform where there is one."""

    speaker: Speaker
    utterance: Utterance
    recorded_T: np.ndarray | None


class Talkers:
    """Unlimited speakers with a face and a voice, talking in clips of equal length.

    Fields: `face` (video at 25 fps), `audio` (the clean voice), `text`. Targets: `speaker` (a number; speakers of
    train, val and test are disjoint), `voice` (name of the recorded voice, or "synthetic"), `factors` (float32, see
    `mmx_worlds.speakers.FACTORS`), `pitch` (Hz), `phonemes` (symbol, start, end), `lips` (float32 (T, 3): opening,
    width, teeth), `visemes` (int64 (T,), see `VISEMES`). A clip depends on seed, split and index alone; consecutive
    clips are of different speakers.

    Args:
        speakers: Speakers in split train.
        val_speakers: Speakers in split val.
        test_speakers: Speakers in split test.
        clips: Clips in split train.
        val_clips: Clips in split val.
        test_clips: Clips in split test.
        seconds: Length of a clip.
        rate: Audio samples per second.
        side: Height and width of the pictures in pixels.
        voices: Our own synthesiser, or recordings of six people (needs py-nanotts).
        seed: What the clips are drawn from.
    """

    fields: Mapping[str, str] = {"face": "video", "audio": "audio", "text": "text"}
    card = CARD

    def __init__(
        self,
        speakers: Annotated[int, Field(ge=2, description="Speakers in split train")] = 200,
        val_speakers: Annotated[int, Field(ge=2, description="Speakers in split val")] = 20,
        test_speakers: Annotated[int, Field(ge=2, description="Speakers in split test")] = 40,
        clips: Annotated[int, Field(ge=2, description="Clips in split train")] = 800,
        val_clips: Annotated[int, Field(ge=2, description="Clips in split val")] = 40,
        test_clips: Annotated[int, Field(ge=2, description="Clips in split test")] = 120,
        seconds: Annotated[float, Field(ge=0.4, le=60, description="Length of a clip")] = 2.0,
        rate: Annotated[int, Field(ge=4000, le=48000, multiple_of=250, description="Audio samples per second")] = 16000,
        side: Annotated[int, Field(ge=16, le=512, description="Height and width of the pictures in pixels")] = 48,
        voices: Annotated[Voices, Field(description="Synthesised, or recordings of six people")] = "synthetic",
        seed: Annotated[int, Field(ge=0, description="What the clips are drawn from")] = 0,
    ) -> None:
        self._speakers = dict(zip(SPLITS, (speakers, val_speakers, test_speakers), strict=True))
        self._clips = dict(zip(SPLITS, (clips, val_clips, test_clips), strict=True))
        self._seconds, self._rate, self._side = float(seconds), rate, side
        self._voices, self._seed = voices, seed
        self.targets: Mapping[str, Sequence[str] | None] = {
            "speaker": None,
            "voice": None,
            "factors": None,
            "pitch": None,
            "phonemes": None,
            "lips": None,
            "visemes": None,
        }
        facts = (VERSION, self._speakers, self._clips, self._seconds, rate, side, voices, seed)
        self.digest = sha256(repr(("talkers", facts)).encode()).hexdigest()[:32]

    def split(self, name: str) -> Sequence[Sample]:
        """Return the clips of "train", "val" or "test", rendered when they are looked at."""
        if name not in SPLITS:
            raise unknown_split("worlds/talkers", name, SPLITS)
        return LazySplit(self._clips[name], partial(self._sample, name))

    def _sample(self, split: str, position: int) -> Sample:
        number = position % self._speakers[split]
        first = sum(self._speakers[earlier] for earlier in SPLITS[: SPLITS.index(split)])
        stream = (self._seed, SPLITS.index(split), position)
        take = self._take(split, number, stream)
        fields = LazyFields(
            {
                "face": partial(self._face, take, stream),
                "audio": partial(self._voice, take, stream),
                "text": partial(str, take.utterance.text),
            }
        )
        return Sample(f"talker-{split}-{self._seed}-{position:05d}", fields, self._truth(take, split, first + number))

    def _take(self, split: str, number: int, stream: Sequence[int]) -> Take:
        speaker = speaker_of(self._seed, SPLITS.index(split), number)
        rng = np.random.default_rng((*stream, 0))
        if self._voices == "synthetic":
            return Take(speaker, speech.compose(rng, speaker.voice, self._seconds), None)
        from mmx_worlds import tts

        names = tts.VOICES[split]
        pitch = 1.25 - 0.5 * speaker.factors[0]
        utterance, samples_T = tts.say(
            rng, names[number % len(names)], pitch, speaker.voice.tempo, self._seconds, self._rate
        )
        return Take(speaker, utterance, samples_T)

    def _voice(self, take: Take, stream: Sequence[int]) -> Audio:
        samples_T = take.recorded_T
        if samples_T is None:
            rng = np.random.default_rng((*stream, 1))
            samples_T = speech.speak(take.utterance, take.speaker.voice, self._seconds, self._rate, rng)
        return Audio(samples_T[None], self._rate)

    def _face(self, take: Take, stream: Sequence[int]) -> Video:
        rng = np.random.default_rng((*stream, 2))
        lips_T3 = speech.lips(take.utterance, self._seconds, FPS)
        motion = heads.draw_motion(rng, lips_T3, FPS)
        return Video(heads.render(take.speaker.look, motion, heads.draw_light(rng), self._side), FPS)

    def _truth(self, take: Take, split: str, number: int) -> dict[str, Any]:
        names = speech.visemes(take.utterance, self._seconds, FPS)
        return {
            "speaker": number,
            "voice": "synthetic" if take.recorded_T is None else self._recorded(split, number),
            "factors": np.array(take.speaker.factors, np.float32),
            "pitch": take.speaker.voice.pitch,
            "phonemes": tuple((spoken.symbol, spoken.start, spoken.end) for spoken in take.utterance.phonemes),
            "lips": speech.lips(take.utterance, self._seconds, FPS),
            "visemes": np.array([VISEMES.index(name) for name in names], np.int64),
        }

    def _recorded(self, split: str, number: int) -> str:
        from mmx_worlds import tts

        first = sum(self._speakers[earlier] for earlier in SPLITS[: SPLITS.index(split)])
        return tts.VOICES[split][(number - first) % len(tts.VOICES[split])]


@lru_cache(maxsize=8192)
def speaker_of(seed: int, split: int, number: int) -> Speaker:
    """Return a speaker by the world's seed, the split's place and the speaker's place in it."""
    return draw_speaker(np.random.default_rng((seed, split, number, 99)))
