"""Corpus of episodes: rendered frames agree with the subtitles, and questions need both."""

from __future__ import annotations

import pickle
from hashlib import sha256

import numpy as np
import pytest

from mmx.errors import DataError
from mmx.interfaces import Corpus
from mmx.testing.parts.corpora import check_corpus
from mmx.types import Cue, Sample
from mmx_worlds.episodes.corpus import SPLITS, Episodes, places
from mmx_worlds.episodes.story import DEEDS, drawings

SIZES = {"episodes": 12, "val_episodes": 3, "test_episodes": 6, "annotate": 4, "side": 32}
WORLD = Episodes(**SIZES)  # type: ignore[arg-type]


def fingerprint(sample: Sample) -> str:
    state = sha256(sample.fields["frames"].frames_THWC.tobytes())
    state.update(repr([sample.fields[name] for name in ("subtitles", "queries", "question", "statement")]).encode())
    state.update(repr({name: np.asarray(v, dtype=object).tolist() for name, v in sample.targets.items()}).encode())
    return state.hexdigest()


def test_it_is_a_corpus() -> None:
    assert isinstance(WORLD, Corpus)
    assert len(WORLD.digest) <= 36
    assert WORLD.card.synthetic
    assert [len(WORLD.split(name)) for name in SPLITS] == [12, 3, 3, 6]
    findings = check_corpus(lambda seed: Episodes(**SIZES))  # type: ignore[arg-type]
    assert [finding for finding in findings if not finding.ok] == []
    with pytest.raises(DataError, match=r"no split 'tset'"):
        WORLD.split("tset")


def test_videos_and_texts_have_their_types() -> None:
    sample = WORLD.split("test")[0]
    video = sample.fields["frames"]
    assert video.frames_THWC.shape == (12, 32, 32, 3)
    assert video.seconds == pytest.approx(18.0)
    assert all(isinstance(cue, Cue) for name in ("subtitles", "queries", "captions") for cue in sample.fields[name])
    assert sample.targets["moment"].dtype == np.float32
    assert len(sample.fields["question"].split("|")) == 6


def test_only_some_of_train_is_annotated() -> None:
    for position, sample in enumerate(WORLD.split("train")):
        annotated = position % 4 == 0
        assert bool(sample.fields["queries"]) is annotated
        assert bool(sample.fields["question"]) is annotated
        assert (sample.targets["answer"] >= 0) is annotated
        assert sample.fields["subtitles"]
    own = [sample.id for sample in WORLD.split("annotated")]
    assert own == [WORLD.split("train")[position].id for position in (0, 4, 8)]
    assert all(sample.fields["queries"] for sample in [*WORLD.split("val"), *WORLD.split("test")])


def test_an_episode_does_not_depend_on_order_process_or_other_sizes() -> None:
    split = WORLD.split("test")
    assert len({fingerprint(sample) for sample in split}) == 6
    again = Episodes(**{**SIZES, "test_episodes": 3})  # type: ignore[arg-type]
    assert [fingerprint(s) for s in again.split("test")][::-1] == [fingerprint(split[i]) for i in (2, 1, 0)]
    assert fingerprint(pickle.loads(pickle.dumps(split))[1]) == fingerprint(split[1])
    assert fingerprint(Episodes(**SIZES, seed=1).split("test")[0]) != fingerprint(split[0])  # type: ignore[arg-type]


def test_the_digest_changes_with_what_changes_the_content() -> None:
    for change in ({"seed": 1}, {"mention": 0.5}, {"annotate": 2}, {"frames": 13}, {"rate": 2}):
        assert Episodes(**{**SIZES, **change}).digest != WORLD.digest  # type: ignore[arg-type]
    assert Episodes(**SIZES).digest == WORLD.digest  # type: ignore[arg-type]


def test_a_thing_is_visible_exactly_during_its_event() -> None:
    """The same episode without drawings: images differ where something happens, and only there."""
    from mmx_worlds.episodes import corpus

    sample = WORLD.split("test")[1]
    frames = sample.fields["frames"].frames_THWC
    stream, shape = (0, SPLITS.index("test"), 1), WORLD._shape
    shots = corpus.shots_of(stream, shape, "test")
    bare = []
    for shot in shots:
        photo = corpus.compose.backdrop(shot.photo, 32)
        room = photo.shape[0] - 32
        bare.append(corpus.compose.pan(photo, corpus.compose.positions(shot.camera, shot.frames, (room, room)), 32))
    differs = [bool((a != b).any()) for a, b in zip(frames, np.concatenate(bare), strict=True)]
    wanted = [False] * 12
    for event in sample.targets["events"]:
        first, last = round(event["start"] / 1.5), round(event["end"] / 1.5)
        wanted[first:last] = [True] * (last - first)
    assert differs == wanted


def test_the_drawing_shows_the_thing_and_files_say_what_was_used() -> None:
    known, photos = drawings(), places()
    for name in ("train", "val", "test"):
        for sample in WORLD.split(name):
            shown = [file for file in sample.targets["files"] if file.startswith("clipart/")]
            assert len(shown) == 4
            for file, event in zip(shown, sample.targets["events"], strict=True):
                assert file in known[event["thing"]]
            assert {file for file in sample.targets["files"] if file.startswith("photos/")} <= set(photos[name])


def test_no_photo_is_in_two_splits() -> None:
    found = places()
    assert not set(found["train"]) & (set(found["val"]) | set(found["test"]))
    assert not set(found["val"]) & set(found["test"])
    assert all(len(files) >= 10 for files in found.values())


def test_a_video_that_moves_shows_the_same_story() -> None:
    moving = Episodes(**SIZES, rate=4).split("test")[0]  # type: ignore[arg-type]
    still = WORLD.split("test")[0]
    video = moving.fields["frames"]
    assert video.frames_THWC.shape[0] == 48
    assert video.seconds == pytest.approx(18.0)
    assert moving.fields["subtitles"] == still.fields["subtitles"]
    assert moving.targets["files"] == still.targets["files"]


def test_neither_names_nor_things_alone_find_an_episode() -> None:
    """Of a query's two words each is in many episodes; both together are in few."""
    many = Episodes(test_episodes=300).split("test")
    events = [sample.targets["events"] for sample in many]
    by_name = np.mean(
        [sum(any(e["name"] == own["name"] for e in other) for other in events) for video in events for own in video]
    )
    by_thing = np.mean(
        [sum(any(e["thing"] == own["thing"] for e in other) for other in events) for video in events for own in video]
    )
    both = np.mean(
        [
            sum(any(e["name"] == own["name"] and e["thing"] == own["thing"] for e in other) for other in events)
            for video in events[:60]
            for own in video
        ]
    )
    assert by_name > 35
    assert by_thing > 30
    assert both < 4
    assert len(DEEDS) == 24
