"""Validation: it measures what it says, disturbs nothing, and stops and keeps by the lowest loss; so when resumed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from mmx.errors import DataError
from mmx.model.build import build
from mmx.support.signals import Interrupted
from mmx.training import checkpoint
from mmx.training.trainer import Trainer
from mmx.types import Batch, Losses, Outputs
from tests.core.parts import Entropy, Watcher, experiment, registry
from tests.core.training.test_trainer import StopAt, same, trainer, weights

DROPPING = {"label": {"use": "t/classify", "dropout": 0.5}}


class Noisy(Entropy, nn.Module):
    """Draws from the global generator, keeps a statistic in training mode, and is shown another input at each draw."""

    def __init__(self) -> None:
        nn.Module.__init__(self)
        Entropy.__init__(self)
        self.seen = 0

    def view(self, batch: Batch, generator: torch.Generator) -> Batch:
        moved = batch.inputs["x"] + 0.1 * torch.randn(batch.inputs["x"].shape, generator=generator)
        return replace(batch, inputs={"x": moved})

    def forward(self, outputs: Outputs, batch: Batch) -> Losses:
        self.seen += self.training
        losses = Entropy.__call__(self, outputs, batch)
        return {"loss": losses["loss"] * (1 + 0.1 * torch.rand(()))}

    __call__ = nn.Module.__call__


def run(folder: Path, objective: Any = None, val: int = 24, **changes: Any) -> tuple[Trainer, Watcher]:
    settings = {"validate_every": 4, **changes.pop("settings", {})}
    spec = experiment(heads=DROPPING, corpus={"use": "t/line", "val": val}, settings=settings, **changes)
    found = trainer(spec, folder)
    if objective is not None:
        stage = found.stages[0]
        found.stages = [replace(stage, updates=tuple(replace(each, objective=objective) for each in stage.updates))]
    assert isinstance(found.observer, Watcher)
    return found, found.observer


def losses(watcher: Watcher) -> list[Mapping[str, float]]:
    return [{k: v for k, v in values.items() if k != "items_per_second"} for _, _, values, _ in watcher.values]


def test_training_is_the_same_to_the_last_digit_with_and_without_it(tmp_path: Path) -> None:
    ways = []
    for every in (4, 0):
        own = Noisy()
        found, watcher = run(tmp_path / str(every), own, settings={"validate_every": every})
        found.fit()
        ways.append((weights(found.model), losses(watcher), own.seen, torch.rand(3).tolist()))
        assert [step for _, step, _ in watcher.validations] == ([4, 8, 12, 16, 20] if every else [])
        assert found.model.get_submodule("heads.label.dropout").training
    assert same(ways[0][0], ways[1][0])
    assert ways[0][1:] == ways[1][1:]


def test_it_is_the_mean_loss_of_whole_batches_of_the_split_in_evaluation_mode(tmp_path: Path) -> None:
    found, watcher = run(tmp_path, settings={"validate_batches": 3})
    found.fit()
    model = found.model.eval()
    batch = model.prepare(found.stages[0].corpus.split("val"))  # 24 items are three batches of 8
    expected = nn.functional.cross_entropy(model(batch).heads["label"], batch.targets["label"]).item()
    stage, step, values = watcher.validations[-1]
    assert (stage, step) == ("fit", 20)
    assert values["loss"] == pytest.approx(expected, rel=1e-5)
    assert values["double"] == pytest.approx(2 * expected, rel=1e-5)


def test_the_same_items_are_shown_in_the_same_ways_every_time(tmp_path: Path) -> None:
    found, watcher = run(tmp_path, Noisy(), stage={"optimizer": {"use": "t/sgd", "lr": 0.0}})
    found.fit()
    assert len({values["loss"] for _, _, values in watcher.validations}) == 1


def test_features_of_what_does_not_learn_are_computed_once(tmp_path: Path) -> None:
    found, watcher = run(tmp_path, stage={"trains": ["heads"]}, settings={"validate_batches": 3})
    found.fit()
    assert len(watcher.validations) == 5
    assert found.model.encoders["x"].calls == 2 + 3  # the training split in two batches, and three of validation


class Rising(Entropy):
    """Pushes a weight up in training; in validation its loss is the square of the weight's distance from 0.2."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def __call__(self, outputs: Outputs, batch: Batch) -> Losses:
        bias = self.model.get_parameter("heads.label.linear.bias")[0]
        if self.model.get_submodule("heads.label").training:
            return {"loss": -bias}
        return {"loss": (bias - 0.2).square()}


