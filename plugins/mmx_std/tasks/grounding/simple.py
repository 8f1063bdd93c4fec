"""Simple methods of grounding: the mean box, and the window whose colours are most like those of the words.

Shape legend: A windows, P phrases, K bins of colour, M training boxes, S side of the scaled image.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from mmx import Sample
from mmx_std.ops.grounding import phrases
from mmx_std.ops.grounding.boxes import padded_HWC
from mmx_std.ops.pixels import square_CHW
from mmx_std.tasks import baselines
from mmx_std.tasks.descriptors import describe
from mmx_std.tasks.grounding.scores import Found, Truth, truth_of

__all__ = ["histograms", "simple", "windows"]

Floats = NDArray[np.float64]

SIDE: Final = 48
"""Pixels to which images are scaled."""
LEVELS: Final = 4
"""Bins of each colour channel."""
SIZES: Final = 4
"""Sizes of windows: quantiles of those of training boxes."""
STEP: Final = 2
"""Pixels between windows."""


def simple(
    train: Sequence[Sample], test: Sequence[Sample], truths: Sequence[Truth], fields: Mapping[str, str]
) -> dict[str, list[Found]]:
    """Return what simple methods find for each test item, by method.

    `centre_box`: the mean training box, for every phrase. `nearest_colours`: square windows of the sizes of training
    boxes, ranked by how near their histogram of colours is to the one that ridge regression expects from the phrase's
    words.

    Args:
        train: Training items.
        test: Items to judge.
        truths: What is asked of them.
        fields: Of the sample: `image`, `prompt`, and of its targets: `boxes`, `of`.
    """
    learnt = [_truth(sample, fields) for sample in train]
    boxes_M4 = np.concatenate([each.boxes_N4.numpy() for each in learnt]).astype(np.float64)
    named = [each.phrases[int(place)] for each in learnt for place in each.of_N]
    if not named:
        return {}
    shown_MK = np.concatenate(
        [
            histograms(_pixels(sample, fields), each.boxes_N4.numpy())
            for sample, each in zip(train, learnt, strict=True)
            if len(each.boxes_N4)
        ]
    )
    asked = [phrase for truth in truths for phrase in truth.phrases]
    different = sorted(set(asked))
    words = {"words": describe(named, different)["words"]}
    expected = dict(zip(different, baselines.regress(words, shown_MK)["ridge_words"], strict=True))
    mean_14 = torch.as_tensor(boxes_M4.mean(0, keepdims=True), dtype=torch.float32)
    places_A4 = windows(np.sqrt((boxes_M4[:, 2:] - boxes_M4[:, :2]).prod(1)))
    found: dict[str, list[Found]] = {"centre_box": [], "nearest_colours": []}
    for sample, truth in zip(test, truths, strict=True):
        count = len(truth.phrases)
        found["centre_box"].append(Found(mean_14, torch.ones(1, count), count))
        seen_AK = histograms(_pixels(sample, fields), places_A4)
        wanted_PK = np.stack([expected[phrase] for phrase in truth.phrases])
        far_AP = ((seen_AK[:, None] - wanted_PK[None]) ** 2).sum(-1)
        boxes_A4 = torch.as_tensor(places_A4, dtype=torch.float32)
        found["nearest_colours"].append(Found(boxes_A4, torch.as_tensor(-far_AP), count))
    return found


def windows(sizes: Floats) -> Floats:
    """Return square windows all over an image (A, 4), in shares, of the middle sizes among `sizes`."""
    chosen = sorted({max(STEP, round(SIDE * float(each))) for each in np.quantile(sizes, _quantiles())})
    found = []
    for size in chosen:
        starts = np.arange(0, max(1, SIDE - size + 1), STEP)
        top, left = (each.ravel() for each in np.meshgrid(starts, starts, indexing="ij"))
        found.append(np.stack([left, top, left + size, top + size], 1))
    return np.concatenate(found) / SIDE


def histograms(image_CSS: NDArray[np.uint8], boxes_A4: Any) -> Floats:
    """Return the share of each colour in boxes of an image (A, K), from sums over all rectangles from the corner."""
    bins_CSS = image_CSS.astype(np.int64) * LEVELS // 256
    index_SS = (bins_CSS[0] * LEVELS + bins_CSS[1]) * LEVELS + bins_CSS[2]
    side = index_SS.shape[0]
    sums_SSK = np.zeros((side + 1, side + 1, LEVELS**3))
    sums_SSK[1:, 1:] = np.eye(LEVELS**3)[index_SS].cumsum(0).cumsum(1)
    edges_A4 = np.clip(np.rint(np.asarray(boxes_A4) * side).astype(int), 0, side)
    left_A, top_A, right_A, bottom_A = edges_A4.T
    counts_AK = (
        sums_SSK[bottom_A, right_A] - sums_SSK[top_A, right_A] - sums_SSK[bottom_A, left_A] + sums_SSK[top_A, left_A]
    )
    return np.asarray(counts_AK / counts_AK.sum(1, keepdims=True).clip(min=1))


def _quantiles() -> Floats:
    return (np.arange(SIZES) + 0.5) / SIZES


def _pixels(sample: Sample, fields: Mapping[str, str]) -> NDArray[np.uint8]:
    return np.asarray(square_CHW(padded_HWC(sample.fields[fields["image"]]), SIDE).numpy())


def _truth(sample: Sample, fields: Mapping[str, str]) -> Truth:
    asked = phrases.split(sample.fields[fields["prompt"]])
    return truth_of(asked, sample.targets[fields["boxes"]], sample.targets[fields["of"]])
