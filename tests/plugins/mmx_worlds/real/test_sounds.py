from __future__ import annotations

from collections import Counter, defaultdict
from itertools import combinations

import numpy as np
import pytest
from scipy import fft

from mmx.errors import DataError
from mmx.interfaces import Corpus
from mmx_worlds.real import index
from mmx_worlds.real.sounds import Sounds, held_out, recordings, transfer_files

SOUNDS = Sounds()


def test_it_is_a_corpus_of_84_real_recordings_in_13_classes() -> None:
    assert isinstance(SOUNDS, Corpus)
    assert not SOUNDS.card.synthetic
    samples = list(SOUNDS.split("all"))
    assert len(samples) == 84
    assert len(SOUNDS.targets["label"] or ()) == 13
    count = Counter(sample.targets["label"] for sample in samples)
    assert sorted(count) == list(range(13))
    assert min(count.values()) == 4


def test_labels_are_those_of_the_manifest() -> None:
    names = SOUNDS.targets["label"] or ()
    for sample in SOUNDS.split("all"):
        assert names[sample.targets["label"]] == index.lookup(sample.id).label


def test_audio_is_in_range_and_may_be_changed_by_its_user() -> None:
    for sample in SOUNDS.split("all"):
        audio = sample.fields["audio"]
        assert audio.samples_CT.dtype == np.float32 and audio.samples_CT.ndim == 2
        assert np.isfinite(audio.samples_CT).all() and 0 < np.abs(audio.samples_CT).max() <= 1
        audio.samples_CT[:] = 0
    assert SOUNDS.split("all")[0].fields["audio"].samples_CT.any()


def test_seconds_limits_the_length() -> None:
    short = Sounds(seconds=0.5)
    assert max(sample.fields["audio"].seconds for sample in short.split("all")) <= 0.5
    assert short.digest != SOUNDS.digest


def test_no_recording_is_in_train_and_test() -> None:
    train, test = ({sample.targets["recording"] for sample in SOUNDS.split(name)} for name in ("train", "test"))
    assert not train & test
    assert len(SOUNDS.split("train")) + len(SOUNDS.split("test")) == 84
    for name in ("train", "test"):
        assert {sample.targets["label"] for sample in SOUNDS.split(name)} == set(range(13))
    assert 0.2 < len(held_out()) / 84 < 0.4


def test_files_of_one_page_or_one_drum_are_one_recording() -> None:
    groups = recordings()
    pages = defaultdict(set)
    for media in transfer_files():
        pages[media.source].add(groups[media.file])
    assert all(len(found) == 1 for found in pages.values())
    assert groups["sounds/drum_tom_hi_hard.ogg"] == groups["sounds/drum_tom_hi_soft.ogg"]
    assert groups["sounds/drum_tom_hi_hard.ogg"] != groups["sounds/drum_tom_lo_hard.ogg"]
    assert groups["sounds/glitch_robot1.ogg"] == groups["sounds/mehackit_robot2.ogg"]


def test_every_class_can_be_divided_into_three_folds() -> None:
    groups = defaultdict(set)
    for sample in SOUNDS.split("all"):
        groups[sample.targets["label"]].add(sample.targets["recording"])
    assert min(len(found) for found in groups.values()) >= 3


def test_no_waveform_occurs_in_two_recordings() -> None:
    """The greatest normalised cross-correlation between files of different recordings stays below 0.9."""
    size = 1 << 18
    spectra = {}
    for media in transfer_files():
        samples = index.audio(media.file).samples_CT[0]
        samples = (samples - samples.mean()).astype(np.float32)
        spectra[media.file] = fft.rfft(samples / np.sqrt((samples**2).sum()), size)
    for one, two in combinations(spectra, 2):
        if index.lookup(one).label == index.lookup(two).label and recordings()[one] != recordings()[two]:
            likeness = np.abs(fft.irfft(spectra[one] * spectra[two].conj(), size)).max()
            assert likeness < 0.9, (one, two)


def test_an_unknown_split_is_one_line() -> None:
    with pytest.raises(DataError, match="splits: all, train, test"):
        SOUNDS.split("fold1")
