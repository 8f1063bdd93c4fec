"""`worlds/folk`: splits, pairs, windows, controls; the same samples every time and everywhere."""

from __future__ import annotations

import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from mmx.errors import ConfigError, DataError
from mmx_std.corpora.music import words
from mmx_std.corpora.music.labels import names
from mmx_worlds.folk import texts
from mmx_worlds.folk.corpus import Folk
from mmx_worlds.folk.tunes import tunebook
from mmx_worlds.folk.tunes.tunebook import corpus_folder

SMALL: dict[str, Any] = {"clips": 12, "val_clips": 4, "test_clips": 8, "views": 3, "seconds": 2.0, "window": 1.0}
real = pytest.mark.skipif(corpus_folder() is None, reason="music21 is not installed")


def folk(**options: Any) -> Folk:
    return Folk(**{**SMALL, "source": "procedural", **options})


@pytest.mark.parametrize("source", [pytest.param("abc", marks=real), "procedural"])
def test_samples_have_what_the_corpus_promises(source: Any) -> None:
    corpus = folk(source=source)
    for name, views, seconds in (("train", 3, 1.0), ("test", 1, 2.0)):
        samples = corpus.split(name)
        assert len(samples) == views * len(corpus.pieces(name))  # type: ignore[arg-type]
        assert len({sample.id for sample in samples}) == len(samples)
        for sample in samples:
            assert set(sample.fields) == set(corpus.fields)
            assert sample.fields["text"].strip()
            assert set(sample.targets) == set(corpus.targets)
            assert sample.targets["tags"].tolist() == words.multi_hot(sample.targets["facts"])
        audio = samples[0].fields["audio"]
        assert audio.samples_CT.shape == (1, round(seconds * 8000))
        assert 0.02 < np.abs(audio.samples_CT).max() <= 1


def test_views_of_a_recording_differ_in_text_or_window_and_share_its_number() -> None:
    corpus = folk()
    samples = corpus.split("train")
    count = len(corpus.pieces("train"))
    one, two = samples[5], samples[5 + count]
    assert one.targets["recording"] == two.targets["recording"] == 5
    assert one.targets["facts"] == two.targets["facts"]
    assert not np.array_equal(one.fields["audio"].samples_CT, two.fields["audio"].samples_CT)
    assert len({samples[5 + count * view].fields["text"] for view in range(3)}) > 1


def test_the_same_parameters_give_the_same_samples_in_any_order() -> None:
    one, two = folk(), folk()
    assert one.digest == two.digest
    for index in (7, 2, 30):
        first, second = one.split("train")[index], two.split("train")[index]
        assert first.fields["text"] == second.fields["text"]
        assert np.array_equal(first.fields["audio"].samples_CT, second.fields["audio"].samples_CT)


@pytest.mark.parametrize(
    "change",
    [
        *({"seed": 1}, {"clips": 13}, {"views": 2}, {"rate": 4000}, {"window": 0.5}),
        *({"filtered": False}, {"shuffled": True}, {"sources": {"pl": 0}}, {"players": 2}, {"seconds": 2.5}),
        *({"val_clips": 5}, {"test_clips": 9}, {"catalogue": ["signature"]}),
    ],
)
def test_the_digest_changes_with_every_parameter(change: dict[str, Any]) -> None:
    assert folk(**change).digest != folk().digest


def test_shuffled_gives_training_recordings_the_texts_of_others_and_leaves_the_test_alone() -> None:
    plain, mixed = folk(clips=60), folk(clips=60, shuffled=True)
    told = [(s.targets["tags"] == t.targets["tags"]).all() for s, t in zip(plain.split("train"), mixed.split("train"))]  # noqa: B905
    assert np.mean(told) < 0.2
    assert np.array_equal(
        plain.split("train")[3].fields["audio"].samples_CT, mixed.split("train")[3].fields["audio"].samples_CT
    )
    for one, two in zip(plain.split("test"), mixed.split("test"), strict=True):
        assert (one.targets["tags"] == two.targets["tags"]).all()
        assert one.fields["text"] == two.fields["text"]


def test_a_catalogue_has_the_columns_that_were_asked_for() -> None:
    every, some = folk(), folk(catalogue=["pitch", "signature", "pitch"])
    assert some.targets["labels"] == names(["pitch", "signature"])
    for whole, part in zip(every.split("train"), some.split("train"), strict=True):
        row = dict(zip(every.targets["labels"] or (), whole.targets["labels"].tolist(), strict=True))
        assert part.targets["labels"].tolist() == [row[name] for name in some.targets["labels"] or ()]


def test_sources_come_in_their_shares() -> None:
    drawn = [sample.targets["source"] for sample in folk(clips=200, views=5).split("train")]
    shares = np.bincount(drawn, minlength=4) / len(drawn)
    assert shares == pytest.approx([1 / 3, 1 / 3, 1 / 6, 1 / 6], abs=0.05)
    only = folk(sources={"sf": 0, "pl": 0, "aset": 0}).split("train")
    assert {texts.SOURCES[sample.targets["source"]] for sample in only} == {"lf"}


def test_texts_are_read_without_playing_the_music(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmx_worlds.folk.corpus.play", None)
    assert folk().split("train")[0].fields["text"]
    with pytest.raises(TypeError):
        folk().split("train")[0].fields["audio"]


def test_samples_travel_to_workers() -> None:
    sample = folk().split("train")[1]
    copy = pickle.loads(pickle.dumps(sample))
    assert copy.fields["text"] == sample.fields["text"]
    assert np.array_equal(copy.fields["audio"].samples_CT, sample.fields["audio"].samples_CT)


def test_reports_say_where_the_tunes_come_from() -> None:
    corpus = folk()
    assert "MADE UP" in corpus.notes[0]
    assert "Everything is synthetic" in corpus.card.caveats[0]
    assert any("collections" in note and "unreadable" in note for note in corpus.notes)


def test_made_up_tunes_that_nobody_asked_for_are_a_stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    assert folk().stand_in == "", "made up on purpose"
    monkeypatch.setattr(tunebook, "corpus_folder", lambda: None)
    assert "music21 is not installed" in folk(source="auto").stand_in


@real
def test_real_tunes_say_so_and_name_their_terms() -> None:
    corpus = folk(source="auto")
    assert "real" in corpus.notes[0]
    assert "commercially" in corpus.card.licence
    assert all(sample.targets["facts"].get("title") for sample in corpus.split("test"))


def test_wrong_parameters_are_refused() -> None:
    with pytest.raises(ConfigError, match="did you mean 'sf'"):
        folk(sources={"sff": 1.0})
    with pytest.raises(ConfigError, match="none has a share"):
        folk(sources={"sf": 0, "lf": 0, "pl": 0, "aset": 0})
    with pytest.raises(ConfigError, match="longer than the recordings"):
        folk(window=3.0)
    with pytest.raises(DataError, match="did you mean 'test'"):
        folk().split("tests")


def test_the_music_package_is_never_imported() -> None:
    code = (
        "import sys; from mmx_worlds.folk.corpus import Folk; "
        "Folk(clips=4, val_clips=1, test_clips=4).split('test')[0].fields['text']; "
        "assert 'music21' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
