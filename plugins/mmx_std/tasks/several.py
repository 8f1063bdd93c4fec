"""Several judgements of one model as one report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from mmx import Clip, ConfigError, Corpus, Figure, Metric, Model, Prediction, Report, Run, Task, did_you_mean

__all__ = ["Several"]


class Several:
    """Judges a model by several tasks. The verdict is the first task's, whose table of predictions is kept.

    Metrics, figures and media keep their names; where a later task has a name that an earlier one took, its own name is
    put before it.

    Args:
        tasks: Tasks by name, in order; null leaves one out (in a preset).
        predict: Task that answers for a user's files; default: the first.
    """

    def __init__(
        self, *, tasks: Annotated[Mapping[str, Task | None], Field(min_length=1)], predict: str | None = None
    ) -> None:
        self.tasks = {name: task for name, task in tasks.items() if task is not None}
        if not self.tasks:
            raise ConfigError(["tasks: every one is left out"])
        if predict is not None and predict not in self.tasks:
            raise ConfigError([f"predict: no task {predict!r}{did_you_mean(predict, self.tasks)}"])
        self.least_items = max(int(getattr(task, "least_items", 0)) for task in self.tasks.values())
        self.needs = tuple(dict.fromkeys(port for task in self.tasks.values() for port in task.needs))
        self.speaker = self.tasks[predict] if predict is not None else next(iter(self.tasks.values()))
        if hasattr(self.speaker, "read"):
            self.read = self._read
        first = next(iter(self.tasks.values()))
        if hasattr(first, "score"):
            self.scores, self.score = first, first.score
        if hasattr(first, "conflict"):
            self.conflict = first.conflict

    def evaluate(self, model: Model, corpus: Corpus, run: Run) -> Report:
        """Judge by every task in turn."""
        reports = {name: task.evaluate(model, corpus, run) for name, task in self.tasks.items()}
        first = next(iter(reports.values()))
        metrics: list[Metric] = []
        figures: list[Figure] = []
        clips: list[Clip] = []
        notes: list[str] = []
        lost: list[str] = []
        for name, report in reports.items():
            taken = {metric.name for metric in metrics}
            metrics += [
                replace(metric, name=f"{name}_{metric.name}") if metric.name in taken else metric
                for metric in report.metrics
            ]
            figures += [replace(each, key=_free(each.key, figures, name)) for each in report.figures]
            clips += [replace(each, key=_free(each.key, clips, name)) for each in report.clips]
            notes += [f"{name}: {note}" for note in report.notes]
            lost += [f"{name}: {line}" for line in report.left_out]
        return replace(
            first, metrics=metrics, figures=figures, clips=clips, notes=[*dict.fromkeys(notes)], left_out=lost
        )

    def _read(self, model: Model, path: Path, extras: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what the task that answers makes of a user's file."""
        raw: Mapping[str, Any] = self.speaker.read(model, path, extras)  # type: ignore[attr-defined]
        return raw

    def predict(self, model: Model, raw: Mapping[str, Any]) -> Prediction:
        """Let the task that answers do so."""
        return self.speaker.predict(model, raw)


def _free(key: str, taken: Sequence[Any], name: str) -> str:
    return f"{name}_{key}" if key in {each.key for each in taken} else key
