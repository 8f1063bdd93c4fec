"""Counts as samples: every pair once, and as the counts say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from mmx.errors import ConfigError
from mmx.types import Card, Sample
from mmx_glove.data import Counts


class Texts:
    fields: Mapping[str, str] = {"text": "text"}
    targets: Mapping[str, Sequence[str] | None] = {}
    card = Card(title="Texts", summary="Three.", licence="Apache-2.0")
    digest = "texts"

    def __init__(self, *texts: str) -> None:
        self.texts = texts

    def split(self, name: str) -> Sequence[Sample]:
        chosen = self.texts if name == "train" else ("only for judging",)
        return [Sample(f"{name}-{i}", {"text": text}) for i, text in enumerate(chosen)]


TEXTS = Texts("The cat sat on the mat.", "A cat, a mat", "mat")


def cells(**options: Any) -> dict[tuple[str, str], float]:
    found: dict[tuple[str, str], float] = {}
    for sample in Counts(text=TEXTS, **options).split("train"):
        others = sample.fields["context"].split()
        assert len(others) == len(sample.targets["count"]) <= options.get("group", 16)
        for other, count in zip(others, sample.targets["count"].tolist(), strict=True):
            assert (sample.fields["word"], other) not in found, "a pair is in one sample only"
            found[sample.fields["word"], other] = count
    return found


@pytest.mark.parametrize("weighted", [True, False])
def test_pairs_count_one_over_their_distance_within_a_text(weighted: bool) -> None:
    expected: dict[tuple[str, str], float] = {}
    for text in ("the cat sat on the mat .", "a cat , a mat", "mat"):
        words = text.split()
        for i, left in enumerate(words):
            for j, right in enumerate(words):
                if i != j and abs(i - j) <= 2:
                    expected[left, right] = expected.get((left, right), 0) + (1 / abs(i - j) if weighted else 1)
    found = cells(window=2, group=2, weighted=weighted)
    assert found == pytest.approx(expected)
    assert all(found[b, a] == count for (a, b), count in found.items())


def test_rare_words_leave_a_gap() -> None:
    found = cells(window=2, min_count=2)
    assert set(found) <= {(a, b) for a in ("the", "cat", "mat", "a") for b in ("the", "cat", "mat", "a")}
    assert found["cat", "a"] == pytest.approx(1 + 1 / 2)  # "a cat , a": the comma keeps its place


def test_other_splits_are_those_of_the_texts() -> None:
    corpus = Counts(text=TEXTS)
    assert corpus.split("test")[0].fields["text"] == "only for judging"
    assert [sample.fields["text"] for sample in corpus.split("texts")] == list(TEXTS.texts)
    assert corpus.fields["word"] == "text" and corpus.digest != Counts(text=TEXTS, window=3).digest


def test_texts_of_single_words_are_refused() -> None:
    with pytest.raises(ConfigError, match="no two words"):
        Counts(text=Texts("one", "two")).split("train")
