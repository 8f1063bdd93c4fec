"""Dialogues about an image, each question with ten candidates for its answer, as in VisDial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Final

import numpy as np
from pydantic import Field

from mmx import Card, Corpus, LazyFields, LazySplit, PortError, Sample
from mmx_std import answer_scoring

TURNS: Final = tuple(f"round {number}" for number in (1, 2, 3))

LOOKED_AT: Final = 600
"""Questions of training from which it is learned which answers a type of question has."""


class Dialogues:
    """Candidates for the answers to the questions of another corpus (`worlds/questions`).

    Field `candidates`: the right answer among others of the corpus's answers, one a line, in a drawn order; the others
    are answers to questions of its type, as far as there are, then any. Targets: `choice`, its place; `relevance` of
    each candidate, the share of the annotators who gave it; `turn`, the round.

    Args:
        questions: Questions with targets `truth` (its class names are the answers), `type`, `answers` and `round`.
        candidates: Candidates of each question.
        first: Questions of earlier rounds are history alone: before the first one nothing was said.
        seed: What is drawn from.

    Raises:
        PortError: The questions have no such targets.
    """

    def __init__(
        self,
        questions: Corpus,
        *,
        candidates: Annotated[int, Field(ge=2)] = 10,
        first: Annotated[int, Field(ge=0, le=2)] = 0,
        seed: Annotated[int, Field(ge=0)] = 0,
    ) -> None:
        names = questions.targets.get("truth")
        if names is None or not {"answers", "round", "type"} <= set(questions.targets):
            raise PortError("questions: blip/dialogues needs truth, type, answers and round; worlds/questions has them")
        self._questions, self._names, self._seed = questions, list(names), seed
        self._count, self._first = min(candidates, len(self._names)), first
        self._places: dict[str, list[int]] = {}
        self._plausible: dict[int, set[int]] = {}
        self.fields: Mapping[str, str] = {**questions.fields, "candidates": "text"}
        self.targets: Mapping[str, Sequence[str] | None] = {
            **questions.targets, "choice": None, "relevance": None, "turn": TURNS
        }  # fmt: skip
        self.card: Card = questions.card
        self.digest = f"{questions.digest[:24]}-{self._count}-{first}-{seed}"[:36]

    def split(self, name: str) -> Sequence[Sample]:
        """Return a split of the questions with their candidates."""
        samples = self._questions.split(name)
        if name not in self._places:
            rounds = (int(samples[place].targets["round"]) for place in range(len(samples)))
            self._places[name] = [place for place, number in enumerate(rounds) if number >= self._first]
        return LazySplit(len(self._places[name]), partial(self._sample, samples, self._places[name]))

    def _alike(self, kind: int) -> set[int]:
        """Return the answers to questions of one type, of those that training begins with."""
        if not self._plausible:
            train = self._questions.split("train")
            for place in range(min(len(train), LOOKED_AT)):
                targets = train[place].targets
                self._plausible.setdefault(int(targets["type"]), set()).add(int(targets["truth"]))
        return self._plausible.get(kind, set())

    def _sample(self, samples: Sequence[Sample], places: Sequence[int], position: int) -> Sample:
        own = samples[places[position]]
        right = int(own.targets["truth"])
        rng = np.random.default_rng((self._seed, position))
        alike = self._alike(int(own.targets["type"]))
        drawn = [number for number in rng.permutation(len(self._names)).tolist() if number != right]
        others = sorted(drawn, key=lambda number: number not in alike)  # in the order drawn within both kinds
        chosen = [right, *others[: self._count - 1]]
        chosen = [chosen[place] for place in rng.permutation(self._count)]
        makers: dict[str, Any] = {name: partial(own.fields.__getitem__, name) for name in own.fields}
        makers["candidates"] = partial("\n".join, [self._names[number] for number in chosen])
        given = [answer_scoring.normalised(each) for each in own.targets["answers"]]
        names = [answer_scoring.normalised(self._names[number]) for number in chosen]
        targets = {
            **own.targets,
            "choice": chosen.index(right),
            "relevance": np.array([given.count(name) / max(1, len(given)) for name in names], np.float32),
            "turn": min(int(own.targets["round"]), len(TURNS) - 1),
        }
        return Sample(own.id, LazyFields(makers), targets)
