"""Script of a collage clip: all random choices, drawn before anything is rendered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from mmx import DataError
from mmx_worlds.collage.compose import Path, draw_path
from mmx_worlds.collage.soundscape import Voice, prepare_voice
from mmx_worlds.real.index import audio, lookup
from mmx_worlds.real.links import OBJECTS, SCENES, Material

CLASSES: Final = tuple(OBJECTS)
SUSTAINED: Final = 2.0
"""Recordings of at least this many seconds are played once, in an excerpt; shorter ones are repeated."""
SPEECH_SHARE: Final = 0.4
"""Speech is shifted less than other sounds, by this factor, so that it stays a voice."""


@dataclass(frozen=True, slots=True)
class Setting:
    """Setting that all clips of a collage share.

    Attributes:
        seconds: Length of a clip.
        side: Height and width of a frame in pixels.
        rate: Samples per second.
        fps: Frames per second.
        max_objects: Most things in one clip.
        snr_db: Lowest and highest level of the things above the background noise in decibels.
        semitones: Greatest change of pitch and tempo, up or down.
        sizes: Smallest and largest longer side of the main thing, as a share of the frame's.
    """

    seconds: float
    side: int
    rate: int
    fps: float
    max_objects: int
    snr_db: tuple[float, float]
    semitones: float
    sizes: tuple[float, float] = (0.5, 0.8)

    @property
    def frames(self) -> int:
        """Frames in a clip."""
        return max(1, round(self.seconds * self.fps))

    @property
    def samples(self) -> int:
        """Audio samples in a clip."""
        return round(self.seconds * self.rate)


@dataclass(frozen=True, slots=True)
class Thing:
    """One visible thing with its sound.

    Attributes:
        label: Index of its class in `CLASSES`.
        image: Media file of its cut-out.
        recording: Media file of its sound.
        longest: Longer side of its cut-out in pixels.
        mirrored: Whether the image is flipped left to right.
        path: How it moves.
        hop: How high it hops when it begins to sound, as a share of the free room.
        speed: Factor on tempo and pitch.
        excerpt: First and last sample (exclusive) of its recording.
        gain: Amplitude factor.
        onsets: When it begins to sound, in seconds.
    """

    label: int
    image: str
    recording: str
    longest: int
    mirrored: bool
    path: Path
    hop: float
    speed: float
    excerpt: tuple[int, int]
    gain: float
    onsets: Sequence[float]


@dataclass(frozen=True, slots=True)
class Script:
    """Everything that happens in one clip.

    Attributes:
        scene: Index of the kind of place in `SCENES`.
        photo: Media file of the background.
        camera: How the camera moves over it.
        brightness: Factor on brightness.
        contrast: Factor on contrast.
        room: A number in 0..1 that picks the room.
        noise_db: Level of the background noise in decibels, before the place's own level.
        peak: Greatest absolute sample value.
        things: The main thing first.
    """

    scene: int
    photo: str
    camera: Path
    brightness: float
    contrast: float
    room: float
    noise_db: float
    peak: float
    things: Sequence[Thing]


@lru_cache(maxsize=512)
def voice(file: str, rate: int) -> Voice:
    """Return an embedded recording, prepared for mixing at `rate` Hz."""
    return prepare_voice(audio(file), rate)


def rising(world: str, **ranges: tuple[float, float]) -> None:
    """Check ranges that a user gave, by the name of the parameter.

    Raises:
        DataError: One begins above its end.
    """
    for name, (low, high) in ranges.items():
        if low > high:
            raise DataError(f"{world}: {name}: {low:g} is above {high:g}; swap them")


def draw_script(rng: np.random.Generator, setting: Setting, material: Material) -> Script:
    """Draw the script of a clip.

    Places are equally likely; classes in proportion to the square root of the number of their recordings (at most nine
    count), so that a class with one recording does not repeat it endlessly.
    """
    scene = int(rng.integers(len(SCENES)))
    photo = _pick(rng, material.places[SCENES[scene]])
    weights = np.sqrt([min(len(material.sounds.get(name, ())), 9) for name in CLASSES])
    count = min(int(rng.integers(1, setting.max_objects + 1)), int((weights > 0).sum()))
    labels = rng.choice(len(CLASSES), size=count, replace=False, p=weights / weights.sum())
    return Script(
        scene=scene,
        photo=photo,
        camera=draw_path(rng, reach=0.8, sway=0.1),
        brightness=float(rng.uniform(0.8, 1.15)),
        contrast=float(rng.uniform(0.8, 1.15)),
        room=float(rng.random()),
        noise_db=-float(rng.uniform(*setting.snr_db)),
        peak=float(rng.uniform(0.3, 0.95)),
        things=tuple(
            _draw_thing(rng, setting, material, int(label), position) for position, label in enumerate(labels)
        ),
    )


def _draw_thing(rng: np.random.Generator, setting: Setting, material: Material, label: int, position: int) -> Thing:
    """Draw one thing; the first (`position` 0) is the largest and the loudest."""
    recording = _pick(rng, material.sounds[CLASSES[label]])
    partner = lookup(recording).image
    images = material.images[CLASSES[label]]
    image = partner if partner in images and rng.random() < 0.5 else _pick(rng, images)
    share = rng.uniform(*setting.sizes) if position == 0 else rng.uniform(0.3, 0.45)
    semitones = setting.semitones * (SPEECH_SHARE if lookup(recording).kind == "speech" else 1.0)
    speed = float(2 ** (rng.uniform(-semitones, semitones) / 12))
    excerpt, onsets = _draw_events(rng, setting, voice(recording, setting.rate), speed)
    return Thing(
        label=label,
        image=image,
        recording=recording,
        longest=round(share * setting.side),
        mirrored=bool(rng.random() < 0.5),
        path=draw_path(rng),
        hop=float(rng.uniform(0.1, 0.3)),
        speed=speed,
        excerpt=excerpt,
        gain=1.0 if position == 0 else float(rng.uniform(0.35, 0.9)),
        onsets=onsets,
    )


def _draw_events(
    rng: np.random.Generator, setting: Setting, recording: Voice, speed: float
) -> tuple[tuple[int, int], Sequence[float]]:
    """Draw which part of a recording is played and when: one excerpt of a long one, a few strokes of a short one."""
    total = setting.seconds
    if recording.seconds / speed >= SUSTAINED:
        onset = float(rng.uniform(0.0, 0.35 * total))
        entry = int(recording.entries[int(rng.integers(len(recording.entries)))])
        lasting = round(rng.uniform(min(1.5, total), total) * speed * recording.rate)
        return (entry, min(entry + lasting, len(recording.samples_T))), (onset,)
    onsets = [float(rng.uniform(0.0, 0.4 * total))]
    gap = max(recording.seconds / speed, 0.2)
    for pause in rng.uniform(0.05, 0.8, int(rng.integers(0, 5))):
        following = onsets[-1] + gap + float(pause)
        if following < total - 0.1:
            onsets.append(following)
    return (0, len(recording.samples_T)), tuple(onsets)


def _pick(rng: np.random.Generator, files: Sequence[str]) -> str:
    return files[int(rng.integers(len(files)))]


def caption(script: Script) -> str:
    """Return one English line: the visible things, the place, and the audio."""
    visible = " and ".join(lookup(thing.image).caption for thing in script.things)
    audible = " and ".join(_audio_caption(thing.recording) for thing in script.things)
    return f"{visible}; in the background, {lookup(script.photo).caption}; heard: {audible}"


_LANGUAGES: Final = {"en": "English", "it": "Italian", "ru": "Russian", "zh": "Chinese"}


def _audio_caption(file: str) -> str:
    media = lookup(file)
    return f"someone speaks {_LANGUAGES[media.language]}" if media.kind == "speech" else media.caption
