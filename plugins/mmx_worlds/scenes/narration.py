"""Narration of scenes: sentences that describe a clip, between sentences about something else.

The sentence that belongs to a clip names all that the clip shows. Those before and after it are partly about the same
thing and partly about something else. All of it is generated from short lists; spelling is plain and lower-case, as
speech recognition gives it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from mmx import Cue

FILLERS: Final = ("well", "now", "so", "look", "okay", "right", "and here", "you see", "um", "let us see", "there")
TALK: Final = (
    "give me a moment please",
    "this may take a while",
    "i hope that you can hear me",
    "thank you for being here",
    "more about that in a minute",
    "i said so last time already",
    "let me know what you think",
    "that was it for this part",
    "we have plenty of time today",
    "sorry about the light in here",
    "one more thing before we go on",
    "just keep watching for now",
)
_SHAPES: Final = (
    ("ball", "disc", "round thing"),
    ("box", "block", "cube"),
    ("tent", "wedge", "pyramid"),
    ("cross", "plus", "star"),
)
_ADJECTIVES: Final = (("wooden", "timber"), ("metal", "steel"), ("glass", "crystal"), ("rubber", "soft red"))
_STUFFS: Final = (("wood", "timber"), ("metal", "steel"), ("glass", "crystal"), ("rubber", "red rubber"))
_MOTIONS: Final = (
    ("rises", "climbs", "goes up", "floats up"),
    ("falls", "drops", "goes down", "sinks"),
    ("bounces", "hops", "jumps"),
    ("trembles", "shakes", "shivers"),
)
_NAMES: Final[Mapping[str, Sequence[str]]] = {
    "person": ("person", "man or a woman", "human being"),
    "music player": ("music player", "radio", "record player"),
    "percussion": ("drum", "percussion instrument"),
    "string instrument": ("string instrument", "fiddle or a guitar"),
    "orchestra": ("orchestra", "symphony"),
    "didgeridoo": ("didgeridoo", "wind instrument from australia"),
    "singer": ("singer", "choir"),
    "wind": ("gust of wind", "storm"),
    "machine": ("machine", "engine"),
    "electronics": ("gadget", "computer"),
    "glass": ("wine glass", "goblet"),
    "water": ("stream of water", "splash"),
    "hammer": ("hammer", "mallet"),
    "balloon": ("balloon", "toy balloon"),
    "cow": ("cow", "farm animal with a bell"),
    "bird": ("bird", "crow"),
    "house": ("house", "door of a house"),
    "cash register": ("cash register", "till in a shop"),
}
"""Class of the collage -> names that a narrator may use."""


def describe_toy(rng: np.random.Generator, shape: int, material: int, motion: int) -> str:
    """Return a sentence that names a drawn thing, its material and its movement: indices as in `scenes.things`."""
    form, does = _pick(rng, _SHAPES[shape]), _pick(rng, _MOTIONS[motion])
    adjective, stuff = _pick(rng, _ADJECTIVES[material]), _pick(rng, _STUFFS[material])
    core = (
        f"the {adjective} {form} {does}",
        f"a {form} made of {stuff} {does}",
        f"it {does} this {form} of {stuff}",
        f"watch how the {adjective} {form} {does}",
    )[int(rng.integers(4))]
    return _filled(rng, core)


def mention_toy(rng: np.random.Generator, shape: int, material: int, motion: int) -> str:
    """Return a sentence that names one thing about a drawn thing."""
    core = (
        f"it is a {_pick(rng, _SHAPES[shape])}",
        f"it is made of {_pick(rng, _STUFFS[material])}",
        f"it {_pick(rng, _MOTIONS[motion])} again",
    )[int(rng.integers(3))]
    return _filled(rng, core)


def describe_real(rng: np.random.Generator, name: str) -> str:
    """Return a sentence that names a class of the collage."""
    called = _pick(rng, _NAMES[name])
    core = (f"there is a {called}", f"the {called} is moving", f"we watch and hear a {called}")[int(rng.integers(3))]
    return _filled(rng, core)


def mention_real(rng: np.random.Generator, name: str) -> str:
    """Return a shorter sentence about the same."""
    return _filled(rng, f"listen to the {_pick(rng, _NAMES[name])}")


def narrate(
    rng: np.random.Generator, own: str, mentions: Sequence[str], seconds: float, count: int, late: float
) -> tuple[Cue, ...]:
    """Return the narration around a clip, in order of time; times count from its beginning and may be negative.

    Args:
        rng: Source of chance.
        own: The sentence that belongs to the clip.
        mentions: Sentences about the same thing, for the neighbours; each neighbour is one of them or talk, half and
            half.
        seconds: Length of the clip.
        count: Sentences in all; the clip's own is in the middle.
        late: Probability that the clip's own sentence comes one place later.
    """
    texts = [mentions[i] if rng.random() < 0.5 else _pick(rng, TALK) for i in range(count - 1)]
    middle = count // 2
    if middle + 1 < count and rng.random() < late:
        middle += 1
    texts.insert(middle, own)
    place = seconds / 2 + (np.arange(count) - count // 2) * (seconds + 1.0) + rng.uniform(-0.3, 0.3, count)
    long = rng.uniform(0.8, 1.6, count)
    return tuple(
        Cue(float(at - last / 2), float(at + last / 2), text) for at, last, text in zip(place, long, texts, strict=True)
    )


def _filled(rng: np.random.Generator, core: str) -> str:
    """Return a sentence with a filler before or behind it, or none."""
    filler = _pick(rng, FILLERS)
    return (core, f"{filler} {core}", f"{core} {filler}", f"{filler} {core} {_pick(rng, FILLERS)}")[
        int(rng.integers(4))
    ]


def _pick(rng: np.random.Generator, words: Sequence[str]) -> str:
    return words[int(rng.integers(len(words)))]
