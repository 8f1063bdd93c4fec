"""Subjects of the photos of the media set: six, made by reading their labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mmx_worlds.real.index import Media

_SUBJECTS: Final[Mapping[str, str]] = {
    "animal": "bison, cat, chameleon, chickens, cow, crocodile, dog, duck, giraffes, hedgehog, horses, jaguars, "
    "kangaroo, koala, komodo dragon, lemurs, moose, narwhals, owl, panda, parrot, pig, polar bear, sheep",
    "building": "abbey, amphitheatre, arch, bridge, capitol, castle, cathedral, caves, church, cliff houses, fort, "
    "gate, house, igloo, leaning tower, memorial, minaret, monument, mosque, opera house, palace, pavilion, pyramid, "
    "ruins, skyscraper, statue, stupa, temple, tower, village, wall",
    "planet": "earth, jupiter, mars, mercury, neptune, saturn, sun, uranus, venus",
    "power": "dam, solar cooker, solar oven, solar ovens, solar panel, solar panels, steam, weir, windmill, windmills",
    "sea": "angelfish, clownfish, coral, coral reef, discus fish, fish, garden eels, goldfish, perch, puffer fish, "
    "reef fish, sea floor, trout, underwater cave",
    "tool": "baseball, blackboard, bucket, chair, cup, cutlery, eraser, hammer, light bulb, multimeter, nail clipper, "
    "pan, pencil, pillow, plate, pliers, scale, scissors, screwdriver, sickle, spoons, spray bottle, tape measure, "
    "tweezers, wrench",
}
"""Subject -> labels of its photos, by reading the labels; musicians and single photos have none."""
SUBJECTS: Final = tuple(_SUBJECTS)
SUBJECT_OF: Final = {label: name for name, labels in _SUBJECTS.items() for label in labels.split(", ")}
"""Label -> subject."""


def subject_of(media: Media) -> int:
    """Return the index of a photo's subject in `SUBJECTS`; -1 where it has none, and for drawings."""
    name = SUBJECT_OF.get(media.label) if media.kind == "photo" else None
    return -1 if name is None else SUBJECTS.index(name)