def rising(folder: Path, **stage: Any) -> tuple[Trainer, Watcher]:
    steady = {"steps": 40, "trains": ["heads"], "optimizer": {"use": "t/sgd", "lr": 0.01, "momentum": 0.0}}
    found, watcher = run(folder, stage=steady | stage)
    found.model.get_parameter("heads.label.linear.bias").data.zero_()  # +0.01 at every step: 0.2 after 20
    own = found.stages[0]
    found.stages = [replace(own, updates=(replace(own.updates[0], objective=Rising(found.model)),))]
    return found, watcher


def test_the_weights_of_the_lowest_loss_are_kept_and_the_stage_ends_when_it_rises(tmp_path: Path) -> None:
    found, watcher = rising(tmp_path, keep="best", patience=2)
    found.fit()
    bias = found.model.get_parameter("heads.label.linear.bias")[0].item()
    assert bias == pytest.approx(0.2, abs=1e-6)
    assert max(watcher.steps) == 28  # 20 was the lowest, 24 and 28 were not
    ((stage, step, values),) = watcher.settlements
    assert (stage, step) == ("fit", 28)
    assert values == {"stopped_step": 28.0, "kept_step": 20.0, "kept_loss": pytest.approx(0.0, abs=1e-9)}
    saved = build(experiment(heads=DROPPING), registry()).model
    checkpoint.load_weights(tmp_path / "checkpoint", saved)
    assert same(weights(saved), weights(found.model))
    state = checkpoint.load_state(tmp_path / "checkpoint")
    assert (state["stage"], state["step"]) == (1, 0)


@pytest.mark.parametrize("at", [None, 38])
def test_the_weights_of_the_last_validations_are_averaged(tmp_path: Path, at: int | None) -> None:
    """The bias is 0.01 s after step s: (0.32 + 0.36 + 0.40) / 3 after validations at 32, 36 and 40."""
    found, watcher = rising(tmp_path, keep="average", averaged=3)
    if at is not None:
        found.observer = StopAt(at)
        with found.interrupt.handled(), pytest.raises(Interrupted):
            found.fit()
        found, watcher = rising(tmp_path, keep="average", averaged=3)
        checkpoint.load_weights(tmp_path / "checkpoint", found.model)
        found.fit(checkpoint.load_state(tmp_path / "checkpoint"))
    else:
        found.fit()
    assert found.model.get_parameter("heads.label.linear.bias")[0].item() == pytest.approx(0.36, abs=1e-6)
    assert [values for _, _, values in watcher.settlements] == [{"averaged": 3.0}]


def test_without_keep_the_last_weights_stay(tmp_path: Path) -> None:
    found, watcher = rising(tmp_path, patience=2)
    found.fit()
    assert found.model.get_parameter("heads.label.linear.bias")[0].item() == pytest.approx(0.28, abs=1e-6)
    assert [values for _, _, values in watcher.settlements] == [{"stopped_step": 28.0}]


@pytest.mark.parametrize("at", [3, 22, 28])
def test_a_resumed_run_keeps_and_stops_as_if_it_had_never_stopped(tmp_path: Path, at: int) -> None:
    whole, _ = rising(tmp_path / "whole", keep="best", patience=2)
    whole.fit()
    stopped, _ = rising(tmp_path / "run", keep="best", patience=2)
    stopped.observer = StopAt(at)
    with stopped.interrupt.handled(), pytest.raises(Interrupted):
        stopped.fit()
    resumed, watcher = rising(tmp_path / "run", keep="best", patience=2)
    checkpoint.load_weights(tmp_path / "run" / "checkpoint", resumed.model)
    resumed.fit(checkpoint.load_state(tmp_path / "run" / "checkpoint"))
    assert same(weights(resumed.model), weights(whole.model))
    assert watcher.settlements[-1][2] == {
        "stopped_step": 28.0,
        "kept_step": 20.0,
        "kept_loss": pytest.approx(0.0, abs=1e-9),
    }


class Broken(Entropy):
    def __call__(self, outputs: Outputs, batch: Batch) -> Losses:
        if any(each.startswith("v") for each in batch.ids):
            raise DataError("no labels here")
        return super().__call__(outputs, batch)


def test_what_cannot_be_validated_costs_a_warning_unless_the_stage_needs_it(tmp_path: Path) -> None:
    found, watcher = run(tmp_path / "a", Broken())
    found.fit()
    assert "stage fit: no validation on split 'val': no labels here" in watcher.warnings
    assert watcher.saves == [20]
    found, _ = run(tmp_path / "b", Broken(), stage={"keep": "best"})
    with pytest.raises(DataError, match="no labels here"):
        found.fit()


def test_a_split_that_is_trained_on_or_not_there_is_none(tmp_path: Path) -> None:
    for val, stage in ((0, {}), (24, {"split": "val"}), (24, {"val_split": ""})):
        found, watcher = run(tmp_path, val=val, stage=stage)
        found.fit()
        assert watcher.validations == [] and not [line for line in watcher.warnings if "validation" in line]
