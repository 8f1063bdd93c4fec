"""Can the task judge what the model predicts? One batch of the judged split, before anybody trains for an hour."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from mmx.errors import DataError, MmxError
from mmx.model.build import Builder
from mmx.runs.context import RunContext
from mmx.runs.progress import Quiet
from mmx.support.seeding import derive, seed_all
from mmx.support.text import one_line
from mmx.testing import Finding
from mmx.testing.experiments import told
from mmx.testing.overfit import Few
from mmx.types import Batch

if TYPE_CHECKING:
    from mmx.model.built import Built
    from mmx.registry.registry import Registry
    from mmx.training.engine import Engine
    from mmx.types import Sample

ITEMS: Final = 32
"""Items that are judged."""


class _OneBatch(RunContext):
    """A run of which tasks see one batch of whatever they look at, and to which nobody listens."""

    def batches(self, model: Any, samples: Sequence[Sample], *arguments: Any, **options: Any) -> Iterator[Batch]:
        """Yield the first batch."""
        few = samples if len(samples) <= ITEMS else [samples[index] for index in range(ITEMS)]
        yield from islice(super().batches(model, few, *arguments, **options), 1)

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Keep it to oneself."""


def check_task(built: Built, registry: Registry, engine: Engine) -> Finding:
    """Let the task judge the model, as it is, on a few items.

    Whatever the task raises is a fault, but for a `DataError` (it lacks data), and but for a task that says by
    `least_items` that it needs more items than it is given here.

    Args:
        built: The parts, which fit by name.
        registry: Where they come from, for the untrained model.
        engine: Says on which device.
    """
    experiment = built.experiment
    what = f"task {experiment.task.use} judges a batch"
    seed_all(derive(experiment.settings.seed, "judge"))
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # so few items have undefined metrics
        run = _OneBatch(
            id="check",
            experiment=experiment.name,
            seed=experiment.settings.seed,
            device=engine.device,
            folder=Path(folder),
            display=Quiet(),
            plugins=cast(Any, None),  # nobody is told
            tracker=None,
            build_model=lambda: Builder(registry, experiment.settings.seed).model(experiment, built.corpus),
        )
        try:
            report = built.task.evaluate(built.model.to(engine.device).eval(), cast(Any, Few(built.corpus, ITEMS)), run)
        except DataError as error:
            return Finding(what, True, f"not judged: {one_line(str(error))}", skipped=True)
        except MmxError as error:
            return Finding(what, False, str(error))
        except Exception as error:
            raised = _told(error, built, run.split)
            least = int(getattr(built.task, "least_items", 0))
            if least > ITEMS:
                return Finding(
                    what, True, f"not judged: needs {least} items, {ITEMS} are given; {raised}", skipped=True
                )
            return Finding(what, False, raised)
    return Finding(what, True, f"{len(report.metrics)} metrics of {report.used} items")


def _told(error: Exception, built: Built, split: str) -> str:
    """Return what the task raised, and the shapes of what it reads."""
    samples, needs = built.corpus.split(split), list(getattr(built.task, "needs", ()))
    try:
        few = [samples[index] for index in range(min(8, len(samples)))]
        batch = built.model.prepare(few, built.model.plan(needs).encoders)
    except MmxError:  # the task was given the others
        needs, batch = [], Batch(ids=[])
    return told(error, built.model, batch, needs)
