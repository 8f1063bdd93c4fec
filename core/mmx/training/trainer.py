"""Training loop, the only one: stages of steps, each step one or several updates."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import torch

from mmx.config.experiment import Settings
from mmx.data import feature_cache
from mmx.data.reader import Reader, SampleCache, about_the_item, load, said
from mmx.data.sampler import Order, class_weights
from mmx.errors import DataError, TrainingError
from mmx.model.build import Builder
from mmx.model.built import BuiltStage, BuiltUpdate
from mmx.model.milestones import Milestones
from mmx.model.model import Model
from mmx.model.ports import check_learns, loss_of, within
from mmx.support import files, run_files
from mmx.support.seeding import derive, seed_all
from mmx.support.signals import Interrupt, Interrupted
from mmx.training import checkpoint, faults
from mmx.training.engine import Engine
from mmx.training.loss_window import Window
from mmx.training.updates import Updates
from mmx.training.validation import Observer as ValidationObserver
from mmx.training.validation import Validation
from mmx.training.watch import Watch
from mmx.types import Batch, Losses, Sample

STUCK = 0.02
"""A mean loss within this share of its chance value counts as not learning."""
SKIPS = 20
"""Updates in a row that `on_nonfinite: skip` leaves out before it stops after all."""


class Observer(ValidationObserver, Protocol):
    """Receiver of the progress of training."""

    def begin(self, stage: str, start: int, steps: int) -> None:
        """A stage begins at step `start` of `steps`."""

    def stepped(self, done: int) -> None:
        """A step is done; called at every one, so it must cost next to nothing."""

    def ended(self) -> None:
        """The stage is over."""

    def logged(self, stage: str, step: int, values: Mapping[str, float], chance: float | None) -> None:
        """Means since the last call, every `log_every` steps; `step` counts over all stages."""

    def saved(self, path: Path, step: int) -> None:
        """A checkpoint is complete."""

    def track(self, items: Iterable[int], label: str, total: int | None = None) -> Iterable[int]:
        """Show progress over `items`."""
        ...


class Trainer:
    """Trains the stages of an experiment one after another.

    Args:
        model: The model.
        stages: The built stages.
        cache_keys: Encoder name -> what identifies it for the cache of frozen features.
        engine: Where it runs.
        builder: Builds optimizers and schedules.
        settings: Seeds, logging, checkpoints, workers.
        observer: Receives its progress.
        interrupt: Whether the run was asked to stop.
        folder: The run folder.
        store: Where frozen features are kept; None keeps none.
        milestones: Weights that stages go back to.
    """

    def __init__(
        self,
        model: Model,
        stages: Sequence[BuiltStage],
        *,
        cache_keys: Mapping[str, Any],
        engine: Engine,
        builder: Builder,
        settings: Settings,
        observer: Observer,
        interrupt: Interrupt,
        folder: Path,
        store: Path | None,
        milestones: Milestones | None = None,
    ) -> None:
        self.model = model
        self.milestones = milestones or Milestones(model, [stage.spec for stage in stages])
        self.stages = stages
        self.cache_keys = cache_keys
        self.engine, self.builder, self.settings = engine, builder, settings
        self.observer, self.interrupt = observer, interrupt
        self.folder, self.store = folder, store
        self.skipped: set[str] = set()
        self._warned_stuck: set[str] = set()
        self._spoilt: set[int] = set()
        self._spoilt_in_a_row = self._spoilt_in_window = 0

    def fit(self, state: Mapping[str, Any] | None = None) -> None:
        """Train all stages, from the start or from a checkpoint's state.

        Raises:
            TrainingError: The loss is not finite, memory ran out, a worker died, or a checkpoint cannot be written.
            DataError: Too much of the corpus cannot be read.
            Interrupted: A signal asked to stop; a checkpoint was saved.
        """
        with checkpoint.fitting(self.folder):
            first = 0 if state is None else checkpoint.stage_of(state, len(self.stages))
        before = sum(stage.spec.steps for stage in self.stages[:first])
        for index in range(first, len(self.stages)):
            self._stage(index, before, state if index == first else None)
            before += self.stages[index].spec.steps

    def _stage(self, index: int, before: int, state: Mapping[str, Any] | None) -> None:
        stage = self.stages[index]
        start = 0 if state is None else int(state["step"])
        self.milestones.begin(stage.spec, start, self.folder)
        if start >= stage.spec.steps:
            return
        updates = Updates(stage, self.model, self.engine, self.builder)
        reader, order = self._data(stage, index, updates)
        self._mode(updates)
        validation = self._validation(stage, index, before, updates)
        watch = Watch(updates, index, order, self.engine, self.settings)
        seed_all(derive(self.settings.seed, "stage", index, self.engine.rank))
        window = Window()
        with checkpoint.fitting(self.folder):
            if state is not None and state["updates"] is not None:
                updates.load(state["updates"])
                if "validation" in state:
                    validation.load(state["validation"])
                window = Window.of(state["window"], self.engine)
                if len(state["random"]) == self.engine.world:
                    checkpoint.restore_random(state["random"][self.engine.rank])
        micro = range(start * stage.spec.accumulate, stage.spec.steps * stage.spec.accumulate)
        batches = iter(load(reader, order, micro, self.settings.workers))
        self.observer.begin(stage.spec.name, start, stage.spec.steps)
        with self.interrupt.deferred(), faults.named(stage.spec, self.settings):
            done = start
            while done < stage.spec.steps and not validation.exhausted:
                for part in range(stage.spec.accumulate):
                    self._learn(updates, watch, done, part, next(batches), window)
                done += 1
                self.observer.stepped(done)
                stopping = self._asked_to_stop(done)
                self._validate(validation, done, window)
                over = done == stage.spec.steps or validation.exhausted
                if done % self.settings.log_every == 0 or over:
                    window = self._log(window, updates, before + done, done)
                if stopping or (done % self.settings.checkpoint_every == 0 and not over):
                    self._check_finite(window, stage.spec.name, {})
                    self._save(index, done, before + done, updates, window, validation)
                if stopping:
                    raise Interrupted(self.interrupt.number or signal.SIGTERM, saved=True)
            validation.finish(done)
            self.observer.ended()
            self.milestones.reached(stage.spec, self.folder, write=self.engine.main)
            self._save(index + 1, 0, before + stage.spec.steps)
        if self.engine.any(self.interrupt.number is not None):  # it came while the stage was saved
            raise Interrupted(self.interrupt.number or signal.SIGTERM, saved=True)

    def _validate(self, validation: Validation, done: int, window: Window) -> None:
        """Validate where it is due; its time is none of the training's."""
        begun = time.perf_counter()
        validation.after(done)
        window.started += time.perf_counter() - begun

    def _asked_to_stop(self, done: int) -> bool:
        """Several processes must leave at the same step, so they only compare notes at logging steps."""
        if self.engine.world == 1:
            return self.interrupt.number is not None
        return done % self.settings.log_every == 0 and self.engine.any(self.interrupt.number is not None)

    def _mode(self, updates: Updates) -> None:
        """Put what learns in training mode, everything else in evaluation mode."""
        self.model.eval()
        named = [name for update in updates.stage.updates for name in update.spec.trains]
        for path in updates.every:
            owner = max((name for name in named if within(path, name)), key=len)
            # `encoders` means each of them that learns; of a part inside another, the rest keeps its statistics.
            group = owner if "." in owner or owner not in ("encoders", "heads") else ".".join(path.split(".")[:2])
            with suppress(AttributeError):  # the objective is no part of the model, and a weight is no module
                self.model.get_submodule(group).train()

    def _still(self, stage: BuiltStage, updates: Updates) -> list[str]:
        """Return the encoders that a stage reads and that do not learn in it."""
        names = self.model.plan(stage.needs()).encoders
        return [name for name in names if not any(key.startswith(f"encoders.{name}.") for key in updates.every)]

    def _validation(self, stage: BuiltStage, index: int, before: int, updates: Updates) -> Validation:
        return Validation(
            stage,
            index,
            before,
            updates=updates,
            model=self.model,
            engine=self.engine,
            settings=self.settings,
            still=self._still(stage, updates),
            observer=self.observer,
        )

    def _data(self, stage: BuiltStage, index: int, updates: Updates) -> tuple[Reader, Order]:
        """Return what turns indices into batches, and the order of indices.

        Encoders that do not learn in this stage are run over the whole split once, unless they say `cacheable = False`.
        """
        samples = stage.corpus.split(stage.spec.split)
        names = self.model.plan(stage.needs()).encoders
        self.model.eval()
        found = {name: self._stored(name, stage, samples) for name in self._still(stage, updates)}
        stored = {name: rows for name, rows in found.items() if rows is not None}
        # Texts are made ids even where their features are stored: losses read them (words to predict), at no cost.
        live = [name for name in names if name not in stored or self.model.encoders[name].modality == "text"]

        def make(chosen: Sequence[Sample], indices: Sequence[int]) -> Batch:
            batch = self.model.prepare(chosen, live)
            batch.cached = {name: features.rows(indices) for name, features in stored.items()}
            return batch

        seed = derive(self.settings.seed, "order", index)
        weights = class_weights(samples, stage.spec.balanced) if stage.spec.balanced else None
        order = Order(len(samples), stage.spec.batch_size, seed, self.engine.rank, self.engine.world, weights)
        return Reader(SampleCache(samples, self.settings.cache_samples), make), order

    def _stored(self, name: str, stage: BuiltStage, samples: Sequence[Sample]) -> feature_cache.Stored | None:
        encoder = self.model.encoders[name]
        if not getattr(encoder, "cacheable", True):
            return None
        key = feature_cache.digest(self.cache_keys[name], encoder, stage.corpus.digest, stage.spec.split)
        try:
            return feature_cache.features(
                key,
                self.store,
                lambda batch: self.model.encode(name, batch.to(self.engine.device)),
                lambda chosen: self.model.prepare(chosen, [name]),
                samples,
                lambda items: self.observer.track(items, f"features of {name}"),
                warn=self.observer.warned,
            )
        except Exception as error:
            if not about_the_item(error):
                raise
            # A split with unreadable items has no complete table; those items are skipped one by one while training.
            self.observer.warned(f"features of {name} are computed at every step: {said(error)}")
            return None

    def _learn(self, updates: Updates, watch: Watch, step: int, part: int, batch: Batch, window: Window) -> None:
        """Take every update that is due on one batch."""
        if batch.skipped:
            self._skip(batch, updates.stage)
        stage = updates.stage.spec
        last = part == stage.accumulate - 1
        moved = batch if self.engine.device.type == "cpu" else batch.to(self.engine.device)
        window.samples += batch.size * self.engine.world
        for place, update in enumerate(updates.stage.updates):
            if step % update.spec.every:
                continue
            if len(updates.stage.updates) > 1:
                updates.select(place)
            watch.before(place, step, part)
            shown = self._view(update, moved, watch, place, step * stage.accumulate + part)
            with self.engine.accumulating(updates.modules[place], last):
                with self.engine.autocast():
                    losses: Losses = updates.modules[place](shown)
                who = f"stages.{stage.name}.objective ({update.spec.objective.use})"
                loss = loss_of(losses, who)
                check_learns(loss, who, update.spec.trains)
                (loss / stage.accumulate if stage.accumulate > 1 else loss).backward()  # type: ignore[no-untyped-call]
            if self.settings.on_nonfinite == "skip" and self.engine.any(not math.isfinite(loss.item())):
                self._spoil(place, stage.name, step, batch)
            else:
                window.add(step, batch.ids, losses, f"update{place}_" if place else "")
                if self.engine.device.type == "cpu":
                    self._check_finite(window, stage.name, losses, latest=True)
            if last:
                with watch.around(place, step, shown, window):
                    self._take(updates, place)

    def _spoil(self, place: int, stage: str, step: int, batch: Batch) -> None:
        """Mark an update whose loss is not finite, so that its gradients are thrown away."""
        if not self._spoilt_in_a_row and not self._spoilt_in_window:
            self.observer.warned(
                f"stage {stage}: the loss is not finite at step {step} (items {', '.join(batch.ids[:3])}, ...); "
                "its update is skipped (settings.on_nonfinite: skip)"
            )
        self._spoilt.add(place)

    def _take(self, updates: Updates, place: int) -> None:
        """Take an update, or throw its gradients away where a loss was not finite."""
        if place not in self._spoilt:
            updates.update(place)
            self._spoilt_in_a_row = 0
            return
        updates.discard(place)
        self._spoilt.discard(place)
        self._spoilt_in_window += 1
        self._spoilt_in_a_row += 1
        if self._spoilt_in_a_row > SKIPS:
            raise TrainingError(
                f"{self._spoilt_in_a_row} updates in a row of stage {updates.stage.spec.name} had a loss that is not "
                f"finite; try a smaller lr or stages.{updates.stage.spec.name}.clip=1.0"
            )

    def _view(self, update: BuiltUpdate, batch: Batch, watch: Watch, place: int, draw: int) -> Batch:
        """Return what the objective, and then the balance, want the model to see.

        Its generator depends on the seed and the step alone, so that all processes draw alike.
        """
        view = getattr(update.objective, "view", None)
        if view is None and not watch.shows(place):
            return batch
        generator = torch.Generator().manual_seed(derive(self.settings.seed, "view", watch.index, draw))
        shown: Batch = batch if view is None else view(batch, generator)
        return watch.view(place, shown, generator)

    def _skip(self, batch: Batch, stage: BuiltStage) -> None:
        self.skipped.update(batch.skipped)
        total = len(stage.corpus.split(stage.spec.split))
        if len(self.skipped) > self.settings.max_unreadable * total:
            first = "; ".join(sorted(self.skipped)[:3])
            raise DataError(
                f"{len(self.skipped)} of {total} items of split {stage.spec.split!r} cannot be read, more than "
                f"max_unreadable = {self.settings.max_unreadable:.0%}: {first}; see: mmx data check FILE"
            )

    def _check_finite(self, window: Window, stage: str, losses: Losses, *, latest: bool = False) -> None:
        fault = window.fault(latest=latest)
        if fault is None:
            return
        step, ids, value = fault
        path = self.folder / "nonfinite.json"
        terms = {name: term.item() for name, term in losses.items()}
        files.write_json(
            path, {"stage": stage, "step": step, "loss": repr(value), "ids": list(ids), "terms": repr(terms)}
        )
        raise TrainingError(
            f"the loss became {value} at step {step} of stage {stage}; the ids of its batch are in {path}; "
            f"try a smaller lr, stages.{stage}.clip=1.0 or settings.on_nonfinite=skip"
        )

    def _log(self, window: Window, updates: Updates, step: int, done: int) -> Window:
        stage = updates.stage.spec
        self._check_finite(window, stage.name, {})
        seconds = time.perf_counter() - window.started
        values = window.means(self.engine)
        chance = updates.stage.updates[0].objective.chance(stage.batch_size)
        values |= {"items_per_second": window.samples / max(seconds, 1e-9), "lr": updates.learning_rate()}
        if self._spoilt_in_window:
            values["skipped_updates"] = float(self._spoilt_in_window)
            self._spoilt_in_window = 0
        self.observer.logged(stage.name, step, values, chance)
        self._warn_if_stuck(stage.name, done / stage.steps, values.get("loss"), chance)
        return Window()

    def _warn_if_stuck(self, stage: str, progress: float, loss: float | None, chance: float | None) -> None:
        if loss is None or chance is None or progress < 0.5 or stage in self._warned_stuck:
            return
        if abs(loss - chance) <= STUCK * abs(chance):
            self._warned_stuck.add(stage)
            self.observer.warned(
                f"stage {stage}: after {progress:.0%} of its steps the loss is {loss:.4g}, its value by chance "
                f"({chance:.4g}): nothing has been learned yet"
            )

    def _save(
        self,
        stage: int,
        step: int,
        total: int,
        updates: Updates | None = None,
        window: Window | None = None,
        validation: Validation | None = None,
    ) -> None:
        """Write a checkpoint from which `fit` continues at `stage` and `step`: inside a stage, or at its beginning."""
        state = {
            "stage": stage,
            "step": step,
            "updates": None if updates is None else updates.state(),
            "window": None if window is None else window.state(self.engine),
            **({} if validation is None else {"validation": validation.state()}),
            "random": self.engine.gather(checkpoint.random_state()),
        }
        if self.engine.main:
            folder = self.folder / run_files.CHECKPOINT
            checkpoint.save(folder, self.model, state)
            self.observer.saved(folder, total)
        self.engine.wait()
