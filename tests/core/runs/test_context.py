"""The run as tasks and hooks see it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from mmx.errors import DataError
from mmx.model.build import Builder, build
from mmx.plugins.loader import load_plugins
from mmx.runs.context import RunContext
from mmx.runs.evaluate import context_of
from mmx.runs.progress import Quiet
from mmx.training.engine import Engine
from mmx.types import Sample
from tests.core.parts import Line, experiment, registry


class Numbers:
    """A tracker that remembers what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[int, dict[str, float]]] = []

    def metrics(self, step: int, values: dict[str, float]) -> None:
        self.told.append((step, values))


@pytest.fixture
def context(tmp_path: Path) -> RunContext:
    spec = experiment()
    tracker: Any = Numbers()
    return RunContext(
        id="one",
        experiment="numbers",
        seed=0,
        device=torch.device("cpu"),
        folder=tmp_path,
        display=Quiet(),
        plugins=load_plugins(environ={"MMX_PLUGINS": ""}),
        tracker=tracker,
        build_model=lambda: Builder(registry(), 0).model(spec, Line()),
    )


def test_batches_come_in_order_with_their_samples(context: RunContext) -> None:
    model = build(experiment(), registry()).model
    samples = Line(count=10).samples
    batches = list(context.batches(model, samples, ["x"], batch_size=4))
    assert [batch.size for batch in batches] == [4, 4, 2]
    assert [sample.id for batch in batches for sample in batch.samples] == [sample.id for sample in samples]
    assert context.unreadable == []


def test_items_that_cannot_be_read_are_left_out_and_counted(context: RunContext) -> None:
    model = build(experiment(), registry()).model
    samples = Line(count=10, broken=(1, 4, 5, 6, 7)).samples
    batches = list(context.batches(model, samples, ["x"], batch_size=4))
    assert [list(batch.ids) for batch in batches] == [["n0", "n2", "n3"], ["n8", "n9"]]
    assert len(context.unreadable) == 5


class Raises(Sequence[Sample]):
    """A split whose third item raises, with nothing of mmx."""

    def __init__(self, error: Exception, bad: Sequence[int] = (2,)) -> None:
        self.samples, self.error, self.bad = Line(count=10).samples, error, bad

    def __len__(self) -> int:
        return 10

    def __getitem__(self, index: Any) -> Any:
        if index in self.bad:
            raise self.error
        return self.samples[index]


@pytest.mark.parametrize("error", [DataError("torn"), OSError("torn"), KeyError("torn"), ValueError("torn")])
def test_an_item_that_raises_anything_is_named_and_left_out(context: RunContext, error: Exception) -> None:
    model = build(experiment(), registry()).model
    for _ in range(2):
        batches = list(context.batches(model, Raises(error), ["x"], batch_size=4))
        assert [batch.size for batch in batches] == [3, 4, 2]
    assert len(context.unreadable) == 1, "once, however often it is tried"
    kind = "" if isinstance(error, DataError) else f"{type(error).__name__}: "
    assert context.unreadable[0].replace("'", "") == f"item 2: {kind}torn"


def test_too_many_items_that_cannot_be_judged_stop(context: RunContext) -> None:
    context.max_unreadable = 0.1
    model = build(experiment(), registry()).model
    assert len(list(context.batches(model, Raises(OSError("torn")), ["x"], batch_size=4))) == 3
    with pytest.raises(DataError, match=r"2 of 10 items to judge cannot be read, .* = 10%: item 2: OSError: torn"):
        list(context.batches(model, Raises(OSError("torn"), bad=(2, 7)), ["x"], batch_size=4))


def test_a_lack_of_memory_is_no_fault_of_an_item(context: RunContext) -> None:
    model = build(experiment(), registry()).model
    with pytest.raises(MemoryError):
        list(context.batches(model, Raises(MemoryError()), ["x"], batch_size=4))


def test_the_untrained_model_is_the_same_every_time_and_in_evaluation_mode(context: RunContext) -> None:
    one, other = context.untrained(), context.untrained()
    assert not one.training
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_the_untrained_model_is_not_the_trained_one(context: RunContext) -> None:
    spec = experiment()
    built = build(spec, registry())
    initial = {name: value.clone() for name, value in built.model.state_dict().items()}
    with torch.no_grad():
        for parameter in built.model.parameters():
            parameter.add_(1.0)  # training
    plugins = context.plugins
    plugins.registry = registry()
    run = context_of(built, plugins, context.folder, context.display, Engine(spec.settings))
    untrained = run.untrained()
    assert untrained is not built.model
    assert all(torch.equal(value, initial[name]) for name, value in untrained.state_dict().items())
    with torch.no_grad():
        for parameter in untrained.parameters():
            parameter.add_(1.0)
    assert all(torch.equal(value, initial[name]) for name, value in run.untrained().state_dict().items())


def test_training_numbers_carry_the_stage_and_chance(context: RunContext) -> None:
    context.logged("fit", 7, {"loss": 1.0, "items_per_second": 2.0}, 0.5)
    tracker: Any = context.tracker
    assert tracker.told == [(7, {"train/fit/loss": 1.0, "train/fit/chance": 0.5, "perf/items_per_second": 2.0})]


def test_validation_is_sent_under_its_stage_and_shown_with_the_next_numbers(context: RunContext) -> None:
    class Shows(Quiet):
        def __init__(self) -> None:
            self.told: list[Any] = []

        def numbers(self, values: Any, chance: float | None) -> None:
            self.told.append(values)

        def say(self, text: str) -> None:
            self.told.append(text)

    context.display = shown = Shows()
    context.validated("fit", 50, {"loss": 0.25, "x": 1.0})
    context.logged("fit", 60, {"loss": 1.0, "items_per_second": 2.0}, None)
    context.logged("next", 70, {"loss": 1.0, "items_per_second": 2.0}, None)
    context.settled("fit", 80, {"stopped_step": 80.0, "kept_step": 50.0, "kept_loss": 0.25})
    tracker: Any = context.tracker
    assert tracker.told[0] == (50, {"val/fit/loss": 0.25, "val/fit/x": 1.0})
    assert tracker.told[-1] == (
        80,
        {f"val/fit/{k}": v for k, v in (("stopped_step", 80.0), ("kept_step", 50.0), ("kept_loss", 0.25))},
    )
    assert [each.get("val") for each in shown.told[:2]] == [0.25, None]
    assert "early at step 80" in shown.told[2] and "step 50" in shown.told[3] and "0.25" in shown.told[3]
