"""Timeline of a tune: repeats written out, notes and bar lines put on the time axis. All times are in whole notes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, NamedTuple

from mmx import DataError

LONGEST: Final = 4000
"""Notes and bar lines after repeats: more is a broken file."""


class Note(NamedTuple):
    """A note or rest: onset and duration in whole notes, MIDI pitch (60 is middle C) or None for a rest."""

    onset: float
    duration: float
    pitch: int | None


@dataclass
class Event:
    """Something in the line of music: a note or rest, or a mark (`bar`, `open`, `close`, `ending`)."""

    kind: str
    duration: Fraction = Fraction(0)
    pitch: int | None = None
    tied: bool = False
    passes: frozenset[int] = frozenset()


def unfold(events: Sequence[Event]) -> list[Event]:
    """Write repeats out: each section between repeat signs twice, with its first and second endings.

    Returns:
        Notes, rests and bar lines.
    """
    result: list[Event] = []
    start, second, place = 0, False, 0
    while place < len(events):
        event = events[place]
        if event.kind == "open":
            start, second = place + 1, False
        elif event.kind == "ending" and second and 2 not in event.passes:
            place = next((i for i in range(place, len(events)) if events[i].kind == "close"), len(events))
            start, second = place + 1, False
        elif event.kind == "close":
            second = not second
            if second:
                place = start
                continue
            start = place + 1
        elif event.kind in ("note", "bar"):
            result.append(event)
        place += 1
        if len(result) > LONGEST:
            raise DataError(f"more than {LONGEST} notes and bar lines")
    return result


def place(events: Sequence[Event]) -> tuple[list[Note], list[float]]:
    """Put notes one after another on the time axis, tied ones of one pitch joined, rests left out.

    Returns:
        The notes, and the times of the bar lines, ascending.
    """
    notes: list[Note] = []
    bars: list[float] = []
    now, joined = Fraction(0), False
    for event in events:
        if event.kind == "bar":
            if not bars or float(now) > bars[-1]:
                bars.append(float(now))
            continue
        if joined and notes and notes[-1].pitch == event.pitch:
            last = notes[-1]
            notes[-1] = Note(last.onset, last.duration + float(event.duration), last.pitch)
        elif event.pitch is not None and event.duration > 0:
            notes.append(Note(float(now), float(event.duration), event.pitch))
        joined = event.tied
        now += event.duration
    return notes, bars
