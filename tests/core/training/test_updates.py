"""What learns in a update, and that a turn's state continues where it stopped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch

from mmx.config.experiment import Part, Update
from mmx.errors import UserError
from mmx.model.build import Builder, build
from mmx.model.built import BuiltUpdate
from mmx.model.model import locked
from mmx.registry.registry import Registrar
from mmx.training.engine import Engine
from mmx.training.updates import Updates, trained
from tests.core.parts import Numbers, experiment, registry

TWO = [
    {
        "name": "fit",
        "steps": 4,
        "updates": [
            {"trains": ["encoders"], "objective": "t/entropy", "optimizer": {"use": "t/sgd"}},
            {"trains": ["heads.label"], "objective": "t/entropy", "optimizer": {"use": "t/sgd"}, "clip": 1e-3},
        ],
    }
]


def update(names: Sequence[str], objective: Any = None) -> BuiltUpdate:
    """An update that trains `names`, as far as the choice of parameters needs it."""
    return BuiltUpdate(Update(trains=tuple(names), objective=Part(use="t/entropy")), objective, None)


def updates(**changes: Any) -> Updates:
    spec = experiment(**changes)
    built = build(spec, registry())
    return Updates(built.stages[0], built.model, Engine(spec.settings), Builder(registry(), 0))


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["encoders"], {"encoders.x.linear.weight", "encoders.x.linear.bias"}),
        (["heads.label"], {"heads.label.linear.weight", "heads.label.linear.bias"}),
        (
            ["encoders.x", "heads"],
            {f"{part}.linear.{kind}" for part in ("encoders.x", "heads.label") for kind in ("weight", "bias")},
        ),
    ],
)
def test_names_choose_parameters(names: list[str], expected: set[str]) -> None:
    assert set(trained(update(names), build(experiment(), registry()).model)) == expected


def test_a_module_objective_learns_when_it_is_named() -> None:
    model = build(experiment(), registry()).model
    assert set(trained(update(["objective"], torch.nn.Linear(1, 1)), model)) == {"objective.weight", "objective.bias"}
    assert set(trained(update(["objective.bias"], torch.nn.Linear(1, 1)), model)) == {"objective.bias"}


def test_names_may_go_into_a_part() -> None:
    model = build(experiment(), registry()).model
    assert set(trained(update(["encoders.x.linear"]), model)) == {"encoders.x.linear.weight", "encoders.x.linear.bias"}
    assert set(trained(update(["heads.label.linear.bias"]), model)) == {"heads.label.linear.bias"}
    with pytest.raises(UserError, match="nothing to train"):
        trained(update(["encoders.x.lin"]), model)


@pytest.mark.parametrize("names", [["fuser"], ["objective"], ["heads.nobody"]])
def test_nothing_to_train_is_an_error(names: list[str]) -> None:
    with pytest.raises(UserError, match="nothing to train"):
        trained(update(names, object()), build(experiment(), registry()).model)


def test_a_frozen_encoder_never_learns() -> None:
    spec = experiment(encoders={"x": {"use": "t/numbers", "freeze": True}})
    found = trained(update(["encoders", "heads"]), build(spec, registry()).model)
    assert not any(name.startswith("encoders") for name in found)


class HalfFixed(Numbers):
    """An encoder whose author froze its bias, and an objective that froze its own."""

    def __init__(self) -> None:
        super().__init__()
        self.linear.bias.requires_grad_(False)


def test_what_its_author_froze_stays_as_it_is() -> None:
    """Stages set and clear gradients of everything below; a layer that was made without one never gets it."""
    parts = registry()
    Registrar(parts, "t", "tests 0").encoder("t/fixed", "tests.core.training.test_updates:HalfFixed")
    built = build(experiment(encoders={"x": {"use": "t/fixed"}}, stages=TWO), parts)
    found = Updates(built.stages[0], built.model, Engine(built.experiment.settings), Builder(parts, 0))
    bias = built.model.get_parameter("encoders.x.linear.bias")
    before = bias.detach().clone()
    assert set(found.learning[0]) == {"encoders.x.linear.weight"}
    for index in (0, 1, 0):
        found.select(index)
        assert not bias.requires_grad
        for parameter in found.learning[index].values():
            parameter.grad = torch.ones_like(parameter)
        found.update(index)
    assert torch.equal(bias, before)
    again = Updates(built.stages[0], built.model, Engine(built.experiment.settings), Builder(parts, 0))
    assert set(again.every) == set(found.every), "a second stage knows it too"


def test_what_an_objective_froze_stays_as_it_is() -> None:
    objective = torch.nn.Linear(1, 1)
    objective.bias.requires_grad_(False)
    fixed = replace(update(["objective"], objective), locked=locked(objective))
    assert set(trained(fixed, build(experiment(), registry()).model)) == {"objective.weight"}


def test_gradients_flow_to_one_turn_only_and_are_clipped() -> None:
    found = updates(stages=TWO)
    found.select(1)
    assert [name for name, parameter in found.every.items() if parameter.requires_grad] == list(found.learning[1])
    before = {name: parameter.detach().clone() for name, parameter in found.every.items()}
    for parameter in found.learning[1].values():
        parameter.grad = torch.full_like(parameter, 100.0)
    found.update(1)
    moved = torch.cat([(parameter - before[name]).flatten() for name, parameter in found.learning[1].items()])
    assert moved.norm().item() == pytest.approx(0.1 * 1e-3, rel=1e-3)  # lr times the largest norm
    assert all(torch.equal(parameter, before[name]) for name, parameter in found.learning[0].items())


def decay(total_steps: int) -> Callable[[int], float]:
    """A straight line from 1 down to 0 at the last update."""
    return lambda step: 1.0 - step / total_steps


@pytest.mark.parametrize(
    ("steps", "expected"), [(6, [0.1, 0.05, 0.0]), (7, [0.1, 0.2 / 3, 0.1 / 3, 0.0]), (2, [0.1, 0.0])]
)
def test_a_schedule_is_as_long_as_the_updates_that_are_taken(steps: int, expected: list[float]) -> None:
    """A part that learns at steps 0, 3, 6, ... takes ceil(steps / 3) updates: its rate ends after the last."""
    parts = registry()
    Registrar(parts, "t", "tests 0").schedule("t/decay", "tests.core.training.test_updates:decay")
    spec = experiment(stage={"steps": steps, "every": 3, "schedule": {"use": "t/decay"}})
    built = build(spec, parts)
    found = Updates(built.stages[0], built.model, Engine(spec.settings), Builder(parts, 0))
    rates = [found.learning_rate()]
    for _ in [step for step in range(steps) if step % 3 == 0]:
        found.update(0)
        rates.append(found.learning_rate())
    assert rates == pytest.approx(expected)


def test_state_continues_optimizer_and_schedule() -> None:
    stage = {"schedule": {"use": "t/halve", "every": 1}}
    first, second = updates(stage=stage), updates(stage=stage)
    for parameter in first.learning[0].values():
        parameter.grad = torch.ones_like(parameter)
    first.update(0)
    second.load(first.state())
    assert second.learning_rate() == first.learning_rate() == pytest.approx(0.05)
    assert second.optimizers[0].state_dict()["state"].keys() == first.optimizers[0].state_dict()["state"].keys()
