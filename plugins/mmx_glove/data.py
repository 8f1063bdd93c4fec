"""Counts of words near each other as a corpus: a sample is a word, and some of the words that it stands near."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Annotated, Any

import numpy as np
from pydantic import Field
from scipy import sparse

from mmx import ConfigError, Corpus, LazySplit, Sample
from mmx_std import cooccurrence, tokenizers


class Counts:
    """The co-occurrence counts of another corpus's train split, for training; its other splits as they are.

    A pair of words counts 1 / distance, symmetric, never across two texts. Only pairs that occur are samples: split
    train has groups of them, drawn once from all pairs of a word. Fields: `word`, `context` (words in one text); target
    `count` (float32, one number for each word of `context`).

    Args:
        text: The corpus; texts are split as the tokenizer of words does, lowercased.
        field: Its text.
        window: Largest distance in words.
        vocabulary: Only the most frequent words are counted.
        min_count: Words that occur less often are left out.
        group: Pairs in one sample.
        weighted: Off (ablation): every pair of a window counts 1.
        seed: Of the order of pairs.

    Raises:
        ConfigError: No two words stand near each other.
    """

    def __init__(
        self,
        *,
        text: Corpus,
        field: str = "text",
        window: Annotated[int, Field(ge=1, le=50)] = 15,
        vocabulary: Annotated[int, Field(ge=2)] = 30_000,
        min_count: Annotated[int, Field(ge=1)] = 1,
        group: Annotated[int, Field(ge=1)] = 16,
        weighted: bool = True,
        seed: Annotated[int, Field(ge=0)] = 0,
    ) -> None:
        self._text, self._field = text, field
        self._options = (window, vocabulary, min_count, weighted)
        self._group, self._seed = group, seed
        self.fields: Mapping[str, str] = {**text.fields, "word": "text", "context": "text"}
        self.targets: Mapping[str, Sequence[str] | None] = {**text.targets, "count": None}
        self.card = text.card
        self.digest = f"{text.digest[:20]}-{window}-{vocabulary}-{min_count}-{int(weighted)}-{seed}"[:36]
        self._samples: LazySplit | None = None

    def split(self, name: str) -> Sequence[Sample]:
        """Return a split: groups of pairs as train, the texts that were counted as texts, every other one as it is."""
        if name != "train":
            return self._text.split("train" if name == "texts" else name)
        if self._samples is None:
            words, counts_VV = self._counted()
            groups = list(self._groups(counts_VV))
            if not groups:
                raise ConfigError(["text: no two words of the train split stand within the window of each other"])
            self._samples = LazySplit(len(groups), partial(_sample, words, groups))
        return self._samples

    def _texts(self) -> Iterator[list[str]]:
        samples = self._text.split("train")
        for index in range(len(samples)):
            yield tokenizers.split_words(str(samples[index].fields[self._field]))

    def _counted(self) -> tuple[list[str], sparse.csr_array]:
        window, vocabulary, min_count, weighted = self._options
        frequency = Counter(word for text in self._texts() for word in text)
        kept = [word for word, count in frequency.items() if count >= min_count]
        words = sorted(kept, key=lambda word: (-frequency[word], word))[:vocabulary]
        place = {word: number for number, word in enumerate(words)}
        ids = (np.array([place.get(word, -1) for word in text], np.int64) for text in self._texts())
        return words, cooccurrence.cooccurrences(ids, len(words), window, "distance" if weighted else "one")

    def _groups(self, counts_VV: sparse.csr_array) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """Yield word, other words and counts of up to `group` of its pairs, drawn without order."""
        rng = np.random.default_rng(self._seed)
        for word in range(counts_VV.shape[0]):
            first, last = counts_VV.indptr[word], counts_VV.indptr[word + 1]
            order = first + rng.permutation(last - first)
            for start in range(0, len(order), self._group):
                chosen = order[start : start + self._group]
                yield word, counts_VV.indices[chosen], counts_VV.data[chosen].astype(np.float32)


def _sample(words: Sequence[str], groups: Sequence[tuple[int, np.ndarray, np.ndarray]], position: int) -> Sample:
    word, others, counts = groups[position]
    fields: dict[str, Any] = {"word": words[word], "context": " ".join(words[other] for other in others)}
    return Sample(f"pairs-{position:07d}", fields, {"count": counts})
