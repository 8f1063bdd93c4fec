"""What a catalogue says: one step of each scale, empty columns unknown, nothing of what texts alone must teach."""

from __future__ import annotations

from mmx_std.corpora.music.labels import FAMILIES, PITCHES, RATES, UNKNOWN, Family, concepts, labels, names
from mmx_std.corpora.music.words import PHRASES
from mmx_worlds.folk.pieces import arrange
from mmx_worlds.folk.tunes.tunebook import open_books


def named(row: dict[Family, tuple[float, ...]], value: float = 1.0) -> set[str]:
    assert tuple(row) == FAMILIES
    return {name for family in row for name, each in zip(names([family]), row[family], strict=True) if each == value}


def test_labels_of_a_jig() -> None:
    row = labels({"instrument": "harp", "genre": "jig", "tempo": "fast", "mode": "minor"}, (6, 8), 8.5, 64.0)
    assert named(row) == {
        *("instrument: harp", "genre: jig", "signature: 6/8"),
        *(f"rate: step {len(RATES)}", "pitch: step 5"),
    }
    assert not named(row, UNKNOWN)


def test_what_is_not_known_is_unknown_and_not_no() -> None:
    row = labels({"instrument": "harp"}, None, 1.0, 30.0)
    unknown = named(row, UNKNOWN)
    assert {name.partition(":")[0] for name in unknown} == {"genre", "signature"}
    assert len([name for name in named(row) if "step 0" in name]) == 2


def test_other_genres_and_signatures_are_none_of_these() -> None:
    row = labels({"instrument": "harp", "genre": "quadrille"}, (5, 4), 3.0, 60.0)
    assert not {name for name in named(row) if name.startswith(("genre", "signature"))}
    assert not named(row, UNKNOWN)


def test_steps_ascend() -> None:
    for bounds in (RATES, PITCHES):
        assert list(bounds) == sorted(set(bounds))


def test_no_label_is_a_word_for_tempo_register_metre_mode_or_region() -> None:
    told = {word for kind in ("tempo", "register", "metre", "mode", "region") for all_ in PHRASES[kind].values()
            for word in all_}  # fmt: skip
    assert not told & {name.partition(": ")[2] for name in names(FAMILIES)}


def test_pieces_are_catalogued_as_they_are_played() -> None:
    books, _ = open_books("procedural", {"train": 30, "val": 1, "test": 1})
    for entry, tune in zip(books["train"].entries, books["train"].tunes, strict=True):
        piece = arrange(entry, tune, "train", 0)
        last = tune.notes[-1]
        rate = len(tune.notes) * piece.manner.speed / (last.onset + last.duration)
        mean = sum(note.pitch for note in tune.notes if note.pitch is not None) / len(tune.notes)
        assert piece.labels == labels(piece.known, tune.metre, rate, mean + piece.manner.shift)


def test_a_catalogue_tells_the_concepts_of_its_columns_and_no_others() -> None:
    assert names(["signature"])[3] == "signature: 3/4"
    assert len(names(["genre", "pitch"])) == len(PHRASES["genre"]) + len(PITCHES) + 1
    assert concepts(names(["signature", "rate"])) == {"metre", "tempo"}
    assert concepts(names(FAMILIES)) == {"metre", "tempo", "register", "instrument", "genre"}
    assert concepts(["rock", "genre"]) == {"genre"}
    assert concepts(["rock", "somebody's: own"]) == set()
