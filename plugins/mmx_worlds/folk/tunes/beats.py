"""Beats of a tune, by its bar lines and its metre. All times are in whole notes."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from mmx_worlds.folk.tunes.notation import Tune

Kind = Literal["duple", "triple", "compound", "free"]
_CLOSE = 1e-6


@dataclass(frozen=True)
class Beats:
    """The grid of a tune.

    Attributes:
        kind: How bars are divided: by two or four, by three, or into beats of three; or not at all.
        bar: Length of a bar.
        beat: Length of a beat: a dotted note in compound time.
        downbeats: Where bars begin, ascending; the first may be before the tune (an upbeat), none where it is free.
        end: Where the tune ends.
    """

    kind: Kind
    bar: float
    beat: float
    downbeats: Sequence[float]
    end: float

    def weight(self, onset: float) -> float:
        """Return how strong a place in the bar is: 1 on its first beat, 0.6 in its middle, 0.4 on a beat, else 0."""
        place = bisect_right(self.downbeats, onset + _CLOSE) - 1
        if place < 0:
            return 0.0
        beats = (onset - self.downbeats[place]) / self.beat
        if abs(beats - round(beats)) > 1e-3:
            return 0.0
        if round(beats) == 0:
            return 1.0
        return 0.6 if abs(2 * beats * self.beat - self.bar) < 1e-3 else 0.4


def beats_of(tune: Tune) -> Beats:
    """Find the beats of a tune.

    Bars of full length begin on a downbeat; between and around them downbeats are a bar apart, so that an upbeat
    before the first bar line, or one bar in two pieces around a repeat, falls where a player would feel it.
    """
    end = max(tune.notes[-1].onset + tune.notes[-1].duration, *tune.bars[-1:], 0.0)
    if tune.metre is None or tune.metre[0] not in (2, 3, 4, 6, 9, 12):
        return Beats("free", 1.0, 1.0, (), end)
    count, unit = tune.metre
    bar = count / unit
    kind: Kind = "triple" if count == 3 else "duple" if count in (2, 4) else "compound"
    beat = 3 / unit if kind == "compound" else min(1 / unit, 0.25) if kind == "duple" else 1 / unit
    return Beats(kind, bar, beat, _downbeats(tune.bars, bar, end), end)


def _downbeats(bars: Sequence[float], bar: float, end: float) -> list[float]:
    lines = [0.0, *(line for line in bars if line > _CLOSE), end]
    sure = [line for line, after in pairwise(lines) if abs(after - line - bar) < _CLOSE]
    if not sure:
        sure = [lines[1] if lines[1] < end else 0.0]
    found: list[float] = []
    at = sure[0]
    while at > _CLOSE:
        at -= bar
    for line in sure:
        while at < line - _CLOSE:
            if line - at > 0.5 * bar:  # a shorter bar between two full ones has no downbeat of its own
                found.append(at)
            at += bar
        at = line
    while at < end - _CLOSE:
        found.append(at)
        at += bar
    return found
