"""Reading of subtitles with their times: SubRip (.srt) and WebVTT (.vtt) files, tolerant of the usual faults."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from mmx.errors import DataError
from mmx.media.rolling_captions import Caption, merged
from mmx.media.size_limits import check_window, existing
from mmx.types import Cue

SUFFIXES: Final = (".srt", ".vtt")
MAX_BYTES: Final = 16 << 20
"""Largest file that is read; a subtitle file of a day has about two megabytes."""
MAX_CUES: Final = 50_000
"""Most subtitles of one file."""
MAX_TEXT: Final = 2_000
"""Characters of one subtitle; what is longer is cut, and reported as a fault."""
MAX_SECONDS: Final = 360_000.0
"""Latest time: 100 hours."""
SHOWN: Final = 3
"""Lines that a fault names."""

_TIME = r"(?:(\d{1,3}):)?(\d{1,3}):(\d{1,2})(?:[.,](\d{1,6}))?"
_ARROW = "-->"
_TIMELIKE = re.compile(r"\d\s*-->|-->\s*\d")
"""A line that holds times, perhaps unreadable ones; another arrow is text."""
_WRONG_ARROW = r"(?:->|[\u2012-\u2015\u2212]{1,2}>|[\u2192\u21e8\u27f6])"
"""What editors make of the arrow: too short, dashes of another kind, a character of its own."""
_MISTYPED = re.compile(rf"\s*{_TIME}\s*{_WRONG_ARROW}\s*{_TIME}\s*")
"""A line of times with another arrow; one within words is text."""
_HIDDEN = re.compile(r"(NOTE|STYLE|REGION)(\s|$)")
_TIMES = re.compile(rf"\s*{_TIME}\s*-->\s*{_TIME}(?:\s.*)?")
_TAG = re.compile(r"</?(?:[A-Za-z][^<>]*|[\d:.]*)>|\{\\[^{}]*\}")
_BREAK = re.compile(r"<[Bb][Rr]\s*/?>|\\[Nnh]")
"""A line's end within a line, as other formats write it; it parts words."""
_BOMS: Final = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_LOOK: Final = 1 << 16
"""Bytes at the beginning of a file that show whether it is one of subtitles."""


@dataclass(frozen=True, slots=True)
class Subtitles:
    """What was read.

    Attributes:
        cues: Usable subtitles in order of their start.
        faults: What is wrong with the others or with their order, one line each; none of it stops a run.
        notes: What was done with rolling captions, and which overlap, one line each: such files are in order.
    """

    cues: tuple[Cue, ...]
    faults: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def read_cues(path: Path | str, *, start: float = 0.0, seconds: float | None = None) -> tuple[Cue, ...]:
    """Read the subtitles of a part of a video, with times from the beginning of that part.

    Args:
        path: A `.srt` or `.vtt` file.
        start: Where the part begins, in seconds of the video.
        seconds: How long it is; None means to the end.

    Raises:
        DataError: Missing, empty or too large file, or one that holds no subtitles' times at all.
    """
    return cut_cues(read_subtitles(path).cues, start=start, seconds=seconds, name=path)


def read_subtitles(path: Path | str) -> Subtitles:
    """Read a whole file and report its faults.

    Encodings are recognised by their byte order mark, else by what decodes: UTF-8, UTF-16, at last Windows-1252 (which
    holds Latin-1), and that is reported as a fault.

    Raises:
        DataError: Missing, empty or too large file, or one that holds no subtitles' times at all.
    """
    path = existing(path)
    try:
        content = _checked_size(path).read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    text, guessed = _decoded(path, content)
    found = parse(text, name=path)
    return replace(found, faults=(f"is not Unicode; read as {guessed}", *found.faults)) if guessed else found


def check_subtitles(path: Path | str) -> None:
    """Look at the beginning of a file.

    Raises:
        DataError: It cannot be one of subtitles.
    """
    path = existing(path)
    try:
        with _checked_size(path).open("rb") as handle:
            content = handle.read(_LOOK)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    if len(content) == _LOOK:  # a character may be cut in the middle
        content = content[: content.rfind(b"\n") + 1] or content
    text, _ = _decoded(path, content)
    if _ARROW not in text and not text.lstrip().startswith("WEBVTT") and not any(_mistyped(text.splitlines())):
        raise _none(path)


