"""`examine`: what works passes, and each fault is found where it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from mmx.registry.registry import Registrar
from mmx.testing import Finding
from mmx.testing.experiments import examine
from mmx.types import Batch, Features, Losses, Outputs
from tests.core.parts import Entropy, Same, experiment, registry


class NotFinite(Entropy):
    """Gives a loss that is no number."""

    def __call__(self, outputs: Outputs, batch: Batch) -> Losses:
        return {"loss": super().__call__(outputs, batch)["loss"] * torch.nan}


class Blind(Entropy):
    """Gives a loss that the model cannot change."""

    def __call__(self, outputs: Outputs, batch: Batch) -> Losses:
        logits = outputs.heads["label"].detach()
        return {"loss": (logits * torch.ones((), requires_grad=True)).sum()}


class Deaf(Entropy):
    """Gives a loss whose gradient is zero."""

    def __call__(self, outputs: Outputs, batch: Batch) -> Losses:
        return {"loss": super().__call__(outputs, batch)["loss"] * 0.0 + 1.0}


class Learning(Entropy, nn.Module):
    """Has a temperature that ought to be learned."""

    def __init__(self) -> None:
        nn.Module.__init__(self)
        Entropy.__init__(self)
        self.temperature = nn.Parameter(torch.ones(()))


class Either(Entropy):
    """Draws in its view whether one half of the classifier's weights learns, or the other."""

    def __init__(self) -> None:
        super().__init__()
        self.needs = ("heads.label", "heads.other", "targets.label")

    def view(self, batch: Batch, generator: torch.Generator) -> Batch:
        drawn = bool(torch.rand((), generator=generator) < 0.5)
        return replace(batch, targets={**batch.targets, "drawn": drawn})

    def __call__(self, outputs: Outputs, batch: Batch) -> Losses:
        name = "label" if batch.targets["drawn"] else "other"
        return {"loss": outputs.heads[name].square().mean()}


def examined(**changes: Any) -> list[Finding]:
    known = registry()
    registrar = Registrar(known, "f", "faults 0")
    registrar.objective("f/not-finite", f"{__name__}:NotFinite")
    registrar.objective("f/blind", f"{__name__}:Blind")
    registrar.objective("f/either", f"{__name__}:Either")
    registrar.objective("f/deaf", f"{__name__}:Deaf")
    registrar.objective("f/foreign", f"{__name__}:Foreign")
    registrar.fuser("f/narrow", f"{__name__}:Narrow")
    registrar.objective("f/learning", f"{__name__}:Learning")
    return list(examine(experiment(**changes), known))


def findings(**changes: Any) -> list[tuple[str, bool]]:
    return [(finding.what, finding.ok) for finding in examined(**changes)]


class Foreign(Entropy):
    """Fails as code of other people does."""

    def __call__(self, outputs: Outputs, batch: Batch) -> Losses:
        raise KeyError("caption")


def test_an_exception_of_an_objective_is_a_finding() -> None:
    found = {finding.what: finding for finding in examined(stage={"objective": "f/foreign"})}
    finding = found["stage fit: loss of f/foreign"]
    assert not finding.ok
    assert finding.detail.startswith("raises KeyError") and "test_experiments.py" in finding.detail


class Narrow(Same):
    """Takes features of another width than it is given."""

    def forward(self, features: Mapping[str, Features], batch: Batch) -> Mapping[str, Features]:
        return {name: Features(each.pooled_BD @ torch.ones(99, 1)) for name, each in features.items()}


def test_the_part_whose_shapes_disagree_is_named_with_what_it_reads() -> None:
    (finding,) = [each for each in examined(fuser={"use": "f/narrow"}) if not each.ok]
    assert finding.detail.startswith("the fuser raises RuntimeError: mat1 and mat2")
    assert "it reads encoded.x (8, " in finding.detail


