"""Trials for a balance of modalities: losses on a split, and what training on one loss alone would lead to.

A trial leaves no trace: weights, also of the objective, modes and global generators are put back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import torch
from torch import Tensor, nn

from mmx.config.experiment import Stage
from mmx.errors import ConfigError
from mmx.model.alone import evaluating
from mmx.model.model import Model
from mmx.support.seeding import derive
from mmx.training import checkpoint
from mmx.training.updates import Step
from mmx.types import Batch, Sample

_BATCHES: Final = 8
"""Batches of a split that a loss is measured on."""


class Trials:
    """What a balance asks before a step.

    Args:
        step: The update's forward pass; its objective must be a sum of objectives by name (`std/weighted`).
        learning: What the update trains, by path.
        stage: The stage.
        split: Name of a split -> its samples.
        optimizer: Makes an optimizer as the update's over parameters.
        device: Where the model is.
        seed: Of the run.

    Attributes:
        number: Of the step that comes next, from 0.
        objective: The sum; its `weights` may be set.
    """

    def __init__(
        self,
        step: Step,
        learning: Mapping[str, nn.Parameter],
        stage: Stage,
        *,
        split: Callable[[str], Sequence[Sample]],
        optimizer: Callable[[Mapping[str, nn.Parameter]], torch.optim.Optimizer],
        device: torch.device,
        seed: int,
    ) -> None:
        self.step, self.learning, self.stage = step, learning, stage
        self.split, self.optimizer, self.device, self.seed = split, optimizer, device, seed
        self.number = 0

    @property
    def objective(self) -> Any:
        """The objective of the update."""
        return self.step.objective

    def parts(self) -> Mapping[str, Any]:
        """Return the objectives inside the sum, by name.

        Raises:
            ConfigError: It is no sum of objectives by name.
        """
        named = getattr(self.objective, "objectives", None)
        if named is None or not hasattr(self.objective, "weights"):
            raise ConfigError(["balance: needs an objective of several by name, each with its head (std/weighted)"])
        parts: Mapping[str, Any] = named.parts
        return parts

    def losses(self, split: str) -> dict[str, float]:
        """Return the mean loss of each part on a split, in evaluation mode; always on the same samples."""
        model, parts = self.step.model, self.parts()
        sums = dict.fromkeys(parts, 0.0)
        with torch.no_grad(), evaluating(model):
            for number in range(_BATCHES):
                batch = self._batch(split, derive(self.seed, "trial", split, number))
                outputs = model(batch, self.step.plan)
                for name, part in parts.items():
                    sums[name] += float(part(outputs, batch)["loss"])
        return {name: total / _BATCHES for name, total in sums.items()}

    @contextmanager
    def trained(self, name: str, steps: int) -> Iterator[None]:
        """Train on one part's loss alone for some steps; within the block the model is what that led to."""
        model, part = self.step.model, self.parts()[name]
        modules = [module for module in (model, self.objective) if isinstance(module, nn.Module)]
        kept = [{key: each.detach().clone() for key, each in module.state_dict().items()} for module in modules]
        generators = checkpoint.random_state()
        optimizer = self.optimizer(self.learning)
        try:
            for number in range(steps):
                batch = self._batch(self.stage.split, derive(self.seed, "trial", self.number, number))
                loss: Tensor = part(model(batch, self.step.plan), batch)["loss"]
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
            yield
        finally:
            for module, state in zip(modules, kept, strict=True):
                module.load_state_dict(state)
            checkpoint.restore_random(generators)

    def _batch(self, split: str, seed: int) -> Batch:
        samples = self.split(split)
        size = min(self.stage.batch_size, len(samples))
        chosen = torch.randperm(len(samples), generator=torch.Generator().manual_seed(seed))[:size].tolist()
        model: Model = self.step.model
        return model.prepare([samples[index] for index in chosen], self.step.plan.encoders).to(self.device)