def parse(text: str, *, name: Path | str = "subtitles") -> Subtitles:
    """Return the subtitles in the text of a `.srt` or `.vtt` file.

    Styling is taken out: tags, cue settings, entities become characters; lines are joined by spaces. All words before
    the next line of times belong to a subtitle, also after an empty line; rolling captions are merged.

    Args:
        text: Content of the file.
        name: What errors call it.

    Raises:
        DataError: No line of times in it (an empty WebVTT file may have none), or too many subtitles.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    mistyped = [number + 1 for number, wrong in enumerate(_mistyped(lines)) if wrong]
    for number in mistyped:
        lines[number - 1] = re.sub(_WRONG_ARROW, _ARROW, lines[number - 1])
    places = [number for number, line in enumerate(lines) if _TIMELIKE.search(line)]
    comments = text.lstrip("\ufeff \t\n").startswith("WEBVTT")
    if not places and not comments:
        raise _none(name)
    if len(places) > MAX_CUES:
        raise DataError(f"{name}: {len(places):,} subtitles; at most {MAX_CUES:,} are read: cut the video into pieces")
    rows: list[tuple[int, float, float, str]] = []
    odd: list[int] = []
    named = _are_named(lines, places)
    for number, following in pairwise([*places, len(lines)]):
        times = _times(lines[number])
        if times is None:
            odd.append(number + 1)
            continue
        rows.append((number + 1, *times, "\n".join(_block(lines, number + 1, following, named, comments))))
    faults = [f"times cannot be read in {_where(odd)}: left out"] if odd else []
    if mistyped:
        faults.append(f"another arrow than {_ARROW} between the times: read ({_where(mistyped)})")
    if early := _early(lines, places[0] if places else 0, comments):
        faults.append(f"words before the first times: left out ({_where(early)})")
    return _checked(rows, faults, "line")


def cues_from_rows(values: Any) -> Subtitles:
    """Return the subtitles in a list of `{"start": seconds, "end": seconds, "text": words}`.

    Raises:
        DataError: Not such a list, or too long.
    """
    if not isinstance(values, Sequence) or isinstance(values, str | bytes):
        raise DataError(f"{values!r:.60} is no list of {{start, end, text}}")
    if len(values) > MAX_CUES:
        raise DataError(f"{len(values):,} subtitles; at most {MAX_CUES:,} are read")
    rows = []
    for number, value in enumerate(values, 1):
        if not isinstance(value, Mapping) or not {"start", "end", "text"} <= set(value):
            raise DataError(f"subtitle {number}: {value!r:.60} is not {{start, end, text}}")
        start, end, words = value["start"], value["end"], value["text"]
        numbers = all(isinstance(each, int | float) and not isinstance(each, bool) for each in (start, end))
        if not numbers or not isinstance(words, str):
            raise DataError(f"subtitle {number}: start and end must be seconds, text a text, not {value!r:.60}")
        try:
            rows.append((number, float(start), float(end), words))
        except OverflowError:
            raise DataError(f"subtitle {number}: start and end must be seconds, not {value!r:.60}") from None
    return _checked(rows, [], "subtitle")


def cut_cues(
    cues: Iterable[Cue], *, start: float = 0.0, seconds: float | None = None, name: Path | str = "subtitles"
) -> tuple[Cue, ...]:
    """Return the cues that are shown in a part of a video, cut at its edges, with times from its beginning.

    Raises:
        DataError: The part has a negative start or no length.
    """
    check_window(Path(str(name)), start, seconds)
    end = math.inf if seconds is None else start + seconds
    return tuple(
        Cue(max(0.0, cue.start - start), min(cue.end, end) - start, cue.text)
        for cue in cues
        if cue.end > start and cue.start < end
    )


def cues_beyond(cues: Sequence[Cue], seconds: float) -> str:
    """Return what is wrong with cues of a video that is `seconds` long; empty if nothing is."""
    late = [cue for cue in cues if cue.start >= seconds]
    if late:
        count = f"{len(late)} of {len(cues)} subtitles"
        return f"{count} begin after the video's end at {seconds:.1f} s (the first at {late[0].start:.1f} s)"
    return ""


def subtitles_beside(path: Path) -> Path | None:
    """Return the subtitle file that goes with a video: the same name, or that with a language (`video.en.srt`)."""
    for suffix in SUFFIXES:
        if (same := path.with_suffix(suffix)).is_file():
            return same
    stem = f"{path.stem}."
    if not path.parent.is_dir():
        return None
    found = (each for each in path.parent.iterdir() if each.name.startswith(stem) and each.suffix.lower() in SUFFIXES)
    return min((each for each in found if each.is_file()), default=None)


def _checked(rows: Sequence[tuple[int, float, float, str]], faults: list[str], unit: str) -> Subtitles:
    """Return rows (place, start, end, raw text) as cues in order, with their faults."""
    captions: list[Caption] = []
    backward, long, unordered, overlapping = [], [], [], []
    latest = until = 0.0
    for place, start, end, raw in rows:
        if not (0 <= start < end <= MAX_SECONDS):  # also refuses what is not a number
            backward.append(place)
            continue
        if start < latest:
            unordered.append(place)
        elif start < until:
            overlapping.append(place)
        latest, until = max(latest, start), max(until, end)
        lines = tuple(line for each in raw.split("\n") if (line := _plain(each)))
        if lines:
            captions.append(Caption(place, start, end, lines))
    captions, repeating = merged(captions)
    cues: list[Cue] = []
    for caption in captions:
        words = " ".join(caption.lines)
        if len(words) > MAX_TEXT:
            long.append(caption.place)
        cues.append(Cue(caption.start, caption.end, words[:MAX_TEXT]))
    for places, what in (
        (backward, "end is not after start: left out"),
        (unordered, "out of order: sorted by start"),
        (long, f"longer than {MAX_TEXT} characters: cut"),
    ):
        if places:
            faults.append(f"{what} ({_where(places, unit)})")
    notes = [
        f"{what} ({_where(places, unit)})"
        for places, what in (
            (overlapping, "begins before an earlier one ends"),
            (repeating, "repeats lines shown before: merged"),
        )
        if places
    ]
    return Subtitles(tuple(sorted(cues, key=lambda cue: (cue.start, cue.end))), tuple(faults), tuple(notes))


def _are_named(lines: Sequence[str], places: Sequence[int]) -> bool:
    """Return whether most subtitles have a name or number: a line above their times, below an empty one."""
    above = (number for number in places if number >= 2 and lines[number - 1].strip() and not lines[number - 2].strip())
    return 2 * sum(1 for _ in above) > len(places)


def _block(lines: Sequence[str], first: int, following: int, named: bool, comments: bool) -> list[str]:
    """Return the lines of text after a line of times: up to the next one, or what names the next one.

    Args:
        lines: Those of the file.
        first: The one after the times.
        following: That of the next times, or the end.
        named: Whether subtitles have names.
        comments: Whether there may be blocks that are no text (in WebVTT).
    """
    found = list(lines[first:following])
    if following < len(lines) and found and (name := found[-1].strip()):
        below_empty = len(found) > 1 and not found[-2].strip()
        if name.isdigit() or (named and below_empty):
            found.pop()
    return [found[number] for number in _shown(found, comments)]


def _shown(lines: Sequence[str], comments: bool) -> list[int]:
    """Return the places of lines with words outside of blocks that WebVTT does not show: notes, styles, regions."""
    found = []
    hidden, empty = False, False
    for number, line in enumerate(lines):
        words = line.strip("\ufeff \t")
        hidden = bool(words) and (hidden or (comments and empty and _HIDDEN.match(line) is not None))
        if words and not hidden:
            found.append(number)
        empty = not words
    return found


def _early(lines: Sequence[str], first: int, comments: bool) -> list[int]:
    """Return the numbers of lines with words before the first times, at line `first`, that are no heading or name."""
    last = first - 1 if first and lines[first - 1].strip() else first
    found = _shown(lines[:last], comments)
    if comments:  # the heading is the first block
        heading = next((place for place, number in enumerate(found) if number - found[0] > place), len(found))
        found = found[heading:]
    return [number + 1 for number in found]


def _mistyped(lines: Iterable[str]) -> Iterator[bool]:
    """Yield for each line whether it holds times with another arrow."""
    return (_MISTYPED.fullmatch(line) is not None for line in lines)


def _times(line: str) -> tuple[float, float] | None:
    match = _TIMES.fullmatch(line)
    if match is None:
        return None
    start, end = match.groups()[:4], match.groups()[4:]
    if any(int(each[2]) > 59 or (each[0] is not None and int(each[1]) > 59) for each in (start, end)):
        return None
    return _seconds(*start), _seconds(*end)


def _seconds(hours: str | None, minutes: str, seconds: str, fraction: str | None) -> float:
    whole = int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds)
    return whole + (float(f"0.{fraction}") if fraction else 0.0)


def _plain(text: str) -> str:
    words = html.unescape(_TAG.sub("", _BREAK.sub(" ", text)))
    return " ".join("".join(each if each.isprintable() else " " for each in words).split())


def _checked_size(path: Path) -> Path:
    if path.stat().st_size > MAX_BYTES:
        raise DataError(f"{path}: more than {MAX_BYTES >> 20} MB; that is no file of subtitles")
    return path


def _decoded(path: Path, content: bytes) -> tuple[str, str]:
    """Return the text, and the encoding where it had to be guessed."""
    encodings = [name for mark, name in _BOMS if content.startswith(mark)][:1]
    if not encodings:
        # Without a mark: text of 8 bits has no NUL; of 16, the arrow's and the digits' halves are NUL.
        zeros = content[:_LOOK].count(0)
        encodings = ["utf-8"] if not zeros else ["utf-16-be" if content[:1] == b"\0" else "utf-16-le"]
    try:
        text = content.decode(encodings[0])
    except UnicodeDecodeError:
        if encodings != ["utf-8"]:
            raise DataError(f"{path}: is not text in {encodings[0].upper()}, as it begins") from None
        return content.decode("cp1252", errors="replace"), "Windows-1252"
    if "\0" in text:
        raise DataError(f"{path}: is not text")
    return text, ""


def _where(places: Sequence[int], unit: str = "line") -> str:
    listed = ", ".join(str(place) for place in places[:SHOWN])
    more = f" and {len(places) - SHOWN} more" if len(places) > SHOWN else ""
    return f"{unit}{'s' if len(places) > 1 else ''} {listed}{more}"


def _none(name: Path | str) -> DataError:
    return DataError(f"{name}: no times of subtitles in it (00:00:01,000 --> 00:00:02,500); is it a .srt or .vtt file?")
