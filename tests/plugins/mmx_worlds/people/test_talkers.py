from __future__ import annotations

import pickle
import sys

import numpy as np
import pytest

from mmx.errors import AssetError, DataError
from mmx.interfaces import Corpus
from mmx_worlds.people.speakers import FACTORS
from mmx_worlds.people.talkers import SPLITS, Talkers
from mmx_worlds.speech import tts
from mmx_worlds.speech.phonemes import PHONEMES, VISEMES

SMALL = {"speakers": 6, "val_speakers": 2, "test_speakers": 4, "clips": 12, "val_clips": 4, "test_clips": 6}
WORLD = Talkers(**SMALL, seconds=1.2, rate=8000, side=24)


def test_it_is_a_corpus() -> None:
    assert isinstance(WORLD, Corpus)
    assert WORLD.card.synthetic
    assert len(WORLD.digest) <= 36
    for name, count in zip(SPLITS, (12, 4, 6), strict=True):
        for sample in WORLD.split(name):
            assert set(sample.fields) == set(WORLD.fields)
            assert set(sample.targets) == set(WORLD.targets)
            face, voice = sample.fields["face"], sample.fields["audio"]
            assert face.frames_THWC.shape == (30, 24, 24, 3)
            assert face.fps == 25.0
            assert voice.samples_CT.shape == (1, 9600)
            assert voice.rate == 8000
            assert sample.fields["text"]
            assert sample.targets["factors"].shape == (len(FACTORS),)
            assert sample.targets["lips"].shape == (30, 3)
            assert sample.targets["visemes"].max() < len(VISEMES)
            assert {symbol for symbol, _, _ in sample.targets["phonemes"]} <= set(PHONEMES)
        assert len(WORLD.split(name)) == count


def test_speakers_of_the_splits_are_disjoint() -> None:
    found = {name: {sample.targets["speaker"] for sample in WORLD.split(name)} for name in SPLITS}
    assert [len(found[name]) for name in SPLITS] == [6, 2, 4]
    assert not found["train"] & found["test"]
    assert not found["train"] & found["val"]
    assert not found["val"] & found["test"]
    factors = {tuple(s.targets["factors"]) for name in SPLITS for s in WORLD.split(name)}
    assert len(factors) == 12


def test_a_speaker_keeps_face_and_voice_over_clips() -> None:
    split = WORLD.split("train")
    first, again, other = split[0], split[6], split[1]
    assert first.targets["speaker"] == again.targets["speaker"] != other.targets["speaker"]
    assert first.targets["pitch"] == again.targets["pitch"] != other.targets["pitch"]
    assert first.fields["text"] != again.fields["text"]


def test_clips_do_not_depend_on_access_or_instance_but_on_the_seed() -> None:
    again = Talkers(**SMALL, seconds=1.2, rate=8000, side=24)
    assert again.digest == WORLD.digest
    late, early = again.split("test")[5], WORLD.split("test")[5]
    np.testing.assert_array_equal(late.fields["audio"].samples_CT, early.fields["audio"].samples_CT)
    np.testing.assert_array_equal(late.fields["face"].frames_THWC, early.fields["face"].frames_THWC)
    other = Talkers(**SMALL, seconds=1.2, rate=8000, side=24, seed=1)
    assert other.digest != WORLD.digest
    assert not np.array_equal(other.split("test")[5].fields["audio"].samples_CT, late.fields["audio"].samples_CT)


def test_samples_travel_to_workers() -> None:
    sample = WORLD.split("train")[0]
    copy = pickle.loads(pickle.dumps(sample))
    np.testing.assert_array_equal(copy.fields["face"].frames_THWC, sample.fields["face"].frames_THWC)


def test_lips_and_voice_belong_together() -> None:
    """Where the lips are open the voice is loud: correlated within a clip, not with another clip."""
    world = Talkers(speakers=10, clips=20, seconds=2.0, rate=8000, side=16)
    own, foreign, before = [], [], None
    for sample in world.split("train"):
        loud = np.abs(sample.fields["audio"].samples_CT[0]).reshape(50, 320).mean(1)
        opening = sample.targets["lips"][:, 0]
        own.append(np.corrcoef(loud, opening)[0, 1])
        if before is not None:
            foreign.append(np.corrcoef(loud, before)[0, 1])
        before = opening
    assert np.mean(own) > 0.35
    assert abs(np.mean(foreign)) < 0.25


def test_voices_move_their_pitch() -> None:
    """The periods of short stretches of a clip are spread by semitones (found by autocorrelation, within 8 of them)."""
    spreads = []
    for sample in Talkers(speakers=8, clips=8, seconds=2.0, rate=8000, side=16).split("train"):
        samples_T = sample.fields["audio"].samples_CT[0].astype(np.float64)
        usual = 8000 / sample.targets["pitch"]
        lags = np.arange(round(usual / 1.6), round(usual * 1.6))
        found = []
        for first in range(0, len(samples_T) - 800, 400):
            piece = samples_T[first : first + 800]
            similar = np.correlate(piece, piece, "full")[799:] / max(float(piece @ piece), 1e-9)
            best = lags[np.argmax(similar[lags])]
            if similar[best] > 0.6 and best not in (lags[0], lags[-1]):
                found.append(12 * np.log2(8000 / best))
        spreads.append(np.std(found))
    assert 1.3 < np.mean(spreads) < 4.0


def test_an_unknown_split() -> None:
    with pytest.raises(DataError, match=r"no split 'tain'.*did you mean 'train'"):
        WORLD.split("tain")


def test_recorded_voices_need_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "py_nanotts", None)
    tts._engine.cache_clear()
    tts.word_waveform.cache_clear()
    world = Talkers(**SMALL, seconds=1.2, rate=8000, side=24, voices="recorded", seed=9)
    with pytest.raises(AssetError, match="py-nanotts"):
        world.split("train")[0]
