from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor, distributed, multiprocessing

from mmx.errors import ConfigError
from mmx.interfaces import Objective
from mmx.types import Batch, Features, Outputs
from mmx_std.objectives.contrastive import DENOMINATORS, InfoNce, contrasted


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def pair(a: Tensor, b: Tensor) -> Outputs:
    return Outputs(fused={"audio": Features(a), "text": Features(b)})


def shown(count: int, **present: list[bool]) -> Batch:
    return Batch(ids=[str(i) for i in range(count)], present={k: torch.tensor(v) for k, v in present.items()})


def oracle(anchors: Tensor, candidates: Tensor, scale: float, keep: list[bool], ids: list[object]) -> float:
    """The equation of the docstring in loops, cosine similarity."""

    def similarity(x: Tensor, y: Tensor) -> float:
        return float(x @ y) / (math.sqrt(float(x @ x)) * math.sqrt(float(y @ y)))

    losses = []
    count = len(keep)
    for i in range(count):
        if not keep[i]:
            continue
        powers = {j: math.exp(scale * similarity(anchors[i], candidates[j])) for j in range(count) if keep[j]}
        positives = [j for j in powers if j == i or (ids[i] is not None and ids[i] == ids[j])]
        losses.append(-sum(math.log(powers[j] / sum(powers.values())) for j in positives) / len(positives))
    return sum(losses) / len(losses)


@pytest.mark.parametrize("direction", ["both", "a_to_b", "b_to_a"])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("with_ids", [False, True])
def test_info_nce_against_the_equation(direction: str, reduction: str, with_ids: bool) -> None:
    a, b = torch.randn(6, 4), torch.randn(6, 4)
    keep = [True, True, False, True, False, True]
    ids = ["x", "x", "x", None, "y", "x"] if with_ids else [None] * 6
    batch = shown(6, audio=[True, True, False, True, True, True], text=[True, True, True, True, False, True])
    batch.targets["scene"] = ids
    objective = InfoNce(
        a="audio", b="text", direction=direction, reduction=reduction, positives="scene" if with_ids else None
    )
    losses = objective(pair(a, b), batch)
    parts = {"a_to_b": oracle(a, b, 1 / 0.07, keep, ids), "b_to_a": oracle(b, a, 1 / 0.07, keep, ids)}
    used = [parts[d] for d in (parts if direction == "both" else [direction])]
    expected = sum(used) if reduction == "sum" else sum(used) / len(used)
    assert losses["loss"].item() == pytest.approx(expected, abs=1e-4)
    assert isinstance(objective, Objective)
    assert objective.needs[:2] == ("fused.audio", "fused.text")


def test_integer_ids_work_like_words() -> None:
    a, b = torch.randn(4, 3), torch.randn(4, 3)
    batch = shown(4)
    batch.targets["scene"] = torch.tensor([5, -1, 5, -1])
    loss = InfoNce(a="audio", b="text", direction="a_to_b", positives="scene")(pair(a, b), batch)["loss"]
    assert loss.item() == pytest.approx(oracle(a, b, 1 / 0.07, [True] * 4, [5, None, 5, None]), abs=1e-4)


@pytest.mark.parametrize(
    ("reduction", "direction", "times"), [("mean", "both", 1), ("sum", "both", 2), ("sum", "a_to_b", 1)]
)
def test_chance_is_the_loss_of_equal_features(reduction: str, direction: str, times: int) -> None:
    objective = InfoNce(a="audio", b="text", direction=direction, reduction=reduction, positives="scene")
    batch = shown(8)
    batch.targets["scene"] = torch.tensor([0, 0, 0, 1, 1, 2, -1, -1])  # chance does not depend on the positives
    loss = objective(pair(torch.ones(8, 3), torch.ones(8, 3)), batch)["loss"]
    assert loss.item() == pytest.approx(objective.chance(8), abs=1e-5)
    assert objective.chance(8) == pytest.approx(times * math.log(8))


def bag(scores: Tensor, own: list[list[bool]], there: list[bool], kind: str) -> float:
    """The equations of the other denominators, in loops over a table of scaled similarities."""
    losses = []
    for i in (i for i in range(len(there)) if there[i]):
        wrong = [j for j in range(len(there)) if there[j] and not own[i][j]]
        mine = [j for j in range(len(there)) if there[j] and own[i][j]]
        row, column = ([math.exp(x[i][j]) for j in wrong] for x in (scores, scores.T))
        right, back = (sum(math.exp(x[i][j]) for j in mine) for x in (scores, scores.T))
        below = {
            "decoupled": math.sqrt(sum(row) * sum(column)),
            "mulan": sum(row) + sum(column),
            "once": right + sum(row) + sum(column),
            "twice": right + back + sum(row) + sum(column),
        }[kind]
        losses.append(math.log(below / right))
    return sum(losses) / len(losses)


