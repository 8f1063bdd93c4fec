"""A corpus that breaks one promise of its interface is found out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from mmx.errors import DataError
from mmx.testing import check_corpus
from mmx.types import Card, Sample
from tests.core.testing.findings import failed


class Shelf:
    """An honest corpus."""

    fields: Mapping[str, str] = {"text": "text"}
    targets: Mapping[str, Sequence[str] | None] = {"label": ("a", "b")}
    card = Card(title="shelf", summary="Words.", licence="CC0-1.0")
    digest = "shelf-1"

    def split(self, name: str) -> Sequence[Sample]:
        if name != "train":
            raise DataError(f"no split {name!r}")
        return [self.sample(index) for index in range(4)]

    def sample(self, index: int) -> Sample:
        return Sample(f"s{index}", {"text": f"word {index}"}, {"label": index % 2})


def broken_corpus(**changes: Any) -> Any:
    return type("Broken", (Shelf,), changes)()


def test_corpora() -> None:
    def shared(self: Any, index: int) -> Sample:
        return Sample("same", {"text": "x"}, {"label": 0})

    def unnamed(self: Any, index: int) -> Sample:
        return Sample(f"s{index}", {"sound": "x"}, {"label": 0})

    def outside(self: Any, index: int) -> Sample:
        return Sample(f"s{index}", {"text": "x"}, {"label": 7})

    def restless(self: Any, index: int) -> Sample:
        return Sample(f"s{index}", {"text": str(np.random.default_rng().normal())}, {"label": 0})

    def anything(self: Any, name: str) -> Sequence[Sample]:
        return [self.sample(index) for index in range(4)]

    assert failed(check_corpus(lambda seed: Shelf())) == set()
    for fault in (shared, unnamed, outside, restless):
        assert failed(check_corpus(lambda seed, fault=fault: broken_corpus(sample=fault))) == {"samples"}, fault
    assert failed(check_corpus(lambda seed: broken_corpus(digest="x" * 37))) == {"digest"}
    no_licence = replace(Shelf.card, licence=" ")
    assert failed(check_corpus(lambda seed: broken_corpus(card=no_licence))) == {"card"}
    assert failed(check_corpus(lambda seed: broken_corpus(split=anything))) == {"refuses a split that it does not have"}
