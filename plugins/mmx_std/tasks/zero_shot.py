"""Zero-shot task: items are classified by the texts that name their classes, without a trained classifier.

Shapes: N items, C classes, D width.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from mmx import (
    Batch,
    ConfigError,
    Corpus,
    DataError,
    Figure,
    Metric,
    Model,
    Outputs,
    Prediction,
    Report,
    Run,
    Sample,
    UserError,
    measure,
)
from mmx_std.ops.ports import class_names, qualify, read
from mmx_std.tasks import asking, baselines, judging, metrics, plots

__all__ = ["ZeroShot", "class_vectors"]

_TOP: Final = 5
"""k of the second accuracy, where there are more than twice as many classes."""


@dataclass(frozen=True)
class _Scored:
    """Cosines of one split's items with the classes (N, C), over all templates and for the first; true classes (N,)."""

    ids: Sequence[str]
    scores_NC: NDArray[np.float64]
    truth_N: NDArray[np.int64]
    single_NC: NDArray[np.float64]


class ZeroShot:
    """Judges whether the text that names a class is nearest to its items, averaged over prompts.

    Radford et al., 2021, section 3.1.4: every template's text is encoded and scaled to length 1, the mean over the
    templates is scaled again, and an item belongs to the class of the largest cosine. Items of unknown class (-1) are
    left out. Control: the class names in another order; baselines: canonical correlation and nearest neighbours
    between cheap statistics of the items and words of the prompts (`mmx_std.baselines`). These learn from items that
    have a text, also where the model itself never saw the two together.

    Args:
        classes: The corpus's class names by target.
        items: Fused features of the items, by name or port.
        texts: Fused features of texts.
        target: Target that holds the class.
        templates: Texts with `{}` where the name of the class goes.
        names: What a class is called in prompts, where that is not its name in the corpus.
        splits: Further splits that are judged in the same way, as `accuracy_SPLIT`.
        limit: Most items per split, evenly spread.
        scale: Factor on cosines before the softmax that `predict` shows; no metric depends on it.
        margin: What the intervals of the distances to chance, the untrained model and the control must lie above.
        unit: Target that names the independent unit of an item: its recording, its speaker. By default the
            column `group` of a manifest; where the corpus has no such target, or with null, every item is one.
        simple: Judge the baselines too.

    Raises:
        ConfigError: A template without `{}`, or names of classes that do not exist.
    """

    def __init__(
        self,
        classes: Mapping[str, Sequence[str] | None],
        *,
        items: str,
        texts: str,
        target: str = "label",
        templates: Annotated[Sequence[str], Field(min_length=1)] = ("{}",),
        names: Mapping[str, str] = {},
        splits: Sequence[str] = (),
        limit: Annotated[int, Field(ge=2)] = 2000,
        scale: Annotated[float, Field(gt=0)] = 100.0,
        margin: Annotated[float, Field(ge=0, le=1)] = 0.0,
        unit: str | None = "group",
        simple: bool = True,
    ) -> None:
        self.items, self.texts = qualify(items, "fused"), qualify(texts, "fused")
        self.ports = (self.items, self.texts)
        self.target = target
        self.needs = (*self.ports, f"targets.{target}")
        self.classes = list(class_names(classes, target))
        self.templates = list(templates)
        wrong = [f"templates: {each!r} has no {{}}, where the class goes" for each in templates if "{}" not in each]
        wrong += [f"names: there is no class {name!r}" for name in names if name not in self.classes]
        if wrong:
            raise ConfigError(wrong)
        self.spoken = [names.get(name, name) for name in self.classes]
        self.splits = tuple(splits)
        self.limit = limit
        self.scale = scale
        self.margin = margin
        self.unit, self.simple = unit, simple

    def evaluate(self, model: Model, corpus: Corpus, run: Run) -> Report:
        """Judge the split `run.split` and the further ones."""
        models = {"own": model, "untrained": run.untrained()}
        texts = {name: self._texts(each) for name, each in models.items()}
        found: dict[str, dict[str, _Scored]] = {}
        items: dict[str, Sequence[Sample]] = {}
        for split in (run.split, *self.splits):
            items[split] = samples = judging.spread(corpus.split(split), self.limit)
            variants = {name: (each, judging.as_it_is) for name, each in models.items()}
            batches = judging.outputs(variants, samples, (self.items,), run, f"judging {split}")
            found[split] = self._scored(batches, model, texts)
        own, expected = found[run.split]["own"], len(items[run.split])
        if not len(own.ids):
            return Report([], 0, expected, notes=[f"No item of {run.split} has a known class."])
        over = {split: self._over(corpus, items[split], found[split]["own"].ids, run.seed) for split in found}
        guesses = self._baselines(model, corpus, judging.judged(items[run.split], own.ids)) if self.simple else {}
        return Report(
            [
                self._accuracy("accuracy", found[run.split], over[run.split], guesses),
                *(self._accuracy(f"accuracy_{split}", found[split], over[split], {}) for split in self.splits),
                *self._further(found[run.split], over[run.split]),
            ],
            used=len(own.ids),
            expected=expected,
            predictions=list(self._rows(own)),
            figures=[self._figure(own)],
            notes=[
                f"{len(self.templates)} templates for each of {len(self.classes)} classes.",
                *judging.left_out(corpus),
            ],
            margin=self.margin,
        )

    def read(self, model: Model, path: Path, extras: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the input of `predict` for a file or a folder, see `mmx_std.tasks.asking.read_question`."""
        return asking.read_question(model, self.ports, path, extras)

    def predict(self, model: Model, raw: Mapping[str, Any]) -> Prediction:
        """Tell the probability of each class, or rank the texts or files that are given as candidates.

        Raises:
            UserError: There is nothing to classify.
        """
        item, text = (asking.field_of(model, port) for port in self.ports)
        given, told = raw.get(item), raw.get(text)
        if isinstance(told, list | tuple | asking.Candidates) and given is not None:
            return asking.ranking(model, (self.items, given), (self.texts, told))
        if isinstance(given, list | tuple | asking.Candidates) and told is not None:
            return asking.ranking(model, (self.texts, told), (self.items, given))
        if given is None:
            raise UserError(f"this model classifies {item}; give one: mmx predict RUN FILE")
        vector_D = asking.embed(model, self.items, [given])[0]
        shares_C = (self.scale * (self._texts(model)[0] @ vector_D)).softmax(dim=0)
        order = shares_C.argsort(descending=True)[: 2 * _TOP].tolist()
        return Prediction([{"class": self.classes[i], "probability": float(shares_C[i])} for i in order])

    def _texts(self, model: Model) -> tuple[Tensor, Tensor]:
        """Return the classes' vectors (C, D) over all templates, and those of the first template alone."""
        every = class_vectors(model, self.texts, self.spoken, self.templates)
        return every, class_vectors(model, self.texts, self.spoken, self.templates[:1])

    def _scored(
        self,
        batches: Iterable[tuple[Batch, Mapping[str, Outputs]]],
        model: Model,
        texts: Mapping[str, tuple[Tensor, Tensor]],
    ) -> dict[str, _Scored]:
        ids: list[str] = []
        truths: list[int] = []
        rows: dict[str, list[tuple[Tensor, Tensor]]] = {name: [] for name in texts}
        for batch, found in batches:
            truth_B = batch.targets[self.target]
            if not isinstance(truth_B, Tensor) or truth_B.is_floating_point() or truth_B.dim() != 1:
                raise DataError(f"target {self.target!r} is not one class per item: std/zero-shot cannot judge it")
            keep_B = truth_B.cpu() >= 0
            for encoder in asking.behind(model, self.items):
                keep_B &= batch.present.get(encoder, keep_B).cpu()
            kept = keep_B.nonzero().flatten().tolist()
            ids += [batch.ids[i] for i in kept]
            truths += [int(truth_B[i]) for i in kept]
            for name, outputs in found.items():
                x_BD = torch.nn.functional.normalize(read(outputs, self.items).double().cpu(), dim=1)[keep_B]
                rows[name].append((x_BD @ texts[name][0].T, x_BD @ texts[name][1].T))
        none = torch.zeros(0, len(self.classes), dtype=torch.float64)
        tables = {
            name: [torch.cat([none, *(row[at] for row in parts)]).numpy() for at in (0, 1)]
            for name, parts in rows.items()
        }
        truth_N = np.array(truths, np.int64)
        return {name: _Scored(ids, every, truth_N, single) for name, (every, single) in tables.items()}

    def _over(self, corpus: Corpus, samples: Sequence[Sample], ids: Sequence[str], seed: int) -> dict[str, Any]:
        """Return what intervals are taken over."""
        unit = judging.unit_of(corpus, self.unit)
        told = "items" if unit is None else f"values of {unit}"
        return {"units": judging.units_of(samples, ids, unit), "unit": told, "seed": seed}

    def _baselines(self, model: Model, corpus: Corpus, judged: Sequence[Sample]) -> dict[str, NDArray[np.int64]]:
        """Return the classes (N,) that simple methods name, which learn from training items with a text."""
        item, text = (asking.field_of(model, port) for port in self.ports)
        train = [
            sample
            for sample in baselines.learnable(corpus)
            if all(sample.fields.get(field) is not None for field in (item, text))
        ]
        if len(train) < 2:
            return {}
        items = baselines.of_samples(train, judged, [item])
        prompts = [template.replace("{}", name) for name in self.spoken for template in self.templates]
        texts = baselines.describe([sample.fields[text] for sample in train], prompts)
        found = baselines.match(items, texts) if items and texts else {}
        shape = (len(judged), len(self.spoken), len(self.templates))
        return {name: scores.reshape(shape).mean(axis=2).argmax(axis=1) for name, scores in found.items()}

    def _accuracy(
        self,
        name: str,
        found: Mapping[str, _Scored],
        over: Mapping[str, Any],
        guesses: Mapping[str, NDArray[np.int64]],
    ) -> Metric:
        own, untrained = found["own"], found["untrained"]
        others_C = np.array(judging.derangement(len(self.classes), int(over["seed"])))
        return measure(
            name,
            own.scores_NC.argmax(axis=1) == own.truth_N,
            chance=1 / len(self.classes),
            untrained=untrained.scores_NC.argmax(axis=1) == untrained.truth_N,
            baselines={method: guess_N == own.truth_N for method, guess_N in guesses.items()},
            controls={"shuffled_names": own.scores_NC[:, others_C].argmax(axis=1) == own.truth_N},
            **over,
        )

    def _further(self, found: Mapping[str, _Scored], over: Mapping[str, Any]) -> Iterable[Metric]:
        own, untrained = found["own"], found["untrained"]
        if len(self.templates) > 1:
            yield measure(
                "accuracy_first_template",
                own.single_NC.argmax(axis=1) == own.truth_N,
                chance=1 / len(self.classes),
                untrained=untrained.single_NC.argmax(axis=1) == untrained.truth_N,
                **over,
            )
        if len(self.classes) > 2 * _TOP:
            tops = {name: _among_top(each.scores_NC, each.truth_N) for name, each in found.items()}
            yield measure(
                f"accuracy_top_{_TOP}",
                tops["own"],
                chance=_TOP / len(self.classes),
                untrained=tops["untrained"],
                **over,
            )

    def _rows(self, own: _Scored) -> Iterable[dict[str, Any]]:
        for name, scores_C, truth in zip(own.ids, own.scores_NC, own.truth_N, strict=True):
            guess = int(scores_C.argmax())
            yield {
                "id": name,
                "truth": self.classes[truth],
                "predicted": self.classes[guess],
                "cosine": float(scores_C[guess]),
                "right": bool(guess == truth),
            }

    def _figure(self, own: _Scored) -> Figure:
        matrix_CC = metrics.confusion_matrix(own.truth_N, own.scores_NC.argmax(axis=1), len(self.classes))
        return Figure("confusion", plots.confusion(matrix_CC, self.classes), "Which class is taken for which.")


def class_vectors(model: Model, port: str, names: Sequence[str], templates: Sequence[str]) -> Tensor:
    """Return one unit vector per class, float64 (C, D): the mean over templates of unit vectors, scaled again.

    Args:
        model: Encodes the texts.
        port: Where the vectors of texts are read.
        names: What the classes are called.
        templates: Texts with `{}` in the place of the name.
    """
    texts = [template.replace("{}", name) for name in names for template in templates]
    vectors_CTD = asking.embed(model, port, texts).reshape(len(names), len(templates), -1)
    return torch.nn.functional.normalize(vectors_CTD.mean(dim=1), dim=1)


def _among_top(scores_NC: NDArray[np.float64], truth_N: NDArray[np.int64]) -> NDArray[np.float64]:
    positives_NC = np.eye(scores_NC.shape[1], dtype=bool)[truth_N]
    return metrics.recalls_at_k(scores_NC, positives_NC, _TOP)
