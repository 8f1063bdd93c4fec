"""Collation of samples into batches. Shapes: B batch, T time or tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from mmx.errors import DataError, PortError
from mmx.types import Batch, Sample

if TYPE_CHECKING:
    import numpy as np


def collate(
    samples: Sequence[Sample],
    encoders: Mapping[str, Any],
    fields: Mapping[str, str],
    blanks: dict[str, Tensor] | None = None,
) -> Batch:
    """Prepare samples for the given encoders and stack them.

    Args:
        samples: B samples.
        encoders: Encoder name -> encoder, whose `prepare` is called on one raw value at a time.
        fields: Encoder name -> field of the sample.
        blanks: Encoder name -> zeros shaped as an earlier input; kept for a batch in which no sample has it.

    Returns:
        A batch on the CPU. Inputs of different length along their first axis are zero-padded and masked; a missing
        field gives zeros and `present` = False.

    Raises:
        DataError: No sample has the field, or prepared inputs differ in more than their first axis.
        PortError: An encoder prepares something else than tensors.
    """
    batch = Batch([sample.id for sample in samples], targets=stack_targets(samples))
    for name, encoder in encoders.items():
        raws = [sample.fields.get(fields[name]) for sample in samples]
        values = [None if raw is None else encoder.prepare(raw) for raw in raws]
        for value in values:
            if value is not None and not isinstance(value, Tensor):
                raise PortError(f"encoder {name!r}: prepare returned {type(value).__name__}; it must return a tensor")
        try:
            stacked, mask, present = stack(values, None if blanks is None else blanks.get(name))
        except DataError as error:
            raise DataError(f"encoder {name!r}, field {fields[name]!r}: {error}") from error
        batch.inputs[name] = stacked
        if blanks is not None and name not in blanks:
            blanks[name] = torch.zeros_like(stacked[0])
        if mask is not None:
            batch.masks[name] = mask
        if present is not None:
            batch.present[name] = present
    return batch


def stack(values: Sequence[Tensor | None], blank: Tensor | None = None) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Stack tensors that may differ along their first axis, or be missing.

    Args:
        values: B values.
        blank: Stands in for each where all are missing.

    Returns:
        The stacked values (B, ...), the mask (B, T) or None where nothing was padded, and presence (B,) or None where
        nothing was missing.
    """
    real = [value for value in values if value is not None]
    if not real and blank is not None:
        return torch.stack([blank] * len(values)), None, torch.zeros(len(values), dtype=torch.bool)
    if not real:
        raise DataError("no sample of the batch has it")
    present = None if len(real) == len(values) else torch.tensor([value is not None for value in values])
    if len({value.shape for value in real}) == 1:
        blank = torch.zeros_like(real[0])
        return torch.stack([blank if value is None else value for value in values]), None, present
    if len({value.shape[1:] for value in real}) != 1 or real[0].ndim == 0:
        shapes = ", ".join(sorted({str(tuple(value.shape)) for value in real}))
        raise DataError(f"prepared inputs differ in more than their first axis: {shapes}")
    longest = max(len(value) for value in real)
    stacked = real[0].new_zeros((len(values), longest, *real[0].shape[1:]))
    mask = torch.zeros(len(values), longest, dtype=torch.bool)
    for row, value in enumerate(values):
        if value is not None:
            stacked[row, : len(value)] = value
            mask[row, : len(value)] = True
    return stacked, mask, present


def stack_targets(samples: Sequence[Sample]) -> dict[str, Any]:
    """Stack each target that all samples have as numbers or arrays of one shape; keep the others as lists."""
    names = dict.fromkeys(name for sample in samples for name in sample.targets)
    return {name: _stack_target([sample.targets.get(name) for sample in samples]) for name in names}


def _stack_target(values: list[Any]) -> Any:
    if all(isinstance(value, bool | int) for value in values):
        return torch.tensor(values)
    if all(isinstance(value, int | float) for value in values):
        return torch.tensor(values, dtype=torch.float32)
    if all(hasattr(value, "__array__") for value in values) and len({_shape(value) for value in values}) == 1:
        return torch.stack([torch.as_tensor(value) for value in values])
    return values


def _shape(value: np.ndarray) -> tuple[int, ...]:
    return tuple(value.shape)
