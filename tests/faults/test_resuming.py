"""Resuming: after a signal at any step, every generator, every mean and every process goes on where it was."""

from __future__ import annotations

import os
import random
import signal
from pathlib import Path

import numpy as np
import pytest
import torch

from mmx.support.signals import Interrupted
from mmx.training import checkpoint
from mmx.training.trainer import Trainer
from mmx.types import Batch, Losses, Outputs
from tests.core.parts import Entropy, Watcher, experiment
from tests.core.training.test_trainer import in_two_processes, same, trainer, weights, with_objective


class Draws(Entropy):
    """Draws from every global generator; what it drew is in its loss."""

    def __call__(self, outputs: Outputs, batch: Batch) -> Losses:
        losses = super().__call__(outputs, batch)
        return {"loss": losses["loss"] * (1 + random.random() + float(np.random.rand()) + torch.rand(1).item())}


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("at", [4, 10, 13])
def test_every_global_generator_and_every_mean_goes_on(tmp_path: Path, at: int, workers: int) -> None:
    """Stopped inside a stage and inside a window of logging, or at a stage's end; with workers that prepare."""
    one = {"name": "one", "steps": 10, "batch_size": 8, "trains": ["encoders", "heads"], "objective": "t/entropy"}
    stages = [one | {"optimizer": {"use": "t/sgd"}}, one | {"name": "two", "optimizer": {"use": "t/sgd"}}]
    spec = experiment(stages=stages, settings={"workers": workers, "log_every": 3})

    def made() -> Trainer:
        run = trainer(spec, tmp_path / "run")
        run.stages = [with_objective(stage, Draws()) for stage in run.stages]
        return run

    whole, stopped, resumed = made(), made(), made()
    whole.fit()
    steps = iter(range(1, 100))
    stopped.observer.stepped = lambda done: (  # type: ignore[method-assign]
        os.kill(os.getpid(), signal.SIGTERM) if next(steps) == at else None
    )
    with stopped.interrupt.handled(), pytest.raises(Interrupted) as caught:
        stopped.fit()
    assert caught.value.saved
    random.seed(), np.random.seed(), torch.manual_seed(99)
    checkpoint.load_weights(tmp_path / "run" / "checkpoint", resumed.model)
    resumed.fit(checkpoint.load_state(tmp_path / "run" / "checkpoint"))
    assert same(weights(resumed.model), weights(whole.model))
    assert losses_of(stopped) + losses_of(resumed) == losses_of(whole), "each point once, each mean whole"


def losses_of(run: Trainer) -> list[tuple[str, int, float]]:
    assert isinstance(run.observer, Watcher)
    return [(stage, step, values["loss"]) for stage, step, values, _ in run.observer.values]


class SignalWhileSaved(Watcher):
    """A signal arrives in the middle of the save at a stage's end."""

    def saved(self, path: Path, step: int) -> None:
        super().saved(path, step)
        os.kill(os.getpid(), signal.SIGTERM)


def test_a_signal_while_the_stage_is_saved_waits_for_it(tmp_path: Path) -> None:
    run = trainer(experiment(), tmp_path)
    run.observer = SignalWhileSaved()
    with run.interrupt.handled(), pytest.raises(Interrupted) as caught:
        run.fit()
    assert caught.value.saved
    assert checkpoint.load_state(tmp_path / "checkpoint")["stage"] == 1


_RESUMED = """
import shutil, sys, torch
from pathlib import Path
from mmx.training import checkpoint
from tests.core.parts import Watcher, experiment
from tests.core.training.test_trainer import same, trainer, weights
folder = Path(sys.argv[1])
heads = {"label": {"use": "t/classify", "dropout": 0.5}}
spec = experiment(stage={"steps": 6, "batch_size": 4}, heads=heads, settings={"checkpoint_every": 2, "log_every": 4})
class Copies(Watcher):
    def saved(self, path, step):
        if step == 2:
            shutil.copytree(path, folder / "early")
whole = trainer(spec, folder)
whole.observer = Copies()
whole.fit()
resumed = trainer(spec, folder / "resumed")
checkpoint.load_weights(folder / "early", resumed.model)
resumed.fit(checkpoint.load_state(folder / "early"))
assert same(weights(resumed.model), weights(whole.model)), "weights differ"
first, again = whole.observer.values[0][2], resumed.observer.values[0][2]
assert abs(first["loss"] - again["loss"]) < 1e-6, (first, again)
whole.engine.close()
"""


def test_two_processes_resume_to_the_same_bits(tmp_path: Path) -> None:
    """Each has random numbers of its own, which drop out other features."""
    in_two_processes(_RESUMED, tmp_path)
