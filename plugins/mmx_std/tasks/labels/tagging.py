"""Tagging task: several classes may be true of an item. Shapes: N items, C classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from mmx import Corpus, DataError, Metric, Model, Prediction, Report, Run, measure
from mmx_std.ops.ports import class_names, qualify, read, short
from mmx_std.tasks import judging

__all__ = ["Tagging", "mean_average_precision"]

Floats = NDArray[np.float64]
_MOST: Final = 200_000
"""Items times classes up to which intervals are drawn; with more, one draw takes too long."""


class Tagging:
    """Judges independent yes/no logits by mean average precision over classes, as AudioSet's taggers are.

    Each class's items are ranked by its probability; average precision is the mean of the precision at each item that
    has the class, and classes that no item has are left out. Controls: each input removed. Without `target` nothing is
    judged: the task only answers for a user's files.

    Args:
        classes: The corpus's class names by target.
        head: Head that gives the logits, or any port; the names of a published classifier are its own.
        target: Multi-hot truth (`labels` of a manifest), or one class per item.
        top: Classes that `predict` names.
        margin: What the intervals of the distances to chance, the untrained model and the controls must lie above.
    """

    def __init__(
        self,
        classes: Mapping[str, Sequence[str] | None],
        *,
        head: str = "label",
        target: str | None = None,
        top: Annotated[int, Field(ge=1)] = 10,
        margin: Annotated[float, Field(ge=0, le=1)] = 0.0,
    ) -> None:
        self.port = qualify(head, "heads")
        self.target = target
        self.needs = (self.port, *([] if target is None else [f"targets.{target}"]))
        self.named = None if target is None else list(class_names(classes, target))
        self.top, self.margin = top, margin

    def evaluate(self, model: Model, corpus: Corpus, run: Run) -> Report:
        """Judge the split `run.split`, where there is a target."""
        samples = corpus.split(run.split)
        if self.target is None:
            return Report([], 0, 0, notes=["Tags have no truth here: they are for files of your own (mmx predict)."])
        variants = {"own": (model, judging.as_it_is), "untrained": (run.untrained(), judging.as_it_is)}
        for field, encoders in judging.used_fields(model, self.needs).items():
            variants[f"without_{field}"] = (model, partial(judging.without, encoders=encoders))
        ids: list[str] = []
        truths: list[Floats] = []
        scores: dict[str, list[Floats]] = {name: [] for name in variants}
        for batch, found in judging.outputs(variants, samples, (self.port,), run, "judging"):
            ids += batch.ids
            truths.append(self._truth(batch.targets[self.target]))
            for name, outputs in found.items():
                scores[name].append(read(outputs, self.port).double().sigmoid().cpu().numpy())
        if not ids:
            return Report([], 0, len(samples), notes=[f"No item of {run.split} could be read."])
        rows = {name: np.concatenate([np.concatenate(truths), np.concatenate(s)], axis=1) for name, s in scores.items()}
        return Report(
            [self._metric(rows, ids, run.seed)],
            used=len(ids),
            expected=len(samples),
            predictions=self._rows(model, ids, rows["own"]),
            notes=judging.left_out(corpus),
            margin=self.margin,
        )

    def predict(self, model: Model, raw: Mapping[str, Any]) -> Prediction:
        """Return the most probable classes of a user's own input, each with its own probability."""
        logits_C = read(judging.one_input(model, (self.port,), dict(raw)), self.port)[0]
        names = self._names(model, len(logits_C))
        values, indices = logits_C.float().sigmoid().topk(min(self.top, len(names)))
        pairs = zip(indices.tolist(), values.tolist(), strict=True)
        return Prediction([{"tag": names[index], "probability": value} for index, value in pairs])

    def _names(self, model: Model, count: int) -> Sequence[str]:
        own = getattr(model.heads[short(self.port)], "names", None) if self.port.startswith("heads.") else None
        return own or self.named or [f"class {index}" for index in range(count)]

    def _truth(self, truth: Any) -> Floats:
        if isinstance(truth, torch.Tensor) and truth.dim() == 2:
            return np.asarray(truth.double().cpu().numpy())
        if isinstance(truth, torch.Tensor) and truth.dim() == 1 and not truth.is_floating_point():
            known_B1 = (truth >= 0).double()[:, None]
            hot_BC = torch.nn.functional.one_hot(truth.clamp(min=0).long(), len(self.named or ()))
            return np.asarray((hot_BC.double() * known_B1).cpu().numpy())
        raise DataError(f"target {self.target!r} is neither classes nor multi-hot: std/tagging cannot judge it")

    def _metric(self, rows: Mapping[str, Floats], ids: Sequence[str], seed: int) -> Metric:
        others = {name: each for name, each in rows.items() if name not in ("own", "untrained")}
        truth_NC = rows["own"][:, : rows["own"].shape[1] // 2]
        chance = float(truth_NC.mean(axis=0)[truth_NC.any(axis=0)].mean()) if truth_NC.any() else float("nan")
        if truth_NC.size > _MOST:
            return Metric(
                "mean_average_precision",
                mean_average_precision(rows["own"]),
                chance=chance,
                untrained=mean_average_precision(rows["untrained"]),
                controls={name: mean_average_precision(each) for name, each in others.items()},
            )
        return measure(
            "mean_average_precision",
            rows["own"],
            units=ids,
            unit="items",
            statistic=mean_average_precision,
            chance=chance,
            untrained=rows["untrained"],
            controls=others,
            seed=seed,
        )

    def _rows(self, model: Model, ids: Sequence[str], rows_N2C: Floats) -> list[dict[str, Any]]:
        count = rows_N2C.shape[1] // 2
        names = self._names(model, count)
        table = []
        for name, row in zip(ids, rows_N2C, strict=True):
            truth_C, scores_C = row[:count], row[count:]
            first = int(scores_C.argmax())
            true = ", ".join(names[int(i)] for i in np.flatnonzero(truth_C > 0))
            told = {"first": names[first], "probability": float(scores_C[first]), "right": bool(truth_C[first] > 0)}
            table.append({"id": name, "truth": true, **told})
        return table


def mean_average_precision(rows_N2C: Floats) -> float:
    """Return the mean over classes of average precision; NaN where no item has any class.

    Args:
        rows_N2C: Truth (0 or 1) of each class, then the scores of each. Equal scores count in the order of the items.
    """
    count = rows_N2C.shape[1] // 2
    truth_NC, scores_NC = rows_N2C[:, :count] > 0, rows_N2C[:, count:]
    ranked_NC = np.take_along_axis(truth_NC, np.argsort(-scores_NC, axis=0, kind="stable"), axis=0)
    precision_NC = np.cumsum(ranked_NC, axis=0) / np.arange(1, len(ranked_NC) + 1)[:, None]
    hits_C = ranked_NC.sum(axis=0)
    if not hits_C.any():
        return float("nan")
    each_C = (precision_NC * ranked_NC).sum(axis=0) / np.maximum(hits_C, 1)
    return float(each_C[hits_C > 0].mean())
