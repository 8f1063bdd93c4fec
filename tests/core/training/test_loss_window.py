"""The logging window."""

from __future__ import annotations

import math

import torch

from mmx.config.experiment import Settings
from mmx.training.engine import Engine
from mmx.training.loss_window import Window


def test_means_are_over_the_steps_that_had_the_term() -> None:
    window = Window()
    window.add(0, ["a"], {"loss": torch.tensor(1.0), "only": torch.tensor(5.0)})
    window.add(1, ["b"], {"loss": torch.tensor(3.0)})
    assert window.means(Engine(Settings(device="cpu"))) == {"loss": 2.0, "only": 5.0}


def test_the_first_fault_is_found_with_its_ids() -> None:
    window = Window()
    window.add(4, ["a"], {"loss": torch.tensor(1.0)})
    window.add(5, ["b"], {"loss": torch.tensor(math.inf)})
    window.add(6, ["c"], {"loss": torch.tensor(math.nan)})
    assert window.fault() == (5, ["b"], math.inf)
    found = window.fault(latest=True)
    assert found is not None
    assert found[:2] == (6, ["c"])
