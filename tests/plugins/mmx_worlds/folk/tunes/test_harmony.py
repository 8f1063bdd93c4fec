"""Chords that a musician would write under the tune."""

from __future__ import annotations

import pytest

from mmx_worlds.folk.tunes.beats import beats_of
from mmx_worlds.folk.tunes.harmony import Chord, chords, triads
from mmx_worlds.folk.tunes.notation import Tune, read_tune


def tune(key: str, body: str) -> Tune:
    return read_tune(f"X:1\nT:A tune\nM:4/4\nL:1/4\nK:{key}\n{body}\n")


def test_the_triads_of_a_major_scale() -> None:
    found = triads(tune("C", "CDEF|GABc|"))
    minor, major = (3, 7), (4, 7)
    expected = [(0, *major), (2, *minor), (4, *minor), (5, *major), (7, *major), (9, *minor)]
    assert found == [Chord(*chord) for chord in expected]


@pytest.mark.parametrize(
    ("key", "body", "third"),
    [
        ("Am", "ABcd|efga|", 3),
        ("A", "ABcd|efga|", 4),
        ("C", "C_EGc|_ec_eg|", 3),  # the notes know better than the signature
        ("Ddor", "DEFG|ABcd|", 3),
        ("G", "GAdG|AdGA|", 4),  # no third is heard: the signature decides
    ],
)
def test_the_tonic_chord_has_the_third_that_sounds(key: str, body: str, third: int) -> None:
    assert triads(tune(key, body))[0].third == third


def test_dorian_has_a_major_chord_on_its_fourth_step() -> None:
    assert Chord(7, 4, 7) in triads(tune("Ddor", "DEFG|ABcd|"))
    assert Chord(7, 3, 7) in triads(tune("Dm", "DEFG|A_Bcd|"))


def test_chords_follow_the_notes_and_end_at_home() -> None:
    piece = tune("C", "CEGE|FAcA|GBdB|DFAd|cGEC|")
    assert [chord.root for chord in chords(piece, beats_of(piece))] == [0, 5, 7, 2, 0]


def test_a_transposed_tune_has_transposed_chords() -> None:
    low, high = tune("C", "CEGE|FAcA|GBdB|c4|"), tune("D", "DFAF|GBdB|Aced|d4|".replace("ced", "cec"))
    roots = [[chord.root for chord in chords(piece, beats_of(piece))] for piece in (low, high)]
    assert [(root + 2) % 12 for root in roots[0]] == roots[1]


def test_free_tunes_have_no_chords() -> None:
    piece = read_tune("X:1\nT:A tune\nM:none\nL:1/4\nK:C\nCDEF GABc\n")
    assert chords(piece, beats_of(piece)) == []
