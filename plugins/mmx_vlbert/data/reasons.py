"""`vlbert/reasons`: questions about numbered things, with four answers, and four reasons for the right one; synthetic.

A miniature of VCR (Zellers et al. 2019): things are named by tags ("thing1"), which stand for regions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Final

import numpy as np
from pydantic import Field

from mmx import Card, ConfigError, Corpus, LazyFields, LazySplit, Sample

__all__ = ["TAGS", "Reasons"]

TAGS: Final = ("thing1", "thing2", "thing3")
"""What texts call the regions, in their order."""
KINDS: Final = ("answer", "reason")
LEAST: Final = 2
"""Things of an image that a question is asked about."""
COLOURS: Final = ("red", "green", "blue", "yellow", "purple", "white")
SHAPES: Final = ("circle", "square", "triangle", "cross")
NAMES: Final = tuple(f"{colour} {shape}" for shape in SHAPES for colour in COLOURS)
"""Classes of `worlds/regions`."""

CARD: Final = Card(
    title="Reasons about drawn things",
    summary="What is a numbered thing, and how does it differ from another: four answers and four reasons each.",
    licence="Apache-2.0",
    synthetic=True,
    caveats=(
        "A toy in the form of VCR: reasons name another thing, where people's explain intentions and what comes next.",
    ),
)


class Reasons:
    """Multiple choice about the things of `worlds/regions`, in pairs of items about one image; synthetic.

    The question is how one thing differs from another. The item `answer` asks what the one is (Q->A); the item `reason`
    gives the right answer with the question, and asks what the other is (QA->R). Both are right together in Q->AR. The
    four candidates are two colours times two shapes, so that candidates alone tell nothing. The wrong colour and shape
    of an answer are those of the other thing, where they differ; those of a reason are any others.

    Fields: `image`, `caption` and `regions` of the world, `text` (the question, with the answer in items `reason`) and
    `candidates` (four texts, one a line). Targets: `choice` (place of the right one), `kind`, `image_id` (both items of
    a pair have one), and those of the world.

    Args:
        source: `worlds/regions`; images with one thing are left out.
        names: Of the classes of regions, in the order of their numbers: a colour and a shape each.
        seed: What pairs and candidates are drawn from.

    Raises:
        ConfigError: The corpus has no regions with classes, or a class is not two words.
    """

    card = CARD

    def __init__(self, source: Corpus, *, names: Sequence[str] = NAMES, seed: Annotated[int, Field(ge=0)] = 0) -> None:
        if "regions" not in source.fields or "region_classes" not in source.targets:
            raise ConfigError(["source: needs field regions and target region_classes (worlds/regions)"])
        self._words = [tuple(name.split()) for name in names]
        if any(len(words) != LEAST for words in self._words):
            raise ConfigError(["names: every class is a colour and a shape, such as: red circle"])
        self._of: list[list[str]] = [sorted({words[side] for words in self._words}) for side in range(2)]
        self.source, self._seed = source, seed
        self.fields: Mapping[str, str] = {**source.fields, "text": "text", "candidates": "text"}
        self.targets: Mapping[str, Sequence[str] | None] = {
            **source.targets, "choice": None, "kind": KINDS, "image_id": None,
        }  # fmt: skip
        told = f"1 {source.digest} {' '.join(names)} {seed}"
        self.digest = hashlib.sha256(told.encode()).hexdigest()[:32]
        self._known: dict[str, list[int]] = {}

    def split(self, name: str) -> Sequence[Sample]:
        """Return the items of the corpus's split of that name, two for each image with two things."""
        samples = self.source.split(name)
        if name not in self._known:
            counts = ((samples[place].targets["region_classes"] >= 0).sum() for place in range(len(samples)))
            self._known[name] = [place for place, count in enumerate(counts) if count >= LEAST]
        return LazySplit(2 * len(self._known[name]), partial(self._sample, self._known[name], samples))

    def _sample(self, known: Sequence[int], samples: Sequence[Sample], position: int) -> Sample:
        place, turn = divmod(position, 2)
        sample = samples[known[place]]
        labels = [int(label) for label in sample.targets["region_classes"] if label >= 0]
        seed = int(hashlib.sha256(sample.id.encode()).hexdigest()[:8], 16)
        rng = np.random.default_rng((self._seed, seed))
        one, other = (int(each) for each in rng.permutation(min(len(labels), len(TAGS)))[:2])
        first, second = self._words[labels[one]], self._words[labels[other]]
        question = f"how does {TAGS[one]} differ from {TAGS[other]}?"
        rng = np.random.default_rng((self._seed, seed, turn))
        right = (first, second)[turn]
        wrong = [self._wrong(rng, side, right[side], second[side] if turn == 0 else "") for side in range(2)]
        tag = TAGS[one] if turn == 0 else TAGS[other]
        options = [(colour, shape) for colour in (right[0], wrong[0]) for shape in (right[1], wrong[1])]
        order = rng.permutation(len(options))
        opening = "" if turn == 0 else "because "
        texts = [f"{opening}{tag} is a {' '.join(options[each])}" for each in order]
        asked = question if turn == 0 else f"{question} {TAGS[one]} is a {' '.join(first)}"
        fields = LazyFields(
            {
                **{name: partial(sample.fields.get, name) for name in sample.fields},
                "text": partial(str, asked),
                "candidates": partial(str, "\n".join(texts)),
            }
        )
        targets = {
            **sample.targets, "choice": int(np.argmin(order)), "kind": turn, "image_id": sample.id,
        }  # fmt: skip
        return Sample(f"{sample.id}-{KINDS[turn]}", fields, targets)

    def _wrong(self, rng: np.random.Generator, side: int, right: str, other: str) -> str:
        """Draw a wrong colour (side 0) or shape (1); `other` where it is given and wrong."""
        free = [word for word in self._of[side] if word != right]
        return other if other in free else free[int(rng.integers(len(free)))]
