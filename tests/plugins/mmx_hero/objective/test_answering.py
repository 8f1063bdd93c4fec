"""The loss of candidates and statements, and what an unknown truth does."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from mmx.testing.parts.objectives import check_objective
from mmx.types import Batch, Outputs
from mmx_hero.objective.answering import Answering


def test_the_loss_of_a_choice_and_its_place() -> None:
    generator = torch.Generator().manual_seed(0)
    said = {
        "fits": torch.randn(3, 4, generator=generator),
        "start": torch.randn(3, 5, generator=generator),
        "end": torch.randn(3, 5, generator=generator),
    }
    batch = Batch(
        ["a", "b", "c"],
        targets={"answer": torch.tensor([1, -1, 3]), "moment": torch.tensor([[1.5, 4.5], [0, 1], [0.0, 1.5]])},
    )
    found = Answering(candidates=4, moment="moment")(Outputs(heads={"answer": said}), batch)
    right = -float(said["fits"][0].log_softmax(-1)[1]) - float(said["fits"][2].log_softmax(-1)[3])
    starts = -float(said["start"][0].log_softmax(-1)[1]) - float(said["start"][2].log_softmax(-1)[0])
    ends = -float(said["end"][0].log_softmax(-1)[2]) - float(said["end"][2].log_softmax(-1)[0])
    assert float(found["loss"]) == pytest.approx(right / 2 + 0.4 * (starts / 2 + ends / 2) / 2, rel=1e-5)
    alone = Answering(candidates=4)(Outputs(heads={"answer": said}), batch)
    assert float(alone["loss"]) == pytest.approx(right / 2, rel=1e-5)


def test_the_loss_of_statements() -> None:
    logits = torch.tensor([[2.0], [-1.0], [3.0]])
    batch = Batch(["a", "b", "c"], targets={"truth": torch.tensor([1, 1, -1])})
    found = Answering(target="truth", kind="statement")(Outputs(heads={"answer": {"fits": logits}}), batch)
    wanted = (-math.log(1 / (1 + math.exp(-2.0))) - math.log(1 / (1 + math.exp(1.0)))) / 2
    assert float(found["loss"]) == pytest.approx(wanted, rel=1e-5)
    assert float(found["right"]) == 0.5


@pytest.mark.parametrize(("options", "shape"), [({"kind": "statement"}, (4, 1)), ({"candidates": 3}, (4, 3))])
def test_contracts(options: dict[str, Any], shape: tuple[int, ...]) -> None:
    batch = Batch([str(i) for i in range(4)], targets={"answer": torch.tensor([0, 1, 1, 0])})
    outputs = Outputs(heads={"answer": {"fits": torch.randn(shape)}})
    assert [f for f in check_objective(Answering(**options), outputs, batch) if not f.ok] == []
    assert Answering(moment="moment").chance(4) is None
