"""Judgement of answers by VQA accuracy, over all questions and by type. N items, C answers."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from mmx import (
    MEDIA_SUFFIXES,
    Batch,
    Corpus,
    DataError,
    Metric,
    Model,
    Outputs,
    Prediction,
    Report,
    Run,
    Sample,
    UserError,
    measure,
    read_image,
)
from mmx_std.ops import ports
from mmx_std.tasks import baselines, judging
from mmx_std.tasks.answers.scoring import agreement, scores
from mmx_std.tasks.modalities.conflict import Conflict

Guesses = dict[str, NDArray[np.int64]]
_OPENING: Final = 2
"""Words of a question that the prior is told by: "how many", "is there"."""


@dataclass(frozen=True, slots=True)
class _Found:
    """What was judged: items, the score of each answer (N, C), chosen answers by variant, probabilities (N,)."""

    items: Sequence[Sample]
    scores_NC: NDArray[np.float64]
    guesses: Guesses
    sure_N: NDArray[np.float64]

    def of(self, guesses_N: NDArray[np.int64], rows_N: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
        """Return the score of each item's chosen answer (N,), not a number outside of `rows_N`."""
        found_N = self.scores_NC[np.arange(len(guesses_N)), guesses_N]
        return found_N if rows_N is None else np.where(rows_N, found_N, np.nan)


