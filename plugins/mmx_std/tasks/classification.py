"""Classification task: accuracy and areas under the curve, beside chance, majority, untrained model and controls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from mmx import Batch, Corpus, DataError, Figure, Metric, Model, Outputs, Prediction, Report, Run, Sample, measure
from mmx_std.ops.masking import unordered
from mmx_std.ops.ports import class_names, qualify, read
from mmx_std.tasks import baselines, judging, metrics, plots
from mmx_std.tasks.modalities.conflict import Conflict

_TOLD: Final = 5
"""Classes that an error names."""
_COUNTED: Final = 20_000
"""Training samples that the majority class is counted over."""


@dataclass(frozen=True)
class Scores:
    """Predictions of a model on a split: ids, class probabilities (N, C), true classes (N,) with -1 for unknown."""

    ids: Sequence[str]
    probabilities_NC: NDArray[np.float64]
    truth_N: NDArray[np.int64]

    def known(self) -> Scores:
        """Return the items whose true class is known."""
        keep_N = self.truth_N >= 0
        ids = [name for name, keep in zip(self.ids, keep_N, strict=True) if keep]
        return Scores(ids, self.probabilities_NC[keep_N], self.truth_N[keep_N])

    @property
    def guesses_N(self) -> NDArray[np.int64]:
        """The most probable classes."""
        guesses_N: NDArray[np.int64] = self.probabilities_NC.argmax(axis=1)
        return guesses_N


class Classification:
    """Judges a head's logits against one class per item.

    Reports accuracy, balanced accuracy and mean AUC; controls: always the majority class of `train`, each input
    removed, where there are several, each input taken from another item, and on demand inputs without their order in
    time; baselines: nearest neighbours and logistic regression on cheap statistics of each input, and
    of all together where there are several (`mmx_std.baselines`).

    Args:
        classes: The corpus's class names by target.
        head: Head that gives the logits, or any port.
        target: The true class.
        top: Classes that `predict` names.
        margin: What the intervals of the distances to chance, the untrained model and the controls must lie above.
        unit: Target that names the independent unit of an item: its recording, its speaker. By default the
            column `group` of a manifest; where the corpus has no such target, or with null, every item is one.
        simple: Judge the baselines too.
        references: Name -> target that holds exact class probabilities (C,), where a corpus knows them; their accuracy
            stands beside the model's and is never compared.
        unordered: Encoders whose input is also judged with its steps in a random order, as control `unordered_NAME`.
    """

    def __init__(
        self,
        classes: Mapping[str, Sequence[str] | None],
        *,
        head: str = "label",
        target: str = "label",
        top: Annotated[int, Field(ge=1)] = 5,
        margin: Annotated[float, Field(ge=0, le=1)] = 0.0,
        unit: str | None = "group",
        simple: bool = True,
        references: Mapping[str, str] = {},
        unordered: Sequence[str] = (),
    ) -> None:
        self.port = qualify(head, "heads")
        self.target = target
        self.names = class_names(classes, target)
        self.needs = (self.port, f"targets.{target}")
        self.top = top
        self.margin = margin
        self.unit, self.simple, self.references = unit, simple, dict(references)
        self.unordered = tuple(unordered)

    def check(self, model: Model, corpus: Corpus, split: str) -> list[str]:
        """Return what a corpus lacks: the split, or known classes in it."""
        lacks = judging.lacks(corpus, split)
        if not lacks and not judging.some_known(corpus.split(split), self.target):
            known = f"no item of split {split!r} has a known class {self.target!r}{self._met(corpus, split)}"
            lacks = [f"{known}; set task.target or another corpus"]
        return lacks

    def _met(self, corpus: Corpus, split: str) -> str:
        """Return the unknown classes that a split has beside those of the model, in words."""
        find = getattr(corpus, "strangers", None)
        met = [] if find is None else sorted(find(split).get(self.target, ()))
        if not met:
            return ""
        first = [", ".join(names[:_TOLD]) + (", ..." if len(names) > _TOLD else "") for names in (met, self.names)]
        return f": it has {first[0]}, the model knows {first[1]}"

    def evaluate(self, model: Model, corpus: Corpus, run: Run) -> Report:
        """Judge the split `run.split`."""
        samples = corpus.split(run.split)
        fields = judging.used_fields(model, self.needs)
        variants = {"own": (model, judging.as_it_is), "untrained": (run.untrained(), judging.as_it_is)}
        for field, encoders in fields.items():
            variants[f"without_{field}"] = (model, partial(judging.without, encoders=encoders))
        for encoder in self.unordered:
            generator = torch.Generator().manual_seed(run.seed)
            variants[f"unordered_{encoder}"] = (model, partial(unordered, encoders=[encoder], generator=generator))
        scores = self._scores(judging.outputs(variants, samples, self.needs, run, "judging"), list(variants))
        everything = scores.pop("own")
        found = everything.known()
        if not found.ids:
            return Report([], 0, len(samples), notes=[f"No item of {run.split} has a known {self.target}."])
        readable = judging.judged(samples, everything.ids)
        for field, encoders in fields.items() if len(fields) > 1 else ():
            name = f"shuffled_{field}"
            scores |= self._scores(judging.swapped(model, readable, self.needs, encoders, run, name), [name])
        others = {name: each.known() for name, each in scores.items()}
        untrained = others.pop("untrained")
        majority = self._majority(corpus, found)
        unknown = len(everything.ids) - len(found.ids)
        guesses = self._baselines(corpus, judging.judged(samples, found.ids), list(fields)) if self.simple else {}
        unit = judging.unit_of(corpus, self.unit)
        over: dict[str, Any] = {
            "units": judging.units_of(samples, found.ids, unit),
            "unit": "items" if unit is None else f"values of {unit}",
            "seed": run.seed,
        }
        return Report(
            [
                self._accuracy(found, untrained, others, majority, guesses, over | self._known(samples, found)),
                self._balanced(found, untrained, others, guesses, over),
                self._auc(found, untrained, others),
            ],
            used=len(found.ids),
            expected=len(samples),
            predictions=list(self._rows(everything)),
            figures=self._figures(found),
            notes=[
                *self._absent(found),
                *judging.left_out(corpus),
            ],
            left_out=[f"{unknown} items have no known {self.target} and are not judged."] if unknown else [],
            margin=self.margin,
        )

    def score(self, outputs: Outputs, batch: Batch) -> torch.Tensor:
        """Return the probability of each item's true class (B,), not a number where it is not known."""
        p_BC = read(outputs, self.port).float().softmax(dim=-1)
        truth_B = batch.targets[self.target].to(p_BC.device)
        right_B = p_BC.gather(1, truth_B.clamp(min=0)[:, None])[:, 0]
        return torch.where(truth_B >= 0, right_B, torch.nan)

    def conflict(self, first: str, second: str) -> Conflict:
        """Return the task that shows the same classifier one field of one class and another of another class."""
        return Conflict({self.target: self.names}, first=first, second=second, head=self.port, target=self.target)

    def predict(self, model: Model, raw: Mapping[str, Any]) -> Prediction:
        """Return the most probable classes of a user's own input."""
        logits_C = read(judging.one_input(model, (self.port,), dict(raw)), self.port)[0]
        probabilities_C = logits_C.float().softmax(dim=-1)
        values, indices = probabilities_C.topk(min(self.top, len(self.names)))
        rows = [
            {"class": self.names[index], "probability": value}
            for index, value in zip(indices.tolist(), values.tolist(), strict=True)
        ]
        return Prediction(rows)

    def _scores(
        self, batches: Iterable[tuple[Batch, Mapping[str, Outputs]]], variants: Sequence[str]
    ) -> dict[str, Scores]:
        ids: list[str] = []
        truths: list[NDArray[np.int64]] = [np.zeros(0, np.int64)]
        probabilities = {name: [np.zeros((0, len(self.names)))] for name in variants}
        for batch, found in batches:
            truth_B = batch.targets[self.target]
            if not isinstance(truth_B, torch.Tensor) or truth_B.is_floating_point() or truth_B.dim() != 1:
                raise DataError(f"target {self.target!r} is not one class per item: std/classification cannot judge it")
            ids += batch.ids
            truths.append(truth_B.cpu().numpy())
            for name, outputs in found.items():
                probabilities[name].append(read(outputs, self.port).double().softmax(dim=-1).cpu().numpy())
        truth_N = np.concatenate(truths)
        return {name: Scores(ids, np.concatenate(parts), truth_N) for name, parts in probabilities.items()}

    def _known(self, samples: Sequence[Sample], found: Scores) -> dict[str, Any]:
        """Return, by name of a reference, which items the exact probabilities get right."""
        chosen = judging.judged(samples, found.ids) if self.references else ()
        exact = {
            name: np.array([np.asarray(sample.targets[target]).argmax() for sample in chosen])
            for name, target in self.references.items()
            if chosen and target in chosen[0].targets
        }
        return {"references": {name: guesses_N == found.truth_N for name, guesses_N in exact.items()}}

    def _majority(self, corpus: Corpus, found: Scores) -> int:
        """Return the most frequent class of the train split, or of the judged split where there is none."""
        train = judging.training(corpus)
        if not len(train):
            return int(np.bincount(found.truth_N).argmax())
        counted = Counter(int(train[i].targets[self.target]) for i in range(min(len(train), _COUNTED)))
        counted.pop(-1, None)
        return min(counted, key=lambda index: (-counted[index], index), default=0)

    def _baselines(
        self, corpus: Corpus, judged: Sequence[Sample], fields: Sequence[str]
    ) -> dict[str, NDArray[np.int64]]:
        """Return the classes that simple methods name, by method."""
        train = [sample for sample in baselines.learnable(corpus) if int(sample.targets.get(self.target, -1)) >= 0]
        if len(train) < 2:
            return {}
        unit = judging.unit_of(corpus, self.unit)
        groups = None if unit is None else [sample.targets.get(unit, sample.id) for sample in train]
        blocks = baselines.of_samples(train, judged, fields)
        if len(fields) > 1 and blocks:
            blocks["all_inputs"] = baselines.joined(blocks)
        return baselines.classify(blocks, [int(sample.targets[self.target]) for sample in train], groups)

    def _accuracy(
        self,
        found: Scores,
        untrained: Scores,
        others: Mapping[str, Scores],
        majority: int,
        guesses: Mapping[str, NDArray[np.int64]],
        over: Mapping[str, Any],
    ) -> Metric:
        controls = {name: each.guesses_N == each.truth_N for name, each in others.items()}
        return measure(
            "accuracy",
            found.guesses_N == found.truth_N,
            chance=1 / len(self.names),
            untrained=untrained.guesses_N == untrained.truth_N,
            baselines={name: guesses_N == found.truth_N for name, guesses_N in guesses.items()},
            controls={"majority": found.truth_N == majority, **controls},
            **over,
        )

    def _balanced(
        self,
        found: Scores,
        untrained: Scores,
        others: Mapping[str, Scores],
        guesses: Mapping[str, NDArray[np.int64]],
        over: Mapping[str, Any],
    ) -> Metric:
        def balanced(rows_N2: NDArray[Any]) -> float:
            whole_N2 = rows_N2.astype(np.int64)
            return metrics.balanced_accuracy(whole_N2[:, 0], whole_N2[:, 1])

        def rows(guesses_N: NDArray[np.int64]) -> NDArray[np.int64]:
            return np.stack([found.truth_N, guesses_N], axis=1)

        return measure(
            "balanced_accuracy",
            rows(found.guesses_N),
            statistic=balanced,
            chance=1 / len(self.names),
            untrained=rows(untrained.guesses_N),
            baselines={name: rows(guesses_N) for name, guesses_N in guesses.items()},
            controls={name: rows(each.guesses_N) for name, each in others.items()},
            **over,
        )

    def _auc(self, found: Scores, untrained: Scores, others: Mapping[str, Scores]) -> Metric:
        controls = {name: float(self._mean_auc(each)) for name, each in others.items()}
        return Metric("auc", self._mean_auc(found), chance=0.5, untrained=self._mean_auc(untrained), controls=controls)

    def _mean_auc(self, scores: Scores) -> float:
        aucs_C = metrics.auc_per_class(np.eye(len(self.names))[scores.truth_N], scores.probabilities_NC)
        return float(np.nanmean(aucs_C)) if np.isfinite(aucs_C).any() else float("nan")

    def _absent(self, found: Scores) -> list[str]:
        absent = len(self.names) - len(np.unique(found.truth_N))
        return (
            [f"{absent} of {len(self.names)} classes do not occur among the items; AUC skips them."] if absent else []
        )

    def _rows(self, scores: Scores) -> Iterable[dict[str, Any]]:
        for name, p_C, truth in zip(scores.ids, scores.probabilities_NC, scores.truth_N, strict=True):
            guess = int(p_C.argmax())
            yield {
                "id": name,
                "truth": self.names[truth] if truth >= 0 else "unknown",
                "predicted": self.names[guess],
                "probability": float(p_C[guess]),
                "right": bool(truth == guess),
            }

    def _figures(self, found: Scores) -> list[Figure]:
        matrix_CC = metrics.confusion_matrix(found.truth_N, found.guesses_N, len(self.names))
        right_C, true_C, said_C = matrix_CC.diagonal(), matrix_CC.sum(axis=1), matrix_CC.sum(axis=0)
        columns = {"recall": right_C / np.maximum(true_C, 1), "precision": right_C / np.maximum(said_C, 1)}
        return [
            Figure("confusion", plots.confusion(matrix_CC, self.names), "Which class is taken for which."),
            Figure(
                "per_class",
                plots.per_class(self.names, columns, true_C.tolist()),
                "Recall and precision of each class, with its number of items.",
            ),
        ]
