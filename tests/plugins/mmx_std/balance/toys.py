"""A model of two encoders of one layer each, below a concatenation and a linear head, and a step of its training."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from mmx.interfaces import BalanceStep
from mmx.model.model import Model
from mmx.types import Batch, Features
from mmx_std.fusers.pooled import Concat
from mmx_std.heads.linear import Linear
from mmx_std.objectives.prediction import CrossEntropy

CLASSES = {"label": ["x", "y", "z"]}
B = 7


class Tower(nn.Module):
    """A convolution over images (4-D), normalised, and a linear layer (2-D)."""

    modality = "image"
    out_dim = 4

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, width, 3)
        self.norm = nn.BatchNorm2d(width)
        self.out = nn.Linear(width, self.out_dim)

    def prepare(self, raw: Any) -> torch.Tensor:
        return raw

    def forward(self, x: torch.Tensor, mask_BT: Any = None) -> Features:
        return Features(self.out(self.norm(self.conv(x)).mean((2, 3)).tanh()))


def model(fuser: Any = Concat, names: tuple[str, ...] = ("audio", "video"), **options: Any) -> Model:
    torch.manual_seed(0)
    encoders = {name: Tower(5) for name in names}
    dims = dict.fromkeys(names, 4)
    fused = fuser(dims, **options)
    head = Linear({**fused.dims, "fused.joint": fused.dims["joint"]}, CLASSES, target="label")
    return Model(encoders, fused, {"label": head}, {name: name for name in names})


def step(model: Model, *, epoch: int = 0, seed: int = 0) -> BalanceStep:
    """Return a step with gradients."""
    torch.manual_seed(1)
    inputs = {name: torch.randn(B, 2, 6, 6) * 3 for name in model.encoders}
    batch = Batch([str(i) for i in range(B)], inputs=inputs, targets={"label": torch.tensor([0, 1, 2, 0, 1, 2, 0])})
    objective = CrossEntropy(CLASSES)
    outputs = model(batch, objective.needs)
    model.zero_grad()
    objective(outputs, batch)["loss"].backward()
    return BalanceStep(
        model=model,
        objective=objective,
        outputs=outputs,
        batch=batch,
        encoders=tuple(model.encoders),
        parameters=dict(model.named_parameters()),
        number=0,
        epoch=epoch,
        generator=torch.Generator().manual_seed(seed),
    )
