"""A copy of parts that follows them slowly, and a queue of what it computed. Shapes: B batch, Q length, D width."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy

import torch
from torch import Tensor, nn

__all__ = ["MomentumCopy", "Queue"]


class MomentumCopy(nn.Module):
    """Copies of parts: weights are an exponential average of theirs, other state is theirs.

    The first update takes the weights over as they are then: what was trained before counts.

    Args:
        parts: Part by name; they are not held.
        rate: Share of the copy's own weights that stays at an update (0.995 in BLIP).
    """

    begun: Tensor

    def __init__(self, parts: Mapping[str, nn.Module], rate: float) -> None:
        super().__init__()
        self.rate = rate
        self.parts = nn.ModuleDict({name.replace(".", "/"): deepcopy(part) for name, part in parts.items()})
        self.parts.requires_grad_(False)
        self.register_buffer("begun", torch.tensor(False))

    def part(self, name: str) -> nn.Module:
        """Return a copy."""
        return self.parts[name.replace(".", "/")]

    @torch.no_grad()
    def update(self, parts: Mapping[str, nn.Module]) -> None:
        """Follow the parts by one step."""
        rate = self.rate if bool(self.begun) else 0.0
        for name, part in parts.items():
            copy = self.part(name)
            for own, theirs in zip(copy.parameters(), part.parameters(), strict=True):
                own.lerp_(theirs.detach(), 1 - rate)
            for state, other in zip(copy.buffers(), part.buffers(), strict=True):
                if state.shape == other.shape:  # a vocabulary that came with a checkpoint has a length of its own
                    state.copy_(other)
        self.begun.fill_(True)


class Queue(nn.Module):
    """The last vectors of earlier batches, oldest replaced first, with an id each; it begins empty.

    Args:
        length: Q.
        width: D.
    """

    rows_QD: Tensor
    ids_Q: Tensor
    there_Q: Tensor
    place: Tensor

    def __init__(self, length: int, width: int) -> None:
        super().__init__()
        self.register_buffer("rows_QD", torch.zeros(length, width))
        self.register_buffer("ids_Q", torch.full((length,), -1))
        self.register_buffer("there_Q", torch.zeros(length, dtype=torch.bool))
        self.register_buffer("place", torch.tensor(0))

    @torch.no_grad()
    def push(self, rows_BD: Tensor, ids_B: Tensor) -> None:
        """Put a batch in; of one that is longer than the queue the last rows."""
        length = len(self.rows_QD)
        rows_BD, ids_B = rows_BD[-length:], ids_B[-length:]
        at_B = (int(self.place) + torch.arange(len(rows_BD), device=rows_BD.device)) % length
        self.rows_QD[at_B], self.ids_Q[at_B], self.there_Q[at_B] = rows_BD.to(self.rows_QD), ids_B, True
        self.place.copy_((self.place + len(rows_BD)) % length)
