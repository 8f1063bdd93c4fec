"""The contract of an objective: a scalar loss, and the value by chance that it states."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from mmx.testing import Finding
from mmx.types import Batch, Features, Outputs

CLOSE = 0.02
"""How far, relatively, the loss of an ignorant model may be from the stated chance."""

STEPS = 200
"""Steps of the search for the best constant."""


def check_objective(
    objective: Any, outputs: Outputs, batch: Batch, *, kept: Collection[str] = (), what: str = "objective"
) -> Iterator[Finding]:
    """Yield findings about an objective.

    Chance is the loss of a model that ignores its input. Three such models are tried: one that predicts zero for every
    item, one that predicts at random, and the best that predicts the same for every item; the stated value must be the
    loss of one of them.

    Args:
        objective: What is checked.
        outputs: What a model computed for `batch`: the ports that the objective reads.
        batch: The batch, with its targets.
        kept: Encoders and heads whose outputs are given and not guessed (teachers): left as they are.
        what: What findings call it.
    """
    with torch.no_grad():
        losses = objective(outputs, batch)
    finite = _scalar(what, losses)
    yield finite
    if not finite.ok:
        return
    chance = objective.chance(batch.size)
    name = f"{what}: chance is the loss of a model that ignores its input"
    if chance is None:
        yield Finding(name, True, "it states none")
        return
    with torch.no_grad():
        constant = float(objective(_ignorant(outputs, kept, torch.zeros_like), batch)["loss"])
        draws = [float(objective(_ignorant(outputs, kept, _draw(seed)), batch)["loss"]) for seed in range(20)]
    random = sum(draws) / len(draws)
    tried = {"zero": constant, "random": random}
    if not any(_close(value, chance) for value in tried.values()):
        tried["best constant"] = _best_constant(objective, outputs, batch, kept)
    right = any(_close(value, chance) for value in tried.values())
    told = ", ".join(f"{model} {value:.4g}" for model, value in tried.items())
    yield Finding(name, right, f"chance({batch.size}) = {chance:.4g}; {told}")


def random_ports(needs: Sequence[str], size: int = 8, classes: int = 3) -> tuple[Outputs, Batch]:
    """Return random outputs and a batch for the ports that an objective names, the same at every call.

    Args:
        needs: `encoded.NAME` and `fused.NAME` (features with three tokens, as wide as scores where there are any),
            `heads.NAME` (scores per class), `targets.NAME` (a class).
        size: B.
        classes: Number of classes.
    """
    width = classes if any(need.startswith("heads.") for need in needs) else 6
    generator = torch.Generator().manual_seed(0)
    encoded: dict[str, Features] = {}
    fused: dict[str, Features] = {}
    heads: dict[str, Tensor] = {}
    targets: dict[str, Tensor] = {}
    for need in needs:
        stage, _, name = need.partition(".")
        if stage in ("encoded", "fused"):
            tokens_BTD = torch.randn(size, 3, width, generator=generator)
            (encoded if stage == "encoded" else fused)[name] = Features(tokens_BTD.mean(1), tokens_BTD)
        elif stage == "heads":
            heads[name] = torch.randn(size, classes, generator=generator)
        else:
            targets[name] = torch.arange(size) % classes
    return Outputs(encoded, fused, heads), Batch([f"item-{index}" for index in range(size)], targets=dict(targets))


def _close(value: float, chance: float) -> bool:
    return abs(value - chance) <= CLOSE * max(abs(chance), 1e-6)


def _best_constant(objective: Any, outputs: Outputs, batch: Batch, kept: Collection[str]) -> float:
    """Return the smallest loss of a model that predicts the same for every sample, and at every time."""
    constants: list[Tensor] = []

    def collect(tensor: Tensor) -> Tensor:
        constants.append(torch.zeros(tensor.shape[-1:], requires_grad=True) if tensor.ndim else tensor)
        return tensor

    _ignorant(outputs, kept, collect)

    def loss() -> Tensor:
        remaining = iter(constants)
        said = _ignorant(outputs, kept, lambda tensor: next(remaining).expand(tensor.shape))
        value: Tensor = objective(said, batch)["loss"]
        return value

    learning = [constant for constant in constants if constant.requires_grad]
    search = torch.optim.LBFGS(learning, max_iter=STEPS, line_search_fn="strong_wolfe")

    def closure() -> float:
        search.zero_grad()
        value = loss()
        if value.requires_grad:
            value.backward()  # type: ignore[no-untyped-call]
        return value.item()

    search.step(closure)  # type: ignore[no-untyped-call]
    return closure()


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
            # Whole numbers are what is given: the ids of a text.
            layers = {name: make(x) if x.is_floating_point() else x for name, x in value.layers.items()}
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
