"""Facts of a tune from its notation: genre, region, metre, mode, key, title; in plain English.

Nothing here is ours: genre and region come from the header (German words of the Essen collection are translated), the
region of O'Neill's tunes from the title of the book, metre and key from the notation, the mode from the notes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from mmx_worlds.folk.tunes.notation import Tune, read_metre

DANCES: Final = (
    "slip jig",
    "jig",
    "reel",
    "hornpipe",
    "strathspey",
    "highland fling",
    "clog",
    "polka",
    "waltz",
    "march",
    "minuet",
    "quadrille",
    "gavotte",
    "air",
    "ballad",
)
_SONGS: Final[Mapping[str, str]] = {
    r"wiegen": "lullaby",
    r"kinder": "children's song",
    r"weihnacht|relig|geistl|marien|legende|kirch": "religious song",
    r"hochzeit|ehestand|brautwerb": "wedding song",
    r"soldat|krieg|histor": "soldiers' song",
    r"trink": "drinking song",
    r"liebe|lieb,|lust": "love song",
    r"scherz|spott|lustig|schwank": "humorous song",
    r"ballade|romanze|erzaehl|sage": "ballad",
    r"tanz|reigen": "dance song",
    r"abschied|wander|heimat|klage": "farewell song",
    r"arbeit|handwerk|staende|jaeger|jagd|bergm|haozi": "work song",
    r"shan'?ge": "mountain song",
    r"xiaodiao": "ditty",
}
_REGIONS: Final[Mapping[str, str]] = {
    r"china": "Chinese",
    r"irland": "Irish",
    r"schottland|scotch|scotland": "Scottish",
    r"luxemburg": "Luxembourgish",
    r"lothringen|frankreich|elsass": "French",
    r"oesterreich": "Austrian",
    r"schweiz": "Swiss",
    r"nieder\s?lande|holland|flandern": "Dutch",
    r"polen|schlesien": "Polish",
    r"tschech|boehmen|maehren": "Bohemian",
    r"jugoslaw|gottschee": "Balkan",
    r"deutschland": "German",
}
_BOOKS: Final = {"oneills1850": "Irish"}
"""O'Neill's Music of Ireland."""


def genre(fields: Mapping[str, list[str]]) -> str:
    """Return the kind of tune by its header's rhythm (R:) or else by its title, "" if neither has it."""
    rhythm = " ".join(fields.get("R", ())).lower()
    for pattern, name in _SONGS.items():
        if re.search(pattern, rhythm):
            return name
    for text in (rhythm, " ".join(fields.get("T", ())).lower()):
        for name in DANCES:
            if re.search(rf"\b{name.replace(' ', ' ?')}s?\b", text):
                return name
    return "song" if re.search(r"lied|song", rhythm) else ""


def region(fields: Mapping[str, list[str]], folder: str) -> str:
    """Return where the tune is from by its header's origin (O:) or the book it stands in, "" if neither has it."""
    origin = " ".join(fields.get("O", ())).lower()
    return next((name for pattern, name in _REGIONS.items() if re.search(pattern, origin)), _BOOKS.get(folder, ""))


def metre_name(fields: Mapping[str, list[str]]) -> str:
    """Return "duple time", "triple time" or "compound time", "" where the metre is free or another."""
    metre = read_metre(next(iter(fields.get("M", ())), ""))
    if metre is None:
        return ""
    beats = metre[0]
    if beats in (6, 9, 12):
        return "compound time"
    return "triple time" if beats == 3 else "duple time" if beats in (2, 4) else ""


def mode(tune: Tune) -> str:
    """Return "minor" or "major" by which third of the tonic the tune dwells on, "" where neither prevails."""
    weights = [0.0] * 12
    for note in tune.notes:
        if note.pitch is not None:
            weights[(note.pitch - tune.key.pitch_class) % 12] += note.duration
    minor, major = weights[3], weights[4]
    if minor + major < 0.02 * sum(weights) or max(minor, major) < 3 * min(minor, major):
        return ""
    return "minor" if minor > major else "major"


def key_name(tune: Tune) -> str:
    """Return "A minor", "B flat major", "" where the mode is not clear."""
    quality = mode(tune)
    tonic = tune.key.tonic[0] + {"#": " sharp", "b": " flat"}.get(tune.key.tonic[1:], "")
    return f"{tonic} {quality}" if quality else ""


def title(fields: Mapping[str, list[str]]) -> str:
    """Return the first title in ordinary writing, without numbers and remarks."""
    text = next(iter(fields.get("T", ())), "")
    text = re.sub(r"\s*(--.*|\(.*|\[.*|, S\. ?\d+.*)$", "", text)
    text = re.sub(r"\s+", " ", text).strip(" .,;:-]")
    return text.title() if text.isupper() else text
