"""Updates of a stage: which parameters learn, their optimizers and schedules, and the module of one training step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import ceil
from typing import Any

import torch
from torch import nn

from mmx.errors import UserError
from mmx.model.build import Builder
from mmx.model.built import BuiltStage, BuiltUpdate
from mmx.model.model import Model
from mmx.model.ports import within
from mmx.training.engine import Engine
from mmx.types import Batch, Losses, Outputs


class Step(nn.Module):
    """One update's forward pass, model and objective together, so that gradients are shared over both.

    Attributes:
        keeps: Whether `outputs` keeps what the model computed last.
    """

    def __init__(self, model: Model, update: BuiltUpdate) -> None:
        super().__init__()
        self.model = model
        self.objective = update.objective
        self.plan = model.plan(update.needs)
        self.plan_now = getattr(update.objective, "needs_now", None)
        self.keeps = False
        self.outputs: Outputs | None = None

    def forward(self, batch: Batch) -> Losses:
        """Return the losses of a prepared batch."""
        plan = self.plan if self.plan_now is None else self.plan_now(batch)
        outputs = self.model(batch, plan)
        self.outputs = outputs if self.keeps else None
        losses: Losses = self.objective(outputs, batch)
        return losses


def trained(update: BuiltUpdate, model: Model) -> dict[str, nn.Parameter]:
    """Return the parameters that the `trains` of an update names, in the model's order.

    Frozen encoders never learn, nor does what its author froze (`requires_grad_(False)`).

    Args:
        update: Its `trains` holds `encoders`, `encoders.NAME`, `fuser`, `heads`, `heads.NAME`, `objective`, or what is
            inside one of them: `fuser.projections.audio`.
        model: The model.

    Raises:
        UserError: Nothing of it may learn.
    """
    names = update.spec.trains
    frozen = tuple(f"encoders.{name}." for name in model.frozen)
    every = {name: each for name, each in model.named_parameters() if name not in model.locked}
    if isinstance(update.objective, nn.Module):
        own = update.objective.named_parameters()
        every |= {f"objective.{name}": each for name, each in own if name not in update.locked}
    found = {
        path: each
        for path, each in every.items()
        if any(within(path, name) for name in names) and not path.startswith(frozen)
    }
    if not found:
        raise UserError(f"nothing to train: {', '.join(names)} has no parameters that may learn")
    return found


class Updates:
    """The optimizers, schedules and wrapped modules of a stage."""

    def __init__(self, stage: BuiltStage, model: Model, engine: Engine, builder: Builder) -> None:
        self.stage, self.builder = stage, builder
        for update in stage.updates:
            if isinstance(update.objective, nn.Module):
                update.objective.to(engine.device)
        model.to(engine.device)
        self.learning = [trained(update, model) for update in stage.updates]
        self.every = {name: parameter for learning in self.learning for name, parameter in learning.items()}
        self.everything = [*model.parameters(), *self._objective_parameters()]
        self.modules: list[nn.Module] = []
        self.optimizers: list[torch.optim.Optimizer] = []
        self.schedules: list[torch.optim.lr_scheduler.LambdaLR | None] = []
        for index, (update, learning) in enumerate(zip(stage.updates, self.learning, strict=True)):
            path = f"stages.{stage.spec.name}.updates.{index}"
            self.select(index)
            self.modules.append(engine.setup(Step(model, update)))
            optimizer = builder.part(
                update.spec.optimizer, "optimizer", f"{path}.optimizer", params=list(learning.items())
            )
            self.optimizers.append(optimizer)
            self.schedules.append(self._schedule(update, optimizer, builder, path))

    def _objective_parameters(self) -> list[nn.Parameter]:
        objectives = [update.objective for update in self.stage.updates if isinstance(update.objective, nn.Module)]
        return [parameter for objective in objectives for parameter in objective.parameters()]

    def _schedule(
        self, update: BuiltUpdate, optimizer: torch.optim.Optimizer, builder: Builder, path: str
    ) -> torch.optim.lr_scheduler.LambdaLR | None:
        if update.spec.schedule is None:
            return None
        # It is taken at steps 0, every, 2 every, ...: of 7 steps every third makes 3.
        updates = max(1, ceil(self.stage.spec.steps / update.spec.every))
        factor: Callable[[int], float] = builder.part(
            update.spec.schedule, "schedule", f"{path}.schedule", total_steps=updates
        )
        return torch.optim.lr_scheduler.LambdaLR(optimizer, factor)

    def select(self, index: int) -> None:
        """Let gradients flow to the parameters of one update only; what an author froze is never among them."""
        chosen = {id(parameter) for parameter in self.learning[index].values()}
        for parameter in self.everything:
            parameter.requires_grad_(id(parameter) in chosen)

    def state(self) -> dict[str, Any]:
        """Return what `load` needs."""
        return {
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "schedules": [None if each is None else each.state_dict() for each in self.schedules],
            "objectives": [
                update.objective.state_dict() if isinstance(update.objective, nn.Module) else {}
                for update in self.stage.updates
            ],
            "balances": [
                update.balance.state_dict() if isinstance(update.balance, nn.Module) else {}
                for update in self.stage.updates
            ],
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Continue from `state`."""
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        for schedule, saved in zip(self.schedules, state["schedules"], strict=True):
            if schedule is not None:
                schedule.load_state_dict(saved)
        for update, saved in zip(self.stage.updates, state["objectives"], strict=True):
            if isinstance(update.objective, nn.Module):
                update.objective.load_state_dict(saved)
        for update, saved in zip(self.stage.updates, state.get("balances", ()), strict=False):
            if isinstance(update.balance, nn.Module):
                update.balance.load_state_dict(saved)

    def update(self, index: int) -> None:
        """Clip, step and clear the gradients of one update."""
        largest = self.stage.updates[index].spec.clip
        if largest is not None:
            nn.utils.clip_grad_norm_(self.learning[index].values(), largest)
        self.optimizers[index].step()
        self.discard(index)

    def optimizer_of(self, index: int, parameters: Mapping[str, nn.Parameter]) -> torch.optim.Optimizer:
        """Return a new optimizer like that of one update, over other parameters."""
        path = f"stages.{self.stage.spec.name}.updates.{index}.optimizer"
        spec = self.stage.updates[index].spec.optimizer
        made: torch.optim.Optimizer = self.builder.part(spec, "optimizer", path, params=list(parameters.items()))
        return made

    def discard(self, index: int) -> None:
        """Clear the gradients of one update; its schedule goes on, so that the stage ends at the same rate."""
        self.optimizers[index].zero_grad(set_to_none=True)
        schedule = self.schedules[index]
        if schedule is not None:
            schedule.step()

    def learning_rate(self) -> float:
        """Return the first update's present learning rate."""
        return float(self.optimizers[0].param_groups[0]["lr"])
