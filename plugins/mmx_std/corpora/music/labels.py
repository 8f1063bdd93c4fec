"""Catalogue labels of a recording for the audio tower's first stage, in place of AudioSet's in the paper.

They are a cataloguer's: time signature, instrument, genre, notes per second and mean pitch in steps. Regions and modes
are in no catalogue, nor is any word for a tempo, a register or a metre: `concepts` says which kinds of facts can be
told from which labels all the same, so that tags of other kinds are those learned from texts alone.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Final, Literal

from mmx_std.corpora.music.words import PHRASES

__all__ = ["FAMILIES", "Family", "concepts", "labels", "names"]

Family = Literal["signature", "instrument", "genre", "rate", "pitch"]
FAMILIES: Final[tuple[Family, ...]] = ("signature", "instrument", "genre", "rate", "pitch")
"""Columns of a catalogue: time signature, instrument, genre, notes per second, mean pitch."""
UNKNOWN: Final = -1.0
"""Instead of yes (1) or no (0) where a catalogue would leave the column empty."""
SIGNATURES: Final = ("2/2", "2/4", "3/2", "3/4", "3/8", "4/4", "6/4", "6/8", "9/8")
RATES: Final = (1.6, 2.0, 2.6, 3.4, 4.0, 5.0, 6.5, 8.0)
"""Notes per second: bounds between steps."""
PITCHES: Final = (48, 52, 56, 60, 64, 68, 72, 76, 80)
"""Mean MIDI pitch: bounds between steps."""
_VALUES: Final[Mapping[Family, Sequence[str]]] = {
    "signature": SIGNATURES,
    "instrument": tuple(PHRASES["instrument"]),
    "genre": tuple(PHRASES["genre"]),
    "rate": tuple(f"step {step}" for step in range(len(RATES) + 1)),
    "pitch": tuple(f"step {step}" for step in range(len(PITCHES) + 1)),
}
_CONCEPTS: Final[Mapping[Family, str]] = {
    "signature": "metre",
    "instrument": "instrument",
    "genre": "genre",
    "rate": "tempo",
    "pitch": "register",
}


def names(families: Sequence[Family]) -> tuple[str, ...]:
    """Return the class names of the target `labels` for a catalogue with these columns: "signature: 3/4"."""
    return tuple(f"{family}: {value}" for family in families for value in _VALUES[family])


def concepts(classes: Sequence[str]) -> set[str]:
    """Return the kinds of facts (`mmx_std.music_words`) whose concept is among these class names."""
    kinds = {str(family): kind for family, kind in _CONCEPTS.items()}
    return {kinds[name.partition(":")[0]] for name in classes if name.partition(":")[0] in kinds}


def labels(
    known: Mapping[str, str], metre: tuple[int, int] | None, notes_per_second: float, mean_pitch: float
) -> dict[Family, tuple[float, ...]]:
    """Return a recording's labels by family, each in the order of its names: 1, 0, or `UNKNOWN`.

    Args:
        known: Its facts by kind.
        metre: Beats and beat length of the tune, None where free.
        notes_per_second: As played.
        mean_pitch: As played, in MIDI numbers.
    """
    stated: dict[Family, str | None] = {
        "signature": None if metre is None else f"{metre[0]}/{metre[1]}",
        "instrument": known.get("instrument"),
        "genre": known.get("genre"),
        "rate": f"step {bisect_right(RATES, notes_per_second)}",
        "pitch": f"step {bisect_right(PITCHES, mean_pitch)}",
    }
    return {family: _one(_VALUES[family], value) for family, value in stated.items()}


def _one(values: Sequence[str], value: str | None) -> tuple[float, ...]:
    if value is None:
        return (UNKNOWN,) * len(values)
    return tuple(float(each == value) for each in values)
