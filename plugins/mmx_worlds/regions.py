"""`worlds/regions`: coloured shapes as a detector that never errs would give them, with their caption."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Final

import numpy as np
from pydantic import Field

from mmx import Card, LazyFields, LazySplit, Sample, Signal, unknown_split
from mmx_worlds.real import index
from mmx_worlds.shapes import Shapes

VERSION: Final = 1
"""Part of the digest: raise it when the same parameters would give other samples."""
SPLITS: Final = ("train", "val", "test", "novel")

CARD: Final = Card(
    title="Regions of the shapes world",
    summary="The boxes of worlds/shapes with the pixels inside them, in a random order, and the caption.",
    licence="Apache-2.0",
    synthetic=True,
    caveats=("A toy: it shows whether a method works at all, never how well it would do on real data.",),
)


class Regions:
    """Oracle regions of `worlds/shapes`: a box and the pixels in it for each thing, in place of a detector's features.

    Fields: `image`, `caption` (which names places and things), `regions` (a signal with a row for each thing, in a
    random order: left, top, right, bottom in shares of the image, then the box's content at `patch` x `patch` pixels,
    three colours, 0 to 1). Targets: `region_classes` (int64 (max_objects,): the class of each region, -1 where there is
    none), `sentence` (the caption, for losses to which equal captions are one).

    Args:
        clips: Samples in split train.
        val_clips: Samples in split val.
        test_clips: Samples in split test, and in split novel.
        side: Height and width of the image in pixels.
        max_objects: Most things in one image; each count is equally likely.
        patch: Height and width of a region's content in pixels.
        noise: Standard deviation of the image's noise (pixels range over 0..1).
        held_out: Number of combinations of shape and colour that only split novel has.
        seed: What the samples are drawn from.
    """

    fields: Mapping[str, str] = {"image": "image", "caption": "text", "regions": "signal"}
    targets: Mapping[str, Sequence[str] | None] = {"region_classes": None, "sentence": None}
    card = CARD

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
        seed: Annotated[int, Field(ge=0)] = 0,
    ) -> None:
        self._shapes = Shapes(
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
            seed=seed,
        )
        self._side, self._patch, self._seed = side, patch, seed
        self.digest = index.digest((), "regions", VERSION, self._shapes.digest, patch)

    def split(self, name: str) -> Sequence[Sample]:
        """Return "train", "val", "test" or "novel", rendered on access."""
        if name not in SPLITS:
            raise unknown_split("worlds/regions", name, SPLITS)
        samples = self._shapes.split(name)
        return LazySplit(len(samples), partial(self._sample, name, samples))

    def _sample(self, split: str, samples: Sequence[Sample], position: int) -> Sample:
        shown = samples[position]
        things = shown.targets["things"]
        count = int((things >= 0).sum())
        order = np.random.default_rng((self._seed, SPLITS.index(split), position, 9)).permutation(count)
        classes_N = np.full(len(things), -1, np.int64)
        classes_N[:count] = things[order]
        fields = LazyFields(
            {
                "image": partial(_field, shown, "image"),
                "caption": partial(str, shown.fields["caption"]),
                "regions": partial(self._regions, shown, order),
            }
        )
        return Sample(shown.id, fields, {"region_classes": classes_N, "sentence": shown.targets["sentence"]})

    def _regions(self, shown: Sample, order: np.ndarray) -> Signal:
        from PIL import Image

        image = Image.fromarray(shown.fields["image"])
        rows = []
        for box in shown.targets["boxes"][order]:
            edges = tuple(float(edge) for edge in box)
            inside = image.resize(
                (self._patch, self._patch), Image.Resampling.BOX, box=(edges[0], edges[1], edges[2], edges[3])
            )
            rows.append(np.concatenate([box / self._side, np.asarray(inside, np.float32).ravel() / 255]))
        return Signal(np.stack(rows).astype(np.float32), 1.0)


def _field(sample: Sample, name: str) -> object:
    return sample.fields[name]
