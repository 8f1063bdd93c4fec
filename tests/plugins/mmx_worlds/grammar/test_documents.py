"""Documents against their rules, and the controls that break them."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

from mmx.errors import DataError
from mmx_worlds.grammar.documents import ENDINGS, MARKERS, TOPICS, Documents

CORPUS = Documents(documents=40, val_documents=10, test_documents=10)


def words(corpus: Documents, name: str = "train") -> list[list[list[str]]]:
    return [[sentence.split() for sentence in sample.fields["text"]] for sample in corpus.split(name)]


def test_sentences_follow_each_other_and_agree() -> None:
    for sample, sentences in zip(CORPUS.split("train"), words(CORPUS), strict=True):
        topic = TOPICS[sample.targets["topic"]]
        assert [sentence[0] for sentence in sentences] == list(MARKERS)
        for place, sentence in enumerate(sentences):
            _, _, noun, adverb, verb, *_ = sentence
            kind = int(noun.removeprefix(topic)) % 3
            assert verb == f"{topic}do{place % 3}{ENDINGS[kind]}" and adverb == f"{topic}ly{place // 3}"
            assert sentence[7] == "." and len(sentence) == 8
        assert all(one[5:7] == other[1:3] for one, other in pairwise(sentences))
        nouns = [sentence[2] for sentence in sentences]
        assert len(set(nouns)) == len(nouns)


def test_splits_differ_and_a_seed_gives_the_same_documents() -> None:
    texts = [{sample.fields["text"] for sample in CORPUS.split(name)} for name in ("train", "val", "test")]
    assert not texts[0] & texts[1] and not texts[0] & texts[2] and not texts[1] & texts[2]
    assert words(Documents(documents=40)) == words(CORPUS)
    assert words(Documents(documents=40, seed=1)) != words(CORPUS)


@pytest.mark.parametrize("shuffled", ["words", "sentences"])
def test_controls_keep_the_words_and_break_the_rules(shuffled: str) -> None:
    other = Documents(documents=40, val_documents=10, test_documents=10, shuffled=shuffled)  # type: ignore[arg-type]
    flat = [Counter(word for text in words(each) for line in text for word in line) for each in (CORPUS, other)]
    assert flat[0] == flat[1] and other.digest != CORPUS.digest
    follows = [one[5:7] == next_one[1:3] for text in words(other) for one, next_one in pairwise(text)]
    assert sum(follows) / len(follows) < 0.1
    if shuffled == "sentences":
        assert {tuple(line) for text in words(other) for line in text} == {
            tuple(line) for text in words(CORPUS) for line in text
        }


def test_an_unknown_split_is_refused() -> None:
    with pytest.raises(DataError, match=r"no split 'tests'.*test"):
        CORPUS.split("tests")
