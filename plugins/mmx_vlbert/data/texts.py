"""Texts and regions as VL-BERT reads them: a mask behind a question, images that are left out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Final

import numpy as np
from pydantic import Field

from mmx import Card, ConfigError, Corpus, LazyFields, LazySplit, Sample, Signal, did_you_mean

__all__ = ["Texts"]

MASK: Final = "[MASK]"
CORNERS: Final = 4
"""First columns of a region: its box."""
_COARSE: Final = 10_000


class Texts:
    """Another corpus with field `text`, which may end with the token of an answer that is to be given.

    Args:
        source: The corpus; its other fields and its targets stay.
        field: Field that `text` is.
        answered: `text` is a pair of the field and `[MASK]`, where the answer is read off; `question` is the field.
        alone: Share of the samples of split train whose regions are left out: texts alone.
        blind: Regions show nothing: their boxes are left, their features are zero (a control).
        regions: Field of the regions, a signal of boxes and features.
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
        blind: bool = False,
        regions: str = "regions",
        scores: str = "region_scores",
    ) -> None:
        if field not in source.fields:
            raise ConfigError([f"field: the corpus has no field {field!r}{did_you_mean(field, source.fields)}"])
        self.source, self.card = source, source.card
        self.fields: Mapping[str, str] = {**source.fields, "text": "text"}
        if answered:
            self.fields = {**self.fields, "question": "text"}
        self.targets: Mapping[str, Sequence[str] | None] = source.targets
        self._field, self._answered, self._alone = field, answered, float(alone)
        self._blind, self._regions, self._scores = blind, regions, scores
        told = f"1 {source.digest} {field} {answered} {self._alone} {blind} {regions} {scores}"
        self.digest = hashlib.sha256(told.encode()).hexdigest()[:32]

    def split(self, name: str) -> Sequence[Sample]:
        """Return the corpus's split of that name."""
        samples = self.source.split(name)
        return LazySplit(len(samples), partial(self._sample, name, samples))

    def _sample(self, split: str, samples: Sequence[Sample], position: int) -> Sample:
        sample = samples[position]
        targets = dict(sample.targets)
        drawn = int(hashlib.sha256(sample.id.encode()).hexdigest(), 16) % _COARSE
        alone = split == "train" and drawn < self._alone * _COARSE
        makers: dict[str, Callable[[], Any]] = {name: partial(sample.fields.get, name) for name in sample.fields}
        makers["text"] = partial(_text, sample.fields, self._field, self._answered)
        if self._answered:
            makers["question"] = partial(sample.fields.get, self._field)
        if alone:
            del makers[self._regions]
            if self._scores in targets:
                targets[self._scores] = np.zeros_like(targets[self._scores])
        elif self._blind:
            makers[self._regions] = partial(_boxes, sample.fields, self._regions)
        return Sample(sample.id, LazyFields(makers), targets)


def _text(fields: Mapping[str, Any], field: str, answered: bool) -> Any:
    text = fields.get(field)
    return (text, MASK) if answered and text is not None else text


def _boxes(fields: Mapping[str, Any], regions: str) -> Signal:
    shown: Signal = fields[regions]
    values_TC = shown.values_TC.copy()
    values_TC[:, CORNERS:] = 0
    return Signal(values_TC, shown.rate)
