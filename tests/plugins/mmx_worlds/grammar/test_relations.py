"""Sentences of a table of words, and their questions."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from mmx.errors import DataError
from mmx_worlds.grammar.relations import COLUMNS, ROWS, Relations


def test_a_sentence_holds_one_target_with_company_of_its_row_and_column() -> None:
    for sample in Relations(sentences=50).split("train"):
        words = sample.fields["text"].split()
        targets = [word for word in words if not word[-1].isdigit()]
        assert len(words) == 9 and len(targets) == 1
        (row,) = (row for row in ROWS if targets[0].startswith(row))
        column = targets[0][len(row) :]
        assert sum(word.startswith(row) for word in words) == 3  # the target and its two topics
        assert sum(word.startswith(column) for word in words) == 2
        assert sum(word.startswith("filler") for word in words) == 4


def test_permuting_keeps_how_often_each_word_occurs_and_nothing_else() -> None:
    def counts(corpus: Relations) -> Counter[str]:
        return Counter(word for sample in corpus.split("train") for word in sample.fields["text"].split())

    plain, permuted = Relations(sentences=200), Relations(sentences=200, permuted=True)
    assert counts(plain) == counts(permuted)
    assert plain.digest != permuted.digest
    texts = [sample.fields["text"] for sample in permuted.split("train")]
    assert np.mean([sum(not word[-1].isdigit() for word in text.split()) == 1 for text in texts]) < 0.6


def test_questions_are_all_pairs_of_rows_and_columns_split_by_rows() -> None:
    corpus = Relations(sentences=1)
    val, test = corpus.split("val"), corpus.split("test")
    assert len(val) == 396 and len(test) == 12 * 11 * 4 * 3 - 396
    assert not {sample.targets["pair"] for sample in val} & {sample.targets["pair"] for sample in test}
    for sample in (*val, *test):
        a, b, c = sample.fields["question"].split()
        (one,) = (row for row in ROWS if a.startswith(row))
        (other,) = (row for row in ROWS if c.startswith(row))
        assert one != other and b.startswith(one) and a[len(one) :] == c[len(other) :]
        assert sample.targets["answer"] == other + b[len(one) :]
        assert corpus.targets["section"][sample.targets["section"]] == f"{a[len(one) :]} to {b[len(one) :]}"  # type: ignore[index]
    assert len(COLUMNS) == 4


def test_an_unknown_split_is_refused() -> None:
    with pytest.raises(DataError, match=r"no split 'tests'.*test"):
        Relations(sentences=1).split("tests")
