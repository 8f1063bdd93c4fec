from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from mmx.errors import DataError
from mmx_worlds.collage.script import CLASSES, Script, Setting, caption, draw_script, rising, voice
from mmx_worlds.real.index import lookup
from mmx_worlds.real.links import SCENES, SPLITS, Split, materials

SETTING = Setting(seconds=4.0, side=64, rate=8000, fps=4.0, max_objects=2, snr_db=(6.0, 30.0), semitones=4.0)


def scripts(split: Split, count: int) -> list[Script]:
    part = materials()[split]
    return [draw_script(np.random.default_rng((1, number)), SETTING, part) for number in range(count)]


@pytest.mark.parametrize("split", SPLITS)
def test_scripts_stay_within_their_limits(split: Split) -> None:
    files = materials()[split].files
    for script in scripts(split, 150):
        assert script.photo in materials()[split].places[SCENES[script.scene]]
        assert 1 <= len(script.things) <= 2
        assert len({thing.label for thing in script.things}) == len(script.things)
        assert -30 <= script.noise_db <= -6
        assert 0 < script.peak < 1
        for thing in script.things:
            name = CLASSES[thing.label]
            assert {thing.image, thing.recording} <= files
            assert thing.recording in materials()[split].sounds[name]
            assert thing.image in materials()[split].images[name]
            limit = 4 * (0.4 if lookup(thing.recording).kind == "speech" else 1)
            assert abs(12 * np.log2(thing.speed)) <= limit + 1e-9
            assert list(thing.onsets) == sorted(thing.onsets)
            assert thing.onsets[0] >= 0
            assert thing.onsets[-1] < SETTING.seconds
            first, last = thing.excerpt
            assert 0 <= first < last <= len(voice(thing.recording, SETTING.rate).samples_T)


def test_the_first_thing_is_the_largest_and_the_loudest() -> None:
    for script in scripts("train", 150):
        for other in script.things[1:]:
            assert other.longest < script.things[0].longest
            assert other.gain < script.things[0].gain == 1


def test_strokes_of_one_sound_do_not_overlap() -> None:
    repeated = 0
    for script in scripts("train", 150):
        for thing in script.things:
            lasting = (thing.excerpt[1] - thing.excerpt[0]) / SETTING.rate / thing.speed
            for before, after in zip(thing.onsets, thing.onsets[1:], strict=False):
                assert after - before >= lasting
                repeated += 1
    assert repeated > 50


def test_every_class_and_place_occurs() -> None:
    drawn = scripts("train", 600)
    labels = Counter(thing.label for script in drawn for thing in script.things)
    assert set(labels) == set(range(len(CLASSES)))
    # Square root of one to nine recordings, with room for chance.
    assert max(labels.values()) < 4.5 * min(labels.values())
    assert {script.scene for script in drawn} == set(range(len(SCENES)))


def test_music_often_has_its_own_photo() -> None:
    own = Counter(
        lookup(thing.recording).image == thing.image
        for script in scripts("train", 600)
        for thing in script.things
        if thing.recording == "music/beethoven.ogg"
    )
    assert own[True] > 0.4 * own.total() > 0
    assert own[False] > 0


def test_captions_name_things_place_and_audio() -> None:
    for script in scripts("test", 40):
        words = caption(script)
        assert lookup(script.photo).caption in words
        for thing in script.things:
            assert lookup(thing.image).caption in words
            spoken = lookup(thing.recording).kind == "speech"
            assert ("someone speaks" if spoken else lookup(thing.recording).caption) in words


def test_a_range_that_falls_is_named() -> None:
    rising("worlds/x", snr_db=(6.0, 6.0), contrast=(0.3, 0.6))
    with pytest.raises(DataError, match=r"worlds/x: contrast: 0.6 is above 0.3; swap them"):
        rising("worlds/x", snr_db=(6.0, 30.0), contrast=(0.6, 0.3))
