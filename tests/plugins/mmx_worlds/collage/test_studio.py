"""Studios: one per split, the same in every world of a version, and a mix with the asked levels."""

from __future__ import annotations

import numpy as np
import pytest

from mmx import DataError
from mmx_worlds.collage.script import Setting
from mmx_worlds.collage.studio import Studios, mix_scene
from mmx_worlds.real.links import SPLITS, materials, named_split

SETTING = Setting(1.0, 32, 8000, 4.0, 1, (20.0, 20.0), 0.0)


def test_a_studio_is_made_once_per_split_with_its_material() -> None:
    studios = Studios(SETTING, 1)
    for split in SPLITS:
        assert studios[split] is studios[split]
        assert studios[split].material == materials()[split]


def test_rooms_and_noises_follow_version_and_split_alone() -> None:
    impulse_T = np.zeros(SETTING.samples, np.float32)
    impulse_T[100] = 1.0

    def mixed(version: int, split: str) -> np.ndarray:
        studio = Studios(SETTING, version)[named_split("a world", split)]
        return mix_scene(impulse_T, studio, 0, 0.9, -20.0, 0.5, (3,)).samples_CT[0]

    first = mixed(1, "train")
    assert np.abs(first).max() == pytest.approx(0.5)
    assert np.array_equal(first, mixed(1, "train"))
    assert not np.array_equal(first, mixed(1, "val"))
    assert not np.array_equal(first, mixed(2, "train"))
    assert not impulse_T[101:].any()  # the dry track is left as it was


def test_unknown_splits_are_refused_with_the_known_ones() -> None:
    assert named_split("worlds/scenes", "val") == "val"
    with pytest.raises(DataError, match=r"worlds/scenes.*'vall'"):
        named_split("worlds/scenes", "vall")