@pytest.mark.parametrize("kind", ["decoupled", "mulan", "once", "twice"])
@pytest.mark.parametrize("with_ids", [False, True])
def test_other_denominators_against_their_equations(kind: str, with_ids: bool) -> None:
    a, b = torch.randn(6, 4), torch.randn(6, 4)
    batch = shown(6, audio=[True, True, False, True, True, True])
    batch.targets["scene"] = torch.tensor([3, 3, 3, -1, 4, 5])
    objective = InfoNce(a="audio", b="text", denominator=kind, temperature=0.5, positives="scene" if with_ids else None)
    own = [[i == j or (with_ids and {i, j} == {0, 1}) for j in range(6)] for i in range(6)]
    scores = 2 * torch.nn.functional.normalize(a) @ torch.nn.functional.normalize(b).T
    expected = bag(scores, own, [True, True, False, True, True, True], kind)
    assert objective(pair(a, b), batch)["loss"].item() == pytest.approx(expected, abs=1e-5)
    if with_ids:
        assert objective.chance(6) is None
    else:
        even = objective(pair(torch.ones(6, 4), torch.ones(6, 4)), shown(6))["loss"]
        assert even.item() == pytest.approx(objective.chance(6), abs=1e-5)
    with pytest.raises(ConfigError, match=f"{kind} takes direction=both"):
        InfoNce(a="audio", b="text", denominator=kind, direction="a_to_b")


def test_all_pairs_missing_costs_nothing_and_is_finite() -> None:
    a = torch.randn(3, 4, requires_grad=True)
    loss = InfoNce(a="audio", b="text")(pair(a, torch.randn(3, 4)), shown(3, text=[False] * 3))["loss"]
    loss.backward()
    assert loss.item() == 0
    assert a.grad.isfinite().all()


def test_missing_pairs_get_no_gradient() -> None:
    a = torch.randn(4, 4, requires_grad=True)
    b = torch.randn(4, 4, requires_grad=True)
    InfoNce(a="audio", b="text")(pair(a, b), shown(4, text=[True, False, True, True]))["loss"].backward()
    assert a.grad[1].abs().sum() == 0
    assert b.grad[1].abs().sum() == 0
    assert a.grad[0].abs().sum() > 0


def test_the_temperature_is_learned_within_its_limit_and_can_come_back() -> None:
    objective = InfoNce(a="audio", b="text")
    with torch.no_grad():
        objective.log_scale.fill_(9.0)
    a, b = torch.randn(6, 4), torch.randn(6, 4)  # unrelated: a softer temperature is better
    losses = objective(pair(a, b), shown(6))
    assert 1 / losses["temperature"].item() == pytest.approx(100, rel=1e-4)
    losses["loss"].backward()
    assert objective.log_scale.grad > 0
    torch.optim.SGD(objective.parameters(), lr=0.01).step()
    assert objective.log_scale.item() < math.log(100)


def test_a_fixed_temperature_has_no_gradient_and_dot_product_is_not_cosine() -> None:
    objective = InfoNce(a="audio", b="text", learned=False, temperature=1.0, normalise=False)
    assert not any(p.requires_grad for p in objective.parameters())
    a, b = torch.randn(3, 2), torch.randn(3, 2)
    expected = (
        sum(
            -math.log(math.exp(float(x[i] @ y[i])) / sum(math.exp(float(x[i] @ y[j])) for j in range(3)))
            for x, y in ((a, b), (b, a))
            for i in range(3)
        )
        / 6
    )
    assert objective(pair(a, b), shown(3))["loss"].item() == pytest.approx(expected, abs=1e-5)


def test_right_counts_first_guesses() -> None:
    a = torch.eye(4)
    assert InfoNce(a="audio", b="text")(pair(a, a), shown(4))["right"] == 1
    assert InfoNce(a="audio", b="text")(pair(a, a.roll(1, 0)), shown(4))["right"] == 0


