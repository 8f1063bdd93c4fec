"""Trials: what a loss alone would lead to, and that nothing of it is left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from mmx.config.experiment import Stage
from mmx.model.built import BuiltUpdate
from mmx.training.trials import Trials
from mmx.training.updates import Step
from mmx.types import Batch, Losses, Outputs, Sample
from mmx_std.objectives.combining import WeightedSum
from mmx_std.objectives.prediction import CrossEntropy
from tests.plugins.mmx_std.balance.toys import CLASSES, model


class Scaled(nn.Module):
    """A cross-entropy whose factor is learned."""

    def __init__(self) -> None:
        super().__init__()
        self.loss, self.factor = CrossEntropy(CLASSES), nn.Parameter(torch.tensor(1.0))
        self.needs = self.loss.needs

    def forward(self, outputs: Outputs, batch: Batch) -> Losses:
        return {"loss": self.factor.square() * self.loss(outputs, batch)["loss"]}


def trials(every: Sequence[Sample]) -> Trials:
    built = model()
    objective = WeightedSum(objectives={"joint": CrossEntropy(CLASSES), "again": Scaled()})
    update: dict[str, Any] = {"trains": ["encoders", "heads"], "objective": "std/weighted"}
    stage = Stage.model_validate({"name": "fit", "steps": 4, "batch_size": 6, **update})
    built_update = BuiltUpdate(stage.updates[0], objective, objective.needs)
    return Trials(
        Step(built, built_update),
        dict(built.named_parameters()) | dict(objective.named_parameters(prefix="objective")),
        stage,
        split=lambda name: every,
        optimizer=lambda parameters: torch.optim.SGD(list(parameters.values()), lr=0.5),
        device=torch.device("cpu"),
        seed=0,
    )


def samples() -> list[Sample]:
    torch.manual_seed(5)
    return [
        Sample(str(i), {"audio": torch.randn(2, 6, 6), "video": torch.randn(2, 6, 6)}, {"label": i % 3})
        for i in range(12)
    ]


def state(found: Trials) -> Mapping[str, torch.Tensor]:
    return {name: each.clone() for name, each in found.step.model.state_dict().items()}


def test_a_trial_trains_on_one_loss_and_leaves_no_trace() -> None:
    found = trials(samples())
    before, drawn = state(found), torch.random.get_rng_state()
    first = found.losses("train")
    with found.trained("joint", 30):
        assert found.losses("train")["joint"] < first["joint"] - 0.05
    assert all(torch.equal(each, before[name]) for name, each in state(found).items())
    assert torch.equal(torch.random.get_rng_state(), drawn)
    with found.trained("again", 3):
        assert float(found.objective.objectives.parts["again"].factor) != 1, "a weight of the loss learns, too"
    assert float(found.objective.objectives.parts["again"].factor) == 1
    assert found.losses("train") == first
    assert all(parameter.grad is None for parameter in found.step.model.parameters())
