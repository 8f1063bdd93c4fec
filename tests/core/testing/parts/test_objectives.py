"""A stated chance that is no chance is found out."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import nn

from mmx.testing import check_objective
from mmx.testing.parts.objectives import random_ports
from mmx.types import Batch, Losses, Outputs
from tests.core.testing.findings import failed


class Entropy:
    """Cross-entropy of head x, with a chance of one's choice."""

    def __init__(self, chance: float | None) -> None:
        self.value = chance

    def __call__(self, outputs: Outputs, batch: Batch) -> Losses:
        return {"loss": nn.functional.cross_entropy(outputs.heads["x"], batch.targets["y"])}

    def chance(self, batch_size: int) -> float | None:
        return self.value


def losses(objective: Any) -> set[str]:
    batch = Batch(list("abcdef"), targets={"y": torch.tensor([0, 0, 0, 1, 1, 2])})
    return failed(check_objective(objective, Outputs(heads={"x": torch.randn(6, 3)}), batch))


def test_chance() -> None:
    wrong = {"chance is the loss of a model that ignores its input"}
    counts = np.array([3, 2, 1]) / 6
    assert losses(Entropy(math.log(3))) == set(), "all classes alike"
    assert losses(Entropy(float(-(counts * np.log(counts)).sum()))) == set(), "the best constant: how often each is"
    assert losses(Entropy(None)) == set()
    assert losses(Entropy(math.log(2))) == wrong
    assert losses(Entropy(0.0)) == wrong
    assert losses(Entropy(math.log(3) * 1.1)) == wrong


def test_a_loss_must_be_one_finite_number() -> None:
    class Many(Entropy):
        def __call__(self, outputs: Outputs, batch: Batch) -> Losses:
            return {"loss": outputs.heads["x"]}

    class Bare(Entropy):
        def __call__(self, outputs: Outputs, batch: Batch) -> Losses:
            return torch.zeros(())  # type: ignore[return-value]

    assert losses(Many(None)) == losses(Bare(None)) == {"gives a finite loss"}


def test_ports_are_made_up_by_their_names() -> None:
    needs = ("fused.a", "encoded.b", "heads.x", "targets.y")
    outputs, batch = random_ports(needs, size=4, classes=3)
    assert (
        outputs.fused["a"].pooled_BD.shape == outputs.encoded["b"].pooled_BD.shape == outputs.heads["x"].shape == (4, 3)
    )
    assert batch.targets["y"].tolist() == [0, 1, 2, 0]
    again, _ = random_ports(needs, size=4, classes=3)
    assert torch.equal(outputs.heads["x"], again.heads["x"])
    assert random_ports(("fused.a", "fused.b"))[0].fused["a"].tokens_BTD.shape == (8, 3, 6)
