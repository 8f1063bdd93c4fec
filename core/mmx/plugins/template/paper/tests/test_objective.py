import math

import pytest
import torch
from mmx import Batch, Features, Outputs

from mmx_my_plugin.objective import InfoNce


def outputs(a: torch.Tensor, b: torch.Tensor) -> Outputs:
    return Outputs(fused={"a": Features(a), "b": Features(b)})


def test_against_the_equation_in_loops() -> None:
    torch.manual_seed(0)
    a, b = torch.randn(5, 3), torch.randn(5, 3)
    loss = InfoNce(a="a", b="b", temperature=0.5)(outputs(a, b), Batch(list("vwxyz")))["loss"]
    total = 0.0
    for first, second in ((a, b), (b, a)):
        for i in range(5):
            scores = [float(first[i] @ second[j] / first[i].norm() / second[j].norm()) / 0.5 for j in range(5)]
            total -= math.log(math.exp(scores[i]) / sum(map(math.exp, scores)))
    assert loss.item() == pytest.approx(total / 10, rel=1e-5)


def test_chance_is_the_loss_of_equal_features() -> None:
    objective = InfoNce(a="a", b="b")
    same = torch.ones(8, 3)
    assert objective(outputs(same, same), Batch(list("abcdefgh")))["loss"].item() == pytest.approx(objective.chance(8))
