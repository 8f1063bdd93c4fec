"""Order of samples in training, recomputed for any step from the seed alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from mmx.errors import DataError
from mmx.support.seeding import derive
from mmx.types import Sample


@dataclass(frozen=True)
class Order:
    """Which samples a step trains on: a permutation per epoch from the seed alone, so that resuming needs no state.

    Args:
        length: Number of samples.
        batch_size: Samples per step and process.
        seed: Seed of the stage.
        rank: This process.
        world: Number of processes; each step takes `batch_size * world` samples, of which this process takes its slice.
        weights: How often each sample is drawn, relative to the others: an epoch is then as many draws with replacement
            as there are samples. None takes every sample once.
    """

    length: int
    batch_size: int
    seed: int
    rank: int = 0
    world: int = 1
    weights: torch.Tensor | None = field(default=None, repr=False, compare=False)
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
            self._epochs.clear()  # steps walk forwards: one epoch is enough to keep
            generator = torch.Generator().manual_seed(derive(self.seed, str(epoch)))
            drawn = (
                torch.randperm(self.length, generator=generator)
                if self.weights is None
                else torch.multinomial(self.weights, self.length, replacement=True, generator=generator)
            )
            self._epochs[epoch] = drawn.tolist()
        return self._epochs[epoch]


def class_weights(samples: Sequence[Sample], target: str) -> torch.Tensor:
    """Return how often each sample is drawn (N,), so that all classes are drawn alike often.

    An item counts as 1 / (items of its class), one of several classes as the sum over them (Gong et al. 2021, section
    3.1: the public recipe of AudioSet); items of unknown class (-1, or none) are never drawn.

    Args:
        samples: The split; no medium is decoded.
        target: A class number per item, or a row of 0 and 1 over the classes.

    Raises:
        DataError: No item has a known class.
    """
    found = [_classes(samples[place].targets.get(target)) for place in range(len(samples))]
    counts = torch.bincount(torch.tensor([label for labels in found for label in labels], dtype=torch.long)).double()
    if not len(counts):
        raise DataError(f"no item has a known class {target!r}: nothing can be drawn by class")
    return torch.tensor([sum(1 / float(counts[label]) for label in labels) for labels in found], dtype=torch.float64)


def _classes(value: object) -> list[int]:
    """Return the classes of a target's value."""
    if value is None:
        return []
    values = torch.as_tensor(value)
    if values.dim():
        return [int(place) for place in (values > 0).nonzero().flatten()]
    return [int(values)] if values >= 0 else []
