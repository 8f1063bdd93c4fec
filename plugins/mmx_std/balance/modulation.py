"""On-the-fly gradient modulation (OGM, OGM-GE; Peng et al., CVPR 2022), and no balance. B batch, C classes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from mmx import BalanceStep, PortError, alone
from mmx_std.ops.ports import qualify, read

__all__ = ["NoBalance", "Ogm", "OgmGe"]

_EPSILON = 1e-8


class NoBalance:
    """Nothing is changed: what a stage has that names no balance."""

    def __call__(self, step: BalanceStep) -> Mapping[str, float]:
        """Leave the gradients as they are."""
        return {}


class Ogm:
    """Slows the encoder of the modality that is ahead (on-the-fly gradient modulation).

    Each modality's share of the logits is logit_m = W_m z_m + b / M, its score s_m the sum over the batch of the
    probability of the true class, rho_m = s_m / s_other (for more than two: over the mean of the others'), and the
    gradients of encoder m are multiplied by k_m = 1 - tanh(alpha rho_m) if rho_m > 1, else 1 (equations 8 to 10).
    As in the public code only weights of four dimensions are changed, those of convolutions over images: neither
    biases and normalisation nor the layers above the encoders; and only in the first epochs.

    The shares are found for any concatenation or sum below a linear head. Other fusers and heads are not sums over
    modalities: name a head per encoder for them (`heads`), whose logits are taken instead.

    Args:
        alpha: How strongly; the paper's 0.1 to 0.8.
        head: Head that gives the logits, or any port.
        target: The true class.
        heads: Encoder -> head that reads it alone.
        first: First epoch in which gradients are changed.
        last: Last epoch in which gradients are changed; the public code stops after half of its 100.
        weights: Numbers of dimensions of the weights that are changed; add 3 for convolutions over time, 2 for linear
            layers.

    Raises:
        PortError: The logits are no sum over modalities.
    """

    noise = False

    def __init__(
        self,
        *,
        alpha: Annotated[float, Field(gt=0)] = 0.1,
        head: str = "label",
        target: str = "label",
        heads: Mapping[str, str] = {},
        first: Annotated[int, Field(ge=0)] = 0,
        last: Annotated[int, Field(ge=0)] = 50,
        weights: Sequence[int] = (4,),
    ) -> None:
        self.alpha, self.port, self.target = alpha, qualify(head, "heads"), target
        self.heads = {encoder: qualify(name, "heads") for encoder, name in heads.items()}
        self.first, self.last, self.weights = first, last, frozenset(weights)

    def __call__(self, step: BalanceStep) -> Mapping[str, float]:
        """Change the gradients; returns each modality's `modality/ENCODER/modulation`, its k."""
        if not self.first <= step.epoch <= self.last:
            return {}
        truth_B = step.batch.targets[self.target]
        known_B = truth_B >= 0
        scores = {
            name: float(logits_BC.float().softmax(dim=1).gather(1, truth_B.clamp(min=0)[:, None])[known_B].sum())
            for name, logits_BC in self._shares(step).items()
        }
        factors = {}
        for name, score in scores.items():
            others = [other for key, other in scores.items() if key != name]
            ratio = score / max(sum(others) / len(others), _EPSILON)
            factors[name] = 1 - math.tanh(self.alpha * ratio) if ratio > 1 else 1.0
        for path, weight in step.parameters.items():
            name = path.split(".")[1] if path.startswith("encoders.") else ""
            if name in factors and weight.grad is not None and weight.dim() in self.weights:
                self._change(weight.grad, factors[name], step.generator)
        return {f"modality/{name}/modulation": factor for name, factor in factors.items()}

    def _change(self, gradient: Tensor, factor: float, generator: torch.Generator) -> None:
        spread = float(gradient.std()) + _EPSILON if self.noise and gradient.numel() > 1 else 0.0
        gradient.mul_(factor)
        if spread:
            gradient.add_(torch.randn(gradient.shape, generator=generator).to(gradient) * spread)

    def _shares(self, step: BalanceStep) -> dict[str, Tensor]:
        """Return each modality's logits (B, C)."""
        if self.heads:
            return {name: read(step.outputs, port).detach() for name, port in self.heads.items()}
        if len(step.encoders) < 2:
            raise PortError("ogm balances several modalities; this stage's loss depends on one encoder")
        each = {
            name: read(alone(step.model, step.outputs, step.batch, [self.port], name), self.port)
            for name in step.encoders
        }
        # Of sums, W_m z_m + b of each and the whole tell the bias: together the former have it M times.
        whole_BC = read(step.outputs, self.port).detach()
        bias_BC = (torch.stack(list(each.values())).sum(dim=0) - whole_BC) / (len(each) - 1)
        error = max(1e-3, 4 * torch.finfo(whole_BC.dtype).eps)  # of bfloat16's logits, which autocast gives
        if not torch.allclose(bias_BC, bias_BC[:1].expand_as(bias_BC), atol=error * (1 + float(whole_BC.abs().max()))):
            raise PortError(
                f"ogm: {self.port} is no sum over modalities; it needs a concat or sum fuser without activation below "
                "a linear head, or a head per encoder: heads={ENCODER: HEAD}"
            )
        return {name: logits_BC - bias_BC * (1 - 1 / len(each)) for name, logits_BC in each.items()}


class OgmGe(Ogm):
    """OGM with generalisation enhancement: normal noise is added to the same gradients of all encoders (equation 12).

    Its deviation is that of the gradient before it was changed, plus 1e-8; it is added to each weight that `weights`
    names, also of the modality that is behind, whose factor is 1.
    """

    noise = True
