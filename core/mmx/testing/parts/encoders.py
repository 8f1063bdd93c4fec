"""The contract of an encoder: what `mmx.interfaces.Encoder` promises, tried on raw values.

Shapes: B batch, T tokens, D features.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mmx.data.collate import stack
from mmx.errors import DataError
from mmx.testing import Finding
from mmx.testing.parts.modules import TOLERANCE, Make, check_module, difference, same, seeded
from mmx.testing.parts.raws import raw_values, shortened
from mmx.types import Features


def check_encoder(make: Make, raws: Sequence[Any] | None = None, *, what: str = "encoder") -> Iterator[Finding]:
    """Yield findings about an encoder.

    Args:
        make: Builds the encoder from a seed (`lambda seed: MyEncoder(width=8)`).
        raws: Raw values to try it on, at least one; default: tiny ones of its modality.
        what: What findings call it.
    """
    encoder: Any = seeded(make, 0)
    missing = [name for name in ("modality", "out_dim", "prepare") if not hasattr(encoder, name)]
    module = isinstance(encoder, nn.Module)
    if missing or not module:
        detail = f"it has no {', '.join(missing)}" if missing else "it is no torch.nn.Module"
        yield Finding(f"{what}: is an encoder", False, detail)
        return
    values = list(raw_values(encoder.modality) if raws is None else raws)
    if not values:
        reason = f"no raw values of modality {encoder.modality!r}; give some: raws={{{encoder.modality!r}: [...]}}"
        yield Finding(f"{what}: contract", True, reason, skipped=True)
        return
    encoder.eval()
    kinds = {type(value).__name__ for value in map(encoder.prepare, values) if not isinstance(value, Tensor)}
    if kinds:
        told = f"it returns {', '.join(sorted(kinds))}; it must return a tensor without a batch axis"
        yield Finding(f"{what}: prepare gives tensors", False, told)
        return
    values = _with_a_shorter_one(encoder, values)
    prepared = [encoder.prepare(raw) for raw in values]
    yield _prepares(what, encoder, values, prepared)
    x, mask_BT, _ = stack(prepared)
    with torch.no_grad():
        features = encoder(x, mask_BT)
    faults = list(_shape_faults(features, len(values), encoder.out_dim))
    yield Finding(f"{what}: shapes", not faults, "; ".join(faults) or _describe(features))
    if faults:
        return
    if mask_BT is not None:
        yield _padding(what, encoder, prepared, features)
        yield _absent(what, encoder, prepared)
    yield from check_module(what, make, lambda part: part(x, mask_BT))


def _with_a_shorter_one(encoder: Any, values: list[Any]) -> list[Any]:
    """Add a shorter value, unless the encoder is made for one length only and says so."""
    longer = [*values, shortened(values[0])]
    try:
        stack([encoder.prepare(raw) for raw in longer])
    except DataError:
        return values
    return longer


def _prepares(what: str, encoder: Any, values: Sequence[Any], prepared: Sequence[Tensor]) -> Finding:
    """Tell whether `prepare` gives the same tensors each time."""
    name = f"{what}: prepare is deterministic"
    again = [encoder.prepare(raw) for raw in values]
    equal = all(torch.equal(one, other) for one, other in zip(prepared, again, strict=True))
    shapes = ", ".join(dict.fromkeys(str(tuple(value.shape)) for value in prepared))
    return Finding(name, equal, shapes if equal else "it gave another tensor for the same value the second time")


def _shape_faults(features: Any, batch: int, width: int) -> Iterator[str]:
    if not isinstance(features, Features):
        yield f"returns {type(features).__name__}, not mmx.Features"
        return
    if tuple(features.pooled_BD.shape) != (batch, width):
        yield f"pooled_BD is {tuple(features.pooled_BD.shape)}, not (B, out_dim) = {(batch, width)}"
    tokens, mask = features.tokens_BTD, features.mask_BT
    if tokens is not None and (tokens.ndim != 3 or len(tokens) != batch):
        yield f"tokens_BTD is {tuple(tokens.shape)}, not (B, T, D)"
    if mask is not None and mask.dtype != torch.bool:
        yield f"mask_BT is {mask.dtype}, not bool"
    if mask is not None and tokens is not None and mask.shape != tokens.shape[:2]:
        yield f"mask_BT is {tuple(mask.shape)}, tokens_BTD {tuple(tokens.shape)}"
    if not bool(torch.isfinite(features.pooled_BD).all()):
        yield "pooled_BD is not finite"


def _describe(features: Features) -> str:
    tokens = "" if features.tokens_BTD is None else f", tokens {tuple(features.tokens_BTD.shape)}"
    return f"pooled {tuple(features.pooled_BD.shape)}{tokens}"


_MASK = "use mask_BT in every layer that mixes positions, and in the mean"


def _padding(what: str, encoder: Any, prepared: Sequence[Tensor], batch: Features) -> Finding:
    """Tell whether an item has the same features alone as zero-padded among longer ones."""
    name = f"{what}: padding does not count"
    for row, value in enumerate(prepared):
        with torch.no_grad():
            alone = encoder(value[None], None)
        if not same(batch.pooled_BD[row], alone.pooled_BD[0], TOLERANCE):
            far = difference(batch.pooled_BD[row], alone.pooled_BD[0])
            told = f"pooled_BD of a padded item differs by {far:.2g} of its largest number from the same item alone"
            return Finding(name, False, f"{told}; {_MASK}")
        if batch.tokens_BTD is None or alone.tokens_BTD is None:
            continue
        real = batch.tokens_BTD[row] if batch.mask_BT is None else batch.tokens_BTD[row][batch.mask_BT[row]]
        own = alone.tokens_BTD[0] if alone.mask_BT is None else alone.tokens_BTD[0][alone.mask_BT[0]]
        if not same(real, own, TOLERANCE):
            told = "the real tokens of a padded item differ from the same item's alone"
            return Finding(name, False, f"{told}; {_MASK}")
    return Finding(name, True, f"{len(prepared)} items of different length")


def _absent(what: str, encoder: Any, prepared: Sequence[Tensor]) -> Finding:
    """Tell whether an item that lacks the field (zeros, nothing real) leaves the numbers finite."""
    x, mask_BT, _ = stack([*prepared, None])
    with torch.no_grad():
        pooled_BD = encoder(x, mask_BT).pooled_BD
    finite = bool(torch.isfinite(pooled_BD).all())
    return Finding(f"{what}: a missing item stays finite", finite, "" if finite else "divide by max(count, 1)")