class Answers:
    """Judges chosen answers by what several annotators answered.

    Metrics: `vqa_accuracy` (min(1, n / 3) of an answer that n annotators gave, over leave-one-out sets, after the
    normalisation of the challenge), and the same of each type of question. Controls: the most frequent answer, each
    input removed, each taken from another item. Baselines: the most frequent answer to the question's first two words,
    nearest neighbours and logistic regression on words, on cheap statistics of the image, and on both side by side, of
    what the model reads.
    Reference: `annotators`, the accuracy of one by the others.

    Args:
        classes: The corpus's class names by target.
        head: Head that gives the logits, or any port.
        target: The answer that is learned: the most frequent one.
        answers: Target or field with the annotators' answers: a list, or a text with one a line. Where an item has
            none, the answer of `target` is the only right one.
        kind: Target that names the type of question; types are judged where it has class names.
        question: Field of the question.
        image: Field of the image.
        unit: Target that names the independent unit of an item: its image.
        top: Answers that `predict` names.
        beside: Second text of the pair that the model reads a user's question in (VL-BERT: `[MASK]`); null: no pair.
        simple: Judge nearest neighbours and regressions too.
    """

    def __init__(
        self,
        classes: Mapping[str, Sequence[str] | None],
        *,
        head: str = "label",
        target: str = "label",
        answers: str = "answers",
        kind: str = "type",
        question: str = "question",
        image: str = "image",
        unit: str | None = "group",
        top: Annotated[int, Field(ge=1)] = 3,
        beside: str | None = None,
        simple: bool = True,
    ) -> None:
        self.port = ports.qualify(head, "heads")
        self.target, self.answers, self.kind = target, answers, kind
        self.question, self.image = question, image
        self.names = ports.class_names(classes, target)
        self.types = classes.get(kind) or ()
        self.unit, self.top, self.beside, self.simple = unit, top, beside, simple
        self.needs = (self.port, f"targets.{target}")

    def check(self, model: Model, corpus: Corpus, split: str) -> list[str]:
        """Return what a corpus lacks: the split."""
        return judging.lacks(corpus, split)

    def evaluate(self, model: Model, corpus: Corpus, run: Run) -> Report:
        """Judge the split `run.split`."""
        samples = corpus.split(run.split)
        found = self._judged(model, samples, run)
        if not found.items:
            return Report([], 0, len(samples), notes=[f"No item of {run.split} can be read and has an answer."])
        others = {name: each for name, each in found.guesses.items() if name not in ("own", "untrained")}
        unit = judging.unit_of(corpus, self.unit)
        ids = [sample.id for sample in found.items]
        over: dict[str, Any] = {
            "units": judging.units_of(found.items, ids, unit),
            "unit": "items" if unit is None else f"values of {unit}",
            "seed": run.seed,
        }
        prior, majority = self._prior(corpus, found)
        fields = list(judging.used_fields(model, self.needs))
        simple = {"question_prior": prior, **(self._simple(corpus, found, fields) if self.simple else {})}
        whole = measure(
            "vqa_accuracy",
            found.of(found.guesses["own"]),
            chance=found.scores_NC.mean(1),
            untrained=found.of(found.guesses["untrained"]),
            baselines={name: found.of(each) for name, each in simple.items()},
            controls={"majority": found.of(majority), **{name: found.of(each) for name, each in others.items()}},
            references={"annotators": np.array([agreement(self._given(sample)) for sample in found.items])},
            **over,
        )
        return Report(
            [whole, *self._by_type(found, prior, others, over)],
            used=len(found.items),
            expected=len(samples),
            predictions=self._rows(found),
            notes=judging.left_out(corpus),
        )

    def score(self, outputs: Outputs, batch: Batch) -> torch.Tensor:
        """Return the probability of each item's most frequent answer (B,), not a number where it is no class."""
        p_BC = ports.read(outputs, self.port).float().softmax(dim=-1)
        truth_B = batch.targets[self.target].to(p_BC.device)
        right_B = p_BC.gather(1, truth_B.clamp(min=0)[:, None])[:, 0]
        return torch.where(truth_B >= 0, right_B, torch.nan)

    def read(self, model: Model, path: Path, extras: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return an image and the questions about it: `texts`, separated by semicolons, or the question's own field.

        Raises:
            DataError: The file is no image, or cannot be read.
            UserError: There is no question.
        """
        if path.suffix.lower() not in MEDIA_SUFFIXES["image"]:
            raise DataError(f"{path}: questions are asked about an image")
        asked = str(extras.get("texts", extras.get(self.question, "")))
        questions = [each.strip() for each in asked.split(";") if each.strip()]
        if not questions:
            raise UserError(f'what to ask about {path}? add --texts "how many things are there?"')
        return {self.image: read_image(path), self.question: questions}

    def conflict(self, first: str, second: str) -> Conflict:
        """Return the task that shows the same model the field of one item and the other of an item of another answer.

        Of an image and a question that is asked about another, each side's class is the answer to its own question.
        """
        return Conflict({self.target: self.names}, first=first, second=second, head=self.port, target=self.target)

    def predict(self, model: Model, raw: Mapping[str, Any]) -> Prediction:
        """Return the most probable answers to each question about a user's own image."""
        read = [model.fields[name] for name, encoder in model.encoders.items() if encoder.modality == "text"]
        field = self.question if self.question in read else read[0]
        asked = raw.get(field, "")
        rows = []
        for question in [asked] if isinstance(asked, str) else asked:
            fields = {**raw, field: question if self.beside is None else (question, self.beside)}
            logits_C = ports.read(judging.one_input(model, (self.port,), fields), self.port)[0]
            values, places = logits_C.float().softmax(dim=-1).topk(min(self.top, len(self.names)))
            for value, place in zip(values.tolist(), places.tolist(), strict=True):
                rows.append({self.question: question, "answer": self.names[place], "probability": value})
        return Prediction(rows)

    def _judged(self, model: Model, samples: Sequence[Sample], run: Run) -> _Found:
        fields = judging.used_fields(model, self.needs)
        variants = {"own": (model, judging.as_it_is), "untrained": (run.untrained(), judging.as_it_is)}
        for field, encoders in fields.items():
            variants[f"without_{field}"] = (model, partial(judging.without, encoders=encoders))
        ids: list[str] = []
        sure: list[float] = []
        chosen: dict[str, list[int]] = defaultdict(list)
        for batch, found in judging.outputs(variants, samples, self.needs, run, "judging"):
            ids += batch.ids
            for name, outputs in found.items():
                p_BC = ports.read(outputs, self.port).float().softmax(dim=-1)
                chosen[name] += p_BC.argmax(dim=-1).tolist()
                if name == "own":
                    sure += p_BC.amax(dim=-1).tolist()
        items = judging.judged(samples, ids)
        for field, encoders in fields.items() if len(fields) > 1 and len(items) > 1 else ():
            name = f"shuffled_{field}"
            for _, found in judging.swapped(model, items, self.needs, encoders, run, name):
                chosen[name] += ports.read(found[name], self.port).argmax(dim=-1).tolist()
        known = [place for place, sample in enumerate(items) if self._given(sample)]
        answered = [items[place] for place in known]
        scores_NC = scores(self.names, [self._given(sample) for sample in answered])
        guesses = {name: np.array(each)[known] for name, each in chosen.items()}
        return _Found(answered, scores_NC, guesses, np.array(sure)[known])

    def _given(self, sample: Sample) -> Sequence[str]:
        """Return the annotators' answers; where there are none the learned one ten times, or none."""
        given = sample.targets.get(self.answers, sample.fields.get(self.answers))
        if given:
            return given.splitlines() if isinstance(given, str) else list(given)
        label = int(sample.targets.get(self.target, -1))
        return [self.names[label]] * 10 if label >= 0 else []

    def _opening(self, sample: Sample) -> str:
        return " ".join(str(sample.fields.get(self.question) or "").lower().split()[:_OPENING])

    def _prior(self, corpus: Corpus, found: _Found) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the most frequent training answer to each question's first words, and of all questions (N,)."""
        counted: dict[str, Counter[int]] = defaultdict(Counter)
        for sample in judging.training(corpus) or found.items:
            label = int(sample.targets.get(self.target, -1))
            if label >= 0:
                counted[self._opening(sample)][label] += 1
        every = sum(counted.values(), Counter[int]()) or Counter({0: 1})
        usual = {opening: _most(each) for opening, each in counted.items()}
        prior_N = [usual.get(self._opening(sample), _most(every)) for sample in found.items]
        return np.array(prior_N), np.full(len(found.items), _most(every))

    def _simple(self, corpus: Corpus, found: _Found, fields: Sequence[str]) -> Guesses:
        """Return the answers that simple methods name from what the model reads, by method."""
        train = [sample for sample in baselines.learnable(corpus) if int(sample.targets.get(self.target, -1)) >= 0]
        if len(train) < 2:
            return {}
        blocks = baselines.of_samples(train, found.items, fields)
        if len(fields) > 1:
            blocks["image_and_question"] = baselines.joined(blocks)
        unit = judging.unit_of(corpus, self.unit)
        groups = None if unit is None else [sample.targets.get(unit, sample.id) for sample in train]
        return baselines.classify(blocks, [int(sample.targets[self.target]) for sample in train], groups)

    def _by_type(
        self, found: _Found, prior_N: NDArray[np.int64], others: Guesses, over: Mapping[str, Any]
    ) -> list[Metric]:
        """Return the accuracy of each type of question that occurs."""
        type_N = np.array([int(sample.targets.get(self.kind, -1)) for sample in found.items])
        return [
            measure(
                f"vqa_accuracy_{name}",
                found.of(found.guesses["own"], type_N == number),
                chance=np.where(type_N == number, found.scores_NC.mean(1), np.nan),
                untrained=found.of(found.guesses["untrained"], type_N == number),
                baselines={"question_prior": found.of(prior_N, type_N == number)},
                controls={other: found.of(each, type_N == number) for other, each in others.items()},
                **over,
            )
            for number, name in enumerate(self.types)
            if (type_N == number).any()
        ]

    def _rows(self, found: _Found) -> list[dict[str, Any]]:
        own_N = found.guesses["own"]
        return [
            {
                "id": sample.id,
                "question": str(sample.fields.get(self.question) or ""),
                "answer": self.names[guess],
                "annotators": "; ".join(sorted({each.strip() for each in self._given(sample)})),
                "probability": float(sure),
                "score": float(score),
            }
            for sample, guess, sure, score in zip(found.items, own_N, found.sure_N, found.of(own_N), strict=True)
        ]


def _most(counted: Counter[int]) -> int:
    """Return the most frequent, the first of equals."""
    return min(counted, key=lambda number: (-counted[number], number))
