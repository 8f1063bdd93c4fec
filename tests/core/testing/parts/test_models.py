"""`examine_model`: a sound model keeps its promises, and each one that it breaks is found."""

from __future__ import annotations

from itertools import count
from typing import Any

import torch
from torch import Tensor

from mmx.registry.registry import Registrar
from mmx.testing.parts.models import examine_model
from mmx.types import Features
from tests.core.parts import Numbers, experiment, registry

CALLS = count()


class Restless(Numbers):
    """Draws its weights from nowhere: no seed gives them twice."""

    def __init__(self, width: int = 4, out_dim: int = 3) -> None:
        super().__init__(width, out_dim)
        with torch.no_grad():
            next(self.parameters()).fill_(float(next(CALLS)))


class Forgetful(Numbers):
    """Keeps a number that it reads outside of its state."""

    def __init__(self, width: int = 4, out_dim: int = 3) -> None:
        super().__init__(width, out_dim)
        self.scale = [torch.rand(())]

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        return (
            super().forward(x, mask_BT).map(lambda value: value * self.scale[0] if value.is_floating_point() else value)
        )


def failed(**changes: Any) -> set[str]:
    known = registry()
    registrar = Registrar(known, "f", "faults 0")
    registrar.encoder("f/restless", f"{__name__}:Restless")
    registrar.encoder("f/forgetful", f"{__name__}:Forgetful")
    return {
        finding.what.partition(": ")[2] for finding in examine_model(experiment(**changes), known) if not finding.ok
    }


def test_a_sound_model() -> None:
    assert failed() == set()


def test_weights_that_no_seed_gives_twice() -> None:
    assert "stage fit: same seed, same numbers" in failed(encoders={"x": {"use": "f/restless"}})


def test_numbers_that_no_checkpoint_keeps() -> None:
    assert failed(encoders={"x": {"use": "f/forgetful"}}) == {"stage fit: weights survive a checkpoint"}