def _process(rank: int, folder: str, world: int, present: Tensor, ids: Tensor, a: Tensor, b: Tensor) -> None:
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=world)
    rows = slice(rank * 3, rank * 3 + 3)
    own_a, own_b = a[rows].clone().requires_grad_(), b[rows].clone().requires_grad_()
    batch = Batch(ids=["", "", ""], present={"text": present[rows]}, targets={"scene": ids[rows]})
    objective = InfoNce(a="audio", b="text", positives="scene")
    loss = objective(pair(own_a, own_b), batch)["loss"]
    loss.backward()
    torch.save(
        (loss.detach(), own_a.grad, own_b.grad, objective.log_scale.grad, objective.chance(3)), f"{folder}/{rank}.pt"
    )
    distributed.destroy_process_group()


def test_two_processes_give_the_loss_and_gradient_of_one(tmp_path: Path) -> None:
    a, b = torch.randn(6, 4), torch.randn(6, 4)
    present, ids = torch.tensor([True, True, False, True, True, True]), torch.tensor([7, -1, 3, 7, 3, -1])
    multiprocessing.spawn(_process, (str(tmp_path), 2, present, ids, a, b), nprocs=2)
    results = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2)]
    objective = InfoNce(a="audio", b="text", positives="scene")
    a.requires_grad_()
    b.requires_grad_()
    loss = objective(pair(a, b), Batch(ids=[""] * 6, present={"text": present}, targets={"scene": ids}))["loss"]
    loss.backward()
    # Data-parallel training averages over the processes; a process's own gradient of its rows is a sum over all.
    assert torch.stack([r[0] for r in results]).mean().item() == pytest.approx(loss.item(), abs=1e-5)
    assert torch.allclose(torch.cat([r[1] for r in results]) / 2, a.grad, atol=1e-5)
    assert torch.allclose(torch.cat([r[2] for r in results]) / 2, b.grad, atol=1e-5)
    assert torch.allclose(torch.stack([r[3] for r in results]).mean(), objective.log_scale.grad, atol=1e-5)
    assert results[0][4] == pytest.approx(math.log(6))


@pytest.mark.parametrize("name", DENOMINATORS)
@pytest.mark.parametrize("features", [1, 3])
def test_every_denominator_against_its_sums(name: str, features: int) -> None:
    rows, columns = torch.randn(4, 4, features), torch.randn(4, 4, features)
    real = torch.rand(4, 4, features) < 0.8
    real[:, :, 0] |= torch.eye(4, dtype=torch.bool)
    own = torch.eye(4, dtype=torch.bool)
    found = contrasted(rows, columns, real, real, own, DENOMINATORS[name])

    def total(x: Tensor, i: int, others: bool) -> float:
        places = [j for j in range(4) if (j != i) == others]
        return sum(math.exp(x[i, j, p]) for j in places for p in range(features) if real[i, j, p])

    for i in range(4):
        own_rows, own_columns = total(rows, i, False), total(columns, i, False)
        other_rows, other_columns = total(rows, i, True), total(columns, i, True)
        denominator = {
            "clip": math.sqrt((own_rows + other_rows) * (own_columns + other_columns)),
            "decoupled": math.sqrt(other_rows * other_columns),
            "mulan": other_rows + other_columns,
            "once": own_rows + other_rows + other_columns,
            "twice": own_rows + other_rows + own_columns + other_columns,
        }[name]
        assert float(found[i]) == pytest.approx(math.log(denominator / own_rows), rel=1e-4, abs=1e-5)


def test_scores_are_the_probabilities_of_what_belongs_to_each() -> None:
    """In loops; without further positives their logarithms make the loss."""
    a, b, ids = torch.randn(5, 4), torch.randn(5, 4), ["x", None, "x", None, "y"]
    batch = shown(5, audio=[True, True, True, False, True])
    batch.targets["scene"] = ids
    scores = InfoNce(a="audio", b="text", positives="scene").scores(pair(a, b), batch)
    for port, own, others in (("fused.audio", a, b), ("fused.text", b, a)):
        for i in range(5):
            powers = {j: math.exp(float(torch.cosine_similarity(own[i], others[j], 0)) / 0.07) for j in (0, 1, 2, 4)}
            right = [j for j in powers if j == i or (ids[i] is not None and ids[j] == ids[i])]
            expected = math.nan if i == 3 else sum(powers[j] for j in right) / sum(powers.values())
            assert float(scores[port][i]) == pytest.approx(expected, rel=1e-4, nan_ok=True)
    plain = InfoNce(a="audio", b="text")
    logs = [each_B.log().nanmean() for each_B in plain.scores(pair(a, b), batch).values()]
    assert float(plain(pair(a, b), batch)["loss"]) == pytest.approx(-float(sum(logs)) / 2, rel=1e-5)
