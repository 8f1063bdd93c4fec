"""Objectives made of objectives: a weighted sum of all, one drawn at each step, or one shown less than there is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import nn

from mmx import Batch, Losses, Objective, Outputs, PortError, did_you_mean
from mmx_std.ops.masking import unordered

Objectives = Annotated[Mapping[str, Objective], Field(min_length=1)]
Weight = Annotated[float, Field(ge=0)]


class WeightedSum(nn.Module):
    """loss = sum_i w_i loss_i. Every objective's loss is logged by its name, its own terms as `name.term`.

    The score that the monitor of modalities asks for is that of the objective `joint`, or of the only one that has one;
    without, the means of the `scores` that there are.

    Views are taken one after another in order of the names: they must change different inputs.

    Args:
        objectives: Objectives by name.
        weights: Weight by name; 1 where not given.
    """

    def __init__(
        self,
        *,
        objectives: Objectives,
        weights: Mapping[str, Weight] = {},
    ) -> None:
        super().__init__()
        self.objectives = _Named(objectives)
        self.weights = _numbers_for(self.objectives.parts, weights, "weight")
        if (needs := _shared_needs(self.objectives.parts)) is not None:
            self.needs = needs
        self.given = tuple(sorted({name for part in self.objectives.parts.values() for name in _given(part)}))
        scored = [name for name, part in self.objectives.parts.items() if hasattr(part, "score")]
        if (chosen := "joint" if "joint" in scored else scored[0] if len(scored) == 1 else None) is not None:
            self.score = self.objectives.parts[chosen].score
            self.score_needs = self.objectives.parts[chosen].needs
        self._paired = [part for part in self.objectives.parts.values() if hasattr(part, "scores")]
        if self._paired:
            self.scores = self._scores

    def view(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Return the batch as the objectives want it shown."""
        for objective in self.objectives.parts.values():
            batch = _viewed(objective, batch, generator)
        return batch

    def forward(self, outputs: Outputs, batch: Batch) -> Losses:
        """Return `loss` and all terms."""
        losses = {name: objective(outputs, batch) for name, objective in self.objectives.parts.items()}
        total = sum((self.weights[name] * each["loss"] for name, each in losses.items()), torch.tensor(0.0))
        return {"loss": total, **{k: v for name, each in losses.items() for k, v in _named_terms(name, each)}}

    def _scores(self, outputs: Outputs, batch: Batch) -> Mapping[str, torch.Tensor]:
        """Return for each port the mean of its scores in the losses that compare it (B,)."""
        by_port: dict[str, list[torch.Tensor]] = {}
        for part in self._paired:
            for port, each_B in part.scores(outputs, batch).items():
                by_port.setdefault(port, []).append(each_B)
        return {port: torch.stack(several).nanmean(0) for port, several in by_port.items()}

    def chance(self, batch_size: int) -> float | None:
        """Return the weighted sum of the objectives' chance values, or None if one has none."""
        return _weighted_chance(self.objectives.parts, self.weights, batch_size)


