"""`worlds/phrases`: coloured shapes, a prompt that names some of them and some that are not there, and their boxes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Final

import numpy as np
from pydantic import Field

from mmx import Card, LazyFields, LazySplit, Sample, unknown_split
from mmx_worlds.real import index
from mmx_worlds.shapes import CLASSES, Shapes, held_out_classes

VERSION: Final = 1
"""Part of the digest: raise it when the same parameters would give other samples."""
SPLITS: Final = ("train", "val", "test", "novel")

CARD: Final = Card(
    title="Phrases of the shapes world",
    summary="Images of worlds/shapes with a prompt of phrases, some true of the image, and the box of each thing.",
    licence="Apache-2.0",
    synthetic=True,
    caveats=("A toy: it shows whether a method works at all, never how well it would do on real data.",),
)


class Phrases:
    """Images of `worlds/shapes` with prompts such as "a red square. a blue circle.", and the boxes of what they name.

    Fields: `image`, `prompt` (a phrase for each thing, and up to `absent` phrases of things that are not there, in a
    random order; half of the prompts have articles). Targets: `phrase_boxes` (float32 (max_objects, 4): left, top,
    right, bottom in shares of width and height) and `box_phrases` (int64 (max_objects,): the phrase of each box,
    counted from 0 in the prompt; -1 where there is no box). Things of one image are of different classes, so each
    phrase has one box or none. Combinations that only split `novel` shows are in no other split's prompts.

    Args:
        clips: Samples in split train.
        val_clips: Samples in split val.
        test_clips: Samples in split test, and in split novel.
        side: Height and width of the image in pixels.
        max_objects: Most things in one image; each count is equally likely.
        absent: Most phrases of things that are not there; each number is equally likely.
        noise: Standard deviation of the image's noise (pixels range over 0..1).
        held_out: Number of combinations of shape and colour that only split novel has.
        seed: What the samples are drawn from.
    """

    fields: Mapping[str, str] = {"image": "image", "prompt": "text"}
    targets: Mapping[str, Sequence[str] | None] = {"phrase_boxes": None, "box_phrases": None}
    card = CARD

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
        self._shapes = Shapes(
            clips, val_clips, test_clips, side, max_objects, 0.25, 6000, noise, held_out=held_out, seed=seed
        )
        self._side, self._absent, self._seed = side, absent, seed
        self._novel = set(held_out_classes(held_out))
        self.digest = index.digest((), "phrases", VERSION, self._shapes.digest, absent)

    def split(self, name: str) -> Sequence[Sample]:
        """Return "train", "val", "test" or "novel", rendered on access."""
        if name not in SPLITS:
            raise unknown_split("worlds/phrases", name, SPLITS)
        samples = self._shapes.split(name)
        return LazySplit(len(samples), partial(self._sample, name, samples))

    def _sample(self, split: str, samples: Sequence[Sample], position: int) -> Sample:
        shown = samples[position]
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
        fields = LazyFields({"image": partial(_field, shown, "image"), "prompt": partial(str, prompt)})
        return Sample(shown.id, fields, truth)


def _field(sample: Sample, name: str) -> object:
    return sample.fields[name]
