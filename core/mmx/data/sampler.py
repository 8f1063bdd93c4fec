"""Order of samples in training, recomputed for any step from the seed alone."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from mmx.errors import DataError
from mmx.support.seeding import derive


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
            self._epochs.clear()  # steps walk forwards: one epoch is enough to keep
            generator = torch.Generator().manual_seed(derive(self.seed, str(epoch)))
            self._epochs[epoch] = torch.randperm(self.length, generator=generator).tolist()
        return self._epochs[epoch]
