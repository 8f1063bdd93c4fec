"""Scenes: fields, truth, splits that share no media, clips that depend on nothing but their place."""

from __future__ import annotations

import pickle
from hashlib import sha256
from itertools import combinations

import numpy as np
import pytest

from mmx.errors import DataError
from mmx.interfaces import Corpus
from mmx.types import Cue, Sample
from mmx_worlds.real.links import SPLITS
from mmx_worlds.scenes import narration, things
from mmx_worlds.scenes.corpus import CLASSES, KINDS, Scenes

WORLD = Scenes(clips=60, val_clips=12, test_clips=12)


def fingerprint(sample: Sample) -> str:
    parts = [sample.fields["video"].frames_THWC.tobytes(), sample.fields["audio"].samples_CT.tobytes()]
    parts += [repr([sample.fields.get("text"), sample.fields.get("narration"), sample.targets]).encode()]
    return sha256(b"|".join(parts)).hexdigest()


def test_it_is_a_corpus() -> None:
    assert isinstance(WORLD, Corpus)
    assert len(WORLD.digest) <= 36
    assert WORLD.card.synthetic
    assert [len(WORLD.split(name)) for name in SPLITS] == [60, 12, 12]
    sample = WORLD.split("test")[0]
    assert set(sample.fields) == set(WORLD.fields)
    assert set(sample.targets) == set(WORLD.targets)
    with pytest.raises(DataError, match="no split 'tset'"):
        WORLD.split("tset")


def test_media_are_in_range() -> None:
    for sample in WORLD.split("val"):
        video, audio = sample.fields["video"], sample.fields["audio"]
        assert video.frames_THWC.shape == (8, 32, 32, 3)
        assert video.frames_THWC.dtype == np.uint8
        assert audio.samples_CT.shape == (1, 4096)
        assert video.seconds == pytest.approx(audio.seconds)
        assert 0.29 < np.abs(audio.samples_CT).max() < 0.96
        assert all(isinstance(cue, Cue) for cue in sample.fields["narration"])
        assert len(sample.fields["narration"]) == 5
        assert sample.fields["text"] in [cue.text for cue in sample.fields["narration"]]


def test_truth_agrees_with_the_text() -> None:
    for sample in WORLD.split("val"):
        truth = sample.targets
        if KINDS[truth["kind"]] == "real":
            assert (truth["shape"], truth["material"], truth["motion"]) == (-1, -1, -1)
            name = CLASSES[truth["object"]]
            assert any(called in sample.fields["text"] for called in narration._NAMES[name])
            assert len(truth["files"]) == 3
        else:
            label = (truth["shape"] * 4 + truth["material"]) * 4 + truth["motion"]
            assert truth["object"] == label
            assert any(word in sample.fields["text"] for word in narration._SHAPES[truth["shape"]])
            assert any(word in sample.fields["text"] for word in narration._MOTIONS[truth["motion"]])
    assert len(CLASSES) == 64 + 18


def test_shares_are_those_asked_for() -> None:
    world = Scenes(clips=400, real=0.5, silent=0.5)
    samples = list(world.split("train"))
    assert np.mean([sample.targets["kind"] for sample in samples]) == pytest.approx(0.5, abs=0.08)
    assert np.mean(["text" not in sample.fields for sample in samples]) == pytest.approx(0.5, abs=0.08)
    assert all("text" in sample.fields for sample in world.split("val"))
    only = Scenes(clips=20, real=0.0).split("train")
    assert all(sample.targets["object"] < len(things.CLASSES) for sample in only)


def test_splits_share_no_media() -> None:
    used = {name: {file for sample in WORLD.split(name) for file in sample.targets["files"]} for name in SPLITS}
    assert not used["train"] & used["test"]
    assert not used["train"] & used["val"]
    assert not used["val"] & used["test"]


def test_a_clip_depends_on_seed_split_and_place_alone() -> None:
    forward = [fingerprint(sample) for sample in WORLD.split("val")]
    again = Scenes(clips=5, val_clips=12, test_clips=1).split("val")
    assert [fingerprint(again[i]) for i in reversed(range(12))] == forward[::-1]
    assert fingerprint(Scenes(seed=1).split("val")[0]) != forward[0]
    assert fingerprint(pickle.loads(pickle.dumps(WORLD.split("val")[3]))) == forward[3]
    assert len(set(forward)) == 12


def test_every_split_has_a_random_stream_of_its_own() -> None:
    # Drawn toys, text and narration depend on the stream alone; media files, which differ anyway, are left out.
    world = Scenes(clips=12, val_clips=12, test_clips=12, real=0.0, silent=0.0)
    drawn = {
        name: [
            (sample.targets["object"], sample.fields["text"], sample.fields["narration"])
            for sample in world.split(name)
        ]
        for name in SPLITS
    }
    assert all(one != other for a, b in combinations(SPLITS, 2) for one, other in zip(drawn[a], drawn[b], strict=True))
    noise = [world.split(name)[0].fields["audio"].samples_CT for name in SPLITS]
    assert all(not np.array_equal(noise[i], noise[j]) for i, j in combinations(range(3), 2))


def test_any_size_rate_and_length() -> None:
    world = Scenes(clips=4, side=48, rate=16_000, seconds=3.2, fps=10, lines=3)
    for sample in world.split("train"):
        assert sample.fields["video"].frames_THWC.shape == (32, 48, 48, 3)
        assert sample.fields["audio"].samples_CT.shape == (1, 51_200)
        assert len(sample.fields.get("narration") or "123") == 3


def test_the_digest_follows_the_parameters() -> None:
    digests = {Scenes(**options).digest for options in ({}, {"real": 0.3}, {"seed": 1}, {"late": 0.0}, {"side": 40})}  # type: ignore[arg-type]
    assert len(digests) == 5


def test_ranges_must_rise() -> None:
    with pytest.raises(DataError, match="snr_db"):
        Scenes(snr_db=(20, 10))
    with pytest.raises(DataError, match="contrast"):
        Scenes(contrast=(0.9, 0.1))
