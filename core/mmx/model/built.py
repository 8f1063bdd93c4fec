"""Built experiments: the frozen specification beside the parts that were made from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from mmx.config.experiment import Experiment, Stage, Update
from mmx.interfaces import Corpus, Task
from mmx.model.meaning import CORPUS, Meaning, Source
from mmx.model.milestones import Milestones
from mmx.model.model import Model


@dataclass(frozen=True)
class BuiltUpdate:
    """An update with its objective built.

    Attributes:
        spec: As written.
        objective: The loss.
        needs: Ports that the objective reads; None means everything.
        locked: Parameters of the objective that its author froze.
        balance: What keeps one modality from winning, or None.
    """

    spec: Update
    objective: Any
    needs: Sequence[str] | None
    locked: frozenset[str] = field(default=frozenset())
    balance: Any = None


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
    """All parts of an experiment, checked against each other.

    Attributes:
        experiment: The frozen specification.
        model: Encoders, fuser and heads.
        corpus: The experiment's data.
        stages: What is trained, in order.
        task: What is judged.
        milestones: Weights that stages go back to.
        readers: Paths of the model's parts that were given the corpus.
        meaning: What the outputs of a run mean, where the parts are those of a run.
    """

    experiment: Experiment
    model: Model
    corpus: Corpus
    stages: tuple[BuiltStage, ...]
    task: Task
    milestones: Milestones
    readers: frozenset[str] = frozenset()
    meaning: Meaning | None = None

    def sources(self) -> dict[str, Source]:
        """Return what each corpus offers, by its place in the experiment."""
        found = {CORPUS: _source(self.experiment.corpus.use, self.corpus)}
        for stage in self.stages:
            if stage.spec.corpus is not None:
                found[f"stages.{stage.spec.name}.corpus"] = _source(stage.spec.corpus.use, stage.corpus)
        return found

    def means(self) -> Meaning:
        """Return what the outputs of this model mean, before anything is trained."""
        buffers = {name for name, _ in self.model.named_buffers()}
        state = {
            name: tensor
            for name, tensor in self.model.state_dict().items()
            if name in buffers and any(name.startswith(f"{path}.") for path in self.readers)
        }
        return Meaning(self.sources(), state)


def _source(use: str, corpus: Corpus) -> Source:
    return Source(use, corpus.digest, dict(corpus.fields), dict(corpus.targets))
