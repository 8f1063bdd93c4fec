"""The three losses against section 3 of the specification, written out in loops."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from mmx.types import Batch, Features, Outputs
from mmx_mulan.objective import Contrastive, text_numbers


def unit(count: int, seed: int, width: int = 8) -> Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def outputs(audio_BD: Tensor, text_BD: Tensor) -> Outputs:
    return Outputs({}, {"audio": Features(audio_BD), "text": Features(text_BD)}, {})


def batch(count: int, **targets: Tensor) -> Batch:
    return Batch([str(i) for i in range(count)], targets=dict(targets))


def similarities(audio_BD: Tensor, text_BD: Tensor, tau: float) -> list[list[float]]:
    def cosine(a: Tensor, b: Tensor) -> float:
        return float((a @ b) / (a.norm() * b.norm()))

    return [[cosine(a, t) / tau for t in text_BD] for a in audio_BD]


def mulan(s: list[list[float]], i: int, others: list[int]) -> float:
    denominator = sum(math.exp(s[i][j]) + math.exp(s[j][i]) for j in others)
    return -math.log(math.exp(s[i][i]) / denominator)


def decoupled(s: list[list[float]], i: int, others: list[int]) -> float:
    rows = math.log(sum(math.exp(s[i][j]) for j in others))
    columns = math.log(sum(math.exp(s[j][i]) for j in others))
    return -s[i][i] + rows / 2 + columns / 2


def clip(s: list[list[float]], i: int, others: list[int]) -> float:
    rows = math.exp(s[i][i]) / sum(math.exp(s[i][j]) for j in [i, *others])
    columns = math.exp(s[i][i]) / sum(math.exp(s[j][i]) for j in [i, *others])
    return -math.log(rows) / 2 - math.log(columns) / 2


LOSSES: dict[str, Callable[[list[list[float]], int, list[int]], float]] = {
    "mulan": mulan,
    "decoupled": decoupled,
    "clip": clip,
}


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("tau", [0.07, 1.0])
def test_losses_are_those_of_the_equations(name: str, tau: float) -> None:
    audio_BD, text_BD = unit(6, 0), unit(6, 1)
    s = similarities(audio_BD, text_BD, tau)
    expected = sum(LOSSES[name](s, i, [j for j in range(6) if j != i]) for i in range(6)) / 6
    found = Contrastive(loss=name, temperature=tau)(outputs(audio_BD, text_BD), batch(6))
    assert found["loss"].item() == pytest.approx(expected, rel=1e-4)
    assert found["temperature"].item() == pytest.approx(tau, rel=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_two_views_of_a_recording_are_never_negatives(name: str) -> None:
    audio_BD, text_BD = unit(5, 2), unit(5, 3)
    recording = torch.tensor([7, 3, 7, 1, 0])
    s = similarities(audio_BD, text_BD, 0.1)
    others = [[j for j in range(5) if recording[j] != recording[i]] for i in range(5)]
    expected = sum(LOSSES[name](s, i, others[i]) for i in range(5)) / 5
    objective = Contrastive(loss=name, same="recording")
    found = objective(outputs(audio_BD, text_BD), batch(5, recording=recording))
    assert "targets.recording" in objective.needs
    assert found["loss"].item() == pytest.approx(expected, rel=1e-4)


def test_identical_texts_are_counted_and_masked_only_where_asked() -> None:
    audio_BD, text_BD = unit(4, 4), unit(4, 5)
    given = batch(4)
    given.inputs["text"] = torch.tensor([[1, 5, 2, 0], [1, 6, 2, 0], [1, 5, 2, 0], [1, 5, 5, 2]])
    s = similarities(audio_BD, text_BD, 0.1)
    plain = sum(mulan(s, i, [j for j in range(4) if j != i]) for i in range(4)) / 4
    others = {0: [1, 3], 1: [0, 2, 3], 2: [1, 3], 3: [0, 1, 2]}
    masked = sum(mulan(s, i, others[i]) for i in range(4)) / 4
    kept = Contrastive()(outputs(audio_BD, text_BD), given)
    assert kept["loss"].item() == pytest.approx(plain, rel=1e-4)
    assert kept["duplicate_texts"].item() == 0.5
    assert Contrastive(duplicates="mask")(outputs(audio_BD, text_BD), given)["loss"].item() == pytest.approx(
        masked, rel=1e-4
    )


def test_numbers_of_texts_do_not_depend_on_padding_and_tell_orders_apart() -> None:
    short, long = batch(2), batch(2)
    short.inputs["text"] = torch.tensor([[1, 5, 6], [1, 6, 5]])
    long.inputs["text"] = torch.tensor([[1, 5, 6, 0, 0], [1, 6, 5, 0, 0]])
    cpu = torch.device("cpu")
    assert torch.equal(text_numbers(short, "text", cpu), text_numbers(long, "text", cpu))
    assert len(set(text_numbers(short, "text", cpu).tolist())) == 2
    long.inputs["text"] = torch.rand(2, 3)
    assert text_numbers(long, "text", cpu).tolist() == [-1, -1]


@pytest.mark.parametrize("name", LOSSES)
def test_chance_is_reached_by_equal_vectors_and_never_beaten_on_average_over_pairings(name: str) -> None:
    objective = Contrastive(loss=name, temperature=0.5, learned=False)
    chance = objective.chance(8)
    assert chance is not None
    same_BD = torch.ones(8, 4)
    assert objective(outputs(same_BD, same_BD), batch(8))["loss"].item() == pytest.approx(chance, rel=1e-5)
    audio_BD, text_BD = unit(8, 6), unit(8, 7)
    generator = torch.Generator().manual_seed(0)
    losses = [
        objective(outputs(audio_BD, text_BD[torch.randperm(8, generator=generator)]), batch(8))["loss"].item()
        for _ in range(300)
    ]
    assert sum(losses) / 300 > chance
    assert objective.chance(1) is None


def test_the_loss_of_a_perfect_model_is_negative_where_the_positive_is_left_out() -> None:
    eye = torch.eye(4)
    assert Contrastive(temperature=0.1)(outputs(eye, eye), batch(4))["loss"].item() < -5
    assert Contrastive(loss="clip", temperature=0.1)(outputs(eye, eye), batch(4))["loss"].item() >= 0


def test_the_temperature_is_learned_within_its_limits() -> None:
    objective = Contrastive(temperature=0.02)
    optimizer = torch.optim.SGD(objective.parameters(), lr=50.0)
    eye = torch.eye(4)
    for sign in (1, -1):
        for _ in range(20):
            optimizer.zero_grad()
            loss = sign * objective(outputs(eye, eye), batch(4))["loss"]
            loss.backward()
            optimizer.step()
        found = objective(outputs(eye, eye), batch(4))["temperature"].item()
        assert found == pytest.approx(0.01 if sign == 1 else 1.0, rel=1e-4)
    assert not list(Contrastive(learned=False).parameters())


def test_a_missing_side_and_a_lonely_pair_take_no_part() -> None:
    audio_BD, text_BD = unit(4, 8), unit(4, 9)
    given = batch(4)
    given.present["text"] = torch.tensor([True, True, False, True])
    rows = [0, 1, 3]
    expected = Contrastive()(outputs(audio_BD[rows], text_BD[rows]), batch(3))["loss"]
    assert Contrastive()(outputs(audio_BD, text_BD), given)["loss"].item() == pytest.approx(expected.item(), rel=1e-5)
    alone = Contrastive()(outputs(audio_BD[:1], text_BD[:1]), batch(1))["loss"]
    assert alone.item() == 0.0


def test_gradients_are_finite_at_the_limit() -> None:
    audio_BD = unit(4, 1).requires_grad_()
    Contrastive(temperature=0.01)(outputs(audio_BD, unit(4, 2)), batch(4))["loss"].backward()
    assert audio_BD.grad is not None
    assert torch.isfinite(audio_BD.grad).all()
