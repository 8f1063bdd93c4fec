"""Merging of rolling captions, as live captioning and YouTube write them: each repeats the lines shown before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

_ADJACENT: Final = 0.1
"""Seconds between two captions of which the second may still show the first one's lines; one that is shown no longer
than this only carries them over."""
_SHARE: Final = 1 / 3
"""Share of adjacent captions that repeat lines in a file of rolling captions; subtitles for reading hardly ever do."""
_LEAST: Final = 2
_LINES: Final = 8
"""Most lines of a caption that are compared; what is longer is no caption that rolls."""


@dataclass(frozen=True, slots=True)
class Caption:
    """Lines that are shown for a time.

    Attributes:
        place: Line of the file, or number of the row.
        start: Seconds.
        end: Seconds.
        lines: Plain text, without empty lines.
    """

    place: int
    start: float
    end: float
    lines: tuple[str, ...]


def merged(captions: Sequence[Caption]) -> tuple[list[Caption], list[int]]:
    """Return captions in which each line stands once, when it appears, and the places of those that were changed.

    A caption of which nothing is left prolongs the one before. Files that are not of rolling captions stay as they are:
    who says the same twice is not corrected.
    """
    pairs = [(before, after) for before, after in pairwise(captions) if _adjacent(before, after)]
    rolling = sum(_rolls(before, after) for before, after in pairs)
    if rolling < _LEAST or rolling < _SHARE * len(pairs):
        return list(captions), []
    found: list[Caption] = list(captions[:1])
    changed = []
    for before, after in pairwise(captions):
        count = _repeated(before.lines, after.lines) if _adjacent(before, after) else 0
        words = " ".join(after.lines).split()[count:]
        if count:
            changed.append(after.place)
        if count and not words:
            found[-1] = replace(found[-1], end=max(found[-1].end, after.end))
        else:
            found.append(replace(after, lines=(" ".join(words),)) if count else after)
    return found, changed


def _adjacent(before: Caption, after: Caption) -> bool:
    return before.start <= after.start <= before.end + _ADJACENT


def _rolls(before: Caption, after: Caption) -> bool:
    count = _repeated(before.lines, after.lines)
    if count < len(" ".join(after.lines).split()):
        return count > 0
    # The same once more: carried over, unless it is said again.
    return count > 0 and (after.end - after.start <= _ADJACENT or after.start < before.end)


def _repeated(before: Sequence[str], after: Sequence[str]) -> int:
    """Return the number of words at the beginning of `after` that are the last lines of `before`."""
    if max(len(before), len(after)) > _LINES:
        return 0
    shown = [line.split() for line in after]
    words = [word for line in shown for word in line]
    ends = {sum(len(line) for line in shown[: number + 1]) for number in range(len(shown))}
    for first in range(len(before)):
        last = " ".join(before[first:]).split()
        # A line may grow by words; else lines are repeated as they are.
        if last and words[: len(last)] == last and (first == 0 or len(last) in ends):
            return len(last)
    return 0
