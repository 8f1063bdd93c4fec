"""`worlds/documents`: documents with a topic and an order, whose words agree over distances; synthetic.

A document is a chain of six sentences of eight tokens:

    MARKER ADJECTIVE NOUN ADVERB VERB ADJECTIVE NOUN .

- The marker is the number of the sentence ("first" ... "last").
- The second noun of a sentence is the first one of the next, with the same adjective; nouns and adjectives are the
  topic's, and each noun keeps its adjective through the document.
- The verb's stem is that of topic and sentence number, and its ending agrees with the class of the first noun, two
  places before. The adverb is that of the topic's half of the document.

So a word follows from others that do not stand beside it: a bigram cannot fill the gaps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Final, Literal

import numpy as np
from pydantic import Field

from mmx import Card, LazySplit, Sample, unknown_split
from mmx_worlds.real import index

VERSION: Final = 1
"""Part of the digest: raise it when the same parameters would give other samples."""
SPLITS: Final = ("train", "val", "test")
TOPICS: Final = ("sea", "farm", "court", "forge", "market", "forest", "school", "desert")
MARKERS: Final = ("first", "second", "third", "fourth", "fifth", "last")
"""One for each sentence."""
NOUNS: Final = 8
"""Of a topic; class = number modulo 3."""
ADJECTIVES: Final = 4
"""Of a topic."""
VERBS: Final = 3
"""Stems of a topic, by the number of the sentence modulo 3."""
ENDINGS: Final = ("ka", "lo", "mi")
"""Of verbs, by the class of their first noun."""

CARD: Final = Card(
    title="Documents world",
    summary="Documents of six sentences in which topic, order and agreement tell the words.",
    licence="Apache-2.0",
    synthetic=True,
    caveats=("A toy: eight topics, one form of sentence, and words of one meaning.",),
)

Shuffled = Literal["words", "sentences"]


class Documents:
    """Documents as tuples of sentences: field `text`; target `topic`.

    Args:
        documents: In split train.
        val_documents: In split val.
        test_documents: In split test.
        shuffled: Control: the `words` of each sentence in random order, or all `sentences` of a split dealt out anew to
            its documents.
        seed: What documents are drawn from.
    """

    fields: Mapping[str, str] = {"text": "text"}
    targets: Mapping[str, Sequence[str] | None] = {"topic": TOPICS}
    card = CARD

    def __init__(
        self,
        documents: Annotated[int, Field(ge=2)] = 4000,
        val_documents: Annotated[int, Field(ge=2)] = 200,
        test_documents: Annotated[int, Field(ge=2)] = 500,
        shuffled: Shuffled | None = None,
        seed: Annotated[int, Field(ge=0)] = 0,
    ) -> None:
        self._sizes = {"train": documents, "val": val_documents, "test": test_documents}
        self._shuffled, self._seed = shuffled, seed
        self._made: dict[str, list[tuple[str, ...]]] = {}
        self.digest = index.digest((), "documents", VERSION, *self._sizes.values(), str(shuffled), seed)

    def split(self, name: str) -> Sequence[Sample]:
        """Return "train", "val" or "test"."""
        if name not in SPLITS:
            raise unknown_split("worlds/documents", name, SPLITS)
        if name not in self._made:
            texts = [document(self._rng(name, place), place % len(TOPICS)) for place in range(self._sizes[name])]
            self._made[name] = _disturbed(texts, self._shuffled, self._rng(name, -1))
        return LazySplit(self._sizes[name], partial(_sample, self._made[name], f"{name}-{self._seed}"))

    def _rng(self, name: str, place: int) -> np.random.Generator:
        return np.random.default_rng((self._seed, VERSION, SPLITS.index(name), place + 1))


def document(rng: np.random.Generator, topic: int) -> tuple[str, ...]:
    """Return the six sentences of a document about a topic (its number)."""
    name, count = TOPICS[topic], len(MARKERS)
    nouns = rng.choice(NOUNS, size=count + 1, replace=False)
    adjectives = rng.integers(ADJECTIVES, size=count + 1)
    things = [f"{name}like{a} {name}{n}" for a, n in zip(adjectives.tolist(), nouns.tolist(), strict=True)]
    sentences = []
    for place, marker in enumerate(MARKERS):
        adverb = f"{name}ly{2 * place // count}"
        verb = f"{name}do{place % VERBS}{ENDINGS[int(nouns[place]) % len(ENDINGS)]}"
        sentences.append(f"{marker} {things[place]} {adverb} {verb} {things[place + 1]} .")
    return tuple(sentences)


def _disturbed(
    texts: list[tuple[str, ...]], shuffled: Shuffled | None, rng: np.random.Generator
) -> list[tuple[str, ...]]:
    """Return documents as they are, or with words or sentences in random places."""
    if shuffled == "words":
        return [tuple(" ".join(rng.permutation(each.split())) for each in sentences) for sentences in texts]
    if shuffled == "sentences":
        pool = [each for sentences in texts for each in sentences]
        dealt = iter([pool[place] for place in rng.permutation(len(pool))])
        return [tuple(next(dealt) for _ in sentences) for sentences in texts]
    return texts


def _sample(texts: Sequence[tuple[str, ...]], name: str, position: int) -> Sample:
    return Sample(f"{name}-{position:06d}", {"text": texts[position]}, {"topic": position % len(TOPICS)})
