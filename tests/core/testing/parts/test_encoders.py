"""An encoder that breaks one promise of its interface is found out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mmx.testing import check_encoder
from mmx.types import Features, Signal
from tests.core.testing.findings import failed


class Mean(nn.Module):
    """An honest encoder."""

    modality = "signal"

    def __init__(self) -> None:
        super().__init__()
        self.out_dim = 5
        self.layer = nn.Linear(4, 5)

    def prepare(self, raw: Signal) -> Tensor:
        return torch.as_tensor(raw.values_TC)

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        real = torch.ones(*x.shape[:2], 1) if mask_BT is None else mask_BT[..., None].float()
        tokens = self.layer(x) * real
        return Features(tokens.sum(1) / real.sum(1).clamp(min=1), tokens, mask_BT)


class CountsPadding(Mean):
    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        tokens = self.layer(x)
        return Features(tokens.mean(1), tokens, mask_BT)


class LeaksALittle(Mean):
    """Counts a hundredth of the padding, at a thousandth of the usual scale."""

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        features = super().forward(x, mask_BT)
        return replace(features, pooled_BD=1e-3 * (features.pooled_BD + 1e-2 * self.layer(x).mean(1)))


class DividesByNothing(Mean):
    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        real = torch.ones(*x.shape[:2], 1) if mask_BT is None else mask_BT[..., None].float()
        return Features((self.layer(x) * real).sum(1) / real.sum(1))


class WrongWidth(Mean):
    def __init__(self) -> None:
        super().__init__()
        self.out_dim = 6


class WrongMask(Mean):
    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        return replace(super().forward(x, mask_BT), mask_BT=torch.ones(len(x), 2, dtype=torch.bool))


class IdleWeight(Mean):
    def __init__(self) -> None:
        super().__init__()
        self.idle = nn.Linear(2, 2)


class OwnDice(Mean):
    def __init__(self) -> None:
        super().__init__()
        with torch.no_grad():
            self.layer.weight.copy_(torch.from_numpy(np.random.default_rng().normal(size=(5, 4))))


class HiddenState(Mean):
    def __init__(self) -> None:
        super().__init__()
        self.secret = torch.randn(5)

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        features = super().forward(x, mask_BT)
        return replace(features, pooled_BD=features.pooled_BD + self.secret)


class PreparesLists(Mean):
    def prepare(self, raw: Signal) -> Tensor:
        return raw.values_TC.tolist()  # type: ignore[no-any-return]


class RandomPreparation(Mean):
    def prepare(self, raw: Signal) -> Tensor:
        return super().prepare(raw) + torch.randn(1)


def test_an_honest_encoder() -> None:
    findings = list(check_encoder(lambda seed: Mean()))
    assert failed(findings) == set()
    assert len(findings) >= 7


@pytest.mark.parametrize(
    ("encoder", "fault"),
    [
        (CountsPadding, "padding does not count"),
        (LeaksALittle, "padding does not count"),
        (DividesByNothing, "a missing item stays finite"),
        (WrongWidth, "shapes"),
        (WrongMask, "shapes"),
        (IdleWeight, "gradient reaches every weight"),
        (OwnDice, "same seed, same numbers"),
        (HiddenState, "weights survive a checkpoint"),
        (PreparesLists, "prepare gives tensors"),
        (RandomPreparation, "prepare is deterministic"),
    ],
)
def test_encoders_that_break_one_promise(encoder: Callable[[], Mean], fault: str) -> None:
    assert fault in failed(check_encoder(lambda seed: encoder()))


def test_an_object_that_is_no_encoder() -> None:
    assert failed(check_encoder(lambda seed: nn.Linear(2, 2))) == {"is an encoder"}


def test_a_modality_without_raw_values_is_skipped() -> None:
    class Smell(Mean):
        modality = "smell"

    (finding,) = check_encoder(lambda seed: Smell())
    assert finding.skipped
    assert "raws={'smell': [...]}" in finding.detail
