"""`worlds/translation`: sentences of one made language and their translations into another, whose rules are known.

The source has bare words in the order determiner, adjectives, noun, verb, object, adverb. In the target
- the adverb, last in the source, opens the sentence, and the verb ends it;
- adjectives follow their noun in reverse order;
- determiner, adjectives and noun end in a syllable for the noun's class and number, and so does the verb, for those of
  the subject, though the object stands between them. The number is the determiner's.

So no word can be translated without its company, and the last word of the target depends on its first nouns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Final

import numpy as np
from pydantic import Field

from mmx import Card, LazySplit, Sample, unknown_split
from mmx_worlds.real import index

VERSION: Final = 1
"""Part of the digest: raise it when the same parameters would give other samples."""
SPLITS: Final = ("train", "val", "test", "long")
ADJECTIVES: Final = 2
"""Most adjectives of a noun, but in split long."""
LONG: Final = (3, 4)
"""Adjectives of one noun of a sentence of split long."""

DETERMINERS: Final[Mapping[str, tuple[str, int]]] = {
    "the": ("le", 0), "a": ("u", 0), "this": ("ki", 0), "these": ("ki", 1), "many": ("mo", 1), "all": ("ta", 1),
}  # fmt: skip
"""Source word -> stem in the target, and number: 0 singular, 1 plural."""
NOUNS: Final[Mapping[str, tuple[str, int]]] = {
    "dog": ("kanu", 0), "cat": ("miro", 1), "bird": ("felu", 0), "horse": ("gavi", 1), "fish": ("solu", 0),
    "child": ("dera", 1), "farmer": ("potu", 0), "baker": ("lani", 1), "king": ("rexo", 0), "queen": ("domi", 1),
    "house": ("kasu", 0), "river": ("flavi", 1), "stone": ("petu", 0), "tree": ("arbi", 1), "boat": ("navu", 0),
    "bridge": ("ponti", 1), "letter": ("skru", 0), "song": ("kanti", 1), "apple": ("malu", 0), "star": ("steli", 1),
}  # fmt: skip
"""Source word -> stem in the target, and class."""
ADJECTIVE_WORDS: Final[Mapping[str, str]] = {
    "old": "vet", "new": "nov", "big": "gran", "small": "pet", "red": "rub", "green": "ver", "white": "alb",
    "dark": "nig", "quiet": "kal", "loud": "son", "happy": "gau", "sad": "tris", "strong": "for", "weak": "deb",
}  # fmt: skip
VERBS: Final[Mapping[str, str]] = {
    "sees": "vid", "finds": "trov", "hears": "aud", "loves": "am", "carries": "port", "follows": "sek",
    "draws": "pik", "calls": "vok", "holds": "ten", "leaves": "las", "greets": "salv", "paints": "fing",
}  # fmt: skip
ADVERBS: Final[Mapping[str, str]] = {
    "today": "hodi", "often": "spes", "slowly": "lent", "quickly": "rap", "here": "hik", "again": "nuv",
    "alone": "sol", "gladly": "vol",
}  # fmt: skip
ENDINGS: Final = (("o", "os"), ("a", "as"))
"""Of nouns, determiners and adjectives by class and number."""
VERB_ENDINGS: Final = (("et", "ent"), ("at", "ant"))
"""Of verbs by the class and number of their subject."""

CARD: Final = Card(
    title="Translation world",
    summary="Pairs of sentences of two made languages: order, agreement and one rule over a distance.",
    licence="Apache-2.0",
    synthetic=True,
    caveats=("A toy: every sentence has one right translation, and no word has two meanings.",),
)


@dataclass(frozen=True, slots=True)
class Phrase:
    """A determiner, adjectives and a noun, as source words."""

    determiner: str
    adjectives: tuple[str, ...]
    noun: str

    @property
    def source(self) -> list[str]:
        """Words of the source."""
        return [self.determiner, *self.adjectives, self.noun]

    @property
    def agreement(self) -> tuple[int, int]:
        """Class of the noun, and number of the determiner."""
        return NOUNS[self.noun][1], DETERMINERS[self.determiner][1]

    @property
    def target(self) -> list[str]:
        """Words of the target: adjectives in reverse order behind the noun, all with one ending."""
        kind, number = self.agreement
        stems = [DETERMINERS[self.determiner][0], NOUNS[self.noun][0]]
        stems += [ADJECTIVE_WORDS[word] for word in reversed(self.adjectives)]
        return [stem + ENDINGS[kind][number] for stem in stems]


@dataclass(frozen=True, slots=True)
class Sentence:
    """A subject, a verb, and an object, an adverb or both."""

    subject: Phrase
    verb: str
    object: Phrase | None
    adverb: str | None

    @property
    def source(self) -> str:
        """The sentence in the source language."""
        tail = [] if self.adverb is None else [self.adverb]
        return " ".join([*self.subject.source, self.verb, *(self.object.source if self.object else []), *tail])

    @property
    def target(self) -> str:
        """Its translation."""
        kind, number = self.subject.agreement
        head = [] if self.adverb is None else [ADVERBS[self.adverb]]
        middle = self.object.target if self.object else []
        return " ".join([*head, *self.subject.target, *middle, VERBS[self.verb] + VERB_ENDINGS[kind][number]])


class Translation:
    """Pairs of sentences: fields `source` and `target`, target `words` (of the source).

    No source sentence is in two splits. Sentences of train, val and test have 4 to 10 words, those of split long 11
    or 12: one of their nouns has three or four adjectives, no noun of the other splits has more than two.

    Args:
        pairs: In split train.
        val_pairs: In split val.
        test_pairs: In split test.
        long_pairs: In split long.
        seed: What sentences are drawn from.
    """

    fields: Mapping[str, str] = {"source": "text", "target": "text"}
    targets: Mapping[str, Sequence[str] | None] = {"words": None}
    card = CARD

    def __init__(
        self,
        pairs: Annotated[int, Field(ge=1, le=500_000)] = 20_000,
        val_pairs: Annotated[int, Field(ge=1)] = 500,
        test_pairs: Annotated[int, Field(ge=1)] = 500,
        long_pairs: Annotated[int, Field(ge=1)] = 200,
        seed: Annotated[int, Field(ge=0)] = 0,
    ) -> None:
        self._sizes = {"train": pairs, "val": val_pairs, "test": test_pairs, "long": long_pairs}
        self._seed = seed
        self._drawn: dict[str, list[tuple[str, str]]] = {}
        self.digest = index.digest((), "translation", VERSION, *self._sizes.values(), seed)

    def split(self, name: str) -> Sequence[Sample]:
        """Return "train", "val", "test" or "long"."""
        if name not in SPLITS:
            raise unknown_split("worlds/translation", name, SPLITS)
        if not self._drawn:
            self._drawn = self._draw()
        return LazySplit(self._sizes[name], partial(_sample, self._drawn[name], f"{name}-{self._seed}"))

    def _draw(self) -> dict[str, list[tuple[str, str]]]:
        """Return pairs by split; a sentence that was drawn before is drawn again. Small splits come first."""
        taken: set[str] = set()
        found: dict[str, list[tuple[str, str]]] = {}
        for name in ("test", "val", "long", "train"):
            rng = np.random.default_rng((self._seed, VERSION, SPLITS.index(name)))
            pairs = found[name] = []
            while len(pairs) < self._sizes[name]:
                drawn = sentence(rng, long=name == "long")
                if (text := drawn.source) not in taken:
                    taken.add(text)
                    pairs.append((text, drawn.target))
        return found


def sentence(rng: np.random.Generator, *, long: bool = False) -> Sentence:
    """Return a random sentence of at most 10 words, or a long one of 11 or 12."""
    verb = _one(rng, VERBS)
    if long:
        counts = [int(rng.integers(LONG[0], LONG[1] + 1)), ADJECTIVES]
        first, second = counts if rng.random() < 0.5 else counts[::-1]
        return Sentence(_phrase(rng, first), verb, _phrase(rng, second), _one(rng, ADVERBS))
    shape = rng.random()
    subject = _phrase(rng, int(rng.integers(ADJECTIVES + 1)))
    complement = _phrase(rng, int(rng.integers(ADJECTIVES + 1))) if shape < 0.85 else None
    return Sentence(subject, verb, complement, _one(rng, ADVERBS) if shape > 0.4 else None)


def _phrase(rng: np.random.Generator, adjectives: int) -> Phrase:
    words = rng.choice(len(ADJECTIVE_WORDS), size=adjectives, replace=False)
    return Phrase(_one(rng, DETERMINERS), tuple(list(ADJECTIVE_WORDS)[word] for word in words), _one(rng, NOUNS))


def _one(rng: np.random.Generator, words: Mapping[str, Any]) -> str:
    return list(words)[int(rng.integers(len(words)))]


def _sample(pairs: Sequence[tuple[str, str]], name: str, position: int) -> Sample:
    source, target = pairs[position]
    fields = {"source": source, "target": target}
    return Sample(f"{name}-{position:06d}", fields, {"words": float(len(source.split()))})
