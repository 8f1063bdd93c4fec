"""Choices without a network, counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from mmx.types import Sample
from mmx_std.tasks.choices.simple import candidates_of, scored


def item(question: str, candidates: str, right: int) -> Sample:
    return Sample(question, {"question": question, "candidates": candidates}, {"choice": right})


TRAIN = [
    item("what colour?", "red\nblue", 0),
    item("what colour?", "red\nblue", 0),
    item("is it blue?", "red\nblue", 1),
    item("is it blue?", "red\nyes", 1),
]


def test_scores_by_hand() -> None:
    found = scored(TRAIN, [item("is it blue?", "red\nblue\nyes", 0)], 4, "candidates", "choice", ["question"])
    assert found["answer_prior"][0].tolist() == [pytest.approx(2 / 4), pytest.approx(1 / 3), 1.0, -np.inf]
    assert found["question_prior"][0].tolist() == pytest.approx([1 / 4, 1 + 1 / 6, 1 + 1 / 2, -np.inf])
    assert found["word_overlap"][0].tolist() == [0.0, 1.0, 0.0, -np.inf]


def test_without_training_only_words_are_shared() -> None:
    assert set(scored([], TRAIN, 2, "candidates", "choice", ["question"])) == {"word_overlap"}
    assert scored([], TRAIN, 2, "candidates", "choice", []) == {}


def test_candidates_are_a_list_or_lines() -> None:
    assert candidates_of(Sample("", {"c": "a b\nc"}), "c") == ["a b", "c"]
    assert candidates_of(Sample("", {"c": ["a b", "c"]}), "c") == ["a b", "c"]
    assert candidates_of(Sample("", {}), "c") == []
