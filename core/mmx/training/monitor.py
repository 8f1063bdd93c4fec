"""Monitor of modalities: how much of the answer each gives alone while a stage trains, and how fast each learns.

It looks at every n-th step only, at features and gradients that are there anyway, draws nothing from the global
generators and changes nothing: a run is the same with and without it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any, Final

import torch
from torch import Tensor, nn

from mmx.data.ablation import shuffled
from mmx.model.alone import alone, evaluating, fused_with, given_to
from mmx.model.model import Plan
from mmx.model.ports import loss_of
from mmx.support.seeding import derive, undrawn
from mmx.training.updates import Step
from mmx.types import Batch, Outputs

PREFIX: Final = "modality"
"""Of the names of all its numbers: `modality/ENCODER/NUMBER`."""


class Monitor:
    """What one update does to the modalities that its loss depends on.

    Args:
        step: The update's forward pass.
        learning: What the update trains, by path.
        seed: Which other samples a modality is shown with, for losses without a score.
        autocast: Precision of the forward pass.

    Attributes:
        encoders: Encoders that the loss depends on.
        learning: Encoder -> its weights that learn; where it has none, those of the fuser that serve it alone.
    """

    def __init__(
        self,
        step: Step,
        learning: Mapping[str, Tensor],
        seed: int = 0,
        autocast: Callable[[], AbstractContextManager[Any]] = nullcontext,
    ) -> None:
        self.model, self.objective, self.step = step.model, step.objective, step
        self.encoders: Sequence[str] = step.plan.encoders
        self.seed, self.autocast = seed, autocast
        self.learning = {name: self._own(name, learning) for name in self.encoders}
        self.failed: set[tuple[str, Plan]] = set()

    @property
    def fused(self) -> bool:
        """Whether the model has several modalities to look at; this update may learn from one of them."""
        return len(self.model.encoders) > 1

    def _own(self, name: str, learning: Mapping[str, Tensor]) -> list[Tensor]:
        if found := [each for path, each in learning.items() if path.startswith(f"encoders.{name}.")]:
            return found
        asked = getattr(self.model.fuser, "parts_of", None)
        parts = [] if asked is None else [f"fuser.{part}." for part in asked(name)]
        return [
            each
            for path, each in learning.items()
            if path.startswith("fuser.") and (path.startswith(tuple(parts)) if parts else name in path.split(".")[1:-1])
        ]

    def gradients(self) -> dict[str, Tensor]:
        """Return the norm of each modality's gradient, before it is clipped."""
        found = {}
        for name, weights in self.learning.items():
            gradients = [weight.grad for weight in weights if weight.grad is not None]
            if gradients:
                found[_key(name, "gradient")] = _norm(gradients)
        return found

    def alone(self, outputs: Outputs, batch: Batch) -> dict[str, Tensor]:
        """Return what each modality gives alone, and its ratio to what the others give.

        The first of these that the objective can be asked for:

        - `score`: the mean probability of the true answer, the other modalities missing (objectives with `score`);
        - `found`: how surely it finds its partner in the batch, the modalities that it is fused with those of other
          samples (objectives with `scores`, which compare modalities);
        - `loss`: the loss, the modalities that it is fused with those of other samples; its `ratio` is that of the
          others' mean loss to its own, so that above 1 means ahead here too.

        What the loss compares with (`given_to`) is never exchanged, so that what is fused with it has no loss alone; of
        encoders that nothing is fused with, teachers or sides of a comparison, the only one that learns has the loss
        as it is. Empty where there is nothing to ask, or the parts cannot do without a modality.
        """
        objective = self.objective.now(batch) if hasattr(self.objective, "now") else self.objective
        plan = self.model.plan(getattr(objective, "needs", None))
        asks = (("score", self._answered), ("found", self._paired), ("loss", self._lost))
        modules = [self.model.fuser, self.model.heads, *([objective] if isinstance(objective, nn.Module) else [])]
        with undrawn(), torch.no_grad(), self.autocast(), evaluating(*modules):
            for number, ask in asks if len(plan.encoders) > 1 else asks[:1]:
                if values := self._asked(ask, number, objective, plan, outputs, batch):
                    return _told(number, values, {name: fused_with(self.model, plan, name) for name in values})
        return {}

    def _asked(
        self, ask: Callable[..., dict[str, Tensor]], number: str, objective: Any, plan: Plan, *shown: Any
    ) -> dict[str, Tensor]:
        if (number, plan) in self.failed:
            return {}
        try:
            return ask(objective, plan, *shown)
        except Exception:  # parts of any kind are asked for what they were not made for
            self.failed.add((number, plan))
            return {}

    def _answered(self, objective: Any, plan: Plan, outputs: Outputs, batch: Batch) -> dict[str, Tensor]:
        if not hasattr(objective, "score"):
            return {}
        needs = getattr(objective, "score_needs", None)
        plan = plan if needs is None else self.model.plan(needs)
        return {
            name: objective.score(alone(self.model, outputs, batch, plan, name), batch).nanmean()
            for name in plan.encoders
            if name in outputs.encoded
        }

    def _paired(self, objective: Any, plan: Plan, outputs: Outputs, batch: Batch) -> dict[str, Tensor]:
        if not hasattr(objective, "scores"):
            return {}
        found = {}
        for name in plan.encoders:
            rivals = fused_with(self.model, plan, name)
            shown, batch_shown = self._among(rivals, plan, outputs, batch) if rivals else (outputs, batch)
            by_port: Mapping[str, Tensor] = objective.scores(shown, batch_shown)
            mine = [each.nanmean() for port, each in by_port.items() if name in self._behind(port)]
            if mine:
                found[name] = torch.stack(mine).mean()
        return found

    def _lost(self, objective: Any, plan: Plan, outputs: Outputs, batch: Batch) -> dict[str, Tensor]:
        given = set(given_to(objective))
        rivals = {name: fused_with(self.model, plan, name) for name in plan.encoders}
        learners = [name for name in rivals if name not in given and self.learning[name]]
        found = {}
        for name, others in rivals.items():
            if given.isdisjoint(others) if others else learners == [name]:
                shown, shown_batch = self._among(others, plan, outputs, batch)
                found[name] = loss_of(objective(shown, shown_batch), "the objective")
        return found

    def _behind(self, port: str) -> Sequence[str]:
        kind, _, name = port.partition(".")
        return self.model.behind(name) if kind == "fused" else (name,)

    def _among(self, encoders: Sequence[str], plan: Plan, outputs: Outputs, batch: Batch) -> tuple[Outputs, Batch]:
        """Return outputs and batch with these encoders' features those of other samples of the batch."""
        if encoders and batch.size < 2:
            raise ValueError("there is no other sample")
        kept = replace(batch, cached={name: each.map(Tensor.detach) for name, each in outputs.encoded.items()})
        generator = torch.Generator().manual_seed(derive(self.seed, "monitor"))
        shown = shuffled(kept, encoders, generator)
        return self.model(shown, plan), shown

    def weights(self) -> dict[str, list[Tensor]]:
        """Return a copy of each modality's weights that learn."""
        return {name: [each.detach().clone() for each in several] for name, several in self.learning.items() if several}

    def moved(self, before: Mapping[str, Sequence[Tensor]]) -> dict[str, Tensor]:
        """Return by how much an update moved each modality's weights, as a share of their norm."""
        found = {}
        for name, old in before.items():
            steps = [new.detach() - each for new, each in zip(self.learning[name], old, strict=True)]
            found[_key(name, "update")] = _norm(steps) / _norm(old).clamp(min=torch.finfo(torch.float32).tiny)
        return found


def _told(number: str, values: Mapping[str, Tensor], rivals: Mapping[str, Sequence[str]]) -> dict[str, Tensor]:
    """Return the numbers by key, with ratios to what each is fused with, or, fused with nothing, to the others such."""
    found = {_key(name, number): value for name, value in values.items()}
    for name, value in values.items():
        beside = rivals[name] or [other for other in values if other != name and not rivals[other]]
        others = [values[other] for other in beside if other in values]
        if not others:
            continue
        mean = torch.stack(others).mean()
        found[_key(name, "ratio")] = value / mean if number != "loss" else mean / value.clamp(min=0)
    return found


def _key(name: str, number: str) -> str:
    return f"{PREFIX}/{name}/{number}"


def _norm(tensors: Sequence[Any]) -> Tensor:
    norm: Tensor = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(each.float()) for each in tensors]))
    return norm
