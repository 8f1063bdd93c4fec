"""Packing of pairs: nothing is lost, the shares are those that were asked for, and what is too long is cut fairly."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from mmx.errors import ConfigError, DataError
from mmx_bert.data import Pairs, _truncate, packed, sentences_of
from mmx_worlds.grammar.documents import Documents

WORLD = Documents(documents=60, val_documents=10, test_documents=10)


def numbered(documents: int = 30, sentences: int = 9, words: int = 5) -> list[list[list[str]]]:
    """Documents whose words are "document:sentence:word"."""
    return [[[f"{d}:{s}:{w}" for w in range(words)] for s in range(sentences)] for d in range(documents)]


def test_the_second_text_is_the_rest_or_from_elsewhere_and_then_the_rest_is_put_back() -> None:
    documents, draw = numbered(), random.Random(0)
    kinds: Counter[bool] = Counter()
    for number in range(30):
        found = list(packed(documents, number, 20, 0.0, 0.5, draw))
        seen: set[int] = set()
        for first, second, elsewhere in found:
            kinds[elsewhere] += 1
            assert {word.split(":")[0] for word in first} == {str(number)}
            own = [int(word.split(":")[1]) for word in first]
            assert own == sorted(own)
            if elsewhere:
                assert str(number) not in {word.split(":")[0] for word in second}
                assert len({word.split(":")[0] for word in second}) == 1
            else:
                assert int(second[0].split(":")[1]) == own[-1] + 1
            seen |= {*own, *(int(word.split(":")[1]) for word in second if not elsewhere)}
            assert len(first) + len(second) <= 20
        assert seen == set(range(9)), "no sentence of a document is lost"
    assert kinds[True] / kinds.total() == pytest.approx(0.6, abs=0.1)  # half, and always where one sentence is left


def test_a_single_sentence_is_never_followed_by_its_own_document() -> None:
    for seed in range(20):
        (pair,) = packed(numbered(sentences=1), 3, 40, 0.0, 0.0, random.Random(seed))
        assert pair[2] and not pair[1][0].startswith("3:")


def test_shorter_targets_come_as_often_as_asked() -> None:
    def lengths(short: float) -> list[int]:
        draw = random.Random(1)
        found = [next(packed(numbered(sentences=20), n % 30, 60, short, 0.0, draw)) for n in range(600)]
        return [len(first) + len(second) for first, second, _ in found]

    assert set(lengths(0.0)) == {60}
    # A target of t words is met by ceil(t / 5) sentences: below 60 for t <= 55, 54 of the 59 that are drawn from.
    shorter = sum(length < 60 for length in lengths(0.5)) / 600
    assert shorter == pytest.approx(0.5 * 54 / 59, abs=0.06)


def test_what_is_too_long_loses_words_of_the_longer_text_at_both_ends() -> None:
    ends: Counter[str] = Counter()
    for seed in range(200):
        first, second = [f"a{n}" for n in range(12)], ["b0", "b1", "b2"]
        _truncate(first, second, 10, random.Random(seed))
        assert len(first) == 7 and len(second) == 3
        start = int(first[0][1:])
        assert first == [f"a{n}" for n in range(start, start + 7)]
        ends[str(start)] += 1
    assert set(ends) == {"0", "1", "2", "3", "4", "5"} and 0.2 < ends["2"] / 200 < 0.45  # binomial: 10 / 32
    even = (["a", "a"], ["b", "b"])
    _truncate(*even, 3, random.Random(0))
    assert even == (["a", "a"], ["b"])


def test_pairs_carry_the_truth_and_copies_differ() -> None:
    corpus = Pairs(WORLD, tokens=35, copies=3)
    train, test = corpus.split("train"), corpus.split("test")
    assert corpus.targets["next"] == ("next", "random") and corpus.fields == {"text": "text"}
    assert len({sample.id for sample in train}) == len(train) and len(train) > 3 * 60
    whole = {sample.id: " ".join(sample.fields["text"]) for sample in WORLD.split("train")}
    topics = {sample.id: sample.targets["topic"] for sample in WORLD.split("train")}
    for sample in train:
        first, second = sample.fields["text"]
        document = whole[sample.targets["document"]]
        assert first in document and topics[sample.targets["document"]] == sample.targets["topic"]
        assert (f"{first} {second}" in document) == (sample.targets["next"] == 0)
    assert len({str(s.fields) for s in train}) > 1.5 * sum(s.id.split("-")[-2] == "0" for s in train)
    assert {sample.targets["document"] for sample in test} == {sample.id for sample in WORLD.split("test")}
    again = Pairs(WORLD, tokens=35, copies=3)
    assert [s.fields for s in again.split("train")] == [s.fields for s in train] and again.digest == corpus.digest
    assert Pairs(WORLD, tokens=36).digest != corpus.digest


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ("One. Two two! Three", ["One.", "Two two!", "Three"]),
        ("one. one\n\n two \n", ["one. one", "two"]),
        (("a", " b ", ""), ["a", "b"]),
        (None, []),
    ],
)
def test_documents_are_cut_into_sentences(document: Any, expected: list[str]) -> None:
    assert sentences_of(document) == expected


def test_a_field_that_is_not_there_and_an_unknown_split_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"no field 'texts'.*text"):
        Pairs(WORLD, field="texts")
    with pytest.raises(DataError, match="no split"):
        Pairs(WORLD).split("tests")
