"""Tunes made up by a program, written in ABC like the real ones: what `worlds/folk` falls back on without music21.

Each has a genre with its own rhythm and metre, a region with its own scale, a key and a mode; titles are made of two
words. Books are made from different seeds, so that no tune stands in two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

SPLIT: Final[Mapping[str, Literal["train", "val", "test"]]] = {
    "north": "train",
    "south": "train",
    "east": "train",
    "west": "val",
    "island": "test",
    "harbour": "test",
}
SIZE: Final = 600
"""Tunes in a book."""


@dataclass(frozen=True)
class Style:
    """How tunes of a genre go: metre, unit, rhythms of a bar (in units), and how far a step may leap."""

    metre: str
    unit: str
    bars: Sequence[Sequence[int]]
    leap: int


STYLES: Final[Mapping[str, Style]] = {
    "reel": Style("4/4", "1/8", ((1,) * 8, (2, 1, 1, 1, 1, 1, 1), (1, 1, 1, 1, 2, 2)), 3),
    "jig": Style("6/8", "1/8", ((1,) * 6, (2, 1, 1, 1, 1), (2, 1, 2, 1)), 2),
    "slip jig": Style("9/8", "1/8", ((1,) * 9, (2, 1, 2, 1, 1, 1, 1), (2, 1, 1, 1, 1, 2, 1)), 2),
    "hornpipe": Style("4/4", "1/16", ((3, 1) * 4, (3, 1, 3, 1, 4, 4)), 4),
    "waltz": Style("3/4", "1/8", ((4, 2), (2, 2, 2), (3, 1, 2), (6,)), 2),
    "march": Style("2/4", "1/8", ((2, 1, 1), (2, 2), (1, 1, 2)), 4),
    "ballad": Style("3/4", "1/8", ((2, 2, 2), (4, 1, 1), (6,)), 1),
    "air": Style("4/4", "1/8", ((4, 2, 2), (3, 1, 4), (6, 2)), 2),
}
SCALES: Final[Mapping[str, Sequence[int]]] = {
    "Deutschland": (0, 1, 2, 3, 4, 5, 6),
    "Irland": (0, 1, 2, 3, 4, 5, 6),
    "China": (0, 1, 2, 4, 5),
    "Schottland": (0, 1, 2, 4, 5),
}
"""Region, in the language of the Essen collection -> degrees of the scale that it uses."""
_LETTERS: Final = "CDEFGAB"
_FIRST: Final = ("Merry", "Bonny", "Lost", "Silver", "Windy", "Old", "Green", "Wandering", "Lame", "Midnight")
_SECOND: Final = ("Miller", "Blackbird", "Harbour", "Lassie", "Road", "Soldier", "Meadow", "Piper", "Kettle", "Moon")


def tunes(book: str) -> list[str]:
    """Return the ABC notation of all tunes of a book, the same on every machine."""
    number = list(SPLIT).index(book)
    return [_tune(np.random.default_rng([7, number, index]), index + 1) for index in range(SIZE)]


def _tune(rng: np.random.Generator, number: int) -> str:
    genre, region = str(rng.choice(list(STYLES))), str(rng.choice(list(SCALES)))
    style = STYLES[genre]
    tonic, minor = str(rng.choice(list("CDEGA"))), bool(rng.random() < 0.4)
    first, second = _part(rng, style, SCALES[region], tonic), _part(rng, style, SCALES[region], tonic)
    return (
        f"X:{number}\nT:The {rng.choice(_FIRST)} {rng.choice(_SECOND)}\nR:{genre}\nO:{region}\n"
        f"M:{style.metre}\nL:{style.unit}\nK:{tonic}{'m' if minor else ''}\n|:{first}:|\n|:{second}:|\n"
    )


def _part(rng: np.random.Generator, style: Style, scale: Sequence[int], tonic: str) -> str:
    """Return four bars that begin and end on the tonic and walk along the scale between."""
    place, bars = 0, []
    for bar in range(4):
        rhythm = style.bars[int(rng.integers(len(style.bars)))]
        signs = []
        for index, length in enumerate(rhythm):
            if bar == 3 and index == len(rhythm) - 1:
                place = 0
            signs.append(_sign(place, scale, tonic) + (str(length) if length > 1 else ""))
            place = int(np.clip(place + rng.integers(-style.leap, style.leap + 1), -4, 9))
        bars.append("".join(signs))
    return "|".join(bars)


def _sign(place: int, scale: Sequence[int], tonic: str) -> str:
    octave, degree = divmod(place, len(scale))
    step = _LETTERS.index(tonic) + scale[degree] + 7 * octave
    height, letter = divmod(step, 7)
    if height >= 1:
        return _LETTERS[letter].lower() + "'" * (height - 1)
    return _LETTERS[letter] + "," * -height
