"""The contract of an objective: a scalar loss, and the value by chance that it states."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import torch
from torch import Tensor

from mmx.testing import Finding
from mmx.types import Batch, Features, Outputs

CLOSE = 0.02
"""How far, relatively, the loss of an ignorant model may be from the stated chance."""


def check_objective(
    objective: Any, outputs: Outputs, batch: Batch, *, kept: Collection[str] = (), what: str = "objective"
) -> Iterator[Finding]:
    """Yield findings about an objective.

    Chance is the loss of a model that knows nothing. Two such models are tried: one that says the same (zero) about
    everything, and one that says something random about everything; the stated value must be the loss of one of them.

    Args:
        objective: What is checked.
        outputs: What a model computed for `batch`: the ports that the objective reads.
        batch: The batch, with its targets.
        kept: Encoders and heads whose outputs are given and not guessed (teachers): left as they are.
        what: What findings call it.
    """
    with torch.no_grad():
        losses = objective(outputs, batch)
    yield _scalar(what, losses)
    chance = objective.chance(batch.size)
    name = f"{what}: chance is the loss of knowing nothing"
    if chance is None:
        yield Finding(name, True, "it states none")
        return
    with torch.no_grad():
        constant = float(objective(_ignorant(outputs, kept, torch.zeros_like), batch)["loss"])
        draws = [float(objective(_ignorant(outputs, kept, _draw(seed)), batch)["loss"]) for seed in range(20)]
    random = sum(draws) / len(draws)
    right = any(abs(value - chance) <= CLOSE * max(abs(chance), 1e-6) for value in (constant, random))
    yield Finding(name, right, f"chance({batch.size}) = {chance:.4g}, constant {constant:.4g}, random {random:.4g}")


def _scalar(what: str, losses: Any) -> Finding:
    name = f"{what}: gives a finite loss"
    if not isinstance(losses, dict) or not isinstance(losses.get("loss"), Tensor):
        return Finding(name, False, 'it must return a dict with a tensor under "loss"')
    if losses["loss"].ndim or not bool(torch.isfinite(losses["loss"])):
        return Finding(name, False, f"loss is {losses['loss']}, not one finite number")
    return Finding(name, True, ", ".join(f"{key} {float(value):.4g}" for key, value in losses.items()))


def _draw(seed: int) -> Any:
    generator = torch.Generator().manual_seed(seed)
    return lambda tensor: torch.randn(tensor.shape, generator=generator).to(tensor)


def _ignorant(outputs: Outputs, kept: Collection[str], make: Any) -> Outputs:
    """Return outputs of the same shapes that `make` made of them; those of the parts in `kept` stay."""

    def changed(value: Any) -> Any:
        if isinstance(value, Features):
            layers = {name: make(tensor) for name, tensor in value.layers.items()}
            tokens = None if value.tokens_BTD is None else make(value.tokens_BTD)
            return Features(make(value.pooled_BD), tokens, value.mask_BT, layers)
        if isinstance(value, dict):
            return {name: changed(item) for name, item in value.items()}
        return make(value) if isinstance(value, Tensor) and value.is_floating_point() else value

    return Outputs(
        encoded={name: value if name in kept else changed(value) for name, value in outputs.encoded.items()},
        fused={name: value if name in kept else changed(value) for name, value in outputs.fused.items()},
        heads={name: value if name in kept else changed(value) for name, value in outputs.heads.items()},
    )
