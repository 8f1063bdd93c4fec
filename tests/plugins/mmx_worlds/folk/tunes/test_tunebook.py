"""Books, splits and variants: with the real tunes where music21 is installed, with made-up ones everywhere."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mmx.errors import AssetError
from mmx_worlds.folk.tunes import procedural, tunebook
from mmx_worlds.folk.tunes.notation import read_tune
from mmx_worlds.folk.tunes.tunebook import Entry, choose, corpus_folder, crossings, entries, open_books, runs

real = pytest.mark.skipif(corpus_folder() is None, reason="music21 is not installed")
COUNTS: dict[tunebook.Split, int] = {"train": 400, "val": 40, "test": 120}
SOURCES = [pytest.param("abc", marks=real), "procedural"]


@pytest.fixture
def absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)


@pytest.mark.parametrize("source", SOURCES)
def test_no_collection_and_no_variant_is_in_two_splits(source: tunebook.Source) -> None:
    books, kind = open_books(source, COUNTS)
    assert kind == source
    collections = [{entry.collection for entry in book.entries} for book in books.values()]
    assert sum(map(len, collections)) == len(set().union(*collections))
    runs_of = {name: set().union(*map(runs, book.tunes)) for name, book in books.items()}
    assert not runs_of["train"] & (runs_of["test"] | runs_of["val"])
    assert not runs_of["val"] & runs_of["test"]
    assert all(books[name].tunes for name in books)
    assert crossings(books) == (0, 0)


def test_crossings_are_counted() -> None:
    books, _ = open_books("procedural", {"train": 6, "val": 4, "test": 4})
    train, test = books["train"], books["test"]
    mixed = replace(test, entries=[*test.entries, train.entries[2]], tunes=[*test.tunes, train.tunes[2]])
    assert crossings({**books, "test": mixed}) == (1, 2)


@pytest.mark.parametrize("source", SOURCES)
def test_genres_and_regions_take_turns(source: tunebook.Source) -> None:
    book = open_books(source, COUNTS)[0]["test"]
    genres = [entry.genre for entry in book.entries]
    assert len(set(genres)) >= 8
    assert max(genres.count(genre) for genre in genres) < 0.4 * len(genres)


@real
def test_the_package_holds_the_tunes_that_its_documentation_counts_and_they_can_be_read() -> None:
    found, _ = entries("abc")
    folder = corpus_folder()
    assert folder is not None
    left_out = sum(text.count("\nX:") + text.startswith("X:") for text in _polyphony(folder))
    assert len(found) + left_out == 12978
    some = sorted(found, key=lambda entry: entry.rank)[:300]
    readable = [entry for entry in some if _reads(entry)]
    assert len(readable) >= 0.97 * len(some)
    assert all(entry.title for entry in some[:50])


def _polyphony(folder: Path) -> list[str]:
    return [path.read_text("utf-8", "replace") for name in tunebook.LEFT_OUT for path in (folder / name).glob("*.abc")]


def _reads(entry: Entry) -> bool:
    try:
        return bool(read_tune(entry.text).notes)
    except ValueError:
        return False
    except Exception as error:
        assert type(error).__name__ == "DataError", entry.id
        return False


@real
def test_every_held_out_collection_exists() -> None:
    found, _ = entries("abc")
    assert set(tunebook.HELD_OUT) <= {entry.collection for entry in found}


def test_without_the_package_tunes_are_made_up_or_the_command_is_named(absent: None) -> None:
    assert entries("auto")[1] == "procedural"
    with pytest.raises(AssetError, match=r"pip install .*mmx\[music\]"):
        entries("abc")


def test_a_folder_without_tunes_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tunebook, "corpus_folder", lambda: tmp_path)
    with pytest.raises(AssetError, match="no ABC tunes"):
        entries("abc")


def test_broken_tunes_are_skipped_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book = tmp_path / "book"
    book.mkdir()
    good = "X:{}\nT:Good\nK:C\n" + "CDEFGABc" * 2 + "\n"
    (book / "one.abc").write_text(good.format(1) + "X:2\nT:Bad\nK:C\n???\n" + "X:3\nT:No key\n" + good.format(4))
    monkeypatch.setattr(tunebook, "corpus_folder", lambda: tmp_path)
    books, _ = open_books("abc", {"train": 10, "val": 10, "test": 10})
    assert len(books["train"].tunes) == 2
    assert books["train"].offered == 4
    assert sorted(line.split(":")[0] for line in books["train"].unreadable) == ["book/one#2", "book/one#3"]


def test_variants_are_found_in_another_key_and_metre() -> None:
    walk = "CDEF GEDC DFEG AGFE DCEG cBAG"
    one = read_tune(f"X:1\nM:4/4\nK:C\n{walk}\n")
    other = read_tune("X:1\nM:6/8\nK:D\n" + "".join({"C": "D2", "D": "E", "E": "F", "F": "G3", "G": "A", "A": "B",
                      "B": "c", "c": "d"}.get(sign, "") for sign in walk) + "\n")  # fmt: skip
    assert one.intervals == other.intervals
    assert runs(one) & runs(other)
    assert not runs(one) & runs(read_tune("X:1\nK:C\nCEGc edcB AFDB, CEDF EGFA GBAc Bdce\n"))


def test_choosing_is_fixed_and_takes_no_more_than_there_is() -> None:
    found, _ = entries("procedural")
    assert choose(found, 50) == choose(list(reversed(found)), 50)
    assert len(choose(found, 10**6)) == len(found)


def test_books_made_up_differ() -> None:
    assert len({text for book in procedural.SPLIT for text in procedural.tunes(book)}) == 600 * len(procedural.SPLIT)
