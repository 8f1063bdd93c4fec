"""Hinge losses against their equations, in loops."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from mmx.interfaces import Objective
from mmx.types import Batch, Features, Outputs
from mmx_std.objectives.hinge import Hinge

KEEP = [True, True, False, True, True, True]
IDS = ["x", "y", "x", "x", "", ""]
M = 0.2


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def pair(a: Tensor, b: Tensor) -> Outputs:
    return Outputs(fused={"a": Features(a), "b": Features(b)})


def similarity(x: Tensor, y: Tensor, kind: str, scaled: str) -> float:
    x = x / x.norm() if scaled in ("a", "both") else x
    y = y / y.norm() if scaled in ("b", "both") else y
    return float(x @ y) if kind == "dot" else -math.sqrt(float(((x - y) ** 2).sum()))


def negatives(i: int, keep: Sequence[bool], ids: Sequence[str]) -> list[int]:
    return [j for j in range(len(keep)) if j != i and keep[j] and not (ids[i] and ids[i] == ids[j])]


def anchor_loss(kind: str, own: float, others: list[float]) -> float:
    if not others:
        return 0.0
    hinge = [max(0.0, M - own + other) for other in others]
    if kind == "sum":
        return sum(hinge)
    if kind == "max":
        return max(hinge)
    below = [other for other in others if other < own]
    return max(0.0, M - own + (max(below) if below else min(others)))


@pytest.mark.parametrize("kind", ["sum", "max", "semi-hard"])
@pytest.mark.parametrize("scaled", ["both", "b", "none"])
@pytest.mark.parametrize("measure", ["dot", "negative-l2"])
@pytest.mark.parametrize("with_ids", [False, True])
def test_against_the_equation(kind: str, scaled: str, measure: str, with_ids: bool) -> None:
    a, b = torch.randn(6, 4), torch.randn(6, 4)
    batch = Batch([str(i) for i in range(6)], present={"b": torch.tensor(KEEP)}, targets={"scene": IDS})
    ids = IDS if with_ids else [""] * 6
    options = {"kind": kind, "margin": M, "normalise": scaled, "similarity": measure}
    options["positives"] = "scene" if with_ids else None
    table = [[similarity(x, y, measure, scaled) for y in b] for x in a]
    kept = [i for i in range(6) if KEEP[i]]
    forth = [anchor_loss(kind, table[i][i], [table[i][j] for j in negatives(i, KEEP, ids)]) for i in kept]
    back = [anchor_loss(kind, table[i][i], [table[j][i] for j in negatives(i, KEEP, ids)]) for i in kept]
    for direction, parts in (("both", [*forth, *back]), ("a_to_b", forth), ("b_to_a", back)):
        for reduction, expected in (("sum", sum(parts)), ("mean", sum(parts) / len(parts))):
            objective = Hinge(a="a", b="b", direction=direction, reduction=reduction, **options)
            assert float(objective(pair(a, b), batch)["loss"]) == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_a_sampled_negative_is_drawn_anew_and_evenly() -> None:
    """Over many draws the loss is the mean over all negatives, and each draw is one of them."""
    a, b = torch.randn(4, 3), torch.randn(4, 3)
    objective = Hinge(a="a", b="b", kind="sampled", margin=M, direction="a_to_b")
    table = [[similarity(x, y, "dot", "both") for y in b] for x in a]
    each = [[max(0.0, M - table[i][i] + table[i][j]) for j in range(4) if j != i] for i in range(4)]
    found = []
    for seed in range(600):
        shown = objective.view(Batch(list("wxyz")), torch.Generator().manual_seed(seed))
        found.append(float(objective(pair(a, b), shown)["loss"]))
        again = objective.view(Batch(list("wxyz")), torch.Generator().manual_seed(seed))
        assert float(objective(pair(a, b), again)["loss"]) == found[-1]
    possible = {round(sum(draw) / 4, 4) for draw in torch.cartesian_prod(*map(torch.tensor, each)).tolist()}
    assert {round(value, 4) for value in found} <= possible
    assert sum(found) / len(found) == pytest.approx(sum(map(sum, each)) / 12, abs=0.03)


@pytest.mark.parametrize("rate", [0.2, 0.7])
def test_cosine_embedding_sees_its_own_pair_at_the_given_rate(rate: float) -> None:
    """With all vectors equal (s = 1) the own pair costs 0 and a negative 1 - m: the mean loss tells the rate."""
    objective = Hinge(a="a", b="b", kind="cosine-embedding", margin=0.1, positive_rate=rate)
    same = torch.ones(50, 3)
    losses = []
    for seed in range(40):
        shown = objective.view(Batch([str(i) for i in range(50)]), torch.Generator().manual_seed(seed))
        losses.append(float(objective(pair(same, same), shown)["loss"]))
    assert sum(losses) / len(losses) == pytest.approx((1 - rate) * 0.9, abs=0.03)


def test_cosine_embedding_of_opposite_pairs() -> None:
    """s = -1 everywhere: the own pair costs 2, a negative nothing."""
    objective = Hinge(a="a", b="b", kind="cosine-embedding", margin=0.1, positive_rate=0.999)
    a = torch.ones(6, 3)
    shown = objective.view(Batch([str(i) for i in range(6)]), torch.Generator().manual_seed(0))
    assert float(objective(pair(a, -a), shown)["loss"]) == pytest.approx(2.0)


@pytest.mark.parametrize("kind", ["sum", "max", "sampled", "semi-hard"])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_chance_is_the_loss_of_equal_similarities(kind: str, reduction: str) -> None:
    objective = Hinge(a="a", b="b", kind=kind, margin=M, reduction=reduction)
    assert isinstance(objective, Objective)
    loss = objective(pair(torch.ones(5, 3), torch.ones(5, 3)), Batch(list("abcde")))["loss"]
    assert objective.chance(5) == pytest.approx(float(loss))


def test_chance_is_not_stated_where_it_depends_on_the_batch() -> None:
    assert Hinge(a="a", b="b", kind="cosine-embedding").chance(8) is None
    assert Hinge(a="a", b="b", positives="scene").chance(8) is None


@pytest.mark.parametrize("kind", ["sum", "max", "sampled", "semi-hard", "cosine-embedding"])
def test_a_batch_of_one_and_a_batch_of_nothing_stay_finite(kind: str) -> None:
    objective = Hinge(a="a", b="b", kind=kind)
    for there in (True, False):
        x = torch.randn(1, 3, requires_grad=True)
        loss = objective(pair(x, torch.randn(1, 3)), Batch(["x"], present={"a": torch.tensor([there])}))["loss"]
        loss.backward()
        assert torch.isfinite(loss) and torch.isfinite(x.grad).all()


def test_training_brings_pairs_together() -> None:
    a, b = torch.nn.Parameter(torch.randn(8, 16)), torch.randn(8, 16)
    objective = Hinge(a="a", b="b")
    optimizer = torch.optim.Adam([a], 0.1)
    batch = Batch([str(i) for i in range(8)])
    before = objective(pair(a, b), batch)
    for _ in range(60):
        optimizer.zero_grad()
        objective(pair(a, b), batch)["loss"].backward()
        optimizer.step()
    after = objective(pair(a, b), batch)
    assert after["loss"] < 0.2 * before["loss"] and after["right"] == 1.0


def test_scores_are_whether_an_item_finds_its_own_first() -> None:
    a, b = torch.randn(6, 3), torch.randn(6, 3)
    ids = ["x", "x", "y", "z", "x", "v"]
    batch = Batch([str(i) for i in range(6)], present={"b": torch.tensor([True] * 5 + [False])})
    batch.targets["scene"] = ids
    scores = Hinge(a="a", b="b", positives="scene").scores(pair(a, b), batch)
    for port, own, others in (("fused.a", a, b), ("fused.b", b, a)):
        for i in range(5):
            near = [similarity(own[i], others[j], "dot", "both") for j in range(5)]
            leads = all(near[j] < near[i] for j in range(5) if ids[j] != ids[i])
            assert float(scores[port][i]) == float(leads)
        assert scores[port][5].isnan()
