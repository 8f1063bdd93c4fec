"""Monitor of modalities: how much of the answer each gives alone while a stage trains, and how fast each learns.

It looks at every n-th step only, at features and gradients that are there anyway, draws no random number and changes
nothing: a run is the same with and without it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import torch
from torch import Tensor

from mmx.model.alone import alone
from mmx.training.updates import Step
from mmx.types import Batch, Outputs

PREFIX: Final = "modality"
"""Of the names of all its numbers: `modality/ENCODER/NUMBER`."""


class Monitor:
    """What one update does to the modalities that its loss depends on.

    Args:
        step: The update's forward pass.
        learning: What the update trains, by path.

    Attributes:
        encoders: Encoders that the loss depends on.
    """

    def __init__(self, step: Step, learning: Mapping[str, Tensor]) -> None:
        self.model, self.objective, self.plan = step.model, step.objective, step.plan
        self.encoders: Sequence[str] = self.plan.encoders
        self.learning = {
            name: [each for path, each in learning.items() if path.startswith(f"encoders.{name}.")]
            for name in self.encoders
        }
        self.scores = hasattr(self.objective, "score")
        needs = getattr(self.objective, "score_needs", None)
        self.scored = self.plan if needs is None else self.model.plan(needs)

    @property
    def fused(self) -> bool:
        """Whether there are several modalities to look at."""
        return len(self.encoders) > 1

    def gradients(self) -> dict[str, Tensor]:
        """Return the norm of each encoder's gradient, before it is clipped."""
        found = {}
        for name, weights in self.learning.items():
            gradients = [weight.grad for weight in weights if weight.grad is not None]
            if gradients:
                found[_key(name, "gradient")] = _norm(gradients)
        return found

    def alone(self, outputs: Outputs, batch: Batch) -> dict[str, Tensor]:
        """Return each modality's score alone, the mean probability of the true answer, and its ratio to the others'.

        Empty where the objective gives no such probability, or the fuser cannot do without a modality.
        """
        if not self.scores:
            return {}
        try:
            scores = {
                name: self.objective.score(alone(self.model, outputs, batch, self.scored, name), batch).nanmean()
                for name in self.scored.encoders
                if name in outputs.encoded
            }
        except Exception:  # parts of any kind are asked for what they were not made for
            self.scores = False
            return {}
        found = {_key(name, "score"): score for name, score in scores.items()}
        for name, score in scores.items():
            others = [other for key, other in scores.items() if key != name]
            if others:
                found[_key(name, "ratio")] = score / torch.stack(others).mean()
        return {name: value for name, value in found.items() if bool(value.isfinite())}

    def weights(self) -> dict[str, list[Tensor]]:
        """Return a copy of each encoder's weights that learn."""
        return {name: [each.detach().clone() for each in several] for name, several in self.learning.items() if several}

    def moved(self, before: Mapping[str, Sequence[Tensor]]) -> dict[str, Tensor]:
        """Return by how much an update moved each encoder's weights, as a share of their norm."""
        found = {}
        for name, old in before.items():
            steps = [new.detach() - each for new, each in zip(self.learning[name], old, strict=True)]
            found[_key(name, "update")] = _norm(steps) / _norm(old).clamp(min=torch.finfo(torch.float32).tiny)
        return found


def _key(name: str, number: str) -> str:
    return f"{PREFIX}/{name}/{number}"


def _norm(tensors: Sequence[Any]) -> Tensor:
    norm: Tensor = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(each.float()) for each in tensors]))
    return norm
