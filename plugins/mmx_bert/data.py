"""Pairs of texts for BERT, packed from documents as in the released code."""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Final

from pydantic import Field

from mmx import Card, ConfigError, Corpus, Sample, did_you_mean
from mmx_std import tokenizers

__all__ = ["Pairs", "packed", "sentences_of"]

VERSION: Final = 1
"""Part of the digest: raise it when the same parameters would give other samples."""
NEXT: Final = ("next", "random")
"""Whether the second text follows the first one in its document, in the order of the released code's labels."""
_MARKS: Final = 3
"""[CLS] first [SEP] second [SEP]."""
_TRIES: Final = 10
"""Draws of a document that is not the same one."""

Words = list[str]


class Pairs:
    """Pairs of texts from documents: field `text` (two texts), targets `next`, `document` and those of the document.

    Sentences of a document are gathered until they have `tokens` - 3 words, or with probability `short` a random number
    of 2 or more. The first text is a random number of them. The second is the rest, or with probability `random` (and
    always where there is one sentence) the text from a random sentence of another document on; then the rest is put
    back and begins the next pair. What is too long loses words, one after another, of the longer text, at its front or
    its end.

    Args:
        documents: Corpus of documents: each a list of sentences, or a text of one sentence a line (or of one line, that
            is cut behind full stops).
        field: Field of the documents.
        tokens: Longest pair in words, with three marks.
        copies: Passes over the documents of split train, each with other pairs; other splits have one.
        short: Probability of a shorter target length.
        random: Probability of a second text from elsewhere.
        lowercase: Whether words are counted in lower case; the tokenizer of the encoder decides what is read.
        seed: What pairs are drawn from.

    Raises:
        ConfigError: The documents have no such field.
    """

    card: Card

    def __init__(
        self,
        documents: Corpus,
        *,
        field: str = "text",
        tokens: Annotated[int, Field(ge=6, le=4096)] = 128,
        copies: Annotated[int, Field(ge=1, le=100)] = 10,
        short: Annotated[float, Field(ge=0, le=1)] = 0.1,
        random: Annotated[float, Field(ge=0, le=1)] = 0.5,
        lowercase: bool = True,
        seed: Annotated[int, Field(ge=0)] = 0,
    ) -> None:
        if field not in documents.fields:
            raise ConfigError([f"field: the documents have no field {field!r}{did_you_mean(field, documents.fields)}"])
        self.documents, self.field, self.card = documents, field, documents.card
        self.fields: Mapping[str, str] = {"text": "text"}
        self.targets: Mapping[str, Sequence[str] | None] = {**documents.targets, "next": NEXT, "document": None}
        self._options = (tokens - _MARKS, short, random)
        self._copies, self._lowercase, self._seed = copies, lowercase, seed
        self._made: dict[str, list[Sample]] = {}
        told = f"{VERSION} {documents.digest} {field} {tokens} {copies} {short} {random} {lowercase} {seed}"
        self.digest = hashlib.sha256(told.encode()).hexdigest()[:32]

    def split(self, name: str) -> Sequence[Sample]:
        """Return the pairs of the documents' split of that name."""
        if name not in self._made:
            samples = self.documents.split(name)
            known = [samples[place] for place in range(len(samples))]
            texts = [[self._words(each) for each in sentences_of(sample.fields.get(self.field))] for sample in known]
            self._made[name] = list(self._pairs(name, known, texts))
        return self._made[name]

    def _pairs(self, name: str, known: Sequence[Sample], texts: Sequence[Sequence[Words]]) -> Iterator[Sample]:
        filled = [place for place, sentences in enumerate(texts) if sentences]
        documents = [texts[place] for place in filled]
        for copy in range(self._copies if name == "train" else 1):
            draw = random.Random(f"{self._seed} {name} {copy}")
            for number, place in enumerate(filled):
                found = packed(documents, number, *self._options, draw)
                for count, (first, second, elsewhere) in enumerate(found):
                    truth: dict[str, Any] = {**known[place].targets, "document": known[place].id}
                    truth["next"] = int(elsewhere)
                    text = (" ".join(first), " ".join(second))
                    yield Sample(f"{known[place].id}-{copy}-{count}", {"text": text}, truth)

    def _words(self, sentence: str) -> Words:
        return tokenizers.split_words(sentence, lowercase=self._lowercase)


def sentences_of(document: Any) -> list[str]:
    """Return the sentences of a document: given as such, one a line, or cut behind full stops; none of nothing."""
    if document is None:
        return []
    if not isinstance(document, str):
        found = [str(getattr(each, "text", each)) for each in document]
    else:
        lines = document.splitlines()
        found = lines if len(lines) > 1 else re.split(r"(?<=[.?!])\s+", document)
    return [each for each in (sentence.strip() for sentence in found) if each]


def packed(
    documents: Sequence[Sequence[Words]],
    number: int,
    longest: int,
    short: float,
    elsewhere: float,
    draw: random.Random,
) -> Iterator[tuple[Words, Words, bool]]:
    """Yield the pairs of one document, each with whether its second text is from elsewhere.

    Args:
        documents: All documents, as sentences of words.
        number: Of the document.
        longest: Words of a pair.
        short: Probability of a shorter target length.
        elsewhere: Probability of a second text from another document.
        draw: Draws.
    """
    document = documents[number]
    wanted = draw.randint(2, longest) if draw.random() < short else longest
    held: list[Words] = []
    place = 0
    while place < len(document):
        held.append(document[place])
        if place == len(document) - 1 or sum(map(len, held)) >= wanted:
            cut = draw.randint(1, len(held) - 1) if len(held) > 1 else 1
            first = [word for sentence in held[:cut] for word in sentence]
            other = len(held) == 1 or draw.random() < elsewhere
            if other:
                second = _elsewhere(documents, number, wanted - len(first), draw)
                place -= len(held) - cut
            else:
                second = [word for sentence in held[cut:] for word in sentence]
            _truncate(first, second, longest, draw)
            if first and second:
                yield first, second, other
            held = []
        place += 1


def _elsewhere(documents: Sequence[Sequence[Words]], number: int, wanted: int, draw: random.Random) -> Words:
    """Return sentences of a random document, from a random one on, until there are as many words as wanted."""
    other = number
    for _ in range(_TRIES):
        other = draw.randint(0, len(documents) - 1)
        if other != number:
            break
    found: Words = []
    for sentence in documents[other][draw.randint(0, len(documents[other]) - 1) :]:
        found += sentence
        if len(found) >= wanted:
            break
    return found


def _truncate(first: Words, second: Words, longest: int, draw: random.Random) -> None:
    """Take words from the longer text (the second, if they are even) at a random end until the pair fits."""
    while len(first) + len(second) > longest:
        longer = first if len(first) > len(second) else second
        longer.pop(0 if draw.random() < 0.5 else -1)
