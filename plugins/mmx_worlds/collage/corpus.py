"""`worlds/collage`: short clips composed from real drawings, photos and recordings, with full ground truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Annotated, Any, Final

import numpy as np
from pydantic import Field

from mmx import Audio, Card, DataError, LazyFields, LazySplit, Sample, Video
from mmx_worlds.collage import compose
from mmx_worlds.collage.cutouts import sprite, sprite_size
from mmx_worlds.collage.script import CLASSES, Script, Setting, Thing, caption, draw_script, rising, voice
from mmx_worlds.collage.soundscape import add, change_speed, fade
from mmx_worlds.collage.studio import Studio, Studios, mix_scene
from mmx_worlds.real import index
from mmx_worlds.real.links import AMBIENCES, SCENES, SPLITS, Split, materials, named_split

VERSION: Final = 1
"""Part of the digest: raise it when the same parameters would give other clips."""

CARD: Final = Card(
    title="Collage",
    summary="Clips composed from real media: cut-outs move over real photos, and what is visible makes the sound.",
    licence="Public domain, CC0-1.0, CC-BY-2.0 and CC-BY-3.0, file by file in the media manifest",
    synthetic=True,
    caveats=(
        "The parts are real (drawings, photos, sounds, music, speech); combination, motion and timing are generated.",
        "Images and recordings are linked by class; only music and its photo are true pairs; any person speaks.",
        "Background noise is synthesised: its colour and level depend on the kind of place that the photo shows.",
        "About forty recordings of sounds and music: val and test hold only the classes with three or more of them.",
    ),
)


class Collage:
    """Clips in which real cut-outs move over real photos, and the visible things make the sound.

    Fields: `frames` (video), `image` (its middle frame), `audio`, `caption`. Targets: `object` (class of the main
    thing), `objects` (float32 multi-hot over the classes), `scene` (kind of place), `boxes` (float32 (max_objects, T,
    4): left, top, right, bottom in pixels, zero where there are fewer things), `onsets` (per thing, seconds), `files`
    (media used), `recording` (of the main thing: the independent unit of the audio). Media files of train, val and test
    are disjoint. A clip depends on seed, split and index alone.

    Args:
        clips: Clips in split train.
        val_clips: Clips in split val.
        test_clips: Clips in split test.
        seconds: Length of a clip.
        side: Height and width of the frames in pixels.
        rate: Audio samples per second.
        fps: Frames per second.
        max_objects: Most things in one clip.
        snr_db: Lowest and highest level of the things above the background noise, in decibels.
        semitones: Greatest change of pitch and tempo, up or down; two fifths of it for speech.
        sizes: Smallest and largest longer side of the main thing, as a share of the frame's.
        seed: What the clips are drawn from.

    Raises:
        DataError: The lowest signal-to-noise ratio is above the highest, or a size is no share of the frame.
    """

    fields: Mapping[str, str] = {"frames": "video", "image": "image", "audio": "audio", "caption": "text"}
    card = CARD

    def __init__(
        self,
        clips: Annotated[int, Field(ge=1)] = 2400,
        val_clips: Annotated[int, Field(ge=1)] = 240,
        test_clips: Annotated[int, Field(ge=1)] = 480,
        seconds: Annotated[float, Field(ge=0.5, le=60)] = 4.0,
        side: Annotated[int, Field(ge=16, le=512)] = 64,
        rate: Annotated[int, Field(ge=4000, le=48000)] = 16000,
        fps: Annotated[float, Field(gt=0, le=30)] = 4.0,
        max_objects: Annotated[int, Field(ge=1, le=3)] = 2,
        snr_db: tuple[float, float] = (6.0, 30.0),
        semitones: Annotated[float, Field(ge=0, le=12)] = 4.0,
        sizes: tuple[float, float] = (0.5, 0.8),
        seed: Annotated[int, Field(ge=0)] = 0,
    ) -> None:
        if not 0.1 <= sizes[0] <= sizes[1] <= 1:
            raise DataError(f"worlds/collage: sizes: {sizes[0]:g} to {sizes[1]:g} must rise and lie between 0.1 and 1")
        rising("worlds/collage", snr_db=snr_db)
        self._setting = Setting(
            float(seconds),
            side,
            rate,
            float(fps),
            max_objects,
            (float(snr_db[0]), float(snr_db[1])),
            float(semitones),
            (sizes[0], sizes[1]),
        )
        self._lengths: Mapping[Split, int] = {"train": clips, "val": val_clips, "test": test_clips}
        self._seed = seed
        self._studios = Studios(self._setting, VERSION)
        parts = materials()
        used = [file for material in parts.values() for file in material.files]
        self.targets: Mapping[str, Sequence[str] | None] = {
            "object": CLASSES,
            "scene": SCENES,
            "objects": None,
            "boxes": None,
            "onsets": None,
            "files": None,
            "recording": None,
        }
        self.digest = index.digest(
            used, "collage", VERSION, parts, AMBIENCES, asdict(self._setting), self._lengths, seed
        )

    def split(self, name: str) -> Sequence[Sample]:
        """Return the clips of "train", "val" or "test", rendered on access."""
        split = named_split("worlds/collage", name)
        return LazySplit(self._lengths[split], partial(self._sample, split))

    def _sample(self, split: Split, position: int) -> Sample:
        studio = self._studios[split]
        stream = (self._seed, SPLITS.index(split), position)
        script = draw_script(np.random.default_rng((*stream, 0)), studio.setting, studio.material)
        frames = partial(render_frames, script, studio.setting)
        fields = LazyFields(
            {
                "frames": frames,
                "image": partial(render_image, script, studio.setting),
                "audio": partial(render_audio, script, studio, (*stream, 1)),
                "caption": partial(caption, script),
            }
        )
        return Sample(f"{split}-{self._seed}-{position:06d}", fields, truth(script, studio.setting))


def truth(script: Script, setting: Setting) -> dict[str, Any]:
    """Return the targets of a clip."""
    objects = np.zeros(len(CLASSES), np.float32)
    boxes_NT4 = np.zeros((setting.max_objects, setting.frames, 4), np.float32)
    for number, thing in enumerate(script.things):
        objects[thing.label] = 1.0
        boxes_NT4[number] = compose.boxes(_corners(thing, setting), sprite_size(thing.image, thing.longest))
    files = (script.photo, *(file for thing in script.things for file in (thing.image, thing.recording)))
    return {
        "object": script.things[0].label,
        "scene": script.scene,
        "objects": objects,
        "boxes": boxes_NT4,
        "onsets": tuple(tuple(thing.onsets) for thing in script.things),
        "files": files,
        "recording": script.things[0].recording,
    }


def _corners(thing: Thing, setting: Setting) -> np.ndarray:
    height, width = sprite_size(thing.image, thing.longest)
    lift_T = compose.hops(thing.onsets, setting.frames, setting.fps, thing.hop)
    return compose.positions(thing.path, setting.frames, (setting.side - width, setting.side - height), lift_T)


def render_frames(script: Script, setting: Setting, only: slice = slice(None)) -> Video:
    """Render the images of a clip: photo, then the things, the main one last and in front.

    Args:
        script: Of the clip.
        setting: Size and frame rate.
        only: Frames to render; all by default.
    """
    photo_HWC = compose.backdrop(script.photo, setting.side)
    room = photo_HWC.shape[0] - setting.side
    camera_T2 = compose.positions(script.camera, setting.frames, (room, room))[only]
    frames_THWC = compose.pan(photo_HWC, camera_T2, setting.side)
    for thing in reversed(script.things):
        cutout = sprite(thing.image, thing.longest, mirrored=thing.mirrored)
        compose.paste(frames_THWC, cutout, _corners(thing, setting)[only])
    return Video(compose.relight(frames_THWC, gain=script.brightness, contrast=script.contrast), setting.fps)


def render_image(script: Script, setting: Setting) -> np.ndarray:
    """Render the middle frame alone: uint8 RGB (side, side, 3)."""
    middle = setting.frames // 2
    frame_HWC: np.ndarray = render_frames(script, setting, slice(middle, middle + 1)).frames_THWC[0]
    return frame_HWC


def render_audio(script: Script, studio: Studio, seed: Sequence[int]) -> Audio:
    """Render the audio of a clip: every thing at its onsets, in one room, over the noise of the place.

    Args:
        script: Of the clip.
        studio: Recordings, rooms and noises.
        seed: What the noise is drawn from.
    """
    rate = studio.setting.rate
    track_T = np.zeros(studio.setting.samples, np.float32)
    for thing in script.things:
        first, last = thing.excerpt
        part_T = fade(change_speed(voice(thing.recording, rate).samples_T[first:last], thing.speed), rate)
        for onset in thing.onsets:
            add(track_T, part_T, round(onset * rate), thing.gain)
    return mix_scene(track_T, studio, script.scene, script.room, script.noise_db, script.peak, seed)
