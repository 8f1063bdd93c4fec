"""Means of the loss between two logging steps."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from mmx.training.engine import Engine
from mmx.types import Losses


class Window:
    """Sums of the loss terms since the last logging step, kept on the device so that no step waits for a transfer."""

    def __init__(self) -> None:
        self.sums: dict[str, Tensor] = {}
        self.counts: defaultdict[str, int] = defaultdict(int)
        self.losses: list[tuple[int, Sequence[str], Tensor]] = []
        self.started = time.perf_counter()
        self.samples = 0
        self.noted: set[str] = set()

    def add(self, step: int, ids: Sequence[str], losses: Losses, prefix: str = "") -> None:
        """Add one update's losses; `prefix` keeps the terms of a second update apart."""
        for name, value in losses.items():
            detached = value.detach()
            key = prefix + name
            self.sums[key] = self.sums[key] + detached if key in self.sums else detached
            self.counts[key] += 1
        self.losses.append((step, ids, losses["loss"].detach()))

    def note(self, values: Mapping[str, Tensor | float], prefix: str = "") -> None:
        """Add numbers that are no losses; each has its mean over the steps that noted it, if that is finite."""
        for name, value in values.items():
            key = prefix + name
            self.noted.add(key)
            number = torch.as_tensor(value, dtype=torch.float32).detach()
            self.sums[key] = self.sums[key] + number if key in self.sums else number
            self.counts[key] += 1

    def means(self, engine: Engine) -> dict[str, float]:
        """Return the mean of each term over the window and over processes."""
        if not self.sums:
            return {}
        names = sorted(self.sums)
        values = torch.stack([self.sums[name].float() / self.counts[name] for name in names])
        means = zip(names, engine.mean(values).tolist(), strict=True)
        return {name: mean for name, mean in means if math.isfinite(mean) or name not in self.noted}

    def state(self, engine: Engine) -> dict[str, Any]:
        """Return what `of` needs, in plain containers; the sums are means over processes, so that each can go on."""
        names = sorted(self.sums)
        sums = engine.mean(torch.stack([self.sums[name].float() for name in names])).cpu() if names else torch.zeros(0)
        return {
            "sums": dict(zip(names, sums, strict=True)),
            "counts": dict(self.counts),
            "noted": sorted(self.noted),
            "samples": self.samples,
            "seconds": time.perf_counter() - self.started,
        }

    @classmethod
    def of(cls, state: Mapping[str, Any], engine: Engine) -> Window:
        """Return the window that `state` describes: a mean that was begun before a stop is finished after it."""
        found = cls()
        found.sums = {name: value.to(engine.device) for name, value in state["sums"].items()}
        found.counts.update(state["counts"])
        found.noted.update(state.get("noted", ()))
        found.samples = state["samples"]
        found.started -= state["seconds"]
        return found

    def fault(self, *, latest: bool = False) -> tuple[int, Sequence[str], float] | None:
        """Return the first step whose loss was not finite, with the ids of its batch and the value.

        Args:
            latest: Look at the newest loss only (free on the CPU; on a GPU every look waits for a transfer).
        """
        for step, ids, loss in self.losses[-1:] if latest else self.losses:
            value = loss.item()
            if not math.isfinite(value):
                return step, ids, value
        return None
