"""Vocabulary of the facts of a piece: synonyms, and the tags of the evaluation.

A fact is real where it comes from the tune's notation (genre, region, metre, mode, key), and synthetic where it is
about how the program played it (instrument, tempo, register).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

__all__ = ["NAMES", "PHRASES", "SUNG", "TAGS", "Tag", "multi_hot", "sentence"]

SYNTHETIC: Final = ("instrument", "tempo", "register")
REAL: Final = ("genre", "region", "metre", "mode")

PHRASES: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "instrument": {
        "harp": ("harp", "plucked strings", "plucked harp"),
        "fiddle": ("fiddle", "violin", "bowed strings"),
        "flute": ("flute", "wooden flute", "transverse flute"),
        "clarinet": ("clarinet", "single reed", "reed pipe"),
        "organ": ("organ", "pipe organ", "church organ"),
        "bells": ("bells", "chimes", "glockenspiel"),
        "trumpet": ("trumpet", "brass", "cornet"),
        "harpsichord": ("harpsichord", "spinet", "cembalo"),
        "accordion": ("accordion", "squeezebox", "concertina"),
        "whistle": ("whistle", "tin whistle", "pennywhistle"),
    },
    "tempo": {
        "slow": ("slow", "unhurried", "gentle"),
        "moderate": ("moderate", "medium tempo", "steady"),
        "fast": ("fast", "quick", "lively"),
    },
    "register": {
        "low": ("low", "deep", "bass"),
        "middle": ("middle register", "mid-range", "tenor"),
        "high": ("high", "high-pitched", "treble"),
    },
    "metre": {
        "duple time": ("duple time", "two-four", "common time"),
        "triple time": ("triple time", "three-four", "waltz time"),
        "compound time": ("compound time", "six-eight", "jig time"),
    },
    "mode": {"major": ("major", "major key"), "minor": ("minor", "minor key")},
    "genre": {
        "reel": ("reel", "reels"),
        "jig": ("jig", "double jig"),
        "slip jig": ("slip jig", "slip jigs"),
        "hornpipe": ("hornpipe", "hornpipes"),
        "strathspey": ("strathspey", "strathspeys"),
        "march": ("march", "marching tune"),
        "waltz": ("waltz", "waltzes"),
        "ballad": ("ballad", "narrative ballad"),
        "love song": ("love song", "love songs"),
        "children's song": ("children's song", "nursery song"),
        "religious song": ("religious song", "hymn"),
        "work song": ("work song", "work songs"),
    },
    "region": {
        "German": ("German", "from Germany"),
        "Irish": ("Irish", "from Ireland"),
        "Chinese": ("Chinese", "from China"),
        "French": ("French", "from Lorraine"),
        "Scottish": ("Scottish", "from Scotland"),
    },
}
"""Kind of fact -> value -> how people call it, the tag itself first."""


SUNG: Final = frozenset({"ballad", "love song", "children's song", "religious song", "work song"})
"""Genres that are about the words of a song. Here songs are played without words: these tags are judged by themselves,
to see how little of them is in the tune, and are no part of the mean over tags."""


class Tag(NamedTuple):
    """What is looked for with words: the kind of fact and its value, which is also the prompt's first choice."""

    kind: str
    value: str

    @property
    def prompt(self) -> str:
        """Prompt of zero-shot tagging."""
        return PHRASES[self.kind][self.value][0]

    @property
    def real(self) -> bool:
        """Whether the fact comes from the notation, not from how the program played."""
        return self.kind in REAL


TAGS: Final = tuple(Tag(kind, value) for kind, values in PHRASES.items() for value in values)
NAMES: Final = tuple(tag.value for tag in TAGS)
"""Class names of the target `tags`, in the order of `TAGS`."""


def multi_hot(known: Mapping[str, str]) -> list[float]:
    """Return 1 for each tag that is true of a piece with these facts, 0 for the others."""
    return [float(known.get(tag.kind) == tag.value) for tag in TAGS]


def sentence(chosen: Mapping[str, str]) -> str:
    """Return the facts as one noun phrase: "a slow Irish reel in triple time on the fiddle"."""
    region = chosen.get("region", "")
    place = region if region.startswith("from") else ""
    before = [chosen.get("tempo", ""), chosen.get("register", ""), "" if place else region, chosen.get("mode", "")]
    words = [word for word in before if word] + [chosen.get("genre", "tune")]
    after = [place, f"in {chosen['metre']}" if "metre" in chosen else ""]
    after += [f"on the {chosen['instrument']}" if "instrument" in chosen else ""]
    phrase = " ".join([*words, *(word for word in after if word)])
    return f"{'an' if phrase[0] in 'AEIOUaeiou' else 'a'} {phrase}"
