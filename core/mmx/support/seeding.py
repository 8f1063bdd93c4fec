"""Derivation of seeds: one number for a run, and independent ones from it for every place that draws."""

from __future__ import annotations

import hashlib
import random

import numpy as np
import torch


def derive(seed: int, *place: object) -> int:
    """Return a seed that depends on `seed` and on where it is used, the same on every machine.

    Parts get their own, so that changing one part does not change another's initial weights.
    """
    text = repr((seed, *place)).encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "big") % 2**63


def seed_all(seed: int) -> None:
    """Seed the global generators of Python, numpy and torch."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
