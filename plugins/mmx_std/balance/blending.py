"""Gradient-Blending (Wang et al., CVPR 2020): weights of losses by how much each generalises and overfits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

import torch
from pydantic import Field
from torch import Tensor, nn

from mmx import BalanceStep

__all__ = ["Blend", "blend_weights"]

_LEAST: Final = 1e-6
"""Square of the growth of overfitting that is taken for none: below it the weight would have no bound."""

Losses = Mapping[str, Mapping[str, float]]
"""Split ("train", "val") -> loss by name."""


def blend_weights(before: Mapping[str, Losses], after: Mapping[str, Losses]) -> dict[str, float]:
    """Return the weight of each loss, w_k = G_k / O_k^2 over the sum of all.

    G_k is by how much training on loss k alone lowered its validation loss, O_k by how much it widened the gap between
    validation and training loss. A loss that did not get lower has no weight; where none did, all weigh the same.

    Args:
        before: Name of the trial -> losses before it.
        after: Name of the trial -> losses after it.
    """
    raw = {}
    for name in before:
        old, new = before[name], after[name]
        gain = old["val"][name] - new["val"][name]
        growth = (new["val"][name] - new["train"][name]) - (old["val"][name] - old["train"][name])
        raw[name] = max(gain, 0.0) / max(growth**2, _LEAST)
    total = sum(raw.values())
    return {name: weight / total if total else 1 / len(raw) for name, weight in raw.items()}


class Blend(nn.Module):
    """Weights of a sum of losses, one per modality and one of all, by their overfitting (Gradient-Blending).

    The stage's objective is `std/weighted` over one objective per modality, each with its head, and the joint one. At
    the first step, and online again every `every` steps, each loss is tried out: the model is trained on it alone for
    `trial` steps from where it is, its loss on split train and on `val` is compared with that before, and everything is
    put back. The weights are w_k = G_k / O_k^2, normalised.

    Args:
        trial: Steps of each trial.
        every: Steps between trials (super-epochs); null: once, before the first step (offline).
        val: Split on which generalisation is measured; nothing may have been trained on it.
    """

    def __init__(
        self,
        *,
        trial: Annotated[int, Field(ge=1)] = 50,
        every: Annotated[int | None, Field(ge=1)] = None,
        val: str = "val",
    ) -> None:
        super().__init__()
        self.trial, self.every, self.val = trial, every, val
        self.names: tuple[str, ...] = ()
        self.found_K: Tensor
        self.register_buffer("found_K", torch.zeros(0, dtype=torch.float64))

    def _load_from_state_dict(self, state: Mapping[str, Any], prefix: str, *rest: Any) -> None:
        """Take weights of any number: how many losses there are is known at the first step."""
        self.found_K = torch.zeros_like(state[f"{prefix}found_K"])
        super()._load_from_state_dict(state, prefix, *rest)

    def before(self, trials: Any) -> None:
        """Try the losses out where it is time, and set the weights of the sum."""
        self.names = tuple(trials.parts())
        if not len(self.found_K) or (self.every is not None and trials.number and trials.number % self.every == 0):
            old = {"train": trials.losses(trials.stage.split), "val": trials.losses(self.val)}
            new = {}
            for name in self.names:
                with trials.trained(name, self.trial):
                    new[name] = {"train": trials.losses(trials.stage.split), "val": trials.losses(self.val)}
            found = blend_weights(dict.fromkeys(self.names, old), new)
            self.found_K = torch.tensor([found[name] for name in self.names], dtype=torch.float64)
        trials.objective.weights.update(zip(self.names, self.found_K.tolist(), strict=True))

    def forward(self, step: BalanceStep) -> Mapping[str, float]:
        """Return the weights, `blend/NAME`; the gradients are those of the blended loss already."""
        return {f"blend/{name}": weight for name, weight in zip(self.names, self.found_K.tolist(), strict=True)}