class Sampled(nn.Module):
    """One of several objectives, drawn at each step (as HERO draws its pre-training tasks).

    The draw is made in `view` from the generator that the loop seeds by run, stage and step: all processes draw the
    same, and a resumed run draws on as if it had never stopped. The name drawn travels in the batch.

    Args:
        objectives: Objectives by name.
        ratio: How often each is drawn, relative to the others; 1 where not given. What one at 0 reads is not needed.
    """

    def __init__(
        self,
        *,
        objectives: Objectives,
        ratio: Mapping[str, Weight] = {},
    ) -> None:
        super().__init__()
        self.objectives = _Named(objectives)
        numbers = _numbers_for(self.objectives.parts, ratio, "ratio")
        if not sum(numbers.values()) > 0:
            raise PortError("`ratio` is zero for every objective: at least one must be drawn")
        self.ratio = {name: number / sum(numbers.values()) for name, number in numbers.items()}
        self.key = f"drawn from {', '.join(self.ratio)}"
        drawn = {name: part for name, part in self.objectives.parts.items() if self.ratio[name]}
        if (needs := _shared_needs(drawn)) is not None:
            self.needs = needs

    def draw(self, generator: torch.Generator) -> str:
        """Return the name of the objective of this step."""
        shares = torch.tensor(list(self.ratio.values()), dtype=torch.float64, device=generator.device)
        return list(self.ratio)[int(torch.multinomial(shares, 1, generator=generator))]

    def view(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Draw an objective, and return the batch as it wants it shown."""
        name = self.draw(generator)
        batch = _viewed(self.objectives.parts[name], batch, generator)
        return replace(batch, targets={**batch.targets, self.key: name})

    def now(self, batch: Batch) -> Any:
        """Return the drawn objective; this one, if no view was taken."""
        drawn = batch.targets.get(self.key)
        return self if drawn is None else self.objectives.parts[drawn]

    def needs_now(self, batch: Batch) -> Sequence[str] | None:
        """Return what the drawn objective reads, so that nothing else is computed."""
        needs: Sequence[str] | None = getattr(self.now(batch), "needs", None)
        return needs

    def forward(self, outputs: Outputs, batch: Batch) -> Losses:
        """Return the loss and terms of the drawn objective; of all, weighted by ratio, if no view was taken.

        `NAME.drawn` is 1 for the drawn one and 0 for the others: its mean over steps is how often each was drawn.
        """
        drawn = batch.targets.get(self.key)
        if drawn is not None:
            losses = self.objectives.parts[drawn](outputs, batch)
            counts = {f"{name}.drawn": losses["loss"].new_tensor(float(name == drawn)) for name in self.ratio}
            return {"loss": losses["loss"], **dict(_named_terms(drawn, losses)), **counts}
        parts = self.objectives.parts.items()
        every = {name: objective(outputs, batch) for name, objective in parts if self.ratio[name]}
        total = sum((self.ratio[name] * each["loss"] for name, each in every.items()), torch.tensor(0.0))
        return {"loss": total, **{k: v for name, each in every.items() for k, v in _named_terms(name, each)}}

    def chance(self, batch_size: int) -> float | None:
        """Return the expected chance value over the draw, or None if an objective has none."""
        return _weighted_chance(self.objectives.parts, self.ratio, batch_size)


class Unordered(nn.Module):
    """Control: an objective whose inputs are shown with their steps in a random order, so that no order can be learned.

    Args:
        objective: What is learned.
        inputs: Encoders whose inputs lose their order, see `mmx_std.ops.masking`.
    """

    def __init__(self, *, objective: Objective, inputs: Annotated[Sequence[str], Field(min_length=1)]) -> None:
        super().__init__()
        self.objective = objective
        self.inputs = tuple(inputs)
        if hasattr(objective, "needs"):
            self.needs = tuple(objective.needs)

    def view(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Return the batch as the objective wants it shown, without the order of its steps."""
        return unordered(_viewed(self.objective, batch, generator), self.inputs, generator)

    def forward(self, outputs: Outputs, batch: Batch) -> Losses:
        """Return the objective's losses."""
        return self.objective(outputs, batch)

    def chance(self, batch_size: int) -> float | None:
        """Return the objective's chance value."""
        return self.objective.chance(batch_size)


class _Named(nn.Module):
    """Objectives by name in sorted order; those that are modules are registered, so that their parameters are found."""

    def __init__(self, objectives: Mapping[str, Objective]) -> None:
        super().__init__()
        self.parts: Mapping[str, Any] = dict(sorted(objectives.items()))
        for name, part in self.parts.items():
            if isinstance(part, nn.Module):
                self.add_module(name, part)


def _shared_needs(parts: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Return the union of the parts' needs, or None if one of them has none, which means everything."""
    if not all(hasattr(part, "needs") for part in parts.values()):
        return None
    return tuple(sorted({port for part in parts.values() for port in part.needs}))


def _given(part: Any) -> Sequence[str]:
    ports = getattr(part, "needs", ())
    given: Sequence[str] = getattr(
        part, "given", [port.partition(".")[2] for port in ports if port.startswith("encoded.")]
    )
    return given


def _viewed(objective: Any, batch: Batch, generator: torch.Generator) -> Batch:
    return objective.view(batch, generator) if hasattr(objective, "view") else batch


def _named_terms(name: str, losses: Losses) -> Iterator[tuple[str, torch.Tensor]]:
    yield name, losses["loss"].detach()
    yield from ((f"{name}.{term}", value.detach()) for term, value in losses.items() if term != "loss")


def _numbers_for(parts: Mapping[str, Any], given: Mapping[str, float], what: str) -> dict[str, float]:
    for name in given:
        if name not in parts:
            raise PortError(f"{what} for {name!r}, which is not among the objectives{did_you_mean(name, parts)}")
    if "loss" in parts:
        raise PortError("an objective may not be named 'loss': that is the sum's own name")
    return {name: float(given.get(name, 1.0)) for name in parts}


def _weighted_chance(parts: Mapping[str, Any], weights: Mapping[str, float], batch_size: int) -> float | None:
    values = {name: part.chance(batch_size) for name, part in parts.items() if weights[name] > 0}
    if any(value is None for value in values.values()):
        return None
    return float(sum(weights[name] * value for name, value in values.items()))
