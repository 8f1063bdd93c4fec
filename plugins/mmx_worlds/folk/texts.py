"""Four sources of text about a piece, as noisy as the paper's (section 4): tags, sentences, playlist titles, labels.

SF  short form: two to five tags or the printed title; unfiltered with uninformative tags
LF  long form: a sentence with four to seven facts, in synonyms and with fillers; unfiltered 30 % pure noise
PL  playlist titles: two facts, of which one is wrong in 30 % of them, since people file tunes as they like
ASET  labels of an ontology: the instrument, and the genre where known
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal

import numpy as np

from mmx_std import music_words

Source = Literal["sf", "lf", "pl", "aset"]
SOURCES: Final[tuple[Source, ...]] = ("sf", "lf", "pl", "aset")
RATIO: Final[Mapping[str, float]] = {"sf": 2.0, "lf": 2.0, "pl": 1.0, "aset": 1.0}
"""Of the texts in a batch (section 4)."""
NOISE: Final = 0.3
WRONG: Final = 0.3
JUNK_TAGS: Final = ("official video", "full album", "HD", "2014", "subscribe", "new upload", "best of", "live")
JUNK: Final = (
    "Thanks for watching, see you next week",
    "Please like and subscribe for more",
    "I recorded this in my kitchen on a rainy day",
    "First upload of the year, sorry for the long wait",
    "Leave a comment below if you know this one",
    "My grandmother would have loved it",
    "Tickets for the summer tour are on sale now",
    "Sound check before the show, the room was cold",
)
_OPENINGS: Final = ("Here is", "This is", "Enjoy", "We play", "Listen to", "Just", "")
_ENDINGS: Final = ("", "", "", " we learned last winter", " as people used to play it", ", one of my favourites")
_COVERS: Final = ("{}", "{}", "{} favourites", "best {}", "{} vol. 2", "{} for a quiet evening", "my {} collection")
_PAIRS: Final = (
    ("tempo", "instrument"),
    ("register", "instrument"),
    ("region", "instrument"),
    ("instrument", "genre"),
    ("tempo", "genre"),
    ("region", "genre"),
    ("region", "tempo"),
    ("mode", "instrument"),
    ("mode", "tempo"),
    ("metre", "instrument"),
    ("metre", "tempo"),
)


def text_of(source: Source, known: Mapping[str, str], rng: np.random.Generator, *, filtered: bool) -> str:
    """Return one text about a piece.

    Args:
        source: What kind of text.
        known: The facts of the piece by kind, with `title` and `key` where known.
        rng: What it is drawn from.
        filtered: Without the noise that the paper's filters take out (of SF and LF).
    """
    if source == "sf":
        return short_form(known, rng, filtered=filtered)
    if source == "lf":
        return long_form(known, rng, filtered=filtered)
    return playlist_title(known, rng) if source == "pl" else label(known)


def short_form(known: Mapping[str, str], rng: np.random.Generator, *, filtered: bool) -> str:
    """Return two to five tags, as far as known, or now and then the title; unfiltered, 30 % have an empty one."""
    if known.get("title") and rng.random() < 0.1:
        return known["title"]
    tags = [_word(kind, known[kind], rng) for kind in _some(known, int(rng.integers(2, 6)), rng)]
    if known.get("key") and rng.random() < 0.1:
        tags.append(known["key"])
    if not filtered and rng.random() < NOISE:
        tags[int(rng.integers(len(tags)))] = str(rng.choice(JUNK_TAGS))
    return ", ".join(tags)


def long_form(known: Mapping[str, str], rng: np.random.Generator, *, filtered: bool) -> str:
    """Return a sentence of four to seven facts, as far as known; unfiltered, 30 % are about something else."""
    if not filtered and rng.random() < NOISE:
        return str(rng.choice(JUNK))
    chosen = {kind: _word(kind, known[kind], rng) for kind in _some(known, int(rng.integers(4, 8)), rng)}
    opening, ending = str(rng.choice(_OPENINGS)), str(rng.choice(_ENDINGS))
    return f"{opening} {music_words.sentence(chosen)}{ending}".strip()


def playlist_title(known: Mapping[str, str], rng: np.random.Generator) -> str:
    """Return the title of a playlist that contains the piece: two facts, one of them wrong in 30 % of titles."""
    pairs = [pair for pair in _PAIRS if all(known.get(kind) in music_words.PHRASES[kind] for kind in pair)]
    kinds = pairs[int(rng.integers(len(pairs)))]
    values = [known[kind] for kind in kinds]
    if rng.random() < WRONG:
        slot = int(rng.integers(len(kinds)))
        values[slot] = str(rng.choice([value for value in music_words.PHRASES[kinds[slot]] if value != values[slot]]))
    words = " ".join(_word(kind, value, rng) for kind, value in zip(kinds, values, strict=True))
    return str(rng.choice(_COVERS)).format(words)


def label(known: Mapping[str, str]) -> str:
    """Return the labels of an annotator with an ontology: instrument and genre."""
    names = [known[kind] for kind in ("instrument", "genre") if known.get(kind) in music_words.PHRASES[kind]]
    return ", ".join(["music", *names])


def _some(known: Mapping[str, str], count: int, rng: np.random.Generator) -> Sequence[str]:
    """Return up to `count` kinds of facts that are known, in any order; all equally likely."""
    kinds = [kind for kind in music_words.PHRASES if known.get(kind) in music_words.PHRASES[kind]]
    chosen = rng.choice(len(kinds), min(count, len(kinds)), replace=False)
    return [kinds[int(i)] for i in chosen]


def _word(kind: str, value: str, rng: np.random.Generator) -> str:
    """Return the value or, half of the time, one of its synonyms."""
    names = music_words.PHRASES[kind][value]
    return names[0] if rng.random() < 0.5 else str(rng.choice(names))
