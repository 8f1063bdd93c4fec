"""Run as tasks, hooks and the training loop see it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from mmx.data.reader import about_the_item, readable
from mmx.errors import DataError
from mmx.runs import progress
from mmx.support import run_files
from mmx.tracking import journal

if TYPE_CHECKING:
    import torch

    from mmx.interfaces import Model
    from mmx.plugins.loader import Plugins
    from mmx.runs.progress import Display
    from mmx.tracking.tracker import Tracker
    from mmx.types import Batch, Sample

T = TypeVar("T")


@dataclass
class RunContext:
    """The run as tasks and hooks see it (`interfaces.Run`), and the observer of its training."""

    id: str
    experiment: str
    seed: int
    device: torch.device
    folder: Path
    display: Display
    plugins: Plugins
    tracker: Tracker | None
    build_model: Callable[[], Model]
    split: str = "test"
    unreadable: list[str] = field(default_factory=list)
    max_unreadable: float = 1.0
    _validation: tuple[str, float] | None = field(default=None, init=False, repr=False)

    def batches(
        self, model: Model, samples: Sequence[Sample], encoders: Sequence[str] | None = None, batch_size: int = 32
    ) -> Iterator[Batch]:
        """Yield batches of the samples that can be read, in order, on the device; raw samples attached.

        Raises:
            DataError: More than `max_unreadable` of them cannot be read.
        """
        left_out = 0
        for first in range(0, len(samples), batch_size):
            indices = range(first, min(first + batch_size, len(samples)))
            try:
                chosen = [samples[index] for index in indices]
                batch = model.prepare(chosen, encoders)
            except Exception as error:
                if not about_the_item(error):
                    raise
                chosen, faults = readable(samples, indices, lambda one: model.prepare([one], encoders))
                left_out += len(faults)
                self._note(faults, left_out, len(samples))
                if not faults:  # each alone can be read: it is their batch that cannot be made
                    raise
                if not chosen:
                    continue
                batch = model.prepare(chosen, encoders)
            batch = batch.to(self.device)
            batch.samples = chosen
            yield batch

    def _note(self, faults: Sequence[str], left_out: int, total: int) -> None:
        """Keep what is wrong with items, once each, and stop where it is wrong with too many."""
        self.unreadable += [fault for fault in faults if fault not in self.unreadable]
        if left_out > self.max_unreadable * total:
            raise DataError(
                f"{left_out} of {total} items to judge cannot be read, more than max_unreadable = "
                f"{self.max_unreadable:.0%}: {'; '.join(self.unreadable[:3])}; see: mmx data check FILE"
            )

    def untrained(self) -> Model:
        """Return the model as it was before training, in evaluation mode."""
        model = self.build_model()
        model.to(self.device)
        model.eval()
        return model

    def track(self, items: Iterable[T], label: str, total: int | None = None) -> Iterable[T]:
        """Show progress while `items` are consumed."""
        return progress.track(self.display, items, label, total)

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Send numbers to the journal, the tracker and the plugins."""
        if self.tracker is not None:
            self.tracker.metrics(step, metrics)
        self.plugins.call("mmx_metrics", run=self, step=step, metrics=metrics)

    def curves(self) -> Mapping[str, Sequence[tuple[int, float]]]:
        """Return what was logged so far as points over steps, by key: for tasks that judge how a run learned."""
        if self.tracker is None:
            return {}
        self.tracker.flush()
        return journal.curves(self.folder / run_files.JOURNAL)

    def begin(self, stage: str, start: int, steps: int) -> None:
        """A stage begins."""
        self.display.begin(stage, start, steps)

    def stepped(self, done: int) -> None:
        """A step is done."""
        self.display.step(done)

    def ended(self) -> None:
        """A stage is over."""
        self.display.end()

    def logged(self, stage: str, step: int, values: Mapping[str, float], chance: float | None) -> None:
        """Show and send the means since the last logging step."""
        last = {} if self._validation is None or self._validation[0] != stage else {"val": self._validation[1]}
        self.display.numbers({**values, **last}, chance)
        named = {f"train/{stage}/{name}": value for name, value in values.items() if name != "items_per_second"}
        if chance is not None:
            named[f"train/{stage}/chance"] = chance
        self.log({**named, "perf/items_per_second": values["items_per_second"]}, step)

    def validated(self, stage: str, step: int, values: Mapping[str, float]) -> None:
        """Send the means over the batches of validation."""
        self._validation = (stage, values["loss"])
        self.log({f"val/{stage}/{name}": value for name, value in values.items()}, step)

    def settled(self, stage: str, step: int, values: Mapping[str, float]) -> None:
        """Send and say where a stage ended by its validation loss."""
        self.log({f"val/{stage}/{name}": value for name, value in values.items()}, step)
        if "stopped_step" in values:
            self.display.say(
                f"{stage}: ended early at step {values['stopped_step']:.0f}: its validation loss falls no more"
            )
        if "averaged" in values:
            self.display.say(f"{stage}: ends with the average of the weights of {values['averaged']:.0f} validations")
        if "kept_step" in values:
            kept = f"the weights of step {values['kept_step']:.0f}, with the lowest validation loss"
            self.display.say(f"{stage}: keeps {kept}, {values['kept_loss']:.4g}")

    def saved(self, path: Path, step: int) -> None:
        """A checkpoint is complete."""
        self.plugins.call("mmx_checkpoint_saved", run=self, path=path, step=step)

    def warned(self, text: str) -> None:
        """Show a warning."""
        self.display.warn(text)
