"""A copy that follows slowly, and a queue of the last rows."""

from __future__ import annotations

import torch
from torch import nn

from mmx_std.ops.momentum import MomentumCopy, Queue


def test_weights_follow_by_the_rate_after_they_are_taken_over() -> None:
    part = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    copy = MomentumCopy({"encoders.x": part}, 0.9)
    assert not any(parameter.requires_grad for parameter in copy.parameters())
    with torch.no_grad():
        part[0].weight.fill_(1.0)
    copy.update({"encoders.x": part})  # the first takes what was trained before
    own = copy.part("encoders.x")[0].weight  # type: ignore[index, union-attr]
    assert torch.equal(own, torch.ones(2, 2))  # type: ignore[arg-type]
    with torch.no_grad():
        part[0].weight.fill_(2.0)
        part[1].running_mean.fill_(7.0)  # type: ignore[union-attr, operator]
    copy.update({"encoders.x": part})
    torch.testing.assert_close(own, torch.full((2, 2), 0.9 * 1 + 0.1 * 2))
    assert copy.part("encoders.x")[1].running_mean.tolist() == [7.0, 7.0]  # type: ignore[index, union-attr, operator]


def test_a_restored_copy_goes_on() -> None:
    part = nn.Linear(2, 2)
    copy, other = MomentumCopy({"x": part}, 0.9), MomentumCopy({"x": part}, 0.9)
    copy.update({"x": part})
    other.load_state_dict(copy.state_dict())
    with torch.no_grad():
        part.weight.add_(1)
    for each in (copy, other):
        each.update({"x": part})
    assert torch.equal(copy.part("x").weight, other.part("x").weight)  # type: ignore[arg-type]
    assert not torch.allclose(copy.part("x").weight, part.weight)  # type: ignore[arg-type]


def test_the_oldest_rows_leave_first() -> None:
    queue = Queue(5, 1)
    for first in (0, 2, 4):
        queue.push(torch.tensor([[float(first)], [first + 1.0]]), torch.tensor([first, first + 1]))
    assert queue.ids_Q.tolist() == [5, 1, 2, 3, 4] and queue.rows_QD[:, 0].tolist() == [5, 1, 2, 3, 4]
    assert bool(queue.there_Q.all()) and not bool(Queue(2, 1).there_Q.any())
    queue.push(torch.arange(8.0)[:, None], torch.arange(8))
    assert sorted(queue.ids_Q.tolist()) == [3, 4, 5, 6, 7]
