"""ABC by hand: every sign against what the standard says it means."""

from __future__ import annotations

from fractions import Fraction

import pytest

from mmx.errors import DataError
from mmx_worlds.folk.tunes.notation import (
    read_header,
    read_key,
    read_length,
    read_metre,
    read_tempo,
    read_tune,
    signature,
    split_tunes,
)

HEAD = "X:1\nT:A tune\nM:4/4\nL:1/8\nK:{}\n"


def notes(body: str, key: str = "C") -> list[tuple[float, float, int | None]]:
    """Read a body of at least the fewest notes: padding of high notes in front is taken off again."""
    tune = read_tune(HEAD.format(key) + "c'" * 8 + "|" + body + "\n")
    return [(note.onset - 1.0, note.duration, note.pitch) for note in tune.notes[8:]]


def pitches(body: str, key: str = "C") -> list[int | None]:
    return [pitch for _, _, pitch in notes(body, key)]


def test_octaves_go_from_capital_letters_with_commas_to_small_ones_with_apostrophes() -> None:
    assert pitches("C,, C, C c c' c''") == [36, 48, 60, 72, 84, 96]


@pytest.mark.parametrize(
    ("key", "sharps", "flats"),
    [
        *(("C", "", ""), ("G", "F", ""), ("D", "FC", ""), ("E", "FCGD", ""), ("F", "", "B"), ("Eb", "", "BEA")),
        *(("Am", "", ""), ("Ador", "F", ""), ("A Mixolydian", "FC", ""), ("E minor", "F", ""), ("Bphr", "F", "")),
        *(("F#m", "FCG", ""), ("Gmix", "", ""), ("Glyd", "FC", ""), ("Cm", "", "BEA"), ("HP", "FC", "")),
    ],
)
def test_key_signatures(key: str, sharps: str, flats: str) -> None:
    natural = dict(zip("CDEFGAB", (60, 62, 64, 65, 67, 69, 71), strict=True))
    expected = [natural[n] + (n in sharps) - (n in flats) for n in "CDEFGAB"]
    assert pitches("CDEFGAB", key) == expected


def test_signature_of_all_keys_counts_up_to_its_number() -> None:
    for fifths in range(-7, 8):
        row = [signature(fifths, letter) for letter in "FCGDAEB"]
        assert sum(row) == fifths
        assert row == sorted(row, reverse=True)  # sharps enter from F on, flats from B on


def test_accidentals_last_to_the_end_of_the_bar_and_in_their_octave_only() -> None:
    assert pitches("^F F f | F") == [66, 66, 77, 65]
    assert pitches("=F F | F", "G") == [65, 65, 66]
    assert pitches("__B ^^C") == [69, 62]


@pytest.mark.parametrize(
    ("text", "length"),
    [("", 1), ("3", 3), ("/", Fraction(1, 2)), ("//", Fraction(1, 4)), ("3/2", Fraction(3, 2)), ("/4", Fraction(1, 4))],
)
def test_lengths(text: str, length: Fraction) -> None:
    assert read_length(text) == length


def test_broken_rhythm_lengthens_one_and_shortens_the_other() -> None:
    assert [duration * 8 for _, duration, _ in notes("C>D E<F G>>A")] == [1.5, 0.5, 0.5, 1.5, 1.75, 0.25]


def test_tuplets_squeeze_their_notes() -> None:
    assert [duration * 8 for _, duration, _ in notes("(3CDE F")] == pytest.approx([2 / 3, 2 / 3, 2 / 3, 1])
    assert [duration * 8 for _, duration, _ in notes("(2CD E")] == pytest.approx([1.5, 1.5, 1])
    assert [duration * 8 for _, duration, _ in notes("(3:2:2C2D E")] == pytest.approx([4 / 3, 2 / 3, 1])


def test_ties_join_and_rests_pass_time() -> None:
    assert notes("C2-|C2 z2 D") == [(0.0, 0.5, 60), (0.75, 0.125, 62)]
    assert pitches("C-D") == [60, 62]  # a slur written as a tie joins nothing


