"""Simple methods that choose among the boxes of an image: by their place, and by their colours.

Shape legend: N items, R candidates, M training items, K bins of colour.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmx import Sample
from mmx_std.ops.grounding.boxes import padded_HWC
from mmx_std.ops.pixels import square_CHW
from mmx_std.tasks import baselines
from mmx_std.tasks.descriptors import describe
from mmx_std.tasks.grounding.simple import SIDE, histograms, windows

__all__ = ["simple", "windows_of"]

Floats = NDArray[np.float64]
_CELLS: Final = 3
"""Places are counted in a grid of so many rows and columns."""


def simple(
    train: Sequence[Sample], items: Sequence[Sample], there: Sequence[Tensor], names: tuple[str, str, str]
) -> dict[str, Tensor]:
    """Return the box that each simple method chooses (N, 4), by method.

    `common_place`: the candidate whose middle is nearest to the cell of a 3 x 3 grid in which most training boxes lie.
    `nearest_colours`, `nearest_place`, `nearest_both`: the one whose histogram of colours, edges, or both, each in
    units of its deviation over the training boxes, are nearest to what ridge regression expects of the text's words.

    Args:
        train: Training items.
        items: Items to judge.
        there: Their candidates (R, 4), in shares of the image.
        names: Fields of image and text, and the target with the true box, in shares.
    """
    image, text, target = names
    boxes_M4 = np.stack([np.asarray(sample.targets[target], np.float64) for sample in train])
    cells = Counter(tuple(np.minimum(_middle(box) * _CELLS, _CELLS - 1).astype(int).tolist()) for box in boxes_M4)
    common_2 = (np.array(max(sorted(cells), key=lambda cell: cells[cell])) + 0.5) / _CELLS
    seen = {
        "colours": np.concatenate(
            [histograms(_pixels(sample, image), box[None]) for sample, box in zip(train, boxes_M4, strict=True)]
        ),
        "place": boxes_M4,
    }
    said = [str(sample.fields[text]) for sample in items]
    different = sorted(set(said))
    words = {"words": describe([str(sample.fields[text]) for sample in train], different)["words"]}
    expected = {
        kind: dict(zip(different, baselines.regress(words, values)["ridge_words"], strict=True))
        for kind, values in seen.items()
    }
    spread = {kind: float(values.std(0).sum()) or 1.0 for kind, values in seen.items()}
    found: dict[str, list[Tensor]] = {
        name: [] for name in ("common_place", "nearest_colours", "nearest_place", "nearest_both")
    }
    for sample, boxes_R4, asked in zip(items, there, said, strict=True):
        own = {"colours": histograms(_pixels(sample, image), boxes_R4.numpy()), "place": boxes_R4.double().numpy()}
        far = {kind: np.abs(own[kind] - expected[kind][asked]).sum(1) / spread[kind] for kind in own}
        apart_R = np.linalg.norm(_middle(own["place"]) - common_2, axis=1)
        found["common_place"].append(boxes_R4[int(apart_R.argmin())])
        found["nearest_colours"].append(boxes_R4[int(far["colours"].argmin())])
        found["nearest_place"].append(boxes_R4[int(far["place"].argmin())])
        found["nearest_both"].append(boxes_R4[int((far["colours"] + far["place"]).argmin())])
    return {name: torch.stack(boxes) for name, boxes in found.items()}


def windows_of(train: Sequence[Sample], count: int, target: str) -> list[Tensor]:
    """Return the same square windows for each of `count` items, of the sizes of the training items' true boxes."""
    boxes_M4 = np.stack([np.asarray(sample.targets[target], np.float64) for sample in train])
    places_A4 = windows(np.sqrt((boxes_M4[:, 2:] - boxes_M4[:, :2]).prod(1)))
    return [torch.as_tensor(places_A4, dtype=torch.float32)] * count


def _middle(boxes: Floats) -> Floats:
    return np.asarray((boxes[..., :2] + boxes[..., 2:]) / 2)


def _pixels(sample: Sample, image: str) -> NDArray[np.uint8]:
    return np.asarray(square_CHW(padded_HWC(sample.fields[image]), SIDE).numpy())
