"""Devices and what one process does where several would talk."""

from __future__ import annotations

import os

import pytest
import torch
from torch import nn

from mmx.config.experiment import Settings
from mmx.errors import UserError
from mmx.support import threads
from mmx.training.engine import Engine, choose_device


def test_auto_is_the_cpu_where_there_is_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert choose_device("auto") == torch.device("cpu")


def test_auto_takes_this_process_s_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto", local_rank=3) == torch.device("cuda", 3)


@pytest.mark.parametrize("name", ["cuda", "gpu", "cuda:99"])
def test_a_device_that_is_not_here_is_one_line(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has the device")
    with pytest.raises(UserError, match=f"device '{name}' is not usable here .*; try: --device cpu") as caught:
        choose_device(name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("limit", ["OMP_NUM_THREADS", "affinity", "quota"])
def test_threads_that_were_wished_for_stay_within_every_limit(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_num_threads()
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0} if limit == "affinity" else {0, 1, 2}, raising=False)
    monkeypatch.setattr(threads, "cgroup_cores", lambda root: 0.7 if limit == "quota" else None)
    if limit == "OMP_NUM_THREADS":
        monkeypatch.setenv(limit, "1")
    try:
        assert Engine(Settings(device="cpu", threads=2)).threads.count == torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


def test_alone_nothing_is_wrapped_or_exchanged() -> None:
    engine = Engine(Settings(device="cpu"))
    module = nn.Linear(2, 2)
    assert engine.setup(module) is module
    assert engine.main
    assert engine.mean(torch.tensor([2.0])).tolist() == [2.0]
    assert engine.any(True)
    assert not engine.any(False)
    engine.wait()
    engine.close()


def test_bfloat16_is_autocast() -> None:
    engine = Engine(Settings(device="cpu", precision="bfloat16"))
    with engine.autocast():
        assert nn.Linear(2, 2)(torch.zeros(1, 2)).dtype == torch.bfloat16
    with Engine(Settings(device="cpu")).autocast():
        assert nn.Linear(2, 2)(torch.zeros(1, 2)).dtype == torch.float32
