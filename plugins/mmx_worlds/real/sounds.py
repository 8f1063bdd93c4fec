"""`worlds/sounds`: real recordings for judging learned audio features."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache, partial
from typing import Annotated, Final

from pydantic import Field

from mmx import Audio, Card, LazySplit, Sample, unknown_split
from mmx_worlds.real import index
from mmx_worlds.real.index import Media

MIN_FILES: Final = 4
"""Labels with fewer recordings are not part of this corpus (the collage uses them)."""
SPLITS: Final = ("all", "train", "test")
NEAR_DUPLICATES: Final = (
    ("sounds/glitch_robot1.ogg", "sounds/mehackit_robot2.ogg"),
    ("sounds/glitch_robot2.ogg", "sounds/mehackit_robot1.ogg"),
)
"""Files of different pages that are as long to the sample and alike in their spectrograms: one with an effect on it."""

_SAME_DRUM = re.compile(r"_(hard|soft|o)$")

CARD: Final = Card(
    title="Real recordings for transfer",
    summary="84 recorded one-shots and loops of 13 classes, at most 5 s, never used to compose training clips.",
    licence="CC0-1.0",
    url="https://freesound.org",
    caveats=(
        "Small: 4 to 13 files per class; report spread over folds and seeds.",
        "Labels were written from file names, not from the recordings; many files of a class share an author or a kit.",
    ),
)


@cache
def transfer_files() -> Sequence[Media]:
    """Return the recordings whose label has at least `MIN_FILES` of them, sorted by file name."""
    recordings = index.of_kind("sound")
    count = Counter(media.label for media in recordings)
    return tuple(media for media in recordings if count[media.label] >= MIN_FILES)


@cache
def recordings() -> Mapping[str, str]:
    """Return file -> recording, the name of its first file.

    Files are one recording when they come from the same page, when they are strokes on one drum or string by the same
    author (`..._hard`, `..._soft`, `..._o`), or when they are near duplicates.
    """
    first: dict[str, str] = {}
    home: dict[tuple[str, str], str] = {}
    for media in transfer_files():
        keys = [("page", media.source), (media.author, _SAME_DRUM.sub("", media.file.removesuffix(".ogg")))]
        keys += [("twin", pair[0]) for pair in NEAR_DUPLICATES if media.file in pair]
        name = next((home[key] for key in keys if key in home), media.file)
        first[media.file] = name
        home.update(dict.fromkeys(keys, name))
    return first


@cache
def held_out() -> frozenset[str]:
    """Return the files of split test: of each class a quarter (whole recordings only), chosen by a hash."""
    chosen: set[str] = set()
    for label in sorted({media.label for media in transfer_files()}):
        files = [media.file for media in transfer_files() if media.label == label]
        groups = sorted({recordings()[file] for file in files}, key=index.rank)
        for group in groups[:-1]:
            if len(chosen & set(files)) >= len(files) / 4:
                break
            chosen.update(file for file in files if recordings()[file] == group)
    return frozenset(chosen)


class Sounds:
    """The 84 real recordings of the 13 sound classes with at least four files each, for judging sound features.

    Fields: `audio`. Targets: `label`, `recording` (files of one recording share it: keep them in one fold), `author`,
    `file`. Splits: `all`, and `train` / `test` (about a quarter of each class, no recording in both).

    Args:
        seconds: Longest part of a file to give out; the files have at most 5 s.
    """

    fields: Mapping[str, str] = {"audio": "audio"}
    card = CARD

    def __init__(self, seconds: Annotated[float, Field(gt=0, le=10)] = 5.0) -> None:
        self._seconds = seconds
        self._classes = tuple(sorted({media.label for media in transfer_files()}))
        self.targets: Mapping[str, Sequence[str] | None] = {
            "label": self._classes,
            "recording": None,
            "author": None,
            "file": None,
        }
        self.digest = index.digest((media.file for media in transfer_files()), "sounds", sorted(held_out()), seconds)

    def split(self, name: str) -> Sequence[Sample]:
        """Return "all", "train" or "test", sorted by file name."""
        if name not in SPLITS:
            raise unknown_split("worlds/sounds", name, SPLITS)
        chosen = [
            media for media in transfer_files() if name == "all" or (media.file in held_out()) == (name == "test")
        ]
        return LazySplit(len(chosen), partial(self._sample, chosen))

    def _sample(self, chosen: Sequence[Media], position: int) -> Sample:
        media = chosen[position]
        audio = index.audio(media.file)
        samples_CT = audio.samples_CT[:, : round(self._seconds * audio.rate)].copy()
        targets = {
            "label": self._classes.index(media.label),
            "recording": recordings()[media.file],
            "author": media.author,
            "file": media.file,
        }
        return Sample(media.file, {"audio": Audio(samples_CT, audio.rate)}, targets)