def test_chords_words_graces_and_decorations_do_not_sound() -> None:
    assert pitches('"Am"C {gf}D !trill!E ~F .G vA (BC) [CEG]2 uD y') == [60, 62, 64, 65, 67, 69, 71, 60, 67, 62]
    assert notes("[CEG]2")[0][1] == 0.25


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("|:CD:|E", "CDCDE"),
        ("CD:|E", "CDCDE"),
        ("|:CD:|:EF:|", "CDCDEFEF"),
        ("|:CD::EF:|", "CDCDEFEF"),
        ("|:CD|1E:|2F|G", "CDECDFG"),
        ("|:CD[1E:|[2F|]G", "CDECDFG"),
        ("|:CD|[1,3E:|[2F||G", "CDECDFG"),
        ("CD||EF|]", "CDEF"),
    ],
)
def test_repeats_are_written_out(body: str, expected: str) -> None:
    tune = read_tune(HEAD.format("C") + "|:" + "c" * 8 + "|]\n" + body + "\n")
    letters = {60: "C", 62: "D", 64: "E", 65: "F", 67: "G"}
    played = "".join(letters[note.pitch] for note in tune.notes if note.pitch in letters)
    assert played == expected


def test_a_tune_without_end_of_repeats_is_refused() -> None:
    with pytest.raises(DataError, match="notes"):
        read_tune(HEAD.format("C") + "C" * 5000)


def test_changes_on_the_way() -> None:
    assert pitches("F [K:G] F") == [65, 66]
    assert [d * 8 for _, d, _ in notes("C [L:1/16] C")] == [1, 0.5]
    assert pitches("F\nK:D\nF C") == [65, 66, 61]


@pytest.mark.parametrize(
    ("text", "metre"),
    [("C", (4, 4)), ("C|", (2, 2)), ("6/8", (6, 8)), ("none", None), ("FREI4/4", (4, 4)), ("0/4", None)],
)
def test_metres(text: str, metre: tuple[int, int] | None) -> None:
    assert read_metre(text) == metre


def test_tempo_is_in_quarter_notes() -> None:
    eighth = Fraction(1, 8)
    assert read_tempo("1/4=120", eighth) == 120
    assert read_tempo("3/8=100", eighth) == 150
    assert read_tempo("1/2=72", eighth) == 144
    assert read_tempo("200", eighth) == 100  # so many units
    assert read_tempo('"Slow"', eighth) is None


def test_unit_follows_from_the_metre_where_none_is_given() -> None:
    slow = read_tune("X:1\nM:3/4\nK:C\n" + "C" * 9)
    quick = read_tune("X:1\nM:2/4\nK:C\n" + "C" * 9)
    assert slow.notes[0].duration == 1 / 8
    assert quick.notes[0].duration == 1 / 16


def test_tunes_of_a_file_are_told_apart_and_keep_their_fields() -> None:
    text = "% a book\n\nX:1\nT:One\nK:C\nCDEF\nX: 2\nT: Two\nT: Zwei\nR: Reel]\nK: D\nCDEF\n"
    first, second = split_tunes(text)
    assert read_header(first)["T"] == ["One"]
    assert read_header(second) == {"X": ["2"], "T": ["Two", "Zwei"], "R": ["Reel"], "K": ["D"]}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("X:1\nT:No key\nCDEFGABc\n", "no key"),
        ("X:1\nK:Q\nCDEFGABc\n", "no key in 'Q'"),
        ("X:1\nK:C\nCDE\n", "3 notes"),
        ("X:1\nK:C\nCDEFGABc ?\n", "no ABC"),
        ("X:1\nK:C\nV:1\nCDEFGABc\nV:2\nCDEFGABc\n", "several voices"),
        ("X:1\nK:C\nC/0DEFGABc\n", "a length of"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_reason(text: str, fault: str) -> None:
    with pytest.raises(DataError, match=fault):
        read_tune(text)


def test_intervals_are_the_same_in_every_key() -> None:
    one = read_tune("X:1\nK:C\nCDEFGABc\n")
    other = read_tune("X:1\nK:D\nDEFGABcd\n")
    assert one.intervals == other.intervals == (2, 2, 1, 2, 2, 2, 1)


def test_keys_have_a_tonic() -> None:
    assert read_key("Bb").pitch_class == 10
    assert read_key("F#m").pitch_class == 6
    assert read_key("H").tonic == "B"
