"""Links between real media: recordings and images of the same class, and photos by kind of place.

The links were made by reading labels and captions of the manifest; only music and its photo are true pairs there. A
pattern is a path below the media folder, `*` allowed. Sounds without a fitting image are left out of the collage:

* sounds/ambi_haunted_hum, sounds/misc_cineboom, sounds/elec_tick: they have no visible source;
* sounds/glitch_perc1: as long to the sample as sounds/mehackit_phone3 and alike in its spectrogram; that one belongs to
  the sounds that transfer is judged on (`mmx_worlds.real.sounds`), none of which appears here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from typing import Final, Literal

from mmx import unknown_split
from mmx_worlds.collage.soundscape import Ambience
from mmx_worlds.real.index import index, lookup, rank

Split = Literal["train", "val", "test"]
SPLITS: Final[tuple[Split, ...]] = ("train", "val", "test")


@dataclass(frozen=True, slots=True)
class Link:
    """A class of things: its recordings and its images, as patterns."""

    sounds: Sequence[str]
    images: Sequence[str]


OBJECTS: Final[Mapping[str, Link]] = {
    "person": Link(
        ("speech/*", "sounds/perc_snap*", "sounds/misc_burp*"),
        (
            "clipart/130_*",
            "clipart/304_*",
            "clipart/471_*",
            "clipart/472_*",
            "clipart/473_*",
            "clipart/479_*",
            "clipart/485_*",
        ),
    ),
    "music player": Link(
        ("sounds/loop_garzul*", "sounds/loop_weirdo*", "sounds/ambi_piano*", "music/america*"),
        ("clipart/020_*", "clipart/031_*", "clipart/041_*", "clipart/046_*", "clipart/048_*", "photos/245_*"),
    ),
    "percussion": Link(
        (
            "sounds/loop_perc1*",
            "sounds/loop_safari*",
            "sounds/elec_wood*",
            "sounds/elec_chime*",
            "sounds/elec_triangle*",
            "music/africa*",
            "music/japan*",
        ),
        ("clipart/042_*", "clipart/047_*", "clipart/050_*", "photos/244_*", "photos/249_*"),
    ),
    "string instrument": Link(
        ("sounds/elec_twang*", "music/ireland*"),
        (
            "clipart/040_*",
            "clipart/043_*",
            "clipart/045_*",
            "clipart/051_*",
            "clipart/054_*",
            "photos/247_*",
            "photos/25[01]_*",
        ),
    ),
    "orchestra": Link(
        ("music/beethoven*",),
        ("clipart/033_*", "clipart/038_*", "clipart/049_*", "clipart/055_*", "clipart/056_*", "photos/252_*"),
    ),
    "didgeridoo": Link(("music/australia*",), ("photos/246_*",)),
    "singer": Link(("sounds/ambi_choir*", "music/italy*"), ("clipart/032_*", "clipart/518_*", "photos/248_*")),
    "wind": Link(
        ("sounds/ambi_dark_woosh*", "sounds/ambi_swoosh*", "sounds/perc_swoosh*"),
        ("clipart/027_*", "clipart/223_*", "clipart/283_*", "clipart/300_*", "clipart/307_*"),
    ),
    "machine": Link(
        ("sounds/ambi_drone*", "sounds/loop_drone_g_97*", "sounds/loop_industrial*"),
        ("clipart/105_*", "clipart/133_*", "clipart/159_*", "clipart/306_*", "clipart/308_*", "clipart/341_*"),
    ),
    "electronics": Link(
        ("sounds/glitch_perc3*", "sounds/ambi_soft_buzz*"),
        ("clipart/022_*", "clipart/024_*", "clipart/249_*", "clipart/266_*", "clipart/276_*"),
    ),
    "glass": Link(("sounds/ambi_glass_*",), ("clipart/000_*", "clipart/165_*")),
    "water": Link(
        ("sounds/ambi_sauna*", "sounds/perc_swash*"),
        ("clipart/095_*", "clipart/345_*", "clipart/410_*", "photos/072_*", "photos/076_*"),
    ),
    "hammer": Link(
        ("sounds/perc_impact*",), ("clipart/327_*", "clipart/331_*", "photos/102_*", "photos/105_*", "photos/108_*")
    ),
    "balloon": Link(("sounds/elec_pop*",), ("clipart/057_*", "clipart/058_*")),
    "cow": Link(("sounds/drum_cowbell*",), ("clipart/416_*", "photos/177_*")),
    "bird": Link(("sounds/misc_crow*",), ("clipart/439_*",)),
    "house": Link(("sounds/perc_door*",), ("clipart/111_*", "clipart/113_*", "clipart/114_*", "clipart/115_*")),
    "cash register": Link(("sounds/perc_till*",), ("clipart/271_*",)),
}
"""Object class -> its recordings and images."""

_NUMBERS: Final[Mapping[str, str]] = {
    "underwater": "000 001 002 003 005 006 010 011 012 014 019 020 021 025 026 027 162 163 164 165 166",
    "town": "028 029 031 033 035 036 037 041 043 044 046 051 052 053 054 188 192 194 196 198 203 205 206 208 209 211 "
    "213 214 218 221",
    "meadow": "086 088 089 093 095 096 098 099 176 178 180 182 183 189 229 230 233 234 236 238 239 241",
    "rocks": "038 045 047 049 184 186 187 204 210 216 223 227 228 232 235",
    "shore": "048 073 074 075 077 087 090 190 193 195 201 207 219 231 240",
    "indoors": "057 058 059 060 061 062 064 065 067 068 069 100 101 103 104 106 111 114 116 119 123 125 126 128 129 "
    "131 132 134 137 175",
}
SCENES: Final = tuple(_NUMBERS)
"""Kinds of places, in the order of the scene target."""

AMBIENCES: Final[Mapping[str, Ambience]] = {
    "underwater": Ambience(low=30, high=500, slope=-6, swell=0.4, depth=0.5),
    "town": Ambience(low=80, high=2500, slope=-4, swell=0.15, depth=0.3, level=3),
    "meadow": Ambience(low=2600, high=5000, slope=0, swell=12, depth=0.8, level=-3),
    "rocks": Ambience(low=250, high=900, slope=-3, swell=0.3, depth=0.9, level=1),
    "shore": Ambience(low=500, high=9000, slope=0, swell=0.2, depth=0.4, level=2),
    "indoors": Ambience(low=60, high=4000, slope=0, hum=100, level=-6),
}
"""Kind of place -> its background noise. Synthetic: the media set has no field recordings."""


@dataclass(frozen=True, slots=True)
class Material:
    """The media files that one split of the collage is made of.

    Attributes:
        sounds: Object class -> recordings; classes without any do not occur in this split.
        images: Object class -> images.
        places: Kind of place -> photos.
    """

    sounds: Mapping[str, Sequence[str]]
    images: Mapping[str, Sequence[str]]
    places: Mapping[str, Sequence[str]]

    @property
    def files(self) -> frozenset[str]:
        """Every file that may be used."""
        return frozenset(
            file for group in (self.sounds, self.images, self.places) for files in group.values() for file in files
        )


def matching(patterns: Sequence[str]) -> list[str]:
    """Return the embedded files that match any pattern, sorted."""
    return sorted(file for file in index() if any(fnmatchcase(file, pattern) for pattern in patterns))


def photos_of(scene: str) -> list[str]:
    """Return the photos that show a kind of place."""
    return matching([f"photos/{number}_*" for number in _NUMBERS[scene].split()])


def named_split(corpus: str, name: str) -> Split:
    """Return the split of this name.

    Raises:
        DataError: There is none.
    """
    for split in SPLITS:
        if split == name:
            return split
    raise unknown_split(corpus, name, SPLITS)


@cache
def materials() -> Mapping[Split, Material]:
    """Divide all linked files among the splits: no file is in two of them.

    A class with fewer than three recordings occurs in training only, because its recordings are needed there.
    """
    sounds: dict[Split, dict[str, list[str]]] = {split: {} for split in SPLITS}
    images: dict[Split, dict[str, list[str]]] = {split: {} for split in SPLITS}
    places: dict[Split, dict[str, list[str]]] = {split: {} for split in SPLITS}
    for name, link in OBJECTS.items():
        recorded = _divide(matching(link.sounds))
        others = [split for split in recorded if split != "train"]
        partners = {
            lookup(file).image: split for split, files in recorded.items() for file in files if lookup(file).image
        }
        shown = _divide([file for file in matching(link.images) if file not in partners], others)
        for split, files in recorded.items():
            sounds[split][name] = files
            images[split][name] = shown[split] + [file for file, home in partners.items() if home == split]
    for scene in SCENES:
        for split, files in _divide(photos_of(scene)).items():
            places[split][scene] = files
    return {split: Material(sounds[split], images[split], places[split]) for split in SPLITS}


def _divide(files: Sequence[str], wanted: Sequence[Split] | None = None) -> dict[Split, list[str]]:
    """Divide files: 15 % (at least one) to each of test and val, the rest to train; which is decided by a hash.

    Args:
        files: Files of one class.
        wanted: Splits beside train; by default as many as there are files for (test from three on, val from four on).
    """
    ordered = sorted(files, key=rank)
    possible: Sequence[Split] = () if len(files) < 3 else ("test",) if len(files) == 3 else ("test", "val")
    share = max(1, round(0.15 * len(ordered)))
    parts: dict[Split, list[str]] = {}
    for split in possible if wanted is None else wanted:
        parts[split], ordered = ordered[:share], ordered[share:]
    parts["train"] = ordered
    return parts
