from __future__ import annotations

from itertools import combinations

import pytest

from mmx_worlds.real.index import index, lookup
from mmx_worlds.real.links import AMBIENCES, OBJECTS, SCENES, SPLITS, matching, materials, photos_of
from mmx_worlds.real.sounds import transfer_files


def test_every_pattern_names_something() -> None:
    for name, link in OBJECTS.items():
        for pattern in (*link.sounds, *link.images):
            assert matching([pattern]), (name, pattern)


def test_classes_do_not_share_files() -> None:
    for part in ("sounds", "images"):
        for (one, first), (two, second) in combinations(OBJECTS.items(), 2):
            assert not set(matching(getattr(first, part))) & set(matching(getattr(second, part))), (one, two, part)


def test_media_have_the_right_kind() -> None:
    for link in OBJECTS.values():
        assert {lookup(file).kind for file in matching(link.sounds)} <= {"sound", "music", "speech"}
        assert {lookup(file).kind for file in matching(link.images)} <= {"photo", "clipart"}


def test_splits_share_no_file() -> None:
    for one, two in combinations(SPLITS, 2):
        assert not materials()[one].files & materials()[two].files
    assert sum(len(materials()[split].files) for split in SPLITS) > 350


def test_no_recording_of_the_transfer_task_is_used() -> None:
    held_back = {media.file for media in transfer_files()}
    assert len(held_back) == 84
    for split in SPLITS:
        assert not held_back & materials()[split].files


def test_every_other_recording_is_used_or_left_out_on_purpose() -> None:
    heard = {file for part in materials().values() for files in part.sounds.values() for file in files}
    others = {media.file for media in index().values() if media.kind in ("sound", "music", "speech")} - heard
    left_out = {f"sounds/{name}.ogg" for name in ("ambi_haunted_hum", "misc_cineboom", "elec_tick", "glitch_perc1")}
    assert others == left_out | {media.file for media in transfer_files()}


def test_partners_of_recordings_are_in_the_same_split() -> None:
    for split in SPLITS:
        part = materials()[split]
        for name, files in part.sounds.items():
            assert files and part.images[name], (split, name)
    assert set(materials()["train"].sounds) == set(OBJECTS)
    assert len(materials()["test"].sounds) >= 5
    assert len(materials()["val"].sounds) >= 3


def test_music_and_its_photo_are_in_the_same_split() -> None:
    for split in SPLITS:
        part = materials()[split]
        for name, files in part.sounds.items():
            for file in files:
                partner = lookup(file).image
                assert not partner or partner in part.images[name]


@pytest.mark.parametrize("scene", SCENES)
def test_every_place_has_photos_in_every_split(scene: str) -> None:
    assert len(photos_of(scene)) >= 12
    assert all(len(materials()[split].places[scene]) >= 2 for split in SPLITS)
    assert scene in AMBIENCES


def test_no_photo_shows_two_places_or_is_also_a_thing() -> None:
    for one, two in combinations(SCENES, 2):
        assert not set(photos_of(one)) & set(photos_of(two))
    things = {file for link in OBJECTS.values() for file in matching(link.images)}
    assert not things & {file for scene in SCENES for file in photos_of(scene)}
