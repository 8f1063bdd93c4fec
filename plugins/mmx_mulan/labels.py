"""What a catalogue keeps about a recording: the labels that the audio tower starts from, as AudioSet's in the paper.

They are a cataloguer's: instrument, genre, time signature, notes per second and mean pitch in steps. Regions and modes
are not among them, nor any word for a tempo, a register or a metre: those are learned from texts alone.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Final

from mmx_mulan.words import PHRASES

UNKNOWN: Final = -1.0
"""Instead of yes (1) or no (0) where a catalogue would leave the column empty."""
SIGNATURES: Final = ("2/2", "2/4", "3/2", "3/4", "3/8", "4/4", "6/4", "6/8", "9/8")
RATES: Final = (1.6, 2.0, 2.6, 3.4, 4.0, 5.0, 6.5, 8.0)
"""Notes per second: bounds between steps."""
PITCHES: Final = (48, 52, 56, 60, 64, 68, 72, 76, 80)
"""Mean MIDI pitch: bounds between steps."""
_KINDS: Final = ("instrument", "genre")
NAMES: Final = (
    *(f"{kind}: {value}" for kind in _KINDS for value in PHRASES[kind]),
    *(f"signature: {signature}" for signature in SIGNATURES),
    *(f"notes per second: step {step}" for step in range(len(RATES) + 1)),
    *(f"mean pitch: step {step}" for step in range(len(PITCHES) + 1)),
)
"""Class names of the target `labels`."""


def labels(
    known: Mapping[str, str], metre: tuple[int, int] | None, notes_per_second: float, mean_pitch: float
) -> tuple[float, ...]:
    """Return the labels of a recording, in the order of `NAMES`: 1, 0, or `UNKNOWN`.

    Args:
        known: Its facts by kind.
        metre: Beats and beat length of the tune, None where free.
        notes_per_second: As played.
        mean_pitch: As played, in MIDI numbers.
    """
    row: list[float] = []
    for kind in _KINDS:
        row += _one(list(PHRASES[kind]), known.get(kind))
    row += _one(SIGNATURES, None if metre is None else f"{metre[0]}/{metre[1]}")
    for value, bounds in ((notes_per_second, RATES), (mean_pitch, PITCHES)):
        step = bisect_right(bounds, value)
        row += [float(place == step) for place in range(len(bounds) + 1)]
    return tuple(row)


def _one(names: Sequence[str], value: str | None) -> list[float]:
    if value is None:
        return [UNKNOWN] * len(names)
    return [float(name == value) for name in names]
