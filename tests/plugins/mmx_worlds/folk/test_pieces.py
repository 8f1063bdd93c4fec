"""How a tune is played follows from the tune and the seed, and what is said of it is what is heard."""

from __future__ import annotations

import numpy as np
import pytest

from mmx_worlds.folk.performance import BACKINGS
from mmx_worlds.folk.pieces import ACCENT, BALANCE, BUILDS, MEAN_PITCH, NOTES_PER_SECOND, Piece, arrange
from mmx_worlds.folk.tunes.tunebook import Split, open_books


@pytest.fixture(scope="module")
def pieces() -> dict[Split, list[Piece]]:
    books, _ = open_books("procedural", {"train": 150, "val": 20, "test": 60})
    return {
        split: [arrange(entry, tune, split, 0) for entry, tune in zip(book.entries, book.tunes, strict=True)]
        for split, book in books.items()
    }


def test_tempo_is_notes_per_second(pieces: dict[Split, list[Piece]]) -> None:
    for piece in pieces["train"]:
        last = piece.tune.notes[-1]
        seconds = (last.onset + last.duration) / piece.manner.speed
        low, high = NOTES_PER_SECOND[piece.known["tempo"]]
        assert low <= len(piece.tune.notes) / seconds <= high


def test_register_is_the_mean_pitch_moved_by_octaves(pieces: dict[Split, list[Piece]]) -> None:
    for piece in pieces["train"]:
        mean = np.mean([note.pitch for note in piece.tune.notes if note.pitch is not None]) + piece.manner.shift
        assert piece.manner.shift % 12 == 0
        nearest = min(MEAN_PITCH, key=lambda name: abs(MEAN_PITCH[name] - mean))
        assert nearest == piece.known["register"]


def test_held_out_recordings_are_played_on_other_individuals(pieces: dict[Split, list[Piece]]) -> None:
    builds = {split: {piece.manner.build for piece in those} for split, those in pieces.items()}
    assert not builds["train"] & (builds["val"] | builds["test"])
    assert all(min(found) >= BUILDS[split][0] and max(found) < BUILDS[split][1] for split, found in builds.items())


def test_facts_are_drawn_evenly_and_independently(pieces: dict[Split, list[Piece]]) -> None:
    known = [piece.known for piece in pieces["train"]]
    assert len({each["instrument"] for each in known}) == 10
    pairs = {(each["tempo"], each["register"]) for each in known}
    assert len(pairs) == 9


def test_the_seed_and_the_tune_decide() -> None:
    few, _ = open_books("procedural", {"train": 10, "val": 1, "test": 1})
    many, _ = open_books("procedural", {"train": 40, "val": 1, "test": 1})
    by_id = {e.id: arrange(e, t, "train", 3) for e, t in zip(many["train"].entries, many["train"].tunes, strict=True)}
    others = 0
    for entry, tune in zip(few["train"].entries, few["train"].tunes, strict=True):
        assert arrange(entry, tune, "train", 3) == by_id[entry.id]
        others += arrange(entry, tune, "train", 4).manner != by_id[entry.id].manner
    assert others == len(few["train"].tunes)


def test_players_choose_anew_and_tell_the_same_of_the_notation() -> None:
    books, _ = open_books("procedural", {"train": 40, "val": 1, "test": 1})
    pairs = list(zip(books["train"].entries, books["train"].tunes, strict=True))
    first, second = ([arrange(entry, tune, "train", 3, player) for entry, tune in pairs] for player in (0, 1))
    assert not {piece.id for piece in first} & {piece.id for piece in second}
    assert all(one.seed != other.seed and one.manner != other.manner for one, other in zip(first, second, strict=True))
    for kind in ("genre", "region", "metre", "mode", "key", "title"):
        assert [piece.known.get(kind) for piece in first] == [piece.known.get(kind) for piece in second]


def test_company_is_drawn_independently_of_everything_that_is_told(pieces: dict[Split, list[Piece]]) -> None:
    manners = [piece.manner for piece in pieces["train"]]
    assert {manner.backing for manner in manners} == set(BACKINGS)
    for piece in pieces["train"]:
        assert ACCENT[0] <= piece.manner.accent <= ACCENT[1]
        assert BALANCE[0] <= piece.manner.balance <= BALANCE[1]
        assert "backing" not in piece.known
