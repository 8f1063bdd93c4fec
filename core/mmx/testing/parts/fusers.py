"""The contracts of a fuser and of a head, tried on features.

Shapes: B batch, T tokens, D features.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from mmx.testing import Finding
from mmx.testing.parts.modules import Make, check_module, seeded, tensors
from mmx.types import Batch, Features

WIDTHS: Mapping[str, int] = {"audio": 6, "image": 5}
"""Widths of the features that parts without an experiment are tried on."""


def random_features(widths: Mapping[str, int] = WIDTHS, size: int = 4) -> dict[str, Features]:
    """Return features of `size` samples by name, the same at every call."""
    generator = torch.Generator().manual_seed(0)
    return {
        name: Features(
            torch.randn(size, width, generator=generator),
            torch.randn(size, 3, width, generator=generator),
            torch.tensor([[True, True, index % 2 == 0] for index in range(size)]),
        )
        for name, width in widths.items()
    }


def batch_of(size: int) -> Batch:
    """Return an otherwise empty batch of `size` samples."""
    return Batch([f"item-{index}" for index in range(size)])


def check_fuser(
    make: Make,
    features: Mapping[str, Features] | None = None,
    batch: Batch | None = None,
    *,
    what: str = "fuser",
    others: Sequence[tuple[Mapping[str, Features], Batch]] = (),
) -> Iterator[Finding]:
    """Yield findings about a fuser.

    Args:
        make: Builds the fuser from a seed, for the widths of `features`.
        features: What encoders gave; default: random features of widths `WIDTHS`.
        batch: The batch that they are of.
        what: What findings call it.
        others: Further features with their batches, for weights that only some are for (a hidden word's).
    """
    features = random_features() if features is None else features
    size = len(next(iter(features.values())).pooled_BD)
    batch = batch_of(size) if batch is None else batch
    fuser = seeded(make, 0)
    fuser.eval()
    with torch.no_grad():
        fused = fuser(features, batch)
    faults = list(_port_faults(fuser.dims, fused, size))
    yield Finding(f"{what}: gives what its dims promise", not faults, "; ".join(faults) or _widths(fuser.dims))
    present = {name: torch.arange(size) % 2 == index % 2 for index, name in enumerate(sorted(features))}
    gaps = (features, replace(batch, present=present))  # some weights are for what is missing
    yield _misses(what, fuser, *gaps)
    yield from check_module(what, make, lambda part: [part(*each) for each in ((features, batch), gaps, *others)])


def check_head(make: Make, fused: Mapping[str, Features], *, what: str = "head") -> Iterator[Finding]:
    """Yield findings about a head that reads the features `fused`."""
    head = seeded(make, 0)
    head.eval()
    batch = batch_of(len(next(iter(fused.values())).pooled_BD))
    with torch.no_grad():
        said = tensors(head(fused, batch))
    fine = bool(said) and all(len(tensor) == batch.size and bool(torch.isfinite(tensor).all()) for tensor in said)
    detail = ", ".join(str(tuple(tensor.shape)) for tensor in said) or "it returned no tensor"
    yield Finding(f"{what}: one finite prediction per sample", fine, detail)
    yield from check_module(what, make, lambda part: part(fused, batch))


def _port_faults(dims: Mapping[str, int], fused: Mapping[str, Features], size: int) -> Iterator[str]:
    if set(fused) != set(dims):
        yield f"dims promises {', '.join(sorted(dims))}; it gave {', '.join(sorted(fused)) or 'nothing'}"
    for name in sorted(set(fused) & set(dims)):
        shape = tuple(fused[name].pooled_BD.shape)
        if shape != (size, dims[name]):
            yield f"{name}: pooled_BD is {shape}, not {(size, dims[name])}"
        elif not bool(torch.isfinite(fused[name].pooled_BD).all()):
            yield f"{name}: pooled_BD is not finite"


def _misses(what: str, fuser: Any, features: Mapping[str, Features], batch: Batch) -> Finding:
    """Tell whether samples that lack a field leave the numbers finite."""
    with torch.no_grad():
        fused = fuser(features, batch)
    bad = [name for name, each in fused.items() if not bool(torch.isfinite(each.pooled_BD).all())]
    return Finding(f"{what}: missing fields stay finite", not bad, f"not finite: {', '.join(bad)}" if bad else "")


def _widths(dims: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {width}" for name, width in dims.items())
