"""Performance of a tune: metrical accents and accompaniment.

The accompaniment follows from the notation alone: beats from metre and bar lines (`tunes.beats`), chords
from the notes (`tunes.harmony`). It is independent of genre and region.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from mmx_worlds.folk.tunes.beats import Beats, beats_of
from mmx_worlds.folk.tunes.harmony import Chord, chords
from mmx_worlds.folk.tunes.notation import Tune

Backing = Literal["alone", "drone", "chords", "drum", "band"]
BACKINGS: Final[tuple[Backing, ...]] = ("alone", "drone", "chords", "drum", "band")
"""Who plays along: nobody; a drone on the tonic and its fifth; a guitar with bass notes and chords; a frame drum; the
last two together."""
_BASS, _CHORD, _DRONE = 36, 52, 43
"""Lowest MIDI pitch of each."""
_DRUM, _RIM = 45, 57
"""Pitches of a drum's middle and of its edge."""


@dataclass(frozen=True)
class Manner:
    """How a tune is played.

    Attributes:
        instrument: Name in `mmx_worlds.folk.synthesis.INSTRUMENTS`.
        build: Which individual of it.
        speed: Whole notes per second.
        shift: Semitones up, a multiple of 12: the key stays.
        start: Where in the tune to begin, in whole notes.
        gain: Peak of the result.
        noise: Level of the background relative to the peak.
        accent: By how many decibels a bar's first note is louder than one between the beats.
        backing: Who plays along.
        balance: Level of who plays along, relative to the tune.
    """

    instrument: str
    build: int
    speed: float
    shift: int
    start: float = 0.0
    gain: float = 0.7
    noise: float = 0.003
    accent: float = 0.0
    backing: Backing = "alone"
    balance: float = 0.6


class Stroke(NamedTuple):
    """A note as it is played: onset and duration in seconds, MIDI pitch, level (1 is the tune's unaccented note)."""

    onset: float
    duration: float
    pitch: int
    level: float


class Part(NamedTuple):
    """What one player plays: an instrument, which individual of it, and the strokes."""

    instrument: str
    build: int
    strokes: Sequence[Stroke]


class _Place(NamedTuple):
    """A stroke with its times in whole notes."""

    onset: float
    duration: float
    pitch: int
    level: float


def perform(tune: Tune, manner: Manner, seconds: float) -> list[Part]:
    """Return what everybody plays for so many seconds; a shorter tune goes round and round."""
    beats = beats_of(tune)
    melody = [
        _Place(note.onset, note.duration, note.pitch + manner.shift, _loud(manner.accent * beats.weight(note.onset)))
        for note in tune.notes
        if note.pitch is not None
    ]
    parts = [Part(manner.instrument, manner.build, _timed(melody, beats.end, manner, seconds))]
    for instrument, write in _PLAYERS[manner.backing].items():
        written = [place._replace(level=place.level * manner.balance) for place in write(tune, beats)]
        strokes = _timed(written, beats.end, manner, seconds)
        parts.append(Part(instrument, manner.build, strokes))
    return parts


def _loud(decibels: float) -> float:
    return float(10 ** (decibels / 20))


def _timed(places: Sequence[_Place], end: float, manner: Manner, seconds: float) -> list[Stroke]:
    """Place the notes of a tune in time, repeated until the time is filled."""
    strokes = []
    offset = -manner.start
    while offset / manner.speed < seconds:
        for place in places:
            onset = (offset + place.onset) / manner.speed
            if -1e-9 <= onset < seconds and place.onset < end:
                length = min(place.duration, end - place.onset)
                strokes.append(Stroke(onset, length / manner.speed, place.pitch, place.level))
        offset += end
    return strokes


def _drone(tune: Tune, beats: Beats) -> Iterator[_Place]:
    """Tonic and fifth, from the first to the last note, struck anew at every bar."""
    starts = [start for start in beats.downbeats if start >= 0] or [0.0]
    if starts[0] > 0:
        starts.insert(0, 0.0)
    low = _above(_DRONE, tune.key.pitch_class)
    for start, after in zip(starts, [*starts[1:], beats.end], strict=True):
        for pitch in (low, low + 7):
            yield _Place(start, after - start, pitch, 0.5)


def _strum(tune: Tune, beats: Beats) -> Iterator[_Place]:
    """Bass and chord in turn: boom-chuck, boom-chuck-chuck, or boom--chuck in each beat of compound time."""
    for start, chord in zip(beats.downbeats, chords(tune, beats), strict=True):
        for offset, length, bass, level in _pattern(beats):
            if start + offset < -1e-9:
                continue
            for pitch in _voices(chord, bass, offset >= beats.bar / 2 and beats.kind == "duple"):
                yield _Place(start + offset, length, pitch, level)


def _pattern(beats: Beats) -> Iterator[tuple[float, float, bool, float]]:
    """Yield onset in the bar, duration, whether it is a bass note, level."""
    count = round(beats.bar / beats.beat)
    for number in range(count):
        at = number * beats.beat
        if beats.kind == "compound":
            yield at, beats.beat * 2 / 3, True, 1.1 if number == 0 else 0.8
            yield at + beats.beat * 2 / 3, beats.beat / 3, False, 0.45
        else:
            bass = number == 0 or (beats.kind == "duple" and number % 2 == 0)
            yield at, beats.beat, bass, (1.1 if number == 0 else 0.9) if bass else 0.55


def _voices(chord: Chord, bass: bool, fifth: bool) -> Sequence[int]:
    if bass:
        return (_above(_BASS, (chord.root + (chord.fifth if fifth else 0)) % 12),)
    root = _above(_CHORD, chord.root)
    return (root, root + chord.third, root + chord.fifth)


def _beat(tune: Tune, beats: Beats) -> Iterator[_Place]:
    """A frame drum: its middle on the first beat of a bar, its edge on the others, lightly between them."""
    del tune
    between = 3 if beats.kind == "compound" else 2
    for start in beats.downbeats:
        for number in range(round(beats.bar / beats.beat) * between):
            offset = number * beats.beat / between
            if start + offset < -1e-9:
                continue
            weight = beats.weight(start + offset)
            level = 1.2 * weight if weight > 0 else 0.12
            yield _Place(start + offset, beats.beat / between, _DRUM if weight == 1 else _RIM, level)


def _above(lowest: int, pitch_class: int) -> int:
    """Return the lowest MIDI pitch of a class that is not below `lowest`."""
    return lowest + (pitch_class - lowest) % 12


_Writer = Callable[[Tune, Beats], Iterator[_Place]]
_PLAYERS: Final[Mapping[Backing, Mapping[str, _Writer]]] = {
    "alone": {},
    "drone": {"drones": _drone},
    "chords": {"guitar": _strum},
    "drum": {"drum": _beat},
    "band": {"guitar": _strum, "drum": _beat},
}
