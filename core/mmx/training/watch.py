"""Between gradients and update: the balance of modalities that a stage names, and the monitor that looks on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import cast

import torch

from mmx.config.experiment import Settings
from mmx.data.sampler import Order
from mmx.interfaces import BalanceStep
from mmx.model.built import BuiltStage
from mmx.support.seeding import derive
from mmx.training.engine import Engine
from mmx.training.loss_window import Window
from mmx.training.monitor import Monitor
from mmx.training.trials import Trials
from mmx.training.updates import Step, Updates
from mmx.types import Batch, Sample


class Watch:
    """What is done around the updates of one stage beside taking them.

    Args:
        updates: Of the stage.
        index: Number of the stage.
        order: Of its samples: how long an epoch is.
        engine: Where it runs.
        settings: How often the monitor looks.
    """

    def __init__(self, updates: Updates, index: int, order: Order, engine: Engine, settings: Settings) -> None:
        self.updates, self.index, self.engine, self.settings = updates, index, engine, settings
        self.stage: BuiltStage = updates.stage
        spec = self.stage.spec
        self.per_epoch = max(1, order.length // (spec.batch_size * spec.accumulate * engine.world))
        self.steps = [cast(Step, getattr(module, "module", module)) for module in updates.modules]
        seed = derive(settings.seed, "monitor", index)
        self.monitors = [
            Monitor(step, learning, seed, engine.autocast)
            for step, learning in zip(self.steps, updates.learning, strict=True)
        ]
        self.trials = [
            Trials(
                step,
                updates.learning[place],
                spec,
                split=self._split,
                optimizer=partial(updates.optimizer_of, place),
                device=engine.device,
                seed=settings.seed,
            )
            for place, step in enumerate(self.steps)
        ]

    def before(self, place: int, step: int, part: int) -> None:
        """Let the balance try losses out, and keep what the model computes where somebody looks at it.

        Trials clear gradients, so they come before the first of the `part`s that a step adds up.
        """
        balance = self.stage.updates[place].balance
        if hasattr(balance, "before") and part == 0:
            self.trials[place].number = step
            balance.before(self.trials[place])
        self.steps[place].keeps = balance is not None or self._due(place, step)

    def shows(self, place: int) -> bool:
        """Return whether the balance changes what the model is shown."""
        return hasattr(self.stage.updates[place].balance, "view")

    def view(self, place: int, batch: Batch, generator: torch.Generator) -> Batch:
        """Return what the balance wants the model to see."""
        if not self.shows(place):
            return batch
        shown: Batch = self.stage.updates[place].balance.view(batch, self.monitors[place].encoders, generator)
        return shown

    @contextmanager
    def around(self, place: int, step: int, batch: Batch, window: Window) -> Iterator[None]:
        """Look at gradients and features, let the balance change the gradients, and look at what the update moved."""
        if not self.steps[place].keeps:
            yield
            return
        monitor, prefix = self.monitors[place], f"update{place}_" if place else ""
        outputs, self.steps[place].outputs = self.steps[place].outputs, None
        due = self._due(place, step)
        if due and outputs is not None:
            window.note({**monitor.gradients(), **monitor.alone(outputs, batch)}, prefix)
        balance = self.stage.updates[place].balance
        if balance is not None and outputs is not None:
            generator = torch.Generator().manual_seed(derive(self.settings.seed, "balance", self.index, step))
            told = BalanceStep(
                model=self.steps[place].model,
                objective=self.steps[place].objective,
                outputs=outputs,
                batch=batch,
                encoders=monitor.encoders,
                parameters=self.updates.learning[place],
                number=step,
                epoch=step // self.per_epoch,
                generator=generator,
            )
            with self.engine.autocast():
                window.note(balance(told), prefix)
        before = monitor.weights() if due else {}
        yield
        window.note(monitor.moved(before), prefix)

    def _due(self, place: int, step: int) -> bool:
        every = self.settings.monitor_every
        return bool(every) and self.monitors[place].fused and (step % every == 0 or step == self.stage.spec.steps - 1)

    def _split(self, name: str) -> Sequence[Sample]:
        return self.stage.corpus.split(name)
