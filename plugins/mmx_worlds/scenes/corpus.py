"""`worlds/scenes`: short narrated videos of moving things with sound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Annotated, Any, Final

import numpy as np
from pydantic import Field

from mmx import Audio, Card, Cue, LazyFields, LazySplit, Sample, Video
from mmx_worlds.collage import compose, corpus
from mmx_worlds.collage.script import CLASSES as REAL
from mmx_worlds.collage.script import Script, Setting, draw_script, rising
from mmx_worlds.collage.studio import Studio, Studios, mix_scene
from mmx_worlds.real import index
from mmx_worlds.real.links import AMBIENCES, SCENES, SPLITS, Split, materials, named_split
from mmx_worlds.scenes import narration, things
from mmx_worlds.scenes.things import Toy

VERSION: Final = 1
"""Part of the digest: raise it when the same parameters would give other clips."""
CLASSES: Final = (*things.CLASSES, *REAL)
"""Drawn things by shape, material and movement, then the real ones of the collage."""
KINDS: Final = ("drawn", "real")

CARD: Final = Card(
    title="Scenes",
    summary="Videos composed by a program: drawn toys and real cut-outs move and make sounds, under a narration.",
    licence="Public domain, CC0-1.0, CC-BY-2.0 and CC-BY-3.0, file by file in the media manifest; the rest Apache-2.0",
    synthetic=True,
    caveats=(
        "Most of the clips are drawn and synthesised by a program; the others combine real cut-outs and "
        "recordings, linked by class. Backgrounds are real photos.",
        "The narrator is a program with a few hundred words; the narration is text, the audio holds no speech.",
        "Real things have few recordings: those of val and test are others than those of train.",
    ),
)


@dataclass(frozen=True, slots=True)
class Scene:
    """All random choices of one clip.

    Attributes:
        stage: Photo, camera, light, room, noise; for a clip of a real thing also that thing.
        toy: The drawn thing; None for a real one.
        sentence: The narrator's sentence about the clip.
        lines: The whole narration around it; empty for a clip without a narrator.
    """

    stage: Script
    toy: Toy | None
    sentence: str
    lines: tuple[Cue, ...]

    @property
    def label(self) -> int:
        """Index in `CLASSES`."""
        return len(things.CLASSES) + self.stage.things[0].label if self.toy is None else self.toy.label


class Scenes:
    """Videos of one thing each, which makes the sound and which a narrator describes.

    Drawn things have a shape (and size) that sets their pitch, a material that sets the overtones, and a movement that
    changes the sound: rising and falling glide, bouncing strikes, trembling trembles. Real things are cut-outs with
    recordings of the same class. Both stand before real photos, in one of many rooms, over the noise of the place.

    Fields: `video`, `audio`, `text` (the sentence about the clip), `narration` (the sentences around it, the clip's own
    among them). A part of the training clips has neither text nor narration. Targets: `object` (class of what
    moves), `kind` (drawn or real), `shape`, `material`, `motion` (-1 for real things), `scene` (kind of place), `files`
    (media used). Media files of train, val and test are disjoint. A clip depends on seed, split and index alone.

    Args:
        clips: Clips in split train.
        val_clips: Clips in split val.
        test_clips: Clips in split test.
        seconds: Length of a clip.
        side: Height and width of the frames in pixels.
        rate: Audio samples per second.
        fps: Frames per second.
        real: Share of clips with a real thing.
        silent: Share of training clips without a narrator.
        late: Share of clips in which the narrator is late: the clip's own sentence is not the nearest.
        lines: Sentences of a narration.
        snr_db: Lowest and highest level of the thing above the background noise, in decibels.
        contrast: Lowest and highest contrast of the background photo behind drawn things.
        seed: What the clips are drawn from.

    Raises:
        DataError: A range does not rise.
    """

    fields: Mapping[str, str] = {"video": "video", "audio": "audio", "text": "text", "narration": "cues"}
    card = CARD

    def __init__(
        self,
        clips: Annotated[int, Field(ge=1)] = 6000,
        val_clips: Annotated[int, Field(ge=1)] = 320,
        test_clips: Annotated[int, Field(ge=1)] = 320,
        seconds: Annotated[float, Field(ge=0.5, le=60)] = 1.024,
        side: Annotated[int, Field(ge=16, le=512)] = 32,
        rate: Annotated[int, Field(ge=2000, le=48000)] = 4000,
        fps: Annotated[float, Field(gt=0, le=30)] = 7.8125,
        real: Annotated[float, Field(ge=0, le=1)] = 0.15,
        silent: Annotated[float, Field(ge=0, lt=1)] = 0.25,
        late: Annotated[float, Field(ge=0, le=1)] = 0.15,
        lines: Annotated[int, Field(ge=1, le=15)] = 5,
        snr_db: tuple[float, float] = (12.0, 36.0),
        contrast: tuple[float, float] = (0.3, 0.6),
        seed: Annotated[int, Field(ge=0)] = 0,
    ) -> None:
        rising("worlds/scenes", snr_db=snr_db, contrast=contrast)
        self._setting = Setting(float(seconds), side, rate, float(fps), 1, (snr_db[0], snr_db[1]), 3.0, (0.5, 0.8))
        self._lengths: Mapping[Split, int] = {"train": clips, "val": val_clips, "test": test_clips}
        self._real, self._silent, self._late, self._lines, self._seed = real, silent, late, lines, seed
        self._contrast = (float(contrast[0]), float(contrast[1]))
        self._studios = Studios(self._setting, VERSION)
        self.targets: Mapping[str, Sequence[str] | None] = {
            "object": CLASSES,
            "kind": KINDS,
            "shape": things.FORMS,
            "material": tuple(material.name for material in things.MATERIALS),
            "motion": things.MOTIONS,
            "scene": SCENES,
            "files": None,
        }
        used = [file for material in materials().values() for file in material.files]
        facts = (asdict(self._setting), self._lengths, real, silent, late, lines, self._contrast, seed)
        self.digest = index.digest(used, "scenes", VERSION, materials(), AMBIENCES, *facts)

    def split(self, name: str) -> Sequence[Sample]:
        """Return the clips of "train", "val" or "test", rendered on access."""
        split = named_split("worlds/scenes", name)
        return LazySplit(self._lengths[split], partial(self._sample, split))

    def _sample(self, split: Split, position: int) -> Sample:
        studio = self._studios[split]
        stream = (self._seed, SPLITS.index(split), position)
        scene = self._draw(np.random.default_rng((*stream, 0)), studio, split)
        makers: dict[str, Any] = {
            "video": partial(render_video, scene, studio.setting),
            "audio": partial(render_audio, scene, studio, (*stream, 1)),
        }
        if scene.lines:
            makers |= {"text": partial(str, scene.sentence), "narration": partial(tuple, scene.lines)}
        return Sample(f"{split}-{self._seed}-{position:06d}", LazyFields(makers), truth(scene))

    def _draw(self, rng: np.random.Generator, studio: Studio, split: Split) -> Scene:
        stage = draw_script(rng, studio.setting, studio.material)
        toy = None if rng.random() < self._real else things.draw_toy(rng)
        if toy is None:
            name = REAL[stage.things[0].label]
            own, mentions = narration.describe_real(rng, name), [narration.mention_real(rng, name) for _ in range(14)]
        else:
            facts = (toy.shape, toy.material, toy.motion)
            own, mentions = narration.describe_toy(rng, *facts), [narration.mention_toy(rng, *facts) for _ in range(14)]
            files = {"contrast": float(rng.uniform(*self._contrast)), "things": ()}
            stage = Script(**{**_parts(stage), **files})
        silent = split == "train" and rng.random() < self._silent
        lines = narration.narrate(rng, own, mentions, studio.setting.seconds, self._lines, self._late)
        return Scene(stage, toy, own, () if silent else lines)


def truth(scene: Scene) -> dict[str, Any]:
    """Return the targets of a clip."""
    toy = scene.toy
    return {
        "object": scene.label,
        "kind": int(toy is None),
        "shape": -1 if toy is None else toy.shape,
        "material": -1 if toy is None else toy.material,
        "motion": -1 if toy is None else toy.motion,
        "scene": scene.stage.scene,
        "files": (
            scene.stage.photo,
            *(file for thing in scene.stage.things for file in (thing.image, thing.recording)),
        ),
    }


def render_video(scene: Scene, setting: Setting) -> Video:
    """Render the images of a clip: a photo under a moving camera, and the thing before it."""
    if scene.toy is None:
        return corpus.render_frames(scene.stage, setting)
    toy, side = scene.toy, setting.side
    photo_HWC = compose.backdrop(scene.stage.photo, side)
    room = photo_HWC.shape[0] - side
    frames_THWC = compose.pan(photo_HWC, compose.positions(scene.stage.camera, setting.frames, (room, room)), side)
    frames_THWC = compose.relight(frames_THWC, gain=0.6 * scene.stage.brightness, contrast=scene.stage.contrast)
    sprite = things.sprite_of(toy.shape, toy.material, max(4, round(0.5 * toy.size * side)))
    free = np.array([side - sprite.size[1], side - sprite.size[0]])
    corners_T2 = np.round(np.clip(things.way(toy, setting.frames, setting.seconds), 0, 1) * free).astype(np.int64)
    compose.paste(frames_THWC, sprite, corners_T2)
    return Video(compose.relight(frames_THWC, gain=toy.tint, contrast=1.0), setting.fps)


def render_audio(scene: Scene, studio: Studio, seed: Sequence[int]) -> Audio:
    """Render the audio of a clip: the thing, in a room, over the noise of the place.

    Args:
        scene: Of the clip.
        studio: Recordings, rooms and noises.
        seed: What noise and phases are drawn from.
    """
    stage, setting = scene.stage, studio.setting
    if scene.toy is None:
        return corpus.render_audio(stage, studio, seed)
    track_T = things.waveform_of(scene.toy, setting.seconds, setting.rate, np.random.default_rng((*seed, 1)))
    loud_T = track_T / np.float32(np.sqrt(np.mean(track_T**2)))  # levels above the noise are those of unit loudness
    return mix_scene(loud_T, studio, stage.scene, stage.room, stage.noise_db, stage.peak, seed)


def _parts(script: Script) -> dict[str, Any]:
    return {name: getattr(script, name) for name in Script.__slots__}
