"""Pairs of sentences against their rules, derived again from the words of the source alone."""

from __future__ import annotations

import pytest

from mmx.errors import DataError
from mmx_worlds.grammar.translation import (
    ADJECTIVE_WORDS,
    ADVERBS,
    DETERMINERS,
    NOUNS,
    SPLITS,
    VERBS,
    Translation,
)

CORPUS = Translation(pairs=300, val_pairs=60, test_pairs=60, long_pairs=60)


def translated(source: str) -> str:
    """Translate word by word from the left, holding back the verb and what waits for its noun."""
    front, body, held, last, stem, endings = [], [], [], [], "", []
    for word in source.split():
        if word in DETERMINERS:
            last, held = [DETERMINERS[word][0]], []
            number = DETERMINERS[word][1]
        elif word in ADJECTIVE_WORDS:
            held.insert(0, ADJECTIVE_WORDS[word])
        elif word in NOUNS:
            ending = "oa"[NOUNS[word][1]] + "s" * number
            endings.append(("e", "a")[NOUNS[word][1]] + ("t", "nt")[number])
            body += [part + ending for part in [*last, NOUNS[word][0], *held]]
        elif word in VERBS:
            stem = VERBS[word]
        else:
            front.append(ADVERBS[word])
    return " ".join([*front, *body, stem + endings[0]])


@pytest.mark.parametrize("name", SPLITS)
def test_every_pair_follows_the_rules(name: str) -> None:
    for sample in CORPUS.split(name):
        assert sample.fields["target"] == translated(sample.fields["source"])
        words = sample.targets["words"]
        assert (words in (11, 12)) if name == "long" else (4 <= words <= 10)


def test_no_sentence_is_in_two_splits_and_none_is_there_twice() -> None:
    texts = [sample.fields["source"] for name in SPLITS for sample in CORPUS.split(name)]
    assert len(set(texts)) == len(texts) == 480
    assert Translation(pairs=5, seed=1).split("train")[0].fields != CORPUS.split("train")[0].fields
    assert Translation(pairs=5).digest != CORPUS.digest


def test_the_last_word_of_the_target_needs_the_first_words_of_the_source() -> None:
    """The same verb has four forms, by subjects that stand up to four words before it."""
    ends = {}
    for sample in CORPUS.split("train"):
        (verb,) = (word for word in sample.fields["source"].split() if word in VERBS)
        ends.setdefault(verb, set()).add(sample.fields["target"].split()[-1])
    assert {len(forms) for forms in ends.values()} == {4}


def test_an_unknown_split_is_refused() -> None:
    with pytest.raises(DataError, match=r"no split 'longer'.*long"):
        CORPUS.split("longer")
