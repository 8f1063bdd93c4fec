"""Built experiments: the frozen specification beside the parts that were made from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from mmx.config.experiment import Experiment, Stage, Update
from mmx.interfaces import Corpus, Task
from mmx.model.model import Model


@dataclass(frozen=True)
class BuiltUpdate:
    """An update with its objective built.

    Attributes:
        spec: As written.
        objective: The loss.
        needs: Ports that the objective reads; None means everything.
        locked: Parameters of the objective that its author froze.
    """

    spec: Update
    objective: Any
    needs: Sequence[str] | None
    locked: frozenset[str] = field(default=frozenset())


@dataclass(frozen=True)
class BuiltStage:
    """A stage with its corpus and objectives built."""

    spec: Stage
    corpus: Corpus
    updates: tuple[BuiltUpdate, ...]

    def needs(self) -> Sequence[str] | None:
        """Return the ports that any update reads."""
        every: list[str] = []
        for update in self.updates:
            if update.needs is None:
                return None
            every += update.needs
        return tuple(dict.fromkeys(every))


@dataclass(frozen=True)
class Built:
    """All parts of an experiment, checked against each other."""

    experiment: Experiment
    model: Model
    corpus: Corpus
    stages: tuple[BuiltStage, ...]
    task: Task
