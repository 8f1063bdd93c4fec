"""Texts and regions as VL-BERT reads them: a mask behind a question, images that are left out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Final

import numpy as np
from pydantic import Field

from mmx import Card, ConfigError, Corpus, LazySplit, Sample, did_you_mean
from mmx_std import answer_scoring, ports

__all__ = ["Texts"]

MASK: Final = "[MASK]"
_COARSE: Final = 10_000


class Texts:
    """Another corpus with field `text`, which may end with the token of an answer that is to be given.

    Args:
        source: The corpus; its other fields and its targets stay.
        field: Field that `text` is.
        answered: `text` is a pair of the field and `[MASK]`, where the answer is read off; target `answer_scores` is
            what each answer would score by the annotators' (`answers`), float32 (C,), C being the classes of `label`.
        alone: Share of the samples of split train whose regions are left out: texts alone.
        regions: Field of the regions.
        scores: Target with the class distributions of the regions, zero where these are left out.

    Raises:
        ConfigError: The corpus has no such field.
    """

    card: Card

    def __init__(
        self,
        source: Corpus,
        *,
        field: str = "text",
        answered: bool = False,
        alone: Annotated[float, Field(ge=0, le=1)] = 0.0,
        regions: str = "regions",
        scores: str = "region_scores",
    ) -> None:
        if field not in source.fields:
            raise ConfigError([f"field: the corpus has no field {field!r}{did_you_mean(field, source.fields)}"])
        self.source, self.card = source, source.card
        self.fields: Mapping[str, str] = {**source.fields, "text": "text"}
        self.targets: Mapping[str, Sequence[str] | None] = source.targets
        if answered:
            self.targets = {**source.targets, "answer_scores": None}
            self._answers = ports.class_names(source.targets, "label")
        self._field, self._answered, self._alone = field, answered, float(alone)
        self._regions, self._scores = regions, scores
        told = f"1 {source.digest} {field} {answered} {self._alone} {regions} {scores}"
        self.digest = hashlib.sha256(told.encode()).hexdigest()[:32]

    def split(self, name: str) -> Sequence[Sample]:
        """Return the corpus's split of that name."""
        samples = self.source.split(name)
        return LazySplit(len(samples), partial(self._sample, name, samples))

    def _sample(self, split: str, samples: Sequence[Sample], position: int) -> Sample:
        sample = samples[position]
        fields, targets = Renamed(sample.fields, self._field, answered=self._answered), dict(sample.targets)
        drawn = int(hashlib.sha256(sample.id.encode()).hexdigest(), 16) % _COARSE
        if split == "train" and drawn < self._alone * _COARSE:
            fields = Renamed(sample.fields, self._field, answered=self._answered, without=self._regions)
            if self._scores in targets:
                targets[self._scores] = np.zeros_like(targets[self._scores])
        if self._answered:
            given = targets.get("answers") or [self._answers[targets["label"]]] * 10
            targets["answer_scores"] = answer_scoring.scores(self._answers, [given])[0].astype(np.float32)
        return Sample(sample.id, fields, targets)


class Renamed(Mapping[str, Any]):
    """Fields of a sample with `text`, rendered at first access as before; `without` names one that is left out."""

    def __init__(self, fields: Mapping[str, Any], field: str, *, answered: bool, without: str = "") -> None:
        self._fields, self._field, self._answered, self._without = fields, field, answered, without

    def __getitem__(self, name: str) -> Any:
        if name != "text":
            if name == self._without:
                raise KeyError(name)
            return self._fields[name]
        text = self._fields[self._field]
        return (text, MASK) if self._answered and text is not None else text

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys([*(name for name in self._fields if name != self._without), "text"]))

    def __len__(self) -> int:
        return sum(1 for _ in self)
