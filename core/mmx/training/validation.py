"""Validation while a stage trains: its own loss on a few batches of a split that nothing learns from.

It leaves no trace in the training: modules are put back into their modes and every global generator to where it was,
so that the training's losses are the same, to the last digit, with and without it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final, Protocol

import torch
from torch import Tensor, nn

from mmx.config.experiment import Settings
from mmx.data.reader import Reader, said
from mmx.data.sampler import Order
from mmx.errors import DataError
from mmx.model.built import BuiltStage
from mmx.model.model import Model
from mmx.model.ports import loss_of
from mmx.support.seeding import derive, seed_all
from mmx.support.text import describe
from mmx.training import checkpoint
from mmx.training.engine import Engine
from mmx.training.loss_window import Window
from mmx.training.updates import Step, Updates
from mmx.types import Batch, Sample

VIEWS: Final = 2
"""Draws of each batch, where an objective draws what it is shown."""


class Observer(Protocol):
    """Receiver of what validation finds."""

    def validated(self, stage: str, step: int, values: Mapping[str, float]) -> None:
        """Means over the batches of validation, every `validate_every` steps; `step` counts over all stages."""

    def settled(self, stage: str, step: int, values: Mapping[str, float]) -> None:
        """Where a stage ended: `stopped_step` if before its last step, `kept_step` where `keep: best` took weights.

        `averaged` is how many weights `keep: average` has averaged.
        """

    def warned(self, text: str) -> None:
        """Something that the user should know."""


class Validation:
    """The validation of one stage: what it measures, the lowest loss so far, and the weights that had it.

    Without a split to measure on it does nothing. Every process measures its own batches, and all agree on the means.

    Args:
        stage: The stage; its `val_split`, `patience` and `keep` say what for.
        index: Its number among the stages, for seeds.
        before: Steps of the stages before it.
        updates: What learns in it.
        model: The model.
        engine: Where it runs.
        settings: How often, and how many batches.
        still: Encoders that do not learn in it; their features are computed once.
        observer: Receives what is found.
    """

    def __init__(
        self,
        stage: BuiltStage,
        index: int,
        before: int,
        *,
        updates: Updates,
        model: Model,
        engine: Engine,
        settings: Settings,
        still: Sequence[str],
        observer: Observer,
    ) -> None:
        self.stage, self.index, self.before = stage, index, before
        self.updates, self.model, self.engine, self.settings = updates, model, engine, settings
        self.still = [name for name in still if getattr(model.encoders[name], "cacheable", True)]
        self.observer = observer
        self.lowest = math.inf
        self.lowest_at = 0
        self.since = 0
        self.kept: dict[str, Tensor] = {}
        self.recent: list[dict[str, Tensor]] = []
        spec = stage.spec
        self.needed = spec.validates
        self._samples = self._find() if settings.validate_every else None
        self._batches: list[Batch] | None = None

    def state(self) -> dict[str, Any]:
        """Return what `load` needs; the kept weights are in it, so that they and the checkpoint are one."""
        lowest = {"lowest": self.lowest, "lowest_at": self.lowest_at, "since": self.since}
        return {**lowest, "kept": self.kept, "recent": self.recent}

    def load(self, state: Mapping[str, Any]) -> None:
        """Continue from `state`."""
        self.lowest, self.lowest_at, self.since = float(state["lowest"]), int(state["lowest_at"]), int(state["since"])
        self.kept, self.recent = dict(state["kept"]), list(state.get("recent", ()))

    @property
    def exhausted(self) -> bool:
        """Whether the loss has not fallen for as many validations in a row as the stage waits."""
        patience = self.stage.spec.patience
        return patience is not None and self.since >= patience

    def after(self, done: int) -> None:
        """Validate where it is due behind step `done` of the stage: every `validate_every` steps and at the end.

        Raises:
            DataError: The split cannot be read, and the stage needs it.
        """
        every = self.settings.validate_every
        if self._samples is None or (done % every and done < self.stage.spec.steps):
            return
        try:
            with self._undisturbed():
                values = self._measure()
        except torch.OutOfMemoryError:
            raise
        except Exception as error:
            if self.needed or self.engine.world > 1:
                raise
            self._samples = None
            told = said(error) if isinstance(error, DataError) else describe(error)
            name, split = self.stage.spec.name, self.stage.spec.val_split
            self.observer.warned(f"stage {name}: no validation on split {split!r}: {told}")
            return
        self.observer.validated(self.stage.spec.name, self.before + done, values)
        self._note(done, values["loss"])

    def finish(self, done: int) -> None:
        """Put the weights that the stage keeps, best or averaged, into the model, and say how the stage ended.

        Args:
            done: The steps that the stage has taken.
        """
        values: dict[str, float] = {}
        if self.exhausted and done < self.stage.spec.steps:
            values["stopped_step"] = float(self.before + done)
        if self.kept:
            self.model.load_state_dict(self.kept, strict=False)
            values |= {"kept_step": float(self.before + self.lowest_at), "kept_loss": self.lowest}
            self.kept = {}
        if self.recent:
            self.model.load_state_dict(_mean(self.recent), strict=False)
            values["averaged"] = float(len(self.recent))
            self.recent = []
        if values:
            self.observer.settled(self.stage.spec.name, self.before + done, values)

    def _find(self) -> Sequence[Sample] | None:
        """Return the split to validate on, None where there is none or it is the one that is trained on."""
        spec = self.stage.spec
        if spec.val_split in ("", spec.split):
            return None
        try:
            found = self.stage.corpus.split(spec.val_split)
        except DataError:
            if self.needed:
                raise
            return None
        return found if len(found) else None

    def _note(self, done: int, loss: float) -> None:
        if self.stage.spec.keep == "average":
            self.recent = [*self.recent, self._weights()][-self.stage.spec.averaged :]
        if loss < self.lowest:
            self.lowest, self.lowest_at, self.since = loss, done, 0
            if self.stage.spec.keep == "best":
                self.kept = self._weights()
        else:
            self.since += 1

    def _weights(self) -> dict[str, Tensor]:
        """Return a copy of everything that this stage may change: what learns, and running statistics."""
        buffers = {name for name, _ in self.model.named_buffers()}
        tensors = checkpoint.distinct(self.model)
        names = [name for name in tensors if name in buffers or name in self.updates.every]
        return {name: tensors[name].detach().to("cpu", copy=True) for name in names}

    @contextmanager
    def _undisturbed(self) -> Iterator[None]:
        """Run the block in evaluation mode, without gradients, with generators of its own."""
        objectives = [each.objective for each in self.stage.updates if isinstance(each.objective, nn.Module)]
        modules = [module for root in (self.model, *objectives) for module in root.modules()]
        modes = [module.training for module in modules]
        drawn = checkpoint.random_state()
        try:
            for root in (self.model, *objectives):
                root.eval()
            seed_all(derive(self.settings.seed, "validate", self.index, self.engine.rank))
            with torch.no_grad():
                yield
        finally:
            for module, mode in zip(modules, modes, strict=True):
                module.training = mode
            checkpoint.restore_random(drawn)

    def _measure(self) -> dict[str, float]:
        """Return the mean of each term over the batches, shown in the same ways every time."""
        if self._batches is None:
            self._batches = self._prepared()
        window = Window()
        for number, batch in enumerate(self._batches):
            moved = batch.to(self.engine.device)
            for place, update in enumerate(self.stage.updates):
                step = Step(self.model, update)
                for shown in self._shown(update.objective, moved, number, place):
                    with self.engine.autocast():
                        losses = step(shown)
                    loss_of(losses, f"stages.{self.stage.spec.name}.objective ({update.spec.objective.use})")
                    window.add(number, batch.ids, losses, f"update{place}_" if place else "")
        return window.means(self.engine)

    def _shown(self, objective: Any, batch: Batch, *place: int) -> Iterator[Batch]:
        """Yield what a loss is shown of a batch: `VIEWS` draws where it draws that (masks, one of several losses)."""
        view = getattr(objective, "view", None)
        if view is None:
            yield batch
            return
        for draw in range(VIEWS):
            seed = derive(self.settings.seed, "validate view", self.index, *place, draw)
            yield view(batch, torch.Generator().manual_seed(seed))

    def _prepared(self) -> list[Batch]:
        """Return the batches: items drawn once, of the training's batch size where there are as many."""
        assert self._samples is not None  # noqa: S101 (`after` looks)
        world, spec = self.engine.world, self.stage.spec
        size = min(spec.batch_size, max(1, len(self._samples) // world))
        count = min(self.settings.validate_batches, max(1, len(self._samples) // (size * world)))
        seed = derive(self.settings.seed, "validate order", self.index)
        order = Order(len(self._samples), size, seed, self.engine.rank, world)
        names = self.model.plan(self.stage.needs()).encoders
        reader = Reader(self._samples, lambda chosen, indices: self.model.prepare(chosen, names))
        batches = [self._with_features(reader(order.step(number)), names) for number in range(count)]
        if reader.faults:
            told = (
                f"{len(reader.faults)} items of split {spec.val_split!r} cannot be read: {min(reader.faults.values())}"
            )
            self.observer.warned(f"stage {spec.name}, validation: {told}")
        return batches

    def _with_features(self, batch: Batch, names: Sequence[str]) -> Batch:
        """Return a batch with the features of encoders that do not learn, in place of what they are made from."""
        moved = batch.to(self.engine.device)
        cached = {name: self.model.encode(name, moved).map(Tensor.cpu) for name in self.still if name in names}
        texts = [name for name in cached if self.model.encoders[name].modality == "text"]  # losses read words
        inputs = {name: tensor for name, tensor in batch.inputs.items() if name not in cached or name in texts}
        return replace(batch, inputs=inputs, cached={**batch.cached, **cached})


def _mean(weights: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Return the mean of several weights; what is no fraction (counters) is that of the last."""
    last = weights[-1]
    return {
        name: torch.stack([each[name].double() for each in weights]).mean(0).to(tensor.dtype)
        if tensor.is_floating_point()
        else tensor
        for name, tensor in last.items()
    }
