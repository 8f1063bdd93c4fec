"""Referring expressions: which region of an image does a text speak of (RefCOCO).

Shape legend: N items, B batch, R regions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from mmx import Batch, Corpus, DataError, Figure, Metric, Model, Outputs, Prediction, Report, Run, Sample, measure
from mmx_std.ops.grounding.boxes import giou, iou, padded_HWC
from mmx_std.ops.ports import qualify, short
from mmx_std.tasks import baselines, judging
from mmx_std.tasks.grounding import figures
from mmx_std.tasks.grounding.candidates import simple, windows_of
from mmx_std.tasks.grounding.scores import OVERLAP

__all__ = ["Referring"]

_CORNERS: Final = 4
_LEARNT: Final = 1000
"""Training items that simple methods learn from."""


class Referring:
    """Judges which box a model chooses for an expression: right where its IoU with the true one is at least .5.

    A head gives one score for each region of an encoder (`std/region-scores`; the boxes are then true or detected ones,
    as the corpus has them), or boxes of its own with a score for the text as one phrase (`glip/regions`). `accuracy` is
    over all items, `accuracy_KIND` over those of one kind of expression. Chance: a box drawn from the candidates.
    Controls: each input removed, and the text of another item. Baselines, over the same candidates: the one nearest to
    the most common place of the training items, and those whose colours, place, or both are nearest to what ridge
    regression expects of the words. Reference: the best candidate, which is below 1 where no detected box fits.

    Args:
        head: Head that gives scores of regions, or boxes and scores.
        text: Encoder of the expression.
        regions: Encoder of the regions, whose first columns are a box. A model without it chooses boxes of its own;
            baselines then choose from the corpus's field of this name, or, if there is none, from windows.
        target: Target with the true box, in shares of the image.
        kind: Target that names the kind of expression; kinds are judged where it has class names.
        image: Field of the image, for baselines and pictures.
        margin: What the intervals of the distances to chance, the untrained model and controls must lie above.
        unit: Target that names the independent unit of an item. By default the column `group` of a manifest; where the
            corpus has no such target, or with null, every item is one.
        given: A model with boxes of its own chooses among the corpus's: the one nearest to its best (generalised IoU).
        simple: Judge the baselines too.
        shown: Images that are shown with their boxes.
    """

    def __init__(
        self,
        *,
        head: str = "region_scores",
        text: str = "text",
        regions: str = "regions",
        target: str = "referred_box",
        kind: str = "kind",
        image: str = "image",
        margin: Annotated[float, Field(ge=0)] = 0.0,
        unit: str | None = "group",
        given: bool = False,
        simple: bool = True,
        shown: Annotated[int, Field(ge=0)] = 4,
    ) -> None:
        self.head, self.text, self.regions, self.target = qualify(head, "heads"), text, regions, target
        self.kind, self.image, self.margin, self.unit = kind, image, margin, unit
        self.given, self.simple, self.shown = given, simple, shown
        self.needs = (self.head, f"encoded.{text}", f"targets.{target}")

    def check(self, model: Model, corpus: Corpus, split: str) -> list[str]:
        """Return what a corpus lacks: the split."""
        return judging.lacks(corpus, split)

    def evaluate(self, model: Model, corpus: Corpus, run: Run) -> Report:
        """Judge the split `run.split`.

        Raises:
            DataError: No item can be read.
        """
        samples = corpus.split(run.split)
        ids, chosen = self._chosen(model, samples, run)
        if not ids:
            raise DataError(f"no item of split {run.split!r} can be read")
        items = judging.judged(samples, ids)
        true_N4 = torch.as_tensor(np.stack([sample.targets[self.target] for sample in items])).float()
        there = self._candidates(model, corpus, items)
        if self.given:
            chosen = {
                who: [_nearest(*each) for each in zip(boxes, there, strict=True)] for who, boxes in chosen.items()
            }
        right = {who: _hits(torch.stack(boxes), true_N4) for who, boxes in chosen.items()}
        fits = [(iou(boxes_R4, box_4[None]) >= OVERLAP)[:, 0] for boxes_R4, box_4 in zip(there, true_N4, strict=True)]
        others = self._simple(model, corpus, items, there)
        found = {
            "chance": np.array([float(each.float().mean()) for each in fits]),
            "best": np.array([float(each.any()) for each in fits]),
            **right,
            **{who: _hits(boxes_N4, true_N4) for who, boxes_N4 in others.items()},
        }
        unit = judging.unit_of(corpus, self.unit)
        over: dict[str, Any] = {
            "units": judging.units_of(samples, ids, unit),
            "unit": "items" if unit is None else f"values of {unit}",
            "seed": run.seed,
        }
        metrics = [_measured("accuracy", found, list(others), over)]
        kinds = np.array([int(sample.targets.get(self.kind, -1)) for sample in items])
        for place, name in enumerate(corpus.targets.get(self.kind) or ()):
            if (rows_N := kinds == place).any():
                part = {who: np.where(rows_N, values_N, np.nan) for who, values_N in found.items()}
                metrics.append(_measured(f"accuracy_{name}", part, list(others), over))
        rows = [
            {"id": name, "text": sample.fields[model.fields[self.text]], "box": _rounded(box_4), "right": bool(hit)}
            for name, sample, box_4, hit in zip(ids, items, chosen["own"], right["own"], strict=True)
        ]
        shown = [
            self._figure(model, number, items[number], chosen["own"][number]) for number in range(self._pictures(items))
        ]
        return Report(
            metrics, len(items), len(samples), rows, shown, notes=judging.left_out(corpus), margin=self.margin
        )

    def predict(self, model: Model, raw: Mapping[str, Any]) -> Prediction:
        """Tell which region of a user's own image an expression speaks of: its box, in shares, and its score."""
        outputs = judging.one_input(model, (self.head,), dict(raw))
        boxes = None
        if self.regions in model.encoders:
            boxes = model.encoders[self.regions].prepare(raw[model.fields[self.regions]])[None, :, :_CORNERS]
        boxes_1R4, scores_1R = self._scored(outputs, boxes)
        best = int(scores_1R[0].argmax())
        return Prediction([{"region": best, "score": float(scores_1R[0, best]), "box": _rounded(boxes_1R4[0, best])}])

    def _chosen(self, model: Model, samples: Sequence[Sample], run: Run) -> tuple[list[str], dict[str, list[Tensor]]]:
        """Return ids, and the chosen box of each item by who chooses."""
        variants: dict[str, tuple[Model, Callable[[Batch], Batch]]] = {
            "own": (model, judging.as_it_is),
            "untrained": (run.untrained(), judging.as_it_is),
        }
        for field, encoders in judging.used_fields(model, self.needs).items():
            variants[f"without_{field}"] = (model, partial(judging.without, encoders=encoders))
        ids: list[str] = []
        chosen: dict[str, list[Tensor]] = {}
        for batch, found in judging.outputs(variants, samples, self.needs, run, "referring"):
            ids += batch.ids
            for who, outputs in found.items():
                chosen.setdefault(who, []).extend(self._best(outputs, batch))
        if len(ids) > 1:
            readable = judging.judged(samples, ids)
            for batch, found in judging.swapped(model, readable, self.needs, [self.text], run, "shuffled_text"):
                chosen.setdefault("shuffled_text", []).extend(self._best(found["shuffled_text"], batch))
        return ids, chosen

    def _best(self, outputs: Outputs, batch: Batch) -> list[Tensor]:
        """Return the chosen box of each item of a batch (4,)."""
        x = batch.inputs.get(self.regions)
        boxes_BR4, scores_BR = self._scored(outputs, None if x is None else x[..., :_CORNERS].cpu())
        if (real_BR := batch.masks.get(self.regions)) is not None and x is not None:
            scores_BR = scores_BR.masked_fill(~real_BR.cpu(), -torch.inf)
        return list(boxes_BR4[torch.arange(len(boxes_BR4)), scores_BR.argmax(1)])

    def _scored(self, outputs: Outputs, boxes_BR4: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return boxes (B, R, 4) and their scores (B, R): the head's own, or those of regions.

        Raises:
            DataError: The head gives no boxes, and there are no regions.
        """
        found = outputs.heads[short(self.head)]
        if isinstance(found, Mapping) and {"boxes", "scores"} <= found.keys():
            return found["boxes"].float().cpu(), found["scores"][..., 0].float().cpu()
        if boxes_BR4 is None or not isinstance(found, Tensor):
            raise DataError(f"{self.head} chooses no region: needed is one score for each, or boxes and scores")
        return boxes_BR4.float(), found.float().cpu()

    def _candidates(self, model: Model, corpus: Corpus, items: Sequence[Sample]) -> list[Tensor]:
        """Return the boxes that may be chosen in each item (R, 4)."""
        field = model.fields.get(self.regions, self.regions)
        if field not in corpus.fields:
            return windows_of(baselines.learnable(corpus, _LEARNT), len(items), self.target)
        return [torch.as_tensor(sample.fields[field].values_TC[:, :_CORNERS]).float() for sample in items]

    def _simple(
        self, model: Model, corpus: Corpus, items: Sequence[Sample], there: Sequence[Tensor]
    ) -> dict[str, Tensor]:
        train = baselines.learnable(corpus, _LEARNT) if self.simple else ()
        if not train or self.image not in corpus.fields:
            return {}
        return simple(train, items, there, (self.image, model.fields[self.text], self.target))

    def _pictures(self, items: Sequence[Sample]) -> int:
        return min(self.shown, len(items)) if self.image in items[0].fields else 0

    def _figure(self, model: Model, number: int, sample: Sample, box_4: Tensor) -> Figure:
        said = sample.fields[model.fields[self.text]]
        drawn = [
            figures.Box([float(edge) for edge in sample.targets[self.target]], 0, true=True),
            figures.Box(box_4.tolist(), 0),
        ]
        return Figure(f"referring_{number}", figures.drawn(padded_HWC(sample.fields[self.image]), drawn, [said]), said)


def _measured(
    name: str, found: Mapping[str, NDArray[np.float64]], simple_names: Sequence[str], over: Mapping[str, Any]
) -> Metric:
    known = ("own", "untrained", "chance", "best", *simple_names)
    return measure(
        name,
        found["own"],
        chance=found["chance"],
        untrained=found["untrained"],
        baselines={who: found[who] for who in simple_names},
        controls={who: values_N for who, values_N in found.items() if who not in known},
        references={"best_candidate": found["best"]},
        **over,
    )


def _hits(boxes_N4: Tensor, true_N4: Tensor) -> NDArray[np.float64]:
    """Return 1 where a box overlaps the true one enough (N,)."""
    return np.array(
        [float(iou(one[None], other[None])[0, 0] >= OVERLAP) for one, other in zip(boxes_N4, true_N4, strict=True)]
    )


def _nearest(box_4: Tensor, boxes_R4: Tensor) -> Tensor:
    """Return the candidate nearest to a box (4,)."""
    return boxes_R4[giou(box_4.expand_as(boxes_R4), boxes_R4).argmax()]


def _rounded(box_4: Tensor) -> list[float]:
    return [round(edge, 4) for edge in box_4.tolist()]
