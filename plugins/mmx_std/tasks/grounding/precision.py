"""Average precision of grounded boxes, by the published evaluator of COCO, where its package is installed.

A phrase is a category: its boxes in all images are ranked by score, and precision is averaged over recall and over IoU
thresholds from .5 to .95 (Lin et al., 2014).
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
from collections.abc import Mapping, Sequence
from typing import Any, Final

from mmx import Metric
from mmx_std.tasks.grounding.scores import MOST, Found, Truth, parted

__all__ = ["average_precision", "measured"]

_SIDE: Final = 1000.0
"""Width of an image: boxes are shares, and the evaluator's thresholds of area are in pixels; only "all" is used."""
_PACKAGE: Final = "pycocotools"


def measured(
    found: Mapping[str, Sequence[Found]], truths: Sequence[Truth], simple: Sequence[str], suffix: str = ""
) -> list[Metric]:
    """Return average precision over all thresholds and at IoU .5; nothing where `pycocotools` is not installed.

    They have no interval: a rank over all images is no mean over them. Controls are left to recall: each would cost as
    much as the model.

    Args:
        found: What each method found, image by image: "own", "untrained", baselines, controls.
        truths: What is asked for.
        simple: Which methods are baselines.
        suffix: Behind the metrics' names.
    """
    if importlib.util.find_spec(_PACKAGE) is None:
        return []
    compared = {who: each for who, each in found.items() if who in ("own", "untrained", *simple)}
    values = {who: average_precision(each, truths) for who, each in compared.items()}
    metrics = []
    for place, name in enumerate(("average_precision", "average_precision_50")):
        own, untrained, baselines, controls = parted({who: pair[place] for who, pair in values.items()}, simple)
        metrics.append(Metric(f"{name}{suffix}", own, untrained=untrained, baselines=baselines, controls=controls))
    return metrics


def average_precision(found: Sequence[Found], truths: Sequence[Truth]) -> tuple[float, float]:
    """Return the average precision over IoU .5 to .95, and at .5; NaN where no phrase has a box.

    Args:
        found: What a method found, image by image.
        truths: What is asked for.

    Raises:
        ModuleNotFoundError: `pycocotools` is not installed.
    """
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    numbers = {
        name: place + 1 for place, name in enumerate(sorted({each for truth in truths for each in truth.phrases}))
    }
    if not numbers or not any(len(truth.boxes_N4) for truth in truths):
        return float("nan"), float("nan")
    true, given = COCO(), COCO()
    with contextlib.redirect_stdout(io.StringIO()):  # the package reports every step
        for data, rows in ((true, _true(truths, numbers)), (given, _given(found, truths, numbers))):
            data.dataset = {
                "images": [{"id": place} for place in range(len(truths))],
                "categories": [{"id": number, "name": name} for name, number in numbers.items()],
                "annotations": [{"id": place + 1, "iscrowd": 0, **row} for place, row in enumerate(rows)],
            }
            data.createIndex()
        judge = COCOeval(true, given, "bbox")
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    return float(judge.stats[0]), float(judge.stats[1])


def _true(truths: Sequence[Truth], numbers: Mapping[str, int]) -> list[dict[str, Any]]:
    return [
        {"image_id": place, "category_id": numbers[truth.phrases[int(of)]], **_box(edges.tolist())}
        for place, truth in enumerate(truths)
        for edges, of in zip(truth.boxes_N4, truth.of_N, strict=True)
    ]


def _given(found: Sequence[Found], truths: Sequence[Truth], numbers: Mapping[str, int]) -> list[dict[str, Any]]:
    return [
        {"image_id": place, "category_id": numbers[phrase], "score": float(score), **_box(edges.tolist())}
        for place, (each, truth) in enumerate(zip(found, truths, strict=True))
        for number, phrase in enumerate(truth.phrases)
        for edges, score in zip(*each.best(number, MOST), strict=True)
    ]


def _box(edges: Sequence[float]) -> dict[str, Any]:
    """Return a box (left, top, right, bottom; shares) as corner, width and height, and its area."""
    left, top, right, bottom = (edge * _SIDE for edge in edges)
    return {"bbox": [left, top, right - left, bottom - top], "area": (right - left) * (bottom - top)}
