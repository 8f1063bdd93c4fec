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


class Dialogues:
    """Candidates for the answers to the questions of another corpus (`worlds/questions`).

    Field `candidates`: the right answer among others of the corpus's answers, one a line, in a drawn order. Targets:
    `choice`, its place; `relevance` of each candidate, the share of the annotators who gave it; `turn`, the round.

    Args:
        questions: Questions with targets `truth` (its class names are the answers), `answers` and `round`.
        candidates: Candidates of each question.
        seed: What is drawn from.

    Raises:
        PortError: The questions have no such targets.
    """

    def __init__(
        self,
        questions: Corpus,
        *,
        candidates: Annotated[int, Field(ge=2)] = 10,
        seed: Annotated[int, Field(ge=0)] = 0,
    ) -> None:
        names = questions.targets.get("truth")
        if names is None or not {"answers", "round"} <= set(questions.targets):
            raise PortError(
                "questions: blip/dialogues needs targets truth, answers and round; worlds/questions has them"
            )
        self._questions, self._names, self._seed = questions, list(names), seed
        self._count = min(candidates, len(self._names))
        self.fields: Mapping[str, str] = {**questions.fields, "candidates": "text"}
        self.targets: Mapping[str, Sequence[str] | None] = {
            **questions.targets, "choice": None, "relevance": None, "turn": TURNS
        }  # fmt: skip
        self.card: Card = questions.card
        self.digest = f"{questions.digest[:24]}-{self._count}-{seed}"[:36]

    def split(self, name: str) -> Sequence[Sample]:
        """Return a split of the questions with their candidates."""
        samples = self._questions.split(name)
        return LazySplit(len(samples), partial(self._sample, samples))

    def _sample(self, samples: Sequence[Sample], position: int) -> Sample:
        own = samples[position]
        right = int(own.targets["truth"])
        rng = np.random.default_rng((self._seed, position))
        others = [number for number in range(len(self._names)) if number != right]
        chosen = [right, *rng.permutation(others)[: self._count - 1].tolist()]
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
