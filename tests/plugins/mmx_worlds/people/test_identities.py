from __future__ import annotations

import pickle

import numpy as np
import pytest

from mmx.errors import DataError
from mmx.interfaces import Corpus
from mmx_worlds.faces.landmarks import NAMES
from mmx_worlds.people import traits
from mmx_worlds.people.identities import SPLITS, Identities

SMALL = {"people": 6, "val_people": 4, "test_people": 5, "seconds": 1.0, "rate": 8000, "side": 32}
WORLD = Identities(**SMALL, takes=2, photos=3)


def test_it_is_a_corpus() -> None:
    assert isinstance(WORLD, Corpus)
    assert WORLD.card.synthetic
    assert len(WORLD.digest) <= 36
    for name, count in zip(SPLITS, (12, 4, 5), strict=True):
        split = WORLD.split(name)
        assert len(split) == count
        for sample in split:
            assert set(sample.fields) == set(WORLD.fields)
            assert set(sample.targets) == set(WORLD.targets)
            assert sample.fields["voice"].samples_CT.shape == (1, 8000)
            images = [sample.fields["face"], sample.fields["portrait"], *sample.fields["album"]]
            assert len(images) == 5
            assert all(image.shape == (32, 32, 3) and image.dtype == np.uint8 for image in images)
            assert sample.targets["landmarks"].shape == (len(NAMES), 2)
            for target, names in WORLD.targets.items():
                if names is not None:
                    assert 0 <= sample.targets[target] < len(names)


def test_people_of_the_splits_are_disjoint() -> None:
    found = {name: {sample.targets["person"] for sample in WORLD.split(name)} for name in SPLITS}
    assert [len(found[name]) for name in SPLITS] == [6, 4, 5]
    assert len(set().union(*found.values())) == 15
    traits = {tuple(sample.targets["face_traits"]) for name in SPLITS for sample in WORLD.split(name)}
    assert len(traits) == 15


def test_takes_are_of_the_same_person_and_differ() -> None:
    split = WORLD.split("train")
    one, again, other = split[0], split[6], split[1]
    assert one.targets["person"] == again.targets["person"] != other.targets["person"]
    assert np.array_equal(one.fields["portrait"], again.fields["portrait"])
    assert not np.array_equal(one.fields["face"], again.fields["face"])
    assert not np.array_equal(one.fields["voice"].samples_CT, again.fields["voice"].samples_CT)


def test_classes_are_those_of_the_causes() -> None:
    for sample in Identities(**{**SMALL, "test_people": 60}).split("test"):
        sex, _, size, _ = sample.targets["causes"]
        assert sample.targets["sex"] == int(sex > 0)
        assert sample.targets["age"] == int((sample.targets["years"] - traits.YOUNGEST) // 10)
        assert (sample.targets["build"] == 1) == (abs(size) < 0.4307)


def test_samples_depend_on_the_seed_alone() -> None:
    again = Identities(**SMALL, takes=2, photos=3)
    backwards = [again.split("test")[index] for index in reversed(range(5))][::-1]
    for one, other in zip(WORLD.split("test"), backwards, strict=True):
        assert one.id == other.id
        assert np.array_equal(one.fields["face"], other.fields["face"])
        assert np.array_equal(one.fields["voice"].samples_CT, other.fields["voice"].samples_CT)
    assert again.digest == WORLD.digest != Identities(**SMALL, takes=2, photos=3, seed=1).digest
    other = Identities(**SMALL, seed=1).split("test")[0]
    assert not np.array_equal(other.fields["portrait"], WORLD.split("test")[0].fields["portrait"])


def test_a_sample_pickles_as_its_recipe() -> None:
    sample = WORLD.split("val")[1]
    sample.fields["face"]
    copy = pickle.loads(pickle.dumps(sample))
    assert np.array_equal(copy.fields["face"], sample.fields["face"])


def test_faces_of_a_voice_are_images_of_different_people() -> None:
    voice = WORLD.split("test")[0].targets["voice_traits"]
    faces = WORLD.faces_given_voice(voice, 4, 0)
    assert [face.shape for face in faces] == [(32, 32, 3)] * 4
    assert not np.array_equal(faces[0], faces[1])
    assert np.array_equal(faces[0], WORLD.faces_given_voice(voice, 4, 0)[0])


def test_the_true_ranking_is_offered() -> None:
    samples = list(WORLD.split("train"))[:6]
    traits = {key: np.stack([s.targets[key] for s in samples]) for key in ("voice_traits", "face_traits", "causes")}
    assert WORLD.affinity(traits["voice_traits"], traits["face_traits"]).shape == (6, 6)
    assert WORLD.affinity_of_causes(traits["causes"], traits["face_traits"]).shape == (6, 6)


def test_an_unknown_split_is_reported() -> None:
    with pytest.raises(DataError, match=r"has no split 'tset'.*test"):
        WORLD.split("tset")
