"""Zero-shot task: items are classified by the texts that name their classes, without a trained classifier.

Shapes: N items, C classes, D width.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
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

__all__ = ["PROMPTS", "ZeroShot", "class_vectors"]

PROMPTS: Final[Mapping[str, Sequence[str]]] = {
    "photo": ("a photo of a {}.",),
    "pet": ("a photo of a {}, a type of pet.",),
    "food": ("a photo of {}, a type of food.",),
    "aircraft": ("a photo of a {}, a type of aircraft.",),
    "satellite": ("a satellite photo of a {}.",),
    "seven": (
        "itap of a {}.",
        "a bad photo of the {}.",
        "a origami {}.",
        "a photo of the large {}.",
        "a {} in a video game.",
        "art of the {}.",
        "a photo of the small {}.",
    ),
}
"""Prompts of Radford et al., 2021: section 3.1.4, and the seven that their public code's selection ends with."""

_TOP: Final = 5
"""k of the second accuracy, where there are more than twice as many classes."""


_Scores = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Scores of items with classes (N, C), over all templates and for the first."""


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
    left out. Control: the class names in another order; baselines: canonical correlation and nearest neighbours on
    cheap statistics of items and texts (`mmx_std.baselines`), learnt from training pairs and given the same prompts.
    Items and texts that never met in training (audio and text, each paired with images alone) are another question:
    with `through`, the baseline goes from neighbour to neighbour through the modality between them, and methods that
    are taught the pairs are references.

    Args:
        classes: The corpus's class names by target.
        items: Fused features of the items, by name or port.
        texts: Fused features of texts.
        target: Target that holds the class.
        templates: Texts with `{}` where the name of the class goes, or the name of prompts of CLIP's paper: photo, pet,
            food, aircraft, satellite, or seven (for ImageNet).
        names: What a class is called in prompts, where that is not its name in the corpus.
        splits: Further splits that are judged in the same way, as `accuracy_SPLIT`.
        limit: Most items per split, evenly spread.
        scale: Factor on cosines before the softmax that `predict` shows; no metric depends on it.
        margin: What the intervals of the distances to chance, the untrained model and the control must lie above.
        unit: Target that names the independent unit of an item: its video, its speaker. By default the
            column `group` of a manifest; where the corpus has no such target, or with null, every item is one.
        simple: Judge the baselines too.
        through: Fused features that items and texts were each paired with, where they were never paired themselves.

    Raises:
        ConfigError: No such prompts, a template without `{}`, or names of classes that do not exist.
    """

    def __init__(
        self,
        classes: Mapping[str, Sequence[str] | None],
        *,
        items: str,
        texts: str,
        target: str = "label",
        templates: Annotated[Sequence[str], Field(min_length=1)] | str = ("{}",),
        names: Mapping[str, str] = {},
        splits: Sequence[str] = (),
        limit: Annotated[int, Field(ge=2)] = 2000,
        scale: Annotated[float, Field(gt=0)] = 100.0,
        margin: Annotated[float, Field(ge=0, le=1)] = 0.0,
        unit: str | None = "group",
        simple: bool = True,
        through: str | None = None,
    ) -> None:
        self.items, self.texts = qualify(items, "fused"), qualify(texts, "fused")
        self.ports = (self.items, self.texts)
        self.target = target
        self.needs = (*self.ports, f"targets.{target}")
        self.classes = list(class_names(classes, target))
        self.templates = list(PROMPTS.get(templates, [templates]) if isinstance(templates, str) else templates)
        hint = f"; prompts with a name: {', '.join(PROMPTS)}" if isinstance(templates, str) else ""
        unfit = [each for each in self.templates if "{}" not in each]
        wrong = [f"templates: {each!r} has no {{}}, where the class goes{hint}" for each in unfit]
        wrong += [f"names: there is no class {name!r}" for name in names if name not in self.classes]
        if wrong:
            raise ConfigError(wrong)
        self.spoken = [names.get(name, name) for name in self.classes]
        self.splits = tuple(splits)
        self.limit = limit
        self.scale = scale
        self.margin = margin
        self.unit, self.simple = unit, simple
        self.through = None if through is None else qualify(through, "fused")

    def evaluate(self, model: Model, corpus: Corpus, run: Run) -> Report:
        """Judge the split `run.split` and the further ones."""
        models = {"own": model, "untrained": run.untrained()}
        texts = {name: self._texts(each) for name, each in models.items()}
        found: dict[str, dict[str, _Scored]] = {}
        expected = 0
        for split in (run.split, *self.splits):
            samples = judging.spread(corpus.split(split), self.limit)
            expected += len(samples) if split == run.split else 0
            variants = {name: (each, judging.as_it_is) for name, each in models.items()}
            batches = judging.outputs(variants, samples, (self.items,), run, f"judging {split}")
            found[split] = self._scored(batches, model, texts)
        own = found[run.split]["own"]
        if not len(own.ids):
            return Report([], 0, expected, notes=[f"No item of {run.split} has a known class."])
        names = {split: "accuracy" if split == run.split else f"accuracy_{split}" for split in found}
        judged = list(self._metrics(names, found, model, corpus, run.seed))
        return Report(
            judged,
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

    def _metrics(
        self,
        names: Mapping[str, str],
        found: Mapping[str, Mapping[str, _Scored]],
        model: Model,
        corpus: Corpus,
        seed: int,
    ) -> Iterable[Metric]:
        """Yield the accuracy of every split, then what else is asked of the first."""
        learnt = self._learnt(model, corpus)
        unit = judging.unit_of(corpus, self.unit)
        over: dict[str, dict[str, Any]] = {}
        for split, scored in found.items():
            ids = scored["own"].ids
            samples = judging.judged(corpus.split(split), ids)
            over[split] = {
                "units": judging.units_of(samples, ids, unit),
                "unit": "items" if unit is None else f"values of {unit}",
                "seed": seed,
                **self._beside(model, learnt, samples),
            }
            yield self._accuracy(names[split], scored, over[split])
        first = next(iter(found))
        yield from self._further(found[first], over[first])

    def _learnt(self, model: Model, corpus: Corpus) -> Sequence[Sample]:
        """Return the training pairs that the baselines learn from; none where they are not judged."""
        fields = [asking.field_of(model, port) for port in self.ports]
        if not self.simple or fields[0] == fields[1]:
            return ()
        train = baselines.learnable(corpus)
        return [sample for sample in train if all(sample.fields.get(field) is not None for field in fields)]

    def _beside(self, model: Model, learnt: Sequence[Sample], judged: Sequence[Sample]) -> dict[str, Any]:
        """Return the scores of simple methods: `baselines`, and `references` that know more than the model."""
        taught = self._baselines(model, learnt, judged)
        if self.through is None or not taught:
            return {"baselines": taught}
        item, text, bridge = (asking.field_of(model, port) for port in (*self.ports, self.through))
        whole = [sample for sample in learnt if sample.fields.get(bridge) is not None]
        order = np.random.default_rng(0).permutation(len(whole)).tolist()
        first, second = ([whole[i] for i in half] for half in (order[::2], order[1::2]))  # none lends both its pairs
        shown, between = baselines.of_samples(first, judged, [item]), baselines.of_samples(first, second, [bridge])
        told = baselines.describe([sample.fields[text] for sample in second], self._prompts())
        chain = self._shaped({f"neighbours_through_{bridge}": baselines.chained(shown, between, told)}, len(judged))
        return {"baselines": chain, "references": {f"{way}_taught_pairs": each for way, each in taught.items()}}

    def _prompts(self) -> list[str]:
        return [template.replace("{}", name) for name in self.spoken for template in self.templates]

    def _shaped(self, ways: Mapping[str, NDArray[np.float64]], count: int) -> dict[str, _Scores]:
        """Return similarities with prompts (N, C * T) as scores over all templates and for the first (N, C)."""
        shaped = {way: scores_NP.reshape(count, len(self.spoken), -1) for way, scores_NP in ways.items()}
        return {way: (scores_NCT.mean(2), scores_NCT[:, :, 0]) for way, scores_NCT in shaped.items()}

    def _baselines(self, model: Model, learnt: Sequence[Sample], judged: Sequence[Sample]) -> dict[str, _Scores]:
        """Return the scores (N, C) of simple methods, over all templates and for the first, by method."""
        if len(learnt) < 2 or not len(judged):
            return {}
        item, text = (asking.field_of(model, port) for port in self.ports)
        shown = baselines.of_samples(learnt, judged, [item])
        told = baselines.describe([sample.fields[text] for sample in learnt], self._prompts())
        if not shown or not told:
            return {}
        return self._shaped(baselines.match(shown, told), len(judged))

    def _accuracy(self, name: str, found: Mapping[str, _Scored], over: Mapping[str, Any]) -> Metric:
        own = found["own"]
        others_C = np.array(judging.derangement(len(self.classes), over["seed"]))
        return _measured(
            name,
            found,
            over,
            lambda every_NC, _: _hits(every_NC, own.truth_N),
            chance=1 / len(self.classes),
            controls={"shuffled_names": _hits(own.scores_NC[:, others_C], own.truth_N)},
        )

    def _further(self, found: Mapping[str, _Scored], over: Mapping[str, Any]) -> Iterable[Metric]:
        truth_N, count = found["own"].truth_N, len(self.classes)
        if len(self.templates) > 1:
            name = "accuracy_first_template"
            yield _measured(name, found, over, lambda _, single_NC: _hits(single_NC, truth_N), chance=1 / count)
        if count > 2 * _TOP:
            name = f"accuracy_top_{_TOP}"
            yield _measured(name, found, over, lambda every_NC, _: _among_top(every_NC, truth_N), chance=_TOP / count)

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


def _measured(
    name: str,
    found: Mapping[str, _Scored],
    over: Mapping[str, Any],
    each: Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[Any]],
    **beside: Any,
) -> Metric:
    """Return a metric of the trained model beside the untrained one and the baselines.

    Args:
        name: Key of the metric.
        found: What the two models scored.
        over: Units, seed, and what the baselines scored.
        each: Value per item (N,) of scores over all templates and for the first (N, C).
        beside: What else stands beside the metric.
    """
    own, untrained = found["own"], found["untrained"]
    kinds = {kind: over[kind] for kind in ("baselines", "references") if kind in over}
    others = {kind: {way: each(*scores) for way, scores in ways.items()} for kind, ways in kinds.items()}
    return measure(
        name,
        each(own.scores_NC, own.single_NC),
        untrained=each(untrained.scores_NC, untrained.single_NC),
        **{**over, **others},
        **beside,
    )


def _hits(scores_NC: NDArray[np.float64], truth_N: NDArray[np.int64]) -> NDArray[np.bool_]:
    return np.asarray(scores_NC.argmax(axis=1) == truth_N)


def _among_top(scores_NC: NDArray[np.float64], truth_N: NDArray[np.int64]) -> NDArray[np.float64]:
    positives_NC = np.eye(scores_NC.shape[1], dtype=bool)[truth_N]
    return metrics.recalls_at_k(scores_NC, positives_NC, _TOP)
