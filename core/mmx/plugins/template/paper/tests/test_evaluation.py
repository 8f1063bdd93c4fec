from types import SimpleNamespace
from typing import Any

import pytest
import torch
from mmx import Batch, Features, Outputs

from mmx_my_plugin.evaluation import Matching


def judged(a: torch.Tensor, b: torch.Tensor, group: int = 4) -> Any:
    """Evaluate fixed features as if a model had computed them; the untrained model gives all the same ones."""

    def model(batch: Batch, needs: Any) -> Outputs:
        rows = [int(name) for name in batch.ids]
        return Outputs(fused={"a": Features(a[rows]), "b": Features(b[rows])})

    def untrained(batch: Batch, needs: Any) -> Outputs:
        return Outputs(fused={name: Features(torch.ones(batch.size, 2)) for name in "ab"})

    names = [str(i) for i in range(len(a))]
    run = SimpleNamespace(
        split="test",
        seed=0,
        untrained=lambda: untrained,
        batches=lambda _, samples, batch_size: (
            Batch(names[i : i + batch_size]) for i in range(0, len(names), batch_size)
        ),
    )
    return Matching(a="a", b="b", group=group).evaluate(model, SimpleNamespace(split=lambda _: names), run)


def test_perfect_features() -> None:
    same = torch.eye(10)
    report = judged(same, same)
    (recall,) = report.metrics
    assert recall.value == 1
    assert recall.chance == pytest.approx(1 / 4)
    assert recall.untrained == pytest.approx(1 / 4), "all alike: only the first of a group is found"
    assert recall.controls == {"pairs_shuffled": 0.0}
    assert (report.used, report.expected) == (8, 10), "two are left over"


def test_each_right_answer_counts_once() -> None:
    a = torch.eye(4)
    b = torch.eye(4)[[0, 2, 1, 3]]
    assert judged(a, b).metrics[0].value == pytest.approx(2 / 4)
