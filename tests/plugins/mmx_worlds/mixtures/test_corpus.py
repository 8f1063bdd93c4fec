from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mmx.errors import DataError
from mmx.interfaces import Corpus
from mmx.types import Audio, Sample
from mmx_worlds.mixtures.corpus import Mixtures
from tests.plugins.mmx_looking_to_listen.conftest import RATE, Hummers, Noises

SIZES = {"mixtures": 6, "val_mixtures": 3, "test_mixtures": 5, "seconds": 1.0, "rate": RATE}


@pytest.mark.parametrize("voices", [1, 2, 3])
@pytest.mark.parametrize("noisy", [False, True])
def test_the_four_tasks(voices: int, noisy: bool) -> None:
    world = Mixtures(Hummers(), Noises() if noisy else None, voices=voices, **SIZES)
    assert isinstance(world, Corpus)
    assert world.card.synthetic
    assert len(world.digest) <= 36
    for name, count in (("train", 6), ("val", 3), ("test", 5)):
        split = world.split(name)
        assert len(split) == count
        for place in range(count):
            sample = split[place]
            assert set(sample.fields) == set(world.fields)
            assert set(sample.targets) == set(world.targets)
            assert len(sample.fields["faces"]) == voices
            assert all(face.frames_THWC.shape[0] == 25 for face in sample.fields["faces"])
            truth, mixture = sample.fields["voices"].samples_CT, sample.fields["audio"].samples_CT[0]
            assert truth.shape == (voices, RATE)
            rest = np.abs(mixture - truth.sum(0)).max()
            assert (rest > 1e-3) == noisy
            assert len(set(sample.targets["speakers"])) == voices


def test_voices_and_faces_belong_together() -> None:
    """Hummers are bright when they hum: also after the cut."""
    world = Mixtures(Hummers(), **SIZES)
    for sample in world.split("train"):
        for face, voice in zip(sample.fields["faces"], sample.fields["voices"].samples_CT, strict=True):
            bright = face.frames_THWC[:, -1, 0, 0] > 100
            loud = np.abs(voice).reshape(25, -1).max(1) > 1e-4
            np.testing.assert_array_equal(bright, loud)


def test_mixtures_do_not_depend_on_access_and_change_with_the_seed() -> None:
    first, again, other = (Mixtures(Hummers(), seed=seed, **SIZES) for seed in (0, 0, 1))
    late = again.split("test")[4]
    np.testing.assert_array_equal(first.split("test")[4].fields["audio"].samples_CT, late.fields["audio"].samples_CT)
    assert first.digest == again.digest != other.digest
    assert [r.row() for r in first.drawn("test")] != [r.row() for r in other.drawn("test")]


def test_a_speaker_in_two_splits_is_refused() -> None:
    with pytest.raises(DataError, match=r"speaker 0 is in splits train and val: split by speaker before mixing"):
        Mixtures(Hummers(shared=True), **SIZES).split("test")


def test_too_few_speakers() -> None:
    with pytest.raises(DataError, match="has 2 speakers, a mixture needs 3"):
        Mixtures(Hummers(people=2), voices=3, **SIZES).split("train")


def test_the_manifest_is_frozen(tmp_path: Path) -> None:
    world = Mixtures(Hummers(), **SIZES)
    path = tmp_path / "mixtures.json"
    path.write_text(json.dumps({n: [each.row() for each in world.drawn(n)] for n in ("train", "val", "test")}))
    again = Mixtures(Hummers(), manifest=str(path), seed=77, **SIZES)
    for name in ("train", "val", "test"):
        for one, two in zip(world.split(name), again.split(name), strict=True):
            assert one.id == two.id
            np.testing.assert_array_equal(one.fields["audio"].samples_CT, two.fields["audio"].samples_CT)
    with pytest.raises(DataError, match="made from other clips"):
        Mixtures(Hummers(people=3), manifest=str(path), **SIZES).split("train")
    with pytest.raises(DataError, match="mixes 2 voices, not 3"):
        Mixtures(Hummers(), voices=3, manifest=str(path), **SIZES).split("train")


def test_talkers_that_do_not_fit() -> None:
    with pytest.raises(DataError, match=r"no field 'face' of video; they offer audio \(audio\)"):
        Mixtures(Noises(), **SIZES)
    with pytest.raises(DataError, match="no target 'who'"):
        Mixtures(Hummers(), speaker="who", **SIZES)
    with pytest.raises(DataError, match="no split 'dev'"):
        Mixtures(Hummers(), **SIZES).split("dev")


def test_a_video_without_sound_is_one_bad_item() -> None:
    class Mute(Hummers):
        def clip(self, name: str, number: int, person: int) -> Sample:
            sample = super().clip(name, number, person)
            fields = dict(sample.fields)
            if number:
                del fields["audio"]
            return Sample(sample.id, fields, sample.targets)

    with pytest.raises(DataError, match="no audio track"):
        list(Mixtures(Mute(), **SIZES).split("train"))


def test_other_rates_are_mixed_at_the_corpuss_own() -> None:
    class Fast(Hummers):
        def clip(self, name: str, number: int, person: int) -> Sample:
            sample = super().clip(name, number, person)
            slow = sample.fields["audio"].samples_CT
            return Sample(sample.id, {**sample.fields, "audio": Audio(np.repeat(slow, 2, 1), 2 * RATE)}, sample.targets)

    sample = Mixtures(Fast(), **SIZES).split("test")[0]
    assert sample.fields["audio"].rate == RATE
    assert sample.fields["voices"].samples_CT.shape == (2, RATE)
