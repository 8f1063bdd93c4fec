"""A run for tests of tasks: it reads what can be read, as `mmx.runs.context.RunContext` does, and nothing more."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from mmx.errors import DataError
from mmx.model.model import Model
from mmx.types import Batch, Sample


class TinyRun:
    """What a task sees of a run.

    Args:
        folder: Where the task may write.
        experiment: Its name.
        untrained: Makes the model that has learned nothing.
    """

    id, seed, split = "run", 0, "test"
    device = torch.device("cpu")

    def __init__(self, folder: Path, experiment: str, untrained: Callable[[], Model]) -> None:
        self.folder, self.experiment, self._untrained = folder, experiment, untrained

    def batches(
        self, model: Model, samples: Sequence[Sample], encoders: Sequence[str] | None = None, batch_size: int = 32
    ) -> Iterator[Batch]:
        """Yield batches in order, without what cannot be read."""
        for first in range(0, len(samples), batch_size):
            places = range(first, min(first + batch_size, len(samples)))
            chosen = [sample for sample in (_readable(model, samples, place, encoders) for place in places) if sample]
            if chosen:
                batch = model.prepare(chosen, encoders)
                batch.samples = chosen
                yield batch

    def untrained(self) -> Model:
        """Return a model that has learned nothing."""
        return self._untrained()

    def track(self, items: Iterable[Any], label: str, total: int | None = None) -> Iterable[Any]:
        """Show nothing."""
        return items

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Fail: tasks judge; curves are training's."""
        raise AssertionError("the task has no reason to log")


def _readable(model: Model, samples: Sequence[Sample], place: int, encoders: Sequence[str] | None) -> Sample | None:
    """Return a sample; None where it, or what an encoder needs of it, cannot be read."""
    try:
        sample = samples[place]
        model.prepare([sample], encoders)
    except DataError:
        return None
    return sample
