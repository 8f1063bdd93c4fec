"""`worlds/regions`: coloured shapes as a detector would give them, with a caption, an expression or a question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from operator import getitem
from typing import Annotated, Any, Final, Literal

import numpy as np
from pydantic import Field

from mmx import Card, LazyFields, Sample, Signal
from mmx_worlds.questions import ANSWERS, TYPES
from mmx_worlds.real import index
from mmx_worlds.regions import texts
from mmx_worlds.shapes import CLASSES, COLOURS, SPLITS, Shape, Shapes

__all__ = ["Regions", "soft_class"]

VERSION: Final = 2
"""Part of the digest: raise it when the same parameters would give other samples."""
SURE: Final = 0.8
"""Probability that the detector gives the true class; the rest is shared by classes of the same shape or colour."""
SHIFT: Final = 0.1
"""Standard deviation of the edges of a repeated box, as a share of its sides."""

CARD: Final = Card(
    title="Regions of the shapes world",
    summary="The boxes of worlds/shapes with the pixels inside them, in a random order, and a text about them.",
    licence="Apache-2.0",
    synthetic=True,
    caveats=("A toy: it shows whether a method works at all, never how well it would do on real data.",),
)


class Regions(Shapes):
    """Regions of `worlds/shapes`: a box and the pixels in it for each thing, in place of a detector's features.

    Fields: `image`, `caption` (which names places and things), `text` (what `text` says), `regions` (a signal with a
    row for each region, in a random order: left, top, right, bottom in shares of the image, then the box's content at
    `patch` x `patch` pixels, three colours, 0 to 1).

    Targets: `region_classes` (int64 (R,): the class of each region, -1 where there is none; R is `max_objects`, or
    twice that with `repeated`), `region_scores` (float32 (R, 24): the class distribution that a detector gives each
    region, zeros where there is none), `sentence` (the caption, for losses to which equal captions are one). Of
    expressions (RefCOCO): `referred_box` (float32 (4,), in shares), `kind` (what tells it apart: shape, colour,
    position), and the same box as `phrase_boxes` (1, 4) of phrase 0 (`box_phrases`). Of questions (VQA): `label`,
    `type`, `answers` and `truth`, as in `worlds/questions`.

    Args:
        test_clips: Samples in split test, and in split novel.
        patch: Height and width of a region's content in pixels.
        text: What field `text` holds: the caption, an expression that only one thing fits, or a question.
        repeated: Probability that the detector gives a thing twice, the second time with shifted edges.
        shifted: Standard deviation of the edges of all boxes, as a share of their sides: 0 gives true boxes.
    """

    fields: Mapping[str, str] = {"image": "image", "caption": "text", "text": "text", "regions": "signal"}
    card = CARD
    world = "worlds/regions"

    def __init__(
        self,
        clips: Annotated[int, Field(ge=1)] = 4000,
        val_clips: Annotated[int, Field(ge=1)] = 200,
        test_clips: Annotated[int, Field(ge=1)] = 400,
        side: Annotated[int, Field(ge=24, le=256)] = 48,
        max_objects: Annotated[int, Field(ge=1, le=3)] = 3,
        patch: Annotated[int, Field(ge=1, le=32)] = 6,
        noise: Annotated[float, Field(ge=0, le=0.5)] = 0.05,
        held_out: Annotated[int, Field(ge=1, le=6)] = 4,
        text: Literal["caption", "expression", "question"] = "caption",
        alike: bool = False,
        repeated: Annotated[float, Field(ge=0, le=1)] = 0.0,
        shifted: Annotated[float, Field(ge=0, le=0.5)] = 0.0,
        seed: Annotated[int, Field(ge=0)] = 0,
    ) -> None:
        super().__init__(
            clips,
            val_clips,
            test_clips,
            side,
            max_objects,
            0.25,
            6000,
            noise,
            held_out=held_out,
            sizes=False,
            plain=True,
            alike=alike,
            seed=seed,
        )
        del self._lengths["pairs"]
        self._patch, self._text = patch, text
        self._repeated, self._shifted = float(repeated), float(shifted)
        self._rows = max_objects * (2 if repeated else 1)
        told: dict[str, dict[str, Sequence[str] | None]] = {
            "caption": {},
            "expression": {
                "referred_box": None,
                "kind": texts.EXPRESSION_KINDS,
                "phrase_boxes": None,
                "box_phrases": None,
            },
            "question": {"label": ANSWERS, "type": TYPES, "answers": None, "truth": ANSWERS},
        }
        self.targets = {
            "region_classes": None,
            "region_scores": None,
            "sentence": None,
            **told[text],
        }
        facts = (self.digest, patch, text, self._repeated, self._shifted)
        self.digest = index.digest((), "regions", VERSION, *facts)

    def _sample(self, split: str, position: int) -> Sample:
        shown = super()._sample(split, position)
        stream = (self._seed, SPLITS.index(split), position)
        labels = [int(label) for label in shown.targets["things"] if label >= 0]
        of, boxes_R4 = self._detected(np.random.default_rng((*stream, 9)), shown.targets["boxes"][: len(labels)])
        classes_R = np.full(self._rows, -1, np.int64)
        classes_R[: len(of)] = [labels[thing] for thing in of]
        scores_RC = np.zeros((self._rows, len(CLASSES)), np.float32)
        scores_RC[: len(of)] = [soft_class(labels[thing]) for thing in of]
        text, truth = self._told(np.random.default_rng((*stream, 10)), shown, labels)
        fields = LazyFields(
            {
                "image": partial(getitem, shown.fields, "image"),
                "caption": partial(str, shown.fields["caption"]),
                "text": partial(str, text),
                "regions": partial(self._regions, shown, boxes_R4),
            }
        )
        known = {"region_classes": classes_R, "region_scores": scores_RC, "sentence": shown.targets["sentence"]}
        return Sample(shown.id, fields, {**known, **truth})

    def _told(self, rng: np.random.Generator, shown: Sample, labels: Sequence[int]) -> tuple[str, dict[str, Any]]:
        """Return the text, and the truth that belongs to it."""
        if self._text == "caption":
            return str(shown.fields["caption"]), {}
        cells = [int(cell) for cell in shown.targets["cells"]]
        things = [
            Shape(label // len(COLOURS), label % len(COLOURS), cell, "small", (0.0, 0.0))
            for label, cell in zip(labels, cells, strict=False)
        ]
        if self._text == "question":
            return texts.question(rng, things)
        place, said, kind = texts.expression(rng, things)
        box_4 = shown.targets["boxes"][place] / np.float32(self._side)
        return said, {
            "referred_box": box_4,
            "kind": texts.EXPRESSION_KINDS.index(kind),
            "phrase_boxes": box_4[None],
            "box_phrases": np.zeros(1, np.int64),
        }

    def _detected(self, rng: np.random.Generator, boxes_N4: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the thing of each region, and the regions' boxes in pixels, in a random order."""
        things = np.arange(len(boxes_N4))
        if not self._repeated and not self._shifted:
            order = rng.permutation(things)
            return order, boxes_N4[order]
        twice = things[rng.random(len(things)) < self._repeated]
        of = np.concatenate([things, twice])
        spread_R = np.where(np.arange(len(of)) < len(things), self._shifted, max(SHIFT, self._shifted))
        boxes_R4 = boxes_N4[of]
        sides_R2 = boxes_R4[:, 2:] - boxes_R4[:, :2]
        moved_R4 = spread_R[:, None] * rng.standard_normal(boxes_R4.shape) * np.tile(sides_R2, 2)
        boxes_R4 = np.clip(boxes_R4 + moved_R4.clip(-np.tile(sides_R2, 2) / 3, np.tile(sides_R2, 2) / 3), 0, self._side)
        order = rng.permutation(len(of))
        return of[order], boxes_R4[order].astype(np.float32)

    def _regions(self, shown: Sample, boxes_R4: np.ndarray) -> Signal:
        from PIL import Image

        image = Image.fromarray(shown.fields["image"])
        rows = []
        for box in boxes_R4:
            edges = tuple(float(edge) for edge in box)
            inside = image.resize(
                (self._patch, self._patch), Image.Resampling.BOX, box=(edges[0], edges[1], edges[2], edges[3])
            )
            rows.append(np.concatenate([box / self._side, np.asarray(inside, np.float32).ravel() / 255]))
        return Signal(np.stack(rows).astype(np.float32), 1.0)


def soft_class(label: int) -> np.ndarray:
    """Return the class distribution that the detector gives a thing, float32 (24,)."""
    classes = np.arange(len(CLASSES))
    near = (classes // len(COLOURS) == label // len(COLOURS)) | (classes % len(COLOURS) == label % len(COLOURS))
    near[label] = False
    found = np.where(near, (1 - SURE) / near.sum(), 0.0)
    found[label] = SURE
    return found.astype(np.float32)
