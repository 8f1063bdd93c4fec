"""`worlds/phrases`: coloured shapes, a prompt that names some of them and some that are not there, and their boxes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from operator import getitem
from typing import Annotated, Final

import numpy as np
from pydantic import Field

from mmx import Card, LazyFields, Sample
from mmx_worlds.real import index
from mmx_worlds.shapes import CLASSES, SPLITS, Shapes

VERSION: Final = 1
"""Part of the digest: raise it when the same parameters would give other samples."""

CARD: Final = Card(
    title="Phrases of the shapes world",
    summary="Images of worlds/shapes with a prompt of phrases, some true of the image, and the box of each thing.",
    licence="Apache-2.0",
    synthetic=True,
    caveats=("A toy: it shows whether a method works at all, never how well it would do on real data.",),
)


class Phrases(Shapes):
    """Images of `worlds/shapes` with prompts such as "a red square. a blue circle.", and the boxes of what they name.

    Fields: `image`, `prompt` (a phrase for each thing, and up to `absent` phrases of things that are not there, in a
    random order; half of the prompts have articles). Targets: `phrase_boxes` (float32 (max_objects, 4): left, top,
    right, bottom in shares of width and height) and `box_phrases` (int64 (max_objects,): the phrase of each box,
    counted from 0 in the prompt; -1 where there is no box). Things of one image are of different classes, so each
    phrase has one box or none. Combinations that only split `novel` shows are in no other split's prompts.

    Args:
        test_clips: Samples in split test, and in split novel.
        absent: Most phrases of things that are not there; each number is equally likely.
    """

    fields: Mapping[str, str] = {"image": "image", "prompt": "text"}
    card = CARD
    world = "worlds/phrases"

    def __init__(
        self,
        clips: Annotated[int, Field(ge=1)] = 4000,
        val_clips: Annotated[int, Field(ge=1)] = 200,
        test_clips: Annotated[int, Field(ge=1)] = 400,
        side: Annotated[int, Field(ge=24, le=256)] = 48,
        max_objects: Annotated[int, Field(ge=1, le=3)] = 3,
        absent: Annotated[int, Field(ge=0, le=8)] = 2,
        noise: Annotated[float, Field(ge=0, le=0.5)] = 0.05,
        held_out: Annotated[int, Field(ge=1, le=6)] = 4,
        seed: Annotated[int, Field(ge=0)] = 0,
    ) -> None:
        super().__init__(
            clips, val_clips, test_clips, side, max_objects, 0.25, 6000, noise, held_out=held_out, seed=seed
        )
        del self._lengths["pairs"]
        self.targets = {"phrase_boxes": None, "box_phrases": None}
        self._absent = absent
        self.digest = index.digest((), "phrases", VERSION, self.digest, absent)

    def _sample(self, split: str, position: int) -> Sample:
        shown = super()._sample(split, position)
        rng = np.random.default_rng((self._seed, SPLITS.index(split), position, 8))
        things = [int(label) for label in shown.targets["things"] if label >= 0]
        others = [label for label in range(len(CLASSES)) if label not in things]
        others = others if split == "novel" else [label for label in others if label not in self._novel]
        named = [*things, *rng.choice(others, size=int(rng.integers(self._absent + 1)), replace=False)]
        order = rng.permutation(len(named))
        article = "a " if rng.random() < 0.5 else ""
        prompt = " ".join(f"{article}{CLASSES[named[place]]}." for place in order)
        places_N = np.full(len(shown.targets["things"]), -1, np.int64)
        places_N[: len(things)] = np.argsort(order)[: len(things)]
        truth = {
            "phrase_boxes": shown.targets["boxes"] / np.float32(self._side),
            "box_phrases": places_N,
        }
        fields = LazyFields({"image": partial(getitem, shown.fields, "image"), "prompt": partial(str, prompt)})
        return Sample(shown.id, fields, truth)
