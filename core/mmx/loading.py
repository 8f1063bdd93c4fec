"""From samples to batches: collation, and an order of samples that any step can be recomputed from.

Shape legend: B batch, T time or tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

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
        blanks: Encoder name -> zeros shaped as an earlier input; kept here for a batch in which nobody has the field.

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


@dataclass(frozen=True)
class Order:
    """Which samples a step trains on: a permutation per epoch from the seed alone, so that resuming needs no state.

    Args:
        length: Number of samples.
        batch_size: Samples per step and process.
        seed: Seed of the stage.
        rank: This process.
        world: Number of processes; each step takes `batch_size * world` samples, of which this process takes its slice.
    """

    length: int
    batch_size: int
    seed: int
    rank: int = 0
    world: int = 1
    _epochs: dict[int, list[int]] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.length == 0:
            raise DataError("the split is empty: nothing to train on")

    def step(self, step: int) -> list[int]:
        """Return the indices of this process's samples at `step`."""
        position = (step * self.world + self.rank) * self.batch_size
        found: list[int] = []
        while len(found) < self.batch_size:
            epoch, place = divmod(position + len(found), self.length)
            found += self._epoch(epoch)[place : place + self.batch_size - len(found)]
        return found

    def _epoch(self, epoch: int) -> list[int]:
        if epoch not in self._epochs:
            self._epochs.clear()  # steps walk forwards: one epoch is enough to remember
            generator = torch.Generator().manual_seed(hash((self.seed, epoch)) % 2**63)
            self._epochs[epoch] = torch.randperm(self.length, generator=generator).tolist()
        return self._epochs[epoch]


def readable(
    samples: Sequence[Sample], indices: Sequence[int], probe: Callable[[Sample], Any]
) -> tuple[list[Sample], list[str]]:
    """Return the samples of `indices` that can be read and prepared, and one line about each of the others.

    Args:
        samples: The split; reading an item may raise `DataError`.
        indices: Which ones.
        probe: Prepares one sample; called only where something is wrong with one of them.
    """
    found: list[Sample] = []
    faults: list[str] = []
    for index in indices:
        try:
            sample = samples[index]
            probe(sample)
        except DataError as error:
            faults.append(f"item {index}: {error}")
        else:
            found.append(sample)
    return found, faults


class Remembered(Sequence[Sample]):
    """A split whose first samples asked for stay in memory: what they decode or render at first access is done once.

    Args:
        samples: The split.
        limit: How many stay.
    """

    def __init__(self, samples: Sequence[Sample], limit: int) -> None:
        self._samples = samples
        self._limit = limit
        self._kept: dict[int, Sample] = {}

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, index: Any) -> Any:
        if not isinstance(index, int):
            return self._samples[index]
        if index in self._kept:
            return self._kept[index]
        sample = self._samples[index]
        if len(self._kept) < self._limit:
            self._kept[index] = sample
        return sample


@dataclass
class Reader:
    """Reads samples by index and stands in a neighbour for one that cannot be read.

    Args:
        samples: The split.
        make: Turns samples and their indices into a batch.
    """

    samples: Sequence[Sample]
    make: Callable[[Sequence[Sample], Sequence[int]], Batch]
    faults: dict[int, str] = field(default_factory=dict)

    def __call__(self, indices: Sequence[int]) -> Batch:
        """Return the batch of `indices`; what had to be replaced is told in `Batch.skipped`."""
        chosen = [self._good(index) for index in indices] if self.faults else list(indices)
        while True:
            try:
                batch = self.make([self.samples[index] for index in chosen], chosen)
            except DataError as error:
                self._find_fault(chosen, error)
                chosen = [self._good(index) for index in indices]
                continue
            if not self.faults:
                return batch
            return replace(batch, skipped=[self.faults[index] for index in indices if index in self.faults])

    def _good(self, index: int) -> int:
        """Return `index`, or the next one that is not known to be broken."""
        for place in range(index, index + len(self.samples)):
            if place % len(self.samples) not in self.faults:
                return place % len(self.samples)
        raise DataError(f"no item of the split can be read; the first fault: {next(iter(self.faults.values()))}")

    def _find_fault(self, chosen: Sequence[int], error: DataError) -> None:
        """Note which of `chosen` are broken, by trying them one by one."""
        before = len(self.faults)
        for index in dict.fromkeys(chosen):
            try:
                self.make([self.samples[index]], [index])
            except DataError as fault:
                self.faults[index] = f"item {index}: {fault}"
        if len(self.faults) == before:
            raise error


def load(reader: Reader, order: Order, steps: range, workers: int) -> Iterator[Batch]:
    """Yield the batches of `steps`, prepared in `workers` processes (0: here)."""
    if workers == 0:
        for step in steps:
            yield reader(order.step(step))
        return
    yield from DataLoader(
        _Steps(reader, order, steps), batch_size=None, shuffle=False, num_workers=workers, prefetch_factor=2
    )


@dataclass(frozen=True)
class _Steps(Dataset[Batch]):
    """The steps of a stage as a map-style data set, so that torch's loader can spread them over processes."""

    reader: Reader
    order: Order
    steps: range

    def __len__(self) -> int:
        return len(self.steps)

    def __getitem__(self, index: int) -> Batch:
        return self.reader(self.order.step(self.steps[index]))
