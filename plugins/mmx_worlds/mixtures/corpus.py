"""Corpus `worlds/mixtures`: mixtures of voices, with the face and clean voice of each speaker."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Final

import numpy as np
from pydantic import Field

from mmx import Audio, Card, Corpus, DataError, LazySplit, Sample, Video, unknown_split
from mmx_worlds.mixtures.manifest import DrawnMixtures, read_manifest
from mmx_worlds.mixtures.mixing import FPS, Mixture, Plan, background, cut, draw_mixture, excerpt, mix

VERSION: Final = 1
"""Part of the digest: raise it when the same parameters would give other mixtures."""
KEPT_BYTES: Final = 512 * 2**20
"""Faces and voices of clips that are kept in memory."""


class Mixtures:
    """Mixtures of the voices of a corpus of talking people, with the face of every speaker.

    Fields: `audio` (the mixture), `faces` (a tuple of videos at 25 frames per second, in the order of the voices),
    `voices` (the clean voices, one channel each). Targets: `speakers`, `relative_db` (level of the first voice over the
    others together), `components` (what it is mixed from). Speakers and background files of the splits are disjoint,
    which is checked. Looking to Listen has four tasks: voices=1 with noise, 2, 2 with noise, 3.

    Args:
        talkers: Corpus of talking people: a face (video), a voice (audio) and a target with the speaker.
        background: Sounds without speech to add; null adds none.
        voices: Voices per mixture.
        mixtures: Mixtures in split train.
        val_mixtures: Mixtures in split val.
        test_mixtures: Mixtures in split test.
        seconds: Length of a mixture.
        rate: Audio samples per second.
        relative_db: Largest difference in level between voices, in decibels.
        noise_gain: Amplitude of the background relative to a voice; Looking to Listen has 0.3.
        face: Field of the face.
        voice: Field of the voice.
        speaker: Target that identifies the speaker.
        manifest: JSON file with mixtures to use instead of drawing them: {split: [mixture, ...]}.
        seed: Seed that the mixtures are drawn from.

    Raises:
        DataError: Too few speakers, a speaker in two splits, or a manifest that does not fit.
    """

    fields: Mapping[str, str] = {"audio": "audio", "faces": "videos", "voices": "audio"}
    targets: Mapping[str, Sequence[str] | None] = {"speakers": None, "relative_db": None, "components": None}

    def __init__(
        self,
        talkers: Corpus,
        background: Corpus | None = None,
        voices: Annotated[int, Field(ge=1, le=3)] = 2,
        mixtures: Annotated[int, Field(ge=1)] = 2400,
        val_mixtures: Annotated[int, Field(ge=1)] = 32,
        test_mixtures: Annotated[int, Field(ge=1)] = 64,
        seconds: Annotated[float, Field(ge=0.4, le=30)] = 3.0,
        rate: Annotated[int, Field(ge=4000, le=48000)] = 16000,
        relative_db: Annotated[float, Field(ge=0, le=40)] = 5.0,
        noise_gain: Annotated[float, Field(gt=0, le=10)] = 0.3,
        face: str = "face",
        voice: str = "audio",
        speaker: str = "speaker",
        manifest: str | None = None,
        seed: Annotated[int, Field(ge=0)] = 0,
    ) -> None:
        _check(talkers, face, voice, speaker)
        self._talkers, self._background = talkers, background
        self._face, self._voice, self._speaker = face, voice, speaker
        self._rate, self._seconds, self._seed = rate, float(seconds), seed
        self._lengths = {"train": mixtures, "val": val_mixtures, "test": test_mixtures}
        noise_db = None if background is None else float(20 * np.log10(noise_gain))
        self._plan = Plan(voices, int(np.ceil(seconds * FPS - 1e-6)), relative_db, noise_db)
        self._given = None if manifest is None else read_manifest(Path(manifest))
        self._drawn: dict[str, Sequence[Mixture]] = {}
        self._clips: OrderedDict[tuple[str, int], tuple[Video, Audio]] = OrderedDict()
        self._kept = 0
        parts = [corpus.digest for corpus in (talkers, background) if corpus is not None]
        facts = (VERSION, parts, self._plan, self._lengths, seconds, rate, face, voice, speaker, self._given, seed)
        self.digest = sha256(repr(facts).encode()).hexdigest()[:32]
        self.card = _card(talkers, background)

    def split(self, name: str) -> Sequence[Sample]:
        """Return the mixtures of "train", "val" or "test", mixed when they are accessed.

        Raises:
            DataError: No such split, or a speaker is in two splits.
        """
        mixtures = self.drawn(name)
        return LazySplit(len(mixtures), partial(self._sample, name))

    def drawn(self, name: str) -> Sequence[Mixture]:
        """Return what the mixtures of a split are made of: the frozen manifest.

        Raises:
            DataError: See `split`.
        """
        if name not in self._lengths:
            raise unknown_split("worlds/mixtures", name, list(self._lengths))
        if name not in self._drawn:
            self._disjoint()
            self._drawn[name] = self._draw(name) if self._given is None else self._from_manifest(name)
        return self._drawn[name]

    def speakers(self, name: str) -> Sequence[str]:
        """Return the speaker of every clip of a split."""
        return self._everybody[name]

    def pitches(self, name: str) -> Sequence[float]:
        """Return the pitch in Hz of every clip of a split, where the talkers have that target; else nothing."""
        if "pitch" not in self._talkers.targets:
            return ()
        return [float(sample.targets["pitch"]) for sample in self._talkers.split(name)]

    def lips(self, name: str) -> Sequence[np.ndarray]:
        """Return the shape of the lips (frames, 3) of every clip of a split, where the talkers tell; else nothing."""
        if "lips" not in self._talkers.targets:
            return ()
        return [sample.targets["lips"] for sample in self._talkers.split(name)]

    @cached_property
    def _everybody(self) -> Mapping[str, Sequence[str]]:
        return {
            name: [str(sample.targets[self._speaker]) for sample in self._talkers.split(name)] for name in self._lengths
        }

    def _disjoint(self) -> None:
        """Raise unless no speaker is in two splits."""
        owner: dict[str, str] = {}
        for name, speakers in self._everybody.items():
            for speaker in sorted(set(speakers)):
                if owner.setdefault(speaker, name) != name:
                    raise DataError(
                        f"speaker {speaker} is in splits {owner[speaker]} and {name}: split by speaker before mixing "
                        "(column group of std/manifest keeps the clips of a person together)"
                    )

    def _draw(self, name: str) -> Sequence[Mixture]:
        speakers = self.speakers(name)
        if len(set(speakers)) < self._plan.voices:
            raise DataError(
                f"split {name} has {len(set(speakers))} speakers, a mixture needs {self._plan.voices} different ones"
            )
        lengths = self._frames(name)
        noises = 0 if self._background is None else len(self._noises(name))
        place = list(self._lengths).index(name)

        draw = partial(_drawn, (self._seed, place), f"mix-{name}-{self._seed}", speakers, lengths, noises, self._plan)
        return DrawnMixtures(self._lengths[name], draw)

    def _frames(self, name: str) -> Sequence[int]:
        """Return the length of every clip in frames: of one clip if all are alike, else from the target `seconds`."""
        samples = self._talkers.split(name)
        if "seconds" in self._talkers.targets:
            return [int(float(sample.targets["seconds"]) * FPS) for sample in samples]
        return [int(samples[0].fields[self._voice].seconds * FPS)] * len(samples)

    def _from_manifest(self, name: str) -> Sequence[Mixture]:
        mixtures = (self._given or {}).get(name, [])
        speakers = self.speakers(name)
        for mixture in mixtures:
            if len(mixture.clips) != self._plan.voices:
                raise DataError(f"manifest: {mixture.id} mixes {len(mixture.clips)} voices, not {self._plan.voices}")
            if max(mixture.clips) >= len(speakers) or any(
                speakers[clip] != who for clip, who in zip(mixture.clips, mixture.speakers, strict=True)
            ):
                raise DataError(f"manifest: {mixture.id} was made from other clips than this corpus of talkers has")
        return mixtures

    def _noises(self, name: str) -> Sequence[Sample]:
        """Return the background sounds of a split; those of train for a corpus without val."""
        if self._background is None:
            return ()
        try:
            return self._background.split(name)
        except DataError:
            return self._background.split("train" if name == "val" else name)

    def _clip(self, name: str, place: int) -> tuple[Video, Audio]:
        key = (name, place)
        if key not in self._clips:
            fields = self._talkers.split(name)[place].fields
            face, voice = fields.get(self._face), fields.get(self._voice)
            if not isinstance(face, Video) or not isinstance(voice, Audio):
                raise DataError(f"clip {place} of split {name} has no face or no voice (no audio track)")
            self._clips[key] = (face, voice)
            self._kept += _bytes(face, voice)
            while self._kept > KEPT_BYTES and len(self._clips) > 1:
                self._kept -= _bytes(*self._clips.popitem(last=False)[1])
        return self._clips[key]

    def _sample(self, name: str, number: int) -> Sample:
        mixture = self.drawn(name)[number]
        samples = round(self._seconds * self._rate)
        clips = [self._clip(name, place) for place in mixture.clips]
        voices_NT = np.stack(
            [
                excerpt(voice, self._rate, offset / FPS, samples)
                for (_, voice), offset in zip(clips, mixture.offsets, strict=True)
            ]
        )
        noise_T = None
        if mixture.noise is not None:
            sound = self._noises(name)[mixture.noise].fields["audio"]
            noise_T = background(sound, self._rate, mixture.noise_offset, samples)
        mixture_T, voices_NT = mix(voices_NT, mixture.gains_db, noise_T, mixture.noise_db)
        faces = tuple(
            cut(face, offset, self._plan.frames) for (face, _), offset in zip(clips, mixture.offsets, strict=True)
        )
        fields = {
            "audio": Audio(mixture_T[None], self._rate),
            "faces": faces,
            "voices": Audio(voices_NT, self._rate),
        }
        others = mixture.gains_db[1:]
        relative = mixture.gains_db[0] - (float(np.mean(others)) if others else mixture.noise_db)
        return Sample(
            mixture.id, fields, {"speakers": mixture.speakers, "relative_db": relative, "components": mixture.row()}
        )


def _bytes(face: Video, voice: Audio) -> int:
    return int(face.frames_THWC.nbytes + voice.samples_CT.nbytes)


def _drawn(
    seed: tuple[int, int],
    name: str,
    speakers: Sequence[str],
    lengths: Sequence[int],
    noises: int,
    plan: Plan,
    number: int,
) -> Mixture:
    rng = np.random.default_rng((*seed, number))
    return draw_mixture(rng, f"{name}-{number:05d}", speakers, lengths, noises, plan)


def _check(talkers: Corpus, face: str, voice: str, speaker: str) -> None:
    for field, modality in ((face, "video"), (voice, "audio")):
        if talkers.fields.get(field) != modality:
            offered = ", ".join(f"{name} ({kind})" for name, kind in talkers.fields.items())
            raise DataError(f"the talkers have no field {field!r} of {modality}; they offer {offered}")
    if speaker not in talkers.targets:
        raise DataError(f"the talkers have no target {speaker!r} that identifies speakers; set corpus.speaker")


def _card(talkers: Corpus, background: Corpus | None) -> Card:
    parts = [talkers.card, *([] if background is None else [background.card])]
    return Card(
        title="Mixtures of " + " and ".join(card.title for card in parts),
        summary="Sums of voices, real conversations have room acoustics, and speakers who react.",
        licence="; ".join(dict.fromkeys(card.licence for card in parts)),
        synthetic=True,
        caveats=(
            "Mixtures are sums of clips that were recorded (or made) alone.",
            *(limit for card in parts for limit in card.caveats),
        ),
    )
