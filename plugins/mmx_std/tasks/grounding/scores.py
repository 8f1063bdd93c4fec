"""Measures of grounding: is the true box of a phrase among the first k, is a phrase true of an image at all.

Shape legend: A regions, P phrases, N true boxes, R rows (phrases that have a box).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmx import Metric, measure
from mmx_std.ops.grounding import boxes as ops
from mmx_std.tasks import metrics

__all__ = ["FIRST", "OVERLAP", "REPEATED", "Found", "Truth", "hits", "judged", "parted", "presence"]

Floats = NDArray[np.float64]

OVERLAP: Final = 0.5
"""IoU from which a box is the true one."""
REPEATED: Final = 0.6
"""IoU above which a box repeats a better one (GLIP)."""
FIRST: Final = (1, 5, 10)
MOST: Final = 100
"""Boxes of a phrase that count in an image (COCO)."""


@dataclass(frozen=True)
class Truth:
    """What an image's prompt asks for.

    Attributes:
        phrases: The phrases (P).
        boxes_N4: True boxes, in shares of the image.
        of_N: The phrase of each.
    """

    phrases: Sequence[str]
    boxes_N4: Tensor
    of_N: Tensor

    @property
    def present(self) -> list[int]:
        """Phrases that have a box."""
        return sorted({int(place) for place in self.of_N})


@dataclass(frozen=True)
class Found:
    """What a method finds for a prompt.

    Attributes:
        boxes_A4: Regions, in shares of the image.
        scores_AP: Score of each phrase at each.
        asked: Number of phrases that it was really asked for; the truth's phrase p is taken for number p modulo that.
    """

    boxes_A4: Tensor
    scores_AP: Tensor
    asked: int

    def best(self, phrase: int, count: int = 10) -> tuple[Tensor, Tensor]:
        """Return the boxes of a phrase and their scores, best first and without repeats."""
        place = phrase % self.asked
        order = self._orders[place][:count]
        return self.boxes_A4[order], self.scores_AP[order, place]

    @cached_property
    def _orders(self) -> list[Tensor]:
        """The first boxes of each phrase that was asked for."""
        repeats_AA = ops.repeats(self.boxes_A4, REPEATED)
        return [ops.first(repeats_AA, self.scores_AP[:, place], MOST) for place in range(self.asked)]


def hits(found: Found, truth: Truth, phrase: int, count: int = FIRST[-1]) -> NDArray[np.bool_]:
    """Return which of the first boxes of a phrase are true ones (at most `count`)."""
    boxes_K4, _ = found.best(phrase, count)
    overlap_KN = ops.iou(boxes_K4, truth.boxes_N4[truth.of_N == phrase])
    return np.asarray((overlap_KN >= OVERLAP).any(1).numpy(), np.bool_)


def presence(found: Found, truth: Truth) -> list[float]:
    """Return the best score of each phrase, which tells those that are there from those that are not."""
    return [float(found.scores_AP[:, number % found.asked].max()) for number in range(len(truth.phrases))]


def judged(
    found: Mapping[str, Sequence[Found]],
    truths: Sequence[Truth],
    simple: Sequence[str],
    units: Sequence[str],
    over: Mapping[str, Any],
    suffix: str = "",
) -> list[Metric]:
    """Return recall at 1, 5 and 10 of phrases, and the area under the curve of their presence.

    Args:
        found: What each method found, image by image: "own", "untrained", baselines, controls.
        truths: What is asked for.
        simple: Which methods are baselines.
        units: The independent unit of each image.
        over: Name of the units, and seed of the intervals.
        suffix: Behind the metrics' names.
    """
    rows = [(place, phrase) for place, truth in enumerate(truths) for phrase in truth.present]
    right = {who: [hits(each[place], truths[place], phrase) for place, phrase in rows] for who, each in found.items()}
    named = [units[place] for place, _ in rows]
    metrics_found = []
    for count in FIRST:
        values = {who: np.array([bool(row[:count].any()) for row in each], float) for who, each in right.items()}
        own, untrained, baselines, controls = parted(values, simple)
        metrics_found.append(
            measure(
                f"recall_at_{count}{suffix}",
                own,
                units=named,
                untrained=untrained,
                baselines=baselines,
                controls=controls,
                **over,
            )
        )
    there = [number in truth.present for truth in truths for number in range(len(truth.phrases))]
    if all(there):
        return metrics_found
    areas = {
        who: _area(
            there, [score for each, truth in zip(several, truths, strict=True) for score in presence(each, truth)]
        )
        for who, several in found.items()
    }
    own, untrained, baselines, controls = parted(areas, simple)
    area = Metric(f"presence_auc{suffix}", own, chance=0.5, untrained=untrained, baselines=baselines, controls=controls)
    return [*metrics_found, area]


def truth_of(phrases: Sequence[str], boxes: Any, of: Any) -> Truth:
    """Return a truth from what a sample holds; rows of no phrase are left out."""
    of_N = torch.as_tensor(np.asarray(of, np.int64))
    boxes_N4 = torch.as_tensor(np.asarray(boxes, np.float32))
    return Truth(phrases, boxes_N4[of_N >= 0], of_N[of_N >= 0])


def _area(there: Sequence[bool], scores: Sequence[float]) -> float:
    return float(metrics.auc_per_class(np.array(there)[:, None], np.array(scores)[:, None])[0])


def parted(values: Mapping[str, Any], simple: Sequence[str]) -> tuple[Any, Any, dict[str, Any], dict[str, Any]]:
    """Return the model's values, the untrained network's, those of baselines, and those of controls."""
    rest = {who: value for who, value in values.items() if who not in ("own", "untrained")}
    baselines = {who: value for who, value in rest.items() if who in simple}
    controls = {who: value for who, value in rest.items() if who not in simple}
    return values["own"], values["untrained"], baselines, controls
