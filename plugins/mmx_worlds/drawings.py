"""`worlds/drawings`: real drawings laid out in nine cells, and a sentence that names them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Final

import numpy as np
from pydantic import Field

from mmx import Card, ConfigError, LazyFields, LazySplit, Sample, unknown_split
from mmx_worlds.collage.cutouts import sprite
from mmx_worlds.real import index
from mmx_worlds.real.index import Media

VERSION: Final = 1
"""Part of the digest: raise it when the same parameters would give other samples."""
SPLITS: Final = ("train", "val", "test")
TEMPLATE: Final = "a drawing of "
"""What captions of drawings begin with; the rest is the name."""

CARD: Final = Card(
    title="Laid-out drawings",
    summary="One to three of some real drawings, in nine cells on a plain ground, and a sentence that names them.",
    licence="Public domain, CC0-1.0, file by file in the media manifest",
    synthetic=True,
    caveats=(
        "All splits show the same drawings: what is new in split test is which ones meet, where, how large and on what "
        "ground. Of most names there is one drawing, so that nothing can be learned about names that were never shown.",
    ),
)


def named_drawings() -> Mapping[str, Media]:
    """Return name ("a flask") -> its drawing, in the order of the files' hashes; no name is part of another."""
    found: dict[str, Media] = {}
    for media in sorted(index.of_kind("clipart"), key=lambda media: index.rank(media.file)):
        name = media.caption.removeprefix(TEMPLATE)
        if media.caption.startswith(TEMPLATE) and not any(name in other or other in name for other in found):
            found[name] = media
    return found


class Drawings:
    """Real drawings, laid out and named.

    Fields: `image`, `caption` ("a flask and a red balloon", named row by row). Targets: `cells` and `things` (int64
    (max_objects,): the cell and the name of each drawing, -1 where there is none), `name` (of the first one).

    Args:
        clips: Samples in split train.
        val_clips: Samples in split val.
        test_clips: Samples in split test.
        names: Number of different drawings, the first by the hash of their files.
        side: Height and width of the image in pixels.
        max_objects: Most drawings in one sample; each count is equally likely.
        seed: What the samples are drawn from.

    Raises:
        ConfigError: There are not so many drawings.
    """

    fields: Mapping[str, str] = {"image": "image", "caption": "text"}
    card = CARD

    def __init__(
        self,
        clips: Annotated[int, Field(ge=1)] = 3000,
        val_clips: Annotated[int, Field(ge=1)] = 200,
        test_clips: Annotated[int, Field(ge=1)] = 400,
        names: Annotated[int, Field(ge=3)] = 40,
        side: Annotated[int, Field(ge=24, le=512)] = 72,
        max_objects: Annotated[int, Field(ge=1, le=3)] = 2,
        seed: Annotated[int, Field(ge=0)] = 0,
    ) -> None:
        known = named_drawings()
        chosen = sorted(list(known)[:names])
        if names > len(known):
            raise ConfigError([f"names: {names} drawings, of which there are {len(known)}"])
        self._files = [known[name].file for name in chosen]
        self._names, self._side, self._most, self._seed = chosen, side, max_objects, seed
        self._lengths = dict(zip(SPLITS, (clips, val_clips, test_clips), strict=True))
        self.targets: Mapping[str, Sequence[str] | None] = {"name": tuple(chosen), "cells": None, "things": None}
        self.digest = index.digest(self._files, "drawings", VERSION, chosen, self._lengths, side, max_objects, seed)

    def split(self, name: str) -> Sequence[Sample]:
        """Return "train", "val" or "test", drawn on access."""
        if name not in SPLITS:
            raise unknown_split("worlds/drawings", name, SPLITS)
        return LazySplit(self._lengths[name], partial(self._sample, name))

    def _sample(self, split: str, position: int) -> Sample:
        rng = np.random.default_rng((self._seed, SPLITS.index(split), position))
        count = int(rng.integers(1, self._most + 1))
        things = rng.choice(len(self._names), size=count, replace=False).tolist()
        cells = sorted(rng.choice(9, size=count, replace=False).tolist())
        fields = LazyFields(
            {
                "image": partial(self._image, things, cells, (self._seed, SPLITS.index(split), position, 1)),
                "caption": partial(str, " and ".join(self._names[thing] for thing in things)),
            }
        )
        missing = [-1] * (self._most - count)
        truth: dict[str, Any] = {
            "name": things[0],
            "cells": np.array([*cells, *missing], np.int64),
            "things": np.array([*things, *missing], np.int64),
        }
        return Sample(f"{split}-{self._seed}-{position:06d}", fields, truth)

    def _image(self, things: Sequence[int], cells: Sequence[int], seed: Sequence[int]) -> np.ndarray:
        """Draw the image: uint8 (side, side, 3)."""
        rng = np.random.default_rng(seed)
        pixels_HWC = np.broadcast_to(rng.uniform(170, 255, 3), (self._side, self._side, 3)).astype(np.float32)
        width = self._side / 3
        for thing, cell in zip(things, cells, strict=True):
            cutout = sprite(self._files[thing], max(4, round(width * rng.uniform(0.75, 0.98))))
            height, length = cutout.size
            # The middle of the drawing stays in the cell, and all of it in the image.
            top = round(cell // 3 * width + rng.uniform(0, max(0.0, width - height)))
            left = round(cell % 3 * width + rng.uniform(0, max(0.0, width - length)))
            top, left = min(top, self._side - height), min(left, self._side - length)
            window = np.s_[top : top + height, left : left + length]
            pixels_HWC[window] = pixels_HWC[window] * cutout.clear_HW1 + cutout.paint_HWC
        return np.asarray(np.clip(pixels_HWC + 0.5, 0, 255)).astype(np.uint8)
