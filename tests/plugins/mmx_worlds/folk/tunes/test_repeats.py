"""Repeats, endings, ties and bar lines on the time axis."""

from __future__ import annotations

from fractions import Fraction

import pytest

from mmx.errors import DataError
from mmx_worlds.folk.tunes.repeats import LONGEST, Event, place, unfold


def events(signs: str) -> list[Event]:
    """Letters are notes of a quarter, `|` a bar line, `<` and `>` repeat signs, digits endings."""
    kinds = {"|": "bar", "<": "open", ">": "close"}
    return [
        Event("ending", passes=frozenset({int(sign)}))
        if sign.isdigit()
        else Event(kinds[sign])
        if sign in kinds
        else Event("note", Fraction(1, 4), ord(sign))
        for sign in signs
    ]


@pytest.mark.parametrize(
    ("signs", "played"),
    [
        ("ab|cd", "ab|cd"),
        ("ab|>cd", "ab|ab|cd"),
        ("a<bc>d", "abcbcd"),
        ("<a|1b|>2c|d", "a|b|a|c|d"),
        ("<a>b>", "aabb"),
    ],
)
def test_repeats_are_written_out(signs: str, played: str) -> None:
    found = unfold(events(signs))
    assert "".join("|" if event.kind == "bar" else chr(event.pitch or 0) for event in found) == played


def test_endless_repeats_are_refused() -> None:
    with pytest.raises(DataError, match=f"more than {LONGEST}"):
        unfold(events("abcd" * (LONGEST // 4 + 1)))


def test_notes_and_bar_lines_get_times() -> None:
    notes, bars = place(events("ab|c||d"))
    assert [(note.onset, note.pitch) for note in notes] == [(i / 4, ord(sign)) for i, sign in enumerate("abcd")]
    assert bars == [0.5, 0.75]  # two lines at one place are one


def test_ties_join_across_a_bar_line_and_rests_take_time() -> None:
    tied = [Event("note", Fraction(1, 4), 60, tied=True), Event("bar"), Event("note", Fraction(1, 8), 60)]
    rest = [Event("note", Fraction(1, 2)), Event("note", Fraction(1, 4), 60)]
    notes, bars = place([*tied, *rest])
    assert [(note.onset, note.duration) for note in notes] == [(0.0, 0.375), (0.875, 0.25)]
    assert bars == [0.25]
