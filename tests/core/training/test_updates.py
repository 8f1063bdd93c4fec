"""What learns in a update, and that a turn's state continues where it stopped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from mmx.errors import UserError
from mmx.model.build import Builder, build
from mmx.registry.registry import Registrar
from mmx.training.engine import Engine
from mmx.training.updates import Updates, trained
from tests.core.parts import experiment, registry

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
    assert set(trained(names, build(experiment(), registry()).model, None)) == expected


def test_a_module_objective_learns_when_it_is_named() -> None:
    found = trained(["objective"], build(experiment(), registry()).model, torch.nn.Linear(1, 1))
    assert set(found) == {"objective.weight", "objective.bias"}


@pytest.mark.parametrize("names", [["fuser"], ["objective"], ["heads.nobody"]])
def test_nothing_to_train_is_an_error(names: list[str]) -> None:
    with pytest.raises(UserError, match="nothing to train"):
        trained(names, build(experiment(), registry()).model, object())


def test_a_frozen_encoder_never_learns() -> None:
    spec = experiment(encoders={"x": {"use": "t/numbers", "freeze": True}})
    assert not any(
        name.startswith("encoders") for name in trained(["encoders", "heads"], build(spec, registry()).model, None)
    )


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


def test_a_schedule_is_as_long_as_the_updates_that_are_taken() -> None:
    """A part that learns at every third of six steps takes two updates: its rate ends after the second."""
    parts = registry()
    Registrar(parts, "t", "tests 0").schedule("t/decay", "tests.core.training.test_updates:decay")
    spec = experiment(stage={"steps": 6, "every": 3, "schedule": {"use": "t/decay"}})
    built = build(spec, parts)
    found = Updates(built.stages[0], built.model, Engine(spec.settings), Builder(parts, 0))
    rates = [found.learning_rate()]
    for _ in range(2):
        found.update(0)
        rates.append(found.learning_rate())
    assert rates == pytest.approx([0.1, 0.05, 0.0])


def test_state_continues_optimizer_and_schedule() -> None:
    stage = {"schedule": {"use": "t/halve", "every": 1}}
    first, second = updates(stage=stage), updates(stage=stage)
    for parameter in first.learning[0].values():
        parameter.grad = torch.ones_like(parameter)
    first.update(0)
    second.load(first.state())
    assert second.learning_rate() == first.learning_rate() == pytest.approx(0.05)
    assert second.optimizers[0].state_dict()["state"].keys() == first.optimizers[0].state_dict()["state"].keys()
