"""Where the tunes come from: the ABC files that the package `music21` carries, or tunes made up by a program.

The package is read as data: it is never imported. Its tunes are real; which collection (book, file) a tune stands in
decides its split, so that a book's tunes and their variants never cross. Books repeat each other's tunes, so a training
tune that shares a long run of intervals with a held-out one is left out as well.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Literal

from mmx import AssetError, DataError
from mmx_worlds.folk import facts
from mmx_worlds.folk.tunes import procedural
from mmx_worlds.folk.tunes.notation import Tune, read_header, read_tune, split_tunes

Split = Literal["train", "val", "test"]
Source = Literal["auto", "abc", "procedural"]
SPLITS: Final[tuple[Split, ...]] = ("train", "val", "test")
RUN: Final = 14
"""Two tunes that share so many intervals in a row are variants of each other."""
LEFT_OUT: Final = ("josquin",)
"""Folders of `music21/corpus` that hold no folk tunes, but polyphony."""
WHOLE: Final = ("ryansMammoth",)
"""Folders that are one book with a file per tune; elsewhere each file is a collection."""
HELD_OUT: Final[Mapping[str, Split]] = {
    "ryansMammoth": "test",
    "airdsAirs/book6": "test",
    "oneills1850/0101-0200": "test",
    "oneills1850/0811-0899": "test",
    "oneills1850/1276-1375": "test",
    "oneills1850/1625-1700": "test",
    "essenFolksong/ballad40": "test",
    "essenFolksong/han2": "test",
    "essenFolksong/irl": "test",
    "essenFolksong/kinder0": "test",
    "essenFolksong/zuccal0": "test",
    "airdsAirs/book3": "val",
    "airdsAirs/book5": "val",
    "oneills1850/0301-0350": "val",
    "oneills1850/1031-1115": "val",
    "oneills1850/1116-1135_mh": "val",
    "oneills1850/1556-1576": "val",
    "essenFolksong/ballad60": "val",
    "essenFolksong/boehme20": "val",
    "essenFolksong/erk5": "val",
    "essenFolksong/lot": "val",
    "essenFolksong/test0": "val",
    "essenFolksong/test1": "val",
    "essenFolksong/testd": "val",
    "essenFolksong/teste": "val",
}
"""Collections that are not learned from."""


@dataclass(frozen=True)
class Entry:
    """A tune not yet read: where it stands, its notation, and its header.

    Attributes:
        id: `folder/file#number in the file`.
        collection: Book or file: never in two splits.
        text: Its ABC notation.
        genre: "" where unknown.
        region: "" where unknown.
        title: As printed.
    """

    id: str
    collection: str
    text: str
    genre: str
    region: str
    title: str

    @property
    def split(self) -> Split:
        """The split of its collection."""
        if self.collection.startswith("procedural/"):
            return procedural.SPLIT[self.collection.removeprefix("procedural/")]
        return HELD_OUT.get(self.collection, "train")

    @property
    def rank(self) -> str:
        """A key that orders entries in a fixed way that has nothing to do with where they stand."""
        return hashlib.sha256(self.id.encode()).hexdigest()


@dataclass(frozen=True)
class Book:
    """The tunes of one split that were chosen and could be read.

    Attributes:
        entries: Where they come from, in the order of `tunes`.
        tunes: Their notes.
        offered: How many tunes the split has in all.
        unreadable: One line per chosen tune that could not be read.
        variants: How many were left out because a held-out tune is a variant of them.
    """

    entries: Sequence[Entry]
    tunes: Sequence[Tune]
    offered: int
    unreadable: Sequence[str]
    variants: int = 0


def corpus_folder() -> Path | None:
    """Return the folder `corpus` of the installed package music21, or None; the package is not imported."""
    spec = importlib.util.find_spec("music21")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        folder = Path(place) / "corpus"
        if folder.is_dir():
            return folder
    return None


def entries(source: Source) -> tuple[Sequence[Entry], str]:
    """Return all tunes and where they are from: "abc" or "procedural".

    Raises:
        AssetError: `source` is "abc" and the package is not installed, or holds no tunes.
    """
    folder = corpus_folder() if source != "procedural" else None
    if folder is None:
        if source == "abc":
            raise AssetError(
                'worlds/folk: source abc needs the tunes of the package music21; run: pip install "mmx[music]"'
            )
        return _procedural(), "procedural"
    found = _abc(folder)
    if not found:
        raise AssetError(f"worlds/folk: no ABC tunes in {folder}; reinstall music21 or use source: procedural")
    return found, "abc"


@cache
def _abc(folder: Path) -> Sequence[Entry]:
    found = []
    for path in sorted(folder.rglob("*.abc")):
        if path.parent.name in LEFT_OUT:
            continue
        collection = path.parent.name if path.parent.name in WHOLE else f"{path.parent.name}/{path.stem}"
        text = path.read_text(encoding="utf-8", errors="replace")
        for number, one in enumerate(split_tunes(text), start=1):
            found.append(_entry(f"{path.parent.name}/{path.stem}#{number}", collection, path.parent.name, one))
    return tuple(found)


@cache
def _procedural() -> Sequence[Entry]:
    return tuple(
        _entry(f"procedural/{book}#{number}", f"procedural/{book}", "procedural", text)
        for book in procedural.SPLIT
        for number, text in enumerate(procedural.tunes(book), start=1)
    )


def _entry(name: str, collection: str, folder: str, text: str) -> Entry:
    fields = read_header(text)
    return Entry(name, collection, text, facts.genre(fields), facts.region(fields, folder), facts.title(fields))


def choose(found: Iterable[Entry], count: int) -> list[Entry]:
    """Return `count` entries with genres and regions as even as they can be, in an order that favours none.

    Strata of (genre, region) take turns, each in the order of `Entry.rank`, until there are enough.
    """
    strata: dict[tuple[str, str], list[Entry]] = {}
    for entry in sorted(found, key=lambda entry: entry.rank):
        strata.setdefault((entry.genre, entry.region), []).append(entry)
    chosen: list[Entry] = []
    depth = 0
    while len(chosen) < count and any(len(stratum) > depth for stratum in strata.values()):
        chosen += [stratum[depth] for _, stratum in sorted(strata.items()) if len(stratum) > depth]
        depth += 1
    return sorted(chosen[:count], key=lambda entry: entry.rank)


def open_books(source: Source, counts: Mapping[Split, int]) -> tuple[dict[Split, Book], str]:
    """Choose and read the tunes of every split.

    Args:
        source: Where to take them from.
        counts: How many are wanted; there may be fewer.

    Returns:
        The books by split, and "abc" or "procedural".
    """
    offered, kind = entries(source)
    books: dict[Split, Book] = {}
    taken: set[tuple[int, ...]] = set()
    for split in reversed(SPLITS):  # test first: what is held out decides what may be learned from
        own = [entry for entry in offered if entry.split == split]
        books[split] = _read(own, choose(own, counts[split]), taken)
        for tune in books[split].tunes:
            taken |= runs(tune)
    return books, kind


def _read(own: Sequence[Entry], chosen: Sequence[Entry], taken: set[tuple[int, ...]]) -> Book:
    good: list[Entry] = []
    tunes: list[Tune] = []
    faults: list[str] = []
    variants = 0
    for entry in chosen:
        try:
            tune = read_tune(entry.text)
        except DataError as error:
            faults.append(f"{entry.id}: {error}")
            continue
        if not taken.isdisjoint(runs(tune)):
            variants += 1
            continue
        good.append(entry)
        tunes.append(tune)
    return Book(good, tunes, len(own), faults, variants)


def runs(tune: Tune) -> set[tuple[int, ...]]:
    """Return every run of `RUN` intervals of a tune that moves: by these, variants are found in any key and metre."""
    intervals = tune.intervals
    found = {intervals[i : i + RUN] for i in range(len(intervals) - RUN + 1)}
    return {run for run in found if len(set(run)) > 2}


def crossings(books: Mapping[Split, Book]) -> tuple[int, int]:
    """Count what splits share, for the report: collections, and tunes with a run of `RUN` intervals of another split.

    Both are 0 for what `open_books` returns; counted anew from what was chosen, not from how it was chosen.
    """
    collections = [entry for book in books.values() for entry in {entry.collection for entry in book.entries}]
    found = {split: [runs(tune) for tune in book.tunes] for split, book in books.items()}
    tunes = 0
    for split, each in found.items():
        others: set[tuple[int, ...]] = set()
        others = others.union(*(one for name, those in found.items() if name != split for one in those))
        tunes += sum(not others.isdisjoint(one) for one in each)
    return len(collections) - len(set(collections)), tunes