def test_a_sound_experiment_passes_every_check() -> None:
    found = findings()
    assert len(found) == 7 and all(ok for _, ok in found)


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"stage": {"objective": {"use": "t/entropy", "head": "nobody"}}}, "parts build and fit together"),
        ({"stage": {"trains": ["fuser"]}}, "stage fit: a batch of train"),
        ({"stage": {"objective": "f/not-finite"}}, "stage fit: loss of f/not-finite"),
        ({"stage": {"objective": "f/blind"}}, "stage fit: gradients reach what it trains"),
        ({"stage": {"objective": "f/deaf"}}, "stage fit: gradients reach what it trains"),
    ],
)
def test_a_fault_is_found_where_it_is(changes: dict[str, Any], where: str) -> None:
    failed = [what for what, ok in findings(**changes) if not ok]
    assert failed[0] == where


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"stage": {"trains": ["heads"]}}, "encoders.x: name it in trains of a stage, or freeze: true"),
        ({"stage": {"trains": ["encoders"]}}, "heads.label: name it in trains of a stage"),
        ({"stage": {"objective": "f/learning"}}, "objective of stage fit (f/learning): add objective to its trains"),
    ],
)
def test_a_part_that_no_stage_trains_is_told(changes: dict[str, Any], told: str) -> None:
    found = {finding.what: finding for finding in examined(**changes)}
    finding = found["every part that can learn is trained or frozen"]
    assert (finding.ok, finding.detail) == (False, told)


def test_a_loss_that_is_drawn_is_drawn_until_every_weight_had_its_turn() -> None:
    heads = {name: {"use": "t/classify"} for name in ("label", "other")}
    found = findings(heads=heads, stage={"objective": "f/either", "trains": ["encoders", "heads"]})
    assert all(ok for _, ok in found), found


@pytest.mark.parametrize(
    ("trains", "told"),
    [
        (
            ["encoders", "heads"],
            "no gradient reaches heads.other.linear.weight, heads.other.linear.bias; name what learns in trains of "
            "stage fit: [encoders.x, heads.label], "
            "or freeze them (an encoder: freeze: true; a layer: requires_grad_(False))",
        ),
        (
            ["heads.other"],
            "no gradient reaches heads.other.linear.weight, heads.other.linear.bias; let its loss read them, "
            "or freeze them (an encoder: freeze: true; a layer: requires_grad_(False))",
        ),
    ],
)
def test_a_layer_without_gradient_is_named_with_the_two_ways_out(trains: list[str], told: str) -> None:
    heads = {name: {"use": "t/classify"} for name in ("label", "other")}
    found = {finding.what: finding for finding in examined(heads=heads, stage={"trains": trains})}
    finding = found["stage fit: gradients reach what it trains"]
    assert (finding.ok, finding.detail) == (False, told)


def test_of_many_layers_without_gradient_the_first_are_named() -> None:
    names = ["label", *(f"other-{number}" for number in range(7))]
    found = {each.what: each for each in examined(heads={name: {"use": "t/classify"} for name in names})}
    detail = found["stage fit: gradients reach what it trains"].detail
    assert "heads.other-1.linear.bias, heads.other-2.linear.weight and 9 more; " in detail
    assert "heads.other-3" not in detail


def test_what_an_earlier_stage_taught_may_rest_in_a_later_one() -> None:
    def stage(name: str, objective: str) -> dict[str, Any]:
        optimizer = {"use": "t/sgd"}
        trains = ["encoders", "heads"]
        return {"name": name, "steps": 2, "trains": trains, "objective": objective, "optimizer": optimizer}

    taught, blind = stage("taught", "t/entropy"), stage("blind", "f/blind")
    assert all(ok for _, ok in findings(stages=[taught, blind]))
    failed = [what for what, ok in findings(stages=[blind, taught]) if not ok]
    assert failed == ["stage blind: gradients reach what it trains"]


def test_nothing_is_left_of_a_check() -> None:
    assert findings() == findings()
