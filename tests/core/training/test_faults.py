"""What ends training from outside is named, with what to lower."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from mmx.config.experiment import Settings
from mmx.errors import PortError, TrainingError
from mmx.training import faults
from tests.core.parts import experiment
from tests.core.training.test_trainer import trainer

STAGE = experiment().stages[0]


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:114] DefaultCPUAllocator: can't allocate memory: you tried"),
        OSError(12, "Cannot allocate memory"),
    ],
)
def test_a_lack_of_memory_says_what_to_lower(error: Exception) -> None:
    lower = r"out of memory in stage fit: .*; lower stages\.fit\.batch_size \(now 8\)"
    with pytest.raises(TrainingError, match=lower), faults.named(STAGE, Settings()):
        raise error
    assert "settings.workers (now 2)" in str(faults.advice(error, STAGE, Settings(workers=2)))


def test_shared_memory_that_is_full_is_told_apart() -> None:
    said = "DataLoader worker (pid 7) is killed by signal: Bus error. insufficient shared memory (shm)"
    told = faults.advice(RuntimeError(said), STAGE, Settings(workers=3))
    assert told is not None
    assert "shared memory is full: lower settings.workers (now 3)" in told


@pytest.mark.parametrize("error", [RuntimeError("a bug"), OSError(2, "No such file"), PortError("out of memory")])
def test_other_errors_pass(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, faults.named(STAGE, Settings()):
        raise error
    assert caught.value is error


def test_a_worker_that_is_killed_is_named(tmp_path: Path) -> None:
    """A real process, killed as the system does when memory runs out."""
    spec = experiment(settings={"workers": 1, "cache_samples": 5})
    run = trainer(spec, tmp_path)
    prepare = run.model.encoders["x"].prepare
    parent = os.getpid()

    def killed(raw: Any) -> Any:
        if os.getpid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)
        return prepare(raw)

    run.model.encoders["x"].prepare = killed
    lower = r"lower settings\.workers \(now 1\), settings\.cache_samples \(now 5\) or stages\.fit\.batch_size \(now 8\)"
    with pytest.raises(TrainingError, match=rf"a process that prepares samples died in stage fit: .*{lower}"):
        run.fit()
