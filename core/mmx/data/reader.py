"""Guarded reading of samples: one that cannot be read is replaced, reported, and never tried again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from mmx.data.sampler import Order
from mmx.errors import DataError, MmxError
from mmx.support.memory import is_lacking
from mmx.support.seeding import derive
from mmx.support.text import describe, one_line
from mmx.types import Batch, Sample


def readable(
    samples: Sequence[Sample], indices: Sequence[int], probe: Callable[[Sample], Any]
) -> tuple[list[Sample], list[str]]:
    """Return the samples of `indices` that can be read and prepared, and one line about each of the others.

    Args:
        samples: The split; reading an item may raise anything.
        indices: Which ones.
        probe: Prepares one sample; called only where something is wrong with one of them.
    """
    found: list[Sample] = []
    faults: list[str] = []
    for index in indices:
        try:
            sample = samples[index]
            probe(sample)
        except Exception as error:
            if not about_the_item(error):
                raise
            faults.append(f"item {index}: {said(error)}")
        else:
            found.append(sample)
    return found, faults


def about_the_item(error: Exception) -> bool:
    """Return whether an error while an item was read and prepared says something about that item.

    Corpora raise `DataError`, and whatever their libraries do. Too little memory, and what mmx raises about the
    experiment (a field that is missing, a weight), hold for every item.
    """
    if is_lacking(error):
        return False
    return isinstance(error, DataError) or not isinstance(error, MmxError)


def said(error: Exception) -> str:
    """Return what an error says, on one line, with its kind where it is none of mmx's own."""
    return one_line(str(error)) if isinstance(error, DataError) else describe(error)


class SampleCache(Sequence[Sample]):
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
    """Reads samples by index and puts the next readable one in place of one that cannot be read.

    Args:
        samples: The split.
        make: Turns samples and their indices into a batch.
    """

    samples: Sequence[Sample]
    make: Callable[[Sequence[Sample], Sequence[int]], Batch]
    faults: dict[int, str] = field(default_factory=dict)
    cause: Exception | None = None

    def __call__(self, indices: Sequence[int]) -> Batch:
        """Return the batch of `indices`; what had to be replaced is listed in `Batch.skipped`."""
        chosen = [self._good(index) for index in indices] if self.faults else list(indices)
        while True:
            try:
                batch = self.make([self.samples[index] for index in chosen], chosen)
            except Exception as error:
                if not about_the_item(error):
                    raise
                self._find_fault(chosen, error)
                chosen = [self._good(index) for index in indices]
                continue
            if not self.faults:
                return batch
            return replace(batch, skipped=[self.faults[index] for index in indices if index in self.faults])

    def _good(self, index: int) -> int:
        """Return `index`, or the next one that is not known to be unreadable."""
        for place in range(index, index + len(self.samples)):
            if place % len(self.samples) not in self.faults:
                return place % len(self.samples)
        first = next(iter(self.faults.values()))
        raise DataError(f"no item of the split can be read; the first fault: {first}") from self.cause

    def _find_fault(self, chosen: Sequence[int], error: Exception) -> None:
        """Note which of `chosen` cannot be read, by trying them one by one."""
        before = len(self.faults)
        for index in dict.fromkeys(chosen):
            try:
                self.make([self.samples[index]], [index])
            except Exception as fault:
                if not about_the_item(fault):
                    raise
                self.faults[index] = f"item {index}: {said(fault)}"
                self.cause = self.cause or fault
        if len(self.faults) == before:
            raise error


def load(reader: Reader, order: Order, steps: range, workers: int) -> Iterator[Batch]:
    """Yield the batches of `steps`, prepared in `workers` processes (0: here)."""
    if workers == 0:
        for step in steps:
            yield reader(order.step(step))
        return
    # A generator of its own: the loader draws from it, and a resumed run would draw from the global one once more.
    own = torch.Generator().manual_seed(derive(order.seed, "workers", order.rank))
    loader = DataLoader(
        _Steps(reader, order, steps),
        batch_size=None,
        num_workers=workers,
        prefetch_factor=2,
        generator=own,
        multiprocessing_context="fork",  # workers have what is imported and built here, and import nothing of their own
    )
    for found in loader:
        if isinstance(found, DataError):
            raise found
        yield found


@dataclass(frozen=True)
class _Steps(Dataset[Batch | DataError]):
    """The steps of a stage as a map-style data set, so that torch's loader can spread them over processes."""

    reader: Reader
    order: Order
    steps: range

    def __len__(self) -> int:
        return len(self.steps)

    def __getitem__(self, index: int) -> Batch | DataError:
        """Return a batch, or what is wrong with the data: torch would hand it on with a traceback in its message."""
        try:
            return self.reader(self.order.step(self.steps[index]))
        except DataError as error:
            return DataError(str(error))
