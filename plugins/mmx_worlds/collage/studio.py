"""Studios: the material, rooms and noises of a split, and the final mix of a clip's audio.

Shape legend: T samples over time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mmx import Audio
from mmx_worlds.collage.script import Setting
from mmx_worlds.collage.soundscape import Noises, Rooms, add, decibels, set_peak
from mmx_worlds.real.links import AMBIENCES, SCENES, SPLITS, Material, Split, materials


@dataclass(frozen=True, slots=True)
class Studio:
    """Everything that rendering the clips of one split needs."""

    setting: Setting
    material: Material
    rooms: Rooms
    noises: Noises


class Studios:
    """The studio of each split, made at its first use.

    Args:
        setting: Sizes and rates of all clips.
        version: Of the world; rooms and noises are drawn from it and the split.
    """

    def __init__(self, setting: Setting, version: int) -> None:
        self._setting, self._version = setting, version
        self._made: dict[Split, Studio] = {}

    def __getitem__(self, split: Split) -> Studio:
        if split not in self._made:
            setting = self._setting
            rng = np.random.default_rng((self._version, SPLITS.index(split)))
            rooms = Rooms(rng, setting.rate, setting.samples)
            self._made[split] = Studio(setting, materials()[split], rooms, Noises(rng, setting.rate, AMBIENCES))
        return self._made[split]


def mix_scene(
    track_T: np.ndarray, studio: Studio, scene: int, room: float, noise_db: float, peak: float, seed: Sequence[int]
) -> Audio:
    """Return a track with the reverberation of a room, over the noise of a place.

    Args:
        track_T: The dry track.
        studio: Rooms and noises.
        scene: Index of the place in `SCENES`.
        room: A number in 0..1 that picks the room.
        noise_db: Level of the noise in decibels, before the place's own level.
        peak: Greatest absolute sample value.
        seed: What the noise is drawn from.
    """
    room_T = studio.rooms.apply(track_T, int(room * len(studio.rooms)))
    place = SCENES[scene]
    noise_T = studio.noises.piece(np.random.default_rng(seed), place, len(track_T))
    add(room_T, noise_T, 0, decibels(noise_db + AMBIENCES[place].level))
    return Audio(set_peak(room_T, peak)[None], studio.setting.rate)
