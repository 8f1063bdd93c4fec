"""`worlds/relations`: sentences around words of a table, whose analogies are known; synthetic.

A target word stands in a row and a column ("tabo" x "city"). A sentence holds one target, words of its row, words of
its column and fillers, in any order: what a word means is only in its company. Shapes: N sentences, W words of one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Final

import numpy as np
from pydantic import Field

from mmx import Card, LazySplit, Sample, unknown_split
from mmx_worlds.real import index

VERSION: Final = 1
"""Part of the digest: raise it when the same parameters would give other samples."""
SPLITS: Final = ("train", "val", "test")
ROWS: Final = ("tabo", "kemi", "lusa", "nori", "pelu", "sato", "vimo", "gari", "dole", "fenu", "hiro", "juma")
COLUMNS: Final = ("city", "tongue", "coin", "folk")
TOPICS: Final = 8
"""Words that only one row has."""
MARKERS: Final = 10
"""Words that only one column has."""
FILLERS: Final = 80
HELD: Final = 4
"""Every fourth pair of rows asks its questions in split val."""

_TARGETS: Final = [row + column for row in ROWS for column in COLUMNS]
_WORDS: Final = (
    *_TARGETS,
    *(f"{row}{number}" for row in ROWS for number in range(TOPICS)),
    *(f"{column}{number}" for column in COLUMNS for number in range(MARKERS)),
    *(f"filler{number}" for number in range(FILLERS)),
)
SECTIONS: Final = tuple(f"{old} to {new}" for old in COLUMNS for new in COLUMNS if old != new)

CARD: Final = Card(
    title="Relations world",
    summary="Sentences in which company tells a word's row and column of a table; analogies with known answers.",
    licence="Apache-2.0",
    synthetic=True,
    caveats=("A toy: words of a language are related in many ways at once, and seldom all attested equally often.",),
)


class Relations:
    """Sentences of a table of words, and analogy questions "tabocity tabofolk kemicity" -> "kemifolk".

    Split train has sentences (field `text`), val and test have questions (field `question`, targets `answer`,
    `section`: the two columns, and `pair`: the two rows): 396 and 1,188 of all 1,584.

    Args:
        sentences: Sentences in split train.
        permuted: Control: the words of all sentences are dealt out anew; each is as frequent as before.
        seed: What the sentences are drawn from.
    """

    fields: Mapping[str, str] = {"text": "text", "question": "text"}
    targets: Mapping[str, Sequence[str] | None] = {"answer": None, "section": SECTIONS, "pair": None}
    card = CARD

    def __init__(
        self,
        sentences: Annotated[int, Field(ge=1)] = 20_000,
        permuted: bool = False,
        seed: Annotated[int, Field(ge=0)] = 0,
    ) -> None:
        self._sentences, self._permuted, self._seed = sentences, permuted, seed
        self._drawn: np.ndarray | None = None
        self.digest = index.digest((), "relations", VERSION, sentences, permuted, seed)

    def split(self, name: str) -> Sequence[Sample]:
        """Return "train", "val" or "test"."""
        if name not in SPLITS:
            raise unknown_split("worlds/relations", name, SPLITS)
        if name == "train":
            if self._drawn is None:
                self._drawn = draw(self._sentences, permuted=self._permuted, seed=self._seed)
            return LazySplit(self._sentences, partial(_sentence, self._drawn, self._seed))
        return [each for each, held in questions() if held == (name == "val")]


def draw(count: int, *, permuted: bool, seed: int) -> np.ndarray:
    """Return sentences as indices of words, int64 (N, 9): a target, 2 topics, 2 markers, 4 fillers, shuffled."""
    rng = np.random.default_rng((seed, VERSION))
    target_N = rng.integers(len(_TARGETS), size=count)
    first = len(_TARGETS)
    topics_N2 = first + target_N[:, None] // len(COLUMNS) * TOPICS + rng.integers(TOPICS, size=(count, 2))
    first += len(ROWS) * TOPICS
    markers_N2 = first + target_N[:, None] % len(COLUMNS) * MARKERS + rng.integers(MARKERS, size=(count, 2))
    first += len(COLUMNS) * MARKERS
    zipf = 1 / np.arange(1, FILLERS + 1)
    fillers_N4 = first + rng.choice(FILLERS, size=(count, 4), p=zipf / zipf.sum())
    words_NW = rng.permuted(np.concatenate([target_N[:, None], topics_N2, markers_N2, fillers_N4], axis=1), axis=1)
    return rng.permutation(words_NW.reshape(-1)).reshape(words_NW.shape) if permuted else words_NW


def questions() -> list[tuple[Sample, bool]]:
    """Return all 1,584 questions, each with whether split val asks it."""
    found: list[tuple[Sample, bool]] = []
    pairs = [(one, other) for one in ROWS for other in ROWS if one != other]
    for number, (one, other) in enumerate(pairs):
        for section, (old, new) in enumerate((old, new) for old in COLUMNS for new in COLUMNS if old != new):
            truth: dict[str, Any] = {"answer": other + new, "section": section, "pair": f"{one} {other}"}
            fields = {"question": f"{one}{old} {one}{new} {other}{old}"}
            found.append((Sample(f"{one}-{other}-{old}-{new}", fields, truth), number % HELD == 0))
    return found


def _sentence(words_NW: np.ndarray, seed: int, position: int) -> Sample:
    text = " ".join(_WORDS[word] for word in words_NW[position])
    return Sample(f"sentence-{seed}-{position:06d}", {"text": text})
