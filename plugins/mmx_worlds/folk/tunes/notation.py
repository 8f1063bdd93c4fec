"""ABC notation to notes: a reader of what folk-tune collections use of it (abcnotation.com, standard 2.1).

Read: header fields, keys with modes, metres, unit lengths, tempi, accidentals by key and within the bar, octaves,
lengths, broken rhythm, ties, tuplets, rests, repeats with endings, changes of key, metre and unit length on the way.
Passed over: chord symbols, grace notes, decorations, slurs, words. Of a chord the highest note sounds; of several
voices there is no melody to take, so such tunes are refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from typing import Final, NamedTuple

from mmx import DataError
from mmx_worlds.folk.tunes.repeats import LONGEST, Event, Note, place, unfold

SHORTEST: Final = 8
"""A tune of fewer notes is a fragment."""
MODES: Final = {"maj": 0, "ion": 0, "mix": -1, "dor": -2, "m": -3, "min": -3, "aeo": -3, "phr": -4, "loc": -5, "lyd": 1}
"""Mode -> steps along the circle of fifths from the major key of the same tonic."""
_FIFTHS: Final = {"F": -1, "C": 0, "G": 1, "D": 2, "A": 3, "E": 4, "B": 5}
_SEMITONES: Final = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_GERMAN: Final = {"H": "B", "Es": "Eb", "As": "Ab"}
_TUPLETS: Final = {2: 3, 3: 2, 4: 3, 6: 2, 8: 3}
"""(p: p notes in the time of so many; 5, 7 and 9 depend on the metre."""

_KEY: Final = re.compile(r"([A-H](?:[#b]|s\b)?)\s*([A-Za-z]*)")
_TOKEN: Final = re.compile(
    r"""(?P<skip>"[^"]*"|\{[^}]*\}|![^!\s|]*!|[\s`\\.~*$)!yYh-wH-W]|(?<!\d)\+[a-zA-Z()<>.]+\+)
    |(?P<inline>\[[A-Za-z]:[^\]]*\])
    |(?P<bar>[|:\[]*[|:][|:\]]*(?:\[?(?P<ending>\d(?:[,-]\d)*))?|\[(?P<ending2>\d(?:[,-]\d)*))
    |(?P<tuplet>\(\d(?::\d?(?::\d?)?)?)
    |(?P<slur>[(\]])
    |(?P<chord>\[(?P<inner>[^\]|:]+)\](?P<chordlength>\d*/*\d*))
    |(?P<note>(?P<accidental>\^{1,2}|_{1,2}|=)?(?P<name>[A-Ga-gzxZ])(?P<octave>[,']*)(?P<length>\d*/*\d*))
    |(?P<broken>[<>]+)
    |(?P<tie>-)""",
    re.VERBOSE,
)
_PITCH: Final = re.compile(r"(\^{1,2}|_{1,2}|=)?([A-Ga-g])([,']*)(\d*/*\d*)")


class Key(NamedTuple):
    """A tonic ("Bb"), a mode as ABC abbreviates it ("" is major) and the sharps (+) or flats (-) of the signature."""

    tonic: str
    mode: str
    fifths: int

    @property
    def pitch_class(self) -> int:
        """Semitones of the tonic above C."""
        return (_SEMITONES[self.tonic[0]] + self.tonic.count("#") - self.tonic[1:].count("b")) % 12


@dataclass(frozen=True)
class Tune:
    """One tune.

    Attributes:
        fields: Header fields by letter, each with all its lines.
        key: Of the beginning.
        metre: Beats and beat length, or None where it is free.
        tempo: Quarter notes per minute, where the tune states it.
        notes: In order, repeats written out, tied notes joined; rests are left out, their time is not.
        bars: Times of the bar lines in whole notes, ascending; each repeat's own.
    """

    fields: dict[str, list[str]]
    key: Key
    metre: tuple[int, int] | None
    tempo: float | None
    notes: Sequence[Note]
    bars: Sequence[float] = ()

    def first(self, letter: str) -> str:
        """Return the first line of a header field, "" where there is none."""
        return next(iter(self.fields.get(letter, ())), "")

    @property
    def intervals(self) -> tuple[int, ...]:
        """Semitones from each note to the next: the tune in any key."""
        pitches = [note.pitch for note in self.notes if note.pitch is not None]
        return tuple(after - before for before, after in pairwise(pitches))


def split_tunes(text: str) -> Iterator[str]:
    """Yield the tunes of a file: what stands from each line `X:` to the next."""
    starts = [match.start() for match in re.finditer(r"^X:", text, re.MULTILINE)]
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        yield text[start:end]


def read_header(text: str) -> dict[str, list[str]]:
    """Return the fields up to and including `K:`, by letter."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if re.match(r"[A-Za-z]:", line):
            found.setdefault(line[0], []).append(line[2:].partition("%")[0].strip().rstrip("]").strip())
            if line[0] == "K":
                break
    return found


def read_key(text: str) -> Key:
    """Read what follows `K:`.

    Raises:
        DataError: No key can be made out.
    """
    if text.strip() in ("HP", "Hp"):  # Highland bagpipe: A mixolydian
        return Key("A", "mix", 2)
    match = _KEY.match(text.strip())
    if match is None:
        raise DataError(f"no key in {text!r}")
    tonic = _GERMAN.get(match[1], match[1])
    if tonic[0] not in _SEMITONES:
        raise DataError(f"no key in {text!r}")
    name = match[2].lower()
    mode = next((short for short in (name[:3], name) if short in MODES), "")
    accidentals = tonic.count("#") - tonic[1:].count("b")
    return Key(tonic, "" if MODES.get(mode, 0) == 0 else mode, _FIFTHS[tonic[0]] + 7 * accidentals + MODES.get(mode, 0))


def read_metre(text: str) -> tuple[int, int] | None:
    """Read what follows `M:`; None where it is free or cannot be made out."""
    text = text.strip()
    if text.startswith("C|"):
        return (2, 2)
    if text.startswith("C"):
        return (4, 4)
    match = re.search(r"(\d+)\s*/\s*(\d+)", text)
    if match is None or int(match[1]) * int(match[2]) == 0:
        return None
    return int(match[1]), int(match[2])


def read_tempo(text: str, unit: Fraction) -> float | None:
    """Return quarter notes per minute from what follows `Q:`: `1/4=120`, `3/8=100`, or a bare number of units."""
    if match := re.search(r"(\d+)/(\d+)\s*=\s*(\d+)", text):
        beat, count = Fraction(int(match[1]), max(1, int(match[2]))), int(match[3])
    elif match := re.search(r"\d+", text):
        beat, count = unit, int(match[0])
    else:
        return None
    return float(4 * beat * count) or None


def read_tune(text: str) -> Tune:
    """Read one tune.

    Raises:
        DataError: No key, several voices, signs that are no ABC, or too few or too many notes.
    """
    fields = read_header(text)
    if "K" not in fields:
        raise DataError("no key (K:)")
    if len({line.split()[0] for line in re.findall(r"^\[?V:\s*(\S.*)", text, re.MULTILINE)}) > 1:
        raise DataError("several voices")
    metre = read_metre(fields.get("M", [""])[0])
    unit = _unit(fields.get("L", [""])[0], metre)
    key = read_key(fields["K"][0])
    body = re.split(r"^K:.*$", text, maxsplit=1, flags=re.MULTILINE)[1]
    events = unfold(_Reader(key, metre, unit).read(body))
    notes, bars = place(events)
    if not SHORTEST <= len(notes) <= LONGEST:
        raise DataError(f"{len(notes)} notes")
    tempo = read_tempo(fields["Q"][0], unit) if "Q" in fields else None
    return Tune(fields, key, metre, tempo, notes, bars)


def _unit(text: str, metre: tuple[int, int] | None) -> Fraction:
    match = re.search(r"(\d+)\s*/\s*(\d+)", text)
    if match is not None and int(match[1]) * int(match[2]):
        return Fraction(int(match[1]), int(match[2]))
    return Fraction(1, 16) if metre is not None and metre[0] / metre[1] < 0.75 else Fraction(1, 8)


def read_length(text: str) -> Fraction:
    """Return a length relative to the unit: `` 1, `3` 3, `/` 1/2, `//` 1/4, `3/2` 3/2."""
    number, slashes, divisor = re.fullmatch(r"(\d*)(/*)(\d*)", text).groups()  # type: ignore[union-attr]
    top = int(number) if number else 1
    if not slashes:
        return Fraction(top)
    bottom = int(divisor) if divisor else 2 ** len(slashes)
    if bottom == 0:
        raise DataError(f"a length of {text!r}")
    return Fraction(top, bottom)


@dataclass
class _Reader:
    """The state of reading a body: key, metre, unit, accidentals of the bar, tuplet and broken rhythm under way."""

    key: Key
    metre: tuple[int, int] | None
    unit: Fraction
    bar: dict[tuple[str, int], int] = field(default_factory=dict)
    tuplet: tuple[int, Fraction] = (0, Fraction(1))
    broken: Fraction | None = None
    events: list[Event] = field(default_factory=list)

    def read(self, body: str) -> list[Event]:
        for line in body.splitlines():
            line = line.partition("%")[0]
            if re.match(r"[A-Za-z]:", line) and not line.startswith("|"):
                self._field(line[0], line[2:])
            else:
                self._line(line)
        return self.events

    def _field(self, letter: str, value: str) -> None:
        if letter == "K" and value.strip():
            self.key = read_key(value)
        elif letter == "M":
            self.metre = read_metre(value)
        elif letter == "L":
            self.unit = _unit(value, self.metre)

    def _line(self, line: str) -> None:
        place = 0
        while place < len(line):
            token = _TOKEN.match(line, place)
            if token is None or token.end() == place:
                raise DataError(f"no ABC: {line[place : place + 12]!r}")
            place = token.end()
            self._token(token)

    def _token(self, token: re.Match[str]) -> None:
        kind = token.lastgroup
        if token["note"] is not None:
            self._note(token)
        elif token["bar"] is not None:
            self._bar(token["bar"], token["ending"] or token["ending2"])
        elif token["inline"] is not None:
            self._field(token["inline"][1], token["inline"][3:-1])
        elif token["chord"] is not None:
            self._chord(token["inner"], token["chordlength"])
        elif kind == "tuplet":
            self._begin_tuplet(token["tuplet"])
        elif kind == "broken":
            self._break(token["broken"])
        elif kind == "tie" and self.events:
            self.events[-1].tied = True

    def _bar(self, sign: str, ending: str | None) -> None:
        self.bar = {}
        if self.events and self.events[-1].kind != "bar":
            self.events.append(Event("bar"))
        bare = re.sub(r"[\d,-]", "", sign)
        if bare.count(":") >= 2 and "|" not in bare.strip(":"):
            closes, opens = True, True
        else:
            closes, opens = bare.startswith(":"), bare.rstrip("[").endswith(":") and bare != ":"
        if closes:
            self.events.append(Event("close"))
        if opens:
            self.events.append(Event("open"))
        if ending is not None:
            numbers = [int(number) for number in re.findall(r"\d", ending)]
            every = range(numbers[0], numbers[-1] + 1) if "-" in ending else numbers
            self.events.append(Event("ending", passes=frozenset(every)))

    def _begin_tuplet(self, sign: str) -> None:
        parts = [int(part) if part else 0 for part in sign[1:].split(":")]
        notes = parts[0]
        compound = self.metre is not None and self.metre[0] % 3 == 0 and self.metre[0] > 3
        usual = _TUPLETS.get(notes, 3 if compound else 2)
        time = parts[1] if len(parts) > 1 and parts[1] else usual
        count = parts[2] if len(parts) > 2 and parts[2] else notes
        if notes == 0:
            raise DataError("a tuplet of no notes")
        self.tuplet = (count, Fraction(time, notes))

    def _break(self, sign: str) -> None:
        if not self.events or self.events[-1].kind != "note":
            return
        small = Fraction(1, 2 ** len(sign))
        first, second = (2 - small, small) if sign[0] == ">" else (small, 2 - small)
        self.events[-1].duration *= first
        self.broken = second

    def _duration(self, text: str) -> Fraction:
        duration = read_length(text) * self.unit
        left, factor = self.tuplet
        if left:
            duration *= factor
            self.tuplet = (left - 1, factor)
        if self.broken is not None:
            duration *= self.broken
            self.broken = None
        return duration

    def _note(self, token: re.Match[str]) -> None:
        name = token["name"]
        if name in "zxZ":
            whole = Fraction(*self.metre) if self.metre else Fraction(1)
            duration = read_length(token["length"]) * whole if name == "Z" else self._duration(token["length"])
            self.events.append(Event("note", duration))
            return
        pitch = self._pitch(token["accidental"], name, token["octave"])
        self.events.append(Event("note", self._duration(token["length"]), pitch))

    def _chord(self, inner: str, length: str) -> None:
        found = list(_PITCH.finditer(inner))
        if not found:
            return
        pitches = [self._pitch(match[1], match[2], match[3]) for match in found]
        own = read_length(found[0][4])
        self.events.append(Event("note", self._duration(length) * own, max(pitches)))

    def _pitch(self, accidental: str | None, name: str, octaves: str) -> int:
        letter = name.upper()
        octave = (5 if name.islower() else 4) + octaves.count("'") - octaves.count(",")
        if accidental is not None:
            self.bar[letter, octave] = accidental.count("^") - accidental.count("_")
        shift = self.bar.get((letter, octave), signature(self.key.fifths, letter))
        return 12 * (octave + 1) + _SEMITONES[letter] + shift


def signature(fifths: int, letter: str) -> int:
    """Return how much a key signature of `fifths` sharps (or flats, negative) raises a letter."""
    return (fifths - _FIFTHS[letter] - 2 + 7) // 7 if fifths > 0 else -((-fifths - (5 - _FIFTHS[letter]) + 6) // 7)
