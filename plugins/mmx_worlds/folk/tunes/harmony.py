"""Harmonisation: a chord for each bar of a tune, from its notes."""

from __future__ import annotations

from typing import NamedTuple

from mmx_worlds.folk.tunes.beats import Beats
from mmx_worlds.folk.tunes.notation import Tune, signature

_LIKED = {0: 0.3, 5: 0.15, 7: 0.15}
"""Semitones of the root above the tonic -> what a chord gains by being one of the three that players think of first,
as a share of the bar."""


_NATURAL = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_STEPS = ((2, 1), (4, 3), (5, 6), (7, 6), (9, 8), (11, 10))
"""The two forms of each step above the tonic, in semitones."""


class Chord(NamedTuple):
    """A triad: pitch class of its root, semitones of third and fifth above it."""

    root: int
    third: int
    fifth: int


def triads(tune: Tune) -> list[Chord]:
    """Return the triads on the steps of the tune's scale, the tonic's first; diminished ones are left out.

    Where a tune has a step in two forms, the one that sounds longer counts; without a step the signature decides.
    """
    weight = [0.0] * 12
    for note in tune.notes:
        if note.pitch is not None:
            weight[note.pitch % 12] += note.duration
    tonic = tune.key.pitch_class
    scale = {(natural + signature(tune.key.fifths, letter)) % 12 for letter, natural in _NATURAL.items()}
    steps = [tonic, *(_form(tonic, pair, weight, scale) for pair in _STEPS)]
    found = []
    for place, root in enumerate(steps):
        third, fifth = ((steps[(place + jump) % 7] - root) % 12 for jump in (2, 4))
        if fifth == 7 and third in (3, 4):
            found.append(Chord(root, third, fifth))
    return found or [Chord(tonic, 4, 7)]


def _form(tonic: int, pair: tuple[int, int], weight: list[float], scale: set[int]) -> int:
    first, second = ((tonic + step) % 12 for step in pair)
    if weight[first] == weight[second]:
        return first if first in scale else second
    return first if weight[first] > weight[second] else second


def chords(tune: Tune, beats: Beats) -> list[Chord]:
    """Return the chord of each bar of `beats.downbeats`: the triad that most of the bar's notes belong to.

    Notes on strong beats count more; the last bar has the chord of the tonic.
    """
    known = triads(tune)
    found: list[Chord] = []
    notes = [(note.onset, note.duration, note.pitch) for note in tune.notes if note.pitch is not None]
    place = 0
    for start in beats.downbeats:
        score = {chord: _LIKED.get((chord.root - tune.key.pitch_class) % 12, 0.0) * beats.bar for chord in known}
        while place < len(notes) and notes[place][0] < start - 1e-6:
            place += 1
        for onset, duration, pitch in notes[place:]:
            if onset >= start + beats.bar - 1e-6:
                break
            for chord in known:
                if (pitch - chord.root) % 12 in (0, chord.third, chord.fifth):
                    score[chord] += duration * (1 + beats.weight(onset))
        found.append(max(known, key=lambda chord: score[chord]))
    if found:
        found[-1] = known[0]
    return found
