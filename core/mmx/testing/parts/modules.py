"""What every part that learns must hold: gradients arrive, weights survive a checkpoint, a seed gives the same part."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mmx.testing import Finding
from mmx.training import checkpoint
from mmx.types import Features

TOLERANCE = 1e-4
"""Largest difference between numbers that ought to be equal but for rounding, as a part of the largest of them.

One rounding of float32 is 2^-24 = 6e-8 of a number. The same sums in another order, layer after layer, differ like a
random walk of such steps: 1e-4 leaves room for (1e-4 / 6e-8)^2, some three million of them in a row. Relative to the
largest number, so that what cancels to nearly zero may, and what is small as a whole may not hide behind it.
"""

ATTEMPTS = 3
"""How often a gradient is looked for: as the part begins, then with its weights stirred."""

Make = Callable[[int], Any]
"""Builds a part from a seed."""


def tensors(value: Any) -> list[Tensor]:
    """Return every floating-point tensor inside features, mappings and sequences, in a fixed order."""
    if isinstance(value, Tensor):
        return [value] if value.is_floating_point() else []
    if isinstance(value, Features):
        return [*tensors(value.pooled_BD), *tensors(value.tokens_BTD), *tensors(dict(value.layers))]
    if isinstance(value, Mapping):
        return [tensor for name in sorted(value) for tensor in tensors(value[name])]
    if isinstance(value, list | tuple):
        return [tensor for item in value for tensor in tensors(item)]
    return []


def same(one: Any, other: Any, tolerance: float = 0.0) -> bool:
    """Tell whether two results hold the same numbers.

    Args:
        one: Tensors, inside features, mappings and sequences.
        other: The same structure.
        tolerance: Largest difference, as a part of each tensor's largest number.
    """
    mine, theirs = tensors(one), tensors(other)
    return len(mine) == len(theirs) and all(
        a.shape == b.shape and (gap := difference(a, b)) == gap and gap <= tolerance
        for a, b in zip(mine, theirs, strict=True)
    )


def difference(one: Tensor, other: Tensor) -> float:
    """Return how far apart two tensors of one shape are, as a part of their largest number; NaN where only one is."""
    if not one.numel():
        return 0.0
    both_nan = one.isnan() & other.isnan()
    a, b = (each.detach().double().masked_fill(both_nan, 0.0) for each in (one, other))
    apart = (a - b).masked_fill(a == b, 0.0).abs().max().item()  # infinities of one sign are equal
    largest = max(a.abs().max().item(), b.abs().max().item())
    return apart / largest if apart else 0.0


def check_module(what: str, make: Make, call: Callable[[Any], Any]) -> Iterator[Finding]:
    """Yield findings about gradients, checkpoints and seeds of a part.

    Args:
        what: Name of the part.
        make: Builds it from a seed.
        call: Runs a built part on a fixed input and returns what it returns.
    """
    first = seeded(make, 0)
    if not isinstance(first, nn.Module):
        return
    call = reseeded(call)
    yield _gradients(what, first.eval(), call)
    with torch.no_grad():
        expected = call(first.eval())
        twice = call(seeded(make, 0).eval())
        yield Finding(f"{what}: same seed, same numbers", same(expected, twice), "" if same(expected, twice) else _SEED)
        yield _survives(what, first, seeded(make, 1), call, expected)


_SEED = "two parts built from one seed differ: draw from torch's global generator, which mmx seeds, and nothing else"


def seeded(make: Make, seed: int) -> Any:
    """Build a part as mmx does: with the global generator at the seed."""
    torch.manual_seed(seed)
    return make(seed)


def reseeded(call: Callable[..., Any]) -> Callable[..., Any]:
    """Return `call` with the global generator at the same place each time: what draws noise then draws the same."""

    def again(*arguments: Any) -> Any:
        torch.manual_seed(0)
        return call(*arguments)

    return again


def _gradients(what: str, part: nn.Module, call: Callable[[Any], Any]) -> Finding:
    name = f"{what}: gradient reaches every weight"
    learning = {path: parameter for path, parameter in part.named_parameters() if parameter.requires_grad}
    if not learning:
        return Finding(name, True, "nothing learns")
    without = unreached(learning, lambda: _backward(call(part)))
    detail = f"none reaches {', '.join(without[:5])}" if without else f"{len(learning)} tensors"
    return Finding(name, not without, detail)


def unreached(learning: Mapping[str, nn.Parameter], backward: Callable[[], None]) -> list[str]:
    """Return the names of the weights that no gradient but zero reaches; weights and gradients are left as they were.

    They are tried as they begin and then stirred, because a gate that begins at zero lets nothing through at first, and
    a small layer may happen to be silent.

    Args:
        learning: What must learn, by name.
        backward: Computes something and its gradients.
    """
    begun = {path: parameter.detach().clone() for path, parameter in learning.items()}
    waiting = dict(learning)
    for attempt in range(ATTEMPTS):
        if attempt:
            _stir(learning.values(), attempt)
        backward()
        waiting = {path: each for path, each in waiting.items() if each.grad is None or not bool(each.grad.any())}
        for parameter in learning.values():
            parameter.grad = None
        if not waiting:
            break
    with torch.no_grad():
        for path, parameter in learning.items():
            parameter.copy_(begun[path])
    return list(waiting)


def _backward(result: Any) -> None:
    """Take the gradient of a random projection of all numbers of a result."""
    generator = torch.Generator().manual_seed(0)
    total = torch.zeros(())
    for tensor in tensors(result):
        total = total + (tensor * torch.randn(tensor.shape, generator=generator)).sum()
    if total.requires_grad:
        total.backward()  # type: ignore[no-untyped-call]


def _stir(parameters: Iterable[nn.Parameter], seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in parameters:
            scale = max(float(parameter.abs().mean()), 0.1)
            parameter.add_(scale * torch.randn(parameter.shape, generator=generator).to(parameter))


def _survives(what: str, trained: nn.Module, fresh: nn.Module, call: Callable[[Any], Any], expected: Any) -> Finding:
    """Tell whether a checkpoint carries everything that the part's numbers depend on."""
    with tempfile.TemporaryDirectory() as folder:
        checkpoint.save(Path(folder), trained, {})
        checkpoint.load_weights(Path(folder), fresh)
    same_numbers = same(expected, call(fresh.eval()), 1e-6)
    detail = "" if same_numbers else "numbers differ after loading: keep state in parameters or buffers, not attributes"
    return Finding(f"{what}: weights survive a checkpoint", same_numbers, detail)
